package main

import (
	"errors"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/runward/runward/internal/display"
	"github.com/runward/runward/internal/owner"
	"github.com/runward/runward/internal/tomlfile"
	"github.com/runward/runward/internal/tomlformat"
)

type fmtFlags struct{ check, diff bool }

// formatted is what becomes of one file.
type formatted struct {
	File    string `json:"file"`
	Changed bool   `json:"changed"`
	Written bool   `json:"written"`

	before, after string
}

func (a *app) policyFmt() *cobra.Command {
	var f fmtFlags
	cmd := &cobra.Command{
		Use:   "fmt FILE|DIRECTORY|- ...",
		Short: "Give policy files one form",
		Long: `Fmt writes policy files, profiles, cases and runward.toml in one form: one space
around "=", "..." for strings that need no '...', two spaces before what continues
in the next line, a blank line before each table, comments behind lines that
follow each other in one column. Comments, order, line breaks in arrays and what
the file means stay: what it made is decoded and compared before it is written.
A directory stands for its *.toml. With - it reads standard input and prints.

A file that is not TOML is refused and stays as it is. Files are replaced in one
step, with their mode and owner.

Exit codes: 0 done, or nothing to do; 1 with --check or --diff, a file has another
form; 2 a file cannot be read, decoded or written; 3 internal error.`,
		Example: `  runwardctl policy fmt ./production.toml
  runwardctl policy fmt --check --diff /etc/runward/policy.d`,
		Args: args(1, -1, "policy files, directories of them, or -"),
		RunE: func(_ *cobra.Command, args []string) error { return a.runPolicyFmt(args, f) },
	}
	cmd.Flags().BoolVar(&f.check, "check", false, "write nothing, name the files that have another form")
	cmd.Flags().BoolVar(&f.diff, "diff", false, "write nothing, show what would change")
	return cmd
}

func (a *app) runPolicyFmt(names []string, f fmtFlags) error {
	if len(names) == 1 && names[0] == "-" {
		return a.fmtInput(f)
	}
	files, err := tomlFiles(names)
	if err != nil {
		return configuration(err)
	}
	all := []formatted{}
	for _, file := range files { // all are read before any is written
		text, err := readPolicy(file)
		if err != nil {
			return configuration(err)
		}
		one, err := format(file, text)
		if err != nil {
			return err
		}
		all = append(all, one)
	}
	for i := range all {
		x := &all[i]
		switch {
		case !x.Changed:
			continue
		case f.check || f.diff:
			a.code = exitFindings
			continue
		}
		if err := tomlformat.Replace(x.File, []byte(x.before), []byte(x.after)); err != nil {
			return configuration(err)
		}
		x.Written = true
	}
	return a.print(all, func(p *display.Printer) error { return fmtText(p, all, f) })
}

func (a *app) fmtInput(f fmtFlags) error {
	text, err := io.ReadAll(io.LimitReader(os.Stdin, maxPolicy+1))
	if err != nil || len(text) > maxPolicy {
		return usage("standard input cannot be read, or is larger than 1 MiB", "")
	}
	x, err := format("standard input", text)
	if err != nil {
		return err
	}
	if x.Changed && (f.check || f.diff) {
		a.code = exitFindings
	}
	if f.check || f.diff {
		all := []formatted{x}
		return a.print(all, func(p *display.Printer) error { return fmtText(p, all, f) })
	}
	p := a.printer(a.out)
	p.Text(x.after)
	return p.Err()
}

// maxPolicy is the size in bytes that a policy file may have.
const maxPolicy = 1 << 20

// tomlFiles are those that are named, and those in directories that are.
func tomlFiles(names []string) ([]string, error) {
	var all []string
	for _, name := range names {
		info, err := os.Lstat(name)
		switch {
		case name == "-":
			return nil, errors.New("- is standard input: name it alone")
		case err != nil:
			return nil, errors.New(name + " cannot be read: " + owner.Reason(err))
		case !info.IsDir():
			all = append(all, name)
			continue
		}
		found, err := filepath.Glob(filepath.Join(name, "*.toml"))
		if err != nil || len(found) == 0 {
			return nil, errors.New("directory " + name + " has no *.toml")
		}
		all = append(all, found...)
	}
	return all, nil
}

func readPolicy(file string) ([]byte, error) {
	info, err := os.Lstat(file)
	switch {
	case err != nil:
		return nil, errors.New(file + " cannot be read: " + owner.Reason(err))
	case info.Mode()&os.ModeSymlink != 0:
		return nil, errors.New(file + " is a symbolic link: name the file that it leads to")
	case !info.Mode().IsRegular() || info.Size() > maxPolicy:
		return nil, errors.New(file + " is not a regular file of at most 1 MiB")
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, errors.New(file + " cannot be read: " + owner.Reason(err))
	}
	return text, nil
}

// format formats one text. What does not decode is refused with its place.
func format(file string, text []byte) (formatted, error) {
	if _, err := tomlfile.Parse(file, text); err != nil {
		return formatted{}, configuration(err)
	}
	out, err := tomlformat.Format(text)
	if err != nil {
		return formatted{}, &failure{code: exitInternal, msg: file + ": " + err.Error(), hint: "this is a defect of runwardctl: please report it, with the file", err: err}
	}
	return formatted{File: file, Changed: string(out) != string(text), before: string(text), after: string(out)}, nil
}

func fmtText(p *display.Printer, all []formatted, f fmtFlags) error {
	for _, x := range all {
		if !x.Changed {
			continue
		}
		p.Line(display.Clean(x.File))
		if !f.diff {
			continue
		}
		for _, c := range tomlformat.Diff(x.before, x.after) {
			style := map[byte]display.Style{'-': display.Red, '+': display.Green, '@': display.Dim}[c.Mark]
			if c.Mark == '@' {
				p.Line("  ", p.Paint(style, c.Text))
				continue
			}
			p.Line("  ", p.Paint(style, string(c.Mark)+display.Clean(c.Text)))
		}
	}
	return p.Err()
}
