package rules

import (
	"path"
	"strconv"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/runward/runward/policy"
)

// A program is what becomes of a process's first argument.
type program struct {
	state  programState
	at     string           // where process.args[0] leads
	file   policy.InnerFile // what the kernel runs: of a script, its interpreter
	refuse string           // where the process may not run it, what stands against that
}

type programState uint8

const (
	programUnknown programState = iota // it cannot be told
	programStarts
	programRefused // the process may not execute it
)

// A finder finds programs of one container as runtimes do: by PATH from
// config.json, inside the root file system, from process.cwd.
type finder struct {
	facts  *policy.Facts
	spec   *specs.Spec
	mounts []string // destinations, of which nothing is known from here
	blind  bool     // a mount could be anywhere
}

func newFinder(e *policy.Eval) *finder {
	f := &finder{facts: e.Facts, spec: e.Spec}
	for _, m := range e.Spec.Mounts {
		f.mounts = append(f.mounts, path.Clean("/"+m.Destination))
	}
	return f
}

// resolveMounts adds where destinations lead by links of the image. It can only
// make more unknown, and most containers need not pay for it.
func (f *finder) resolveMounts() {
	for _, destination := range f.mounts[:len(f.mounts):len(f.mounts)] {
		at := f.look(destination)
		f.blind = f.blind || at.Err != "" || at.Type == policy.Missing && at.Links
		f.mounts = append(f.mounts, at.Path)
	}
}

func (f *finder) look(p string) policy.InnerFile { return f.facts.Inside(f.spec.Root.Path, p) }

func (f *finder) covered(p string) bool {
	for _, m := range f.mounts {
		if within(p, m) {
			return true
		}
	}
	return f.blind
}

// known tells whether the container will find at a path what was found there:
// nothing is mounted over it, neither where it says nor where it leads.
func (f *finder) known(p string, at *policy.InnerFile) bool {
	return at.Err == "" && !(at.Type == policy.Missing && at.Links) && !f.covered(path.Clean(p)) && !f.covered(at.Path)
}

// find looks for the program and tells whether the process may run it.
func (f *finder) find(c *creds) program {
	if len(f.spec.Process.Args) == 0 || f.spec.Process.Args[0] == "" {
		return program{}
	}
	name := f.spec.Process.Args[0]
	if name[0] == '/' {
		return f.judge(c, name, true)
	}
	if strings.Contains(name, "/") { // the directories above the working directory are not searched again
		return f.judge(c, f.spec.Process.Cwd+"/"+name, false)
	}
	dirs, ok := searchPath(f.spec.Process.Env)
	if !ok {
		return program{}
	}
	var refused program
	for dir := range strings.SplitSeq(dirs, ":") {
		at, ok := f.in(dir, name)
		if !ok {
			return program{}
		}
		if at == "" {
			continue
		}
		p := f.judge(c, at, true)
		if p.state != programRefused {
			return p
		}
		if refused.state == programUnknown {
			refused = p
		}
	}
	return refused
}

// in gives the path of a file in a directory of PATH, empty where there is
// none; ok is false where that cannot be told.
func (f *finder) in(dir, name string) (p string, ok bool) {
	if dir == "" || dir[0] != '/' {
		return "", false // the working directory, which runc refuses to search
	}
	p = path.Clean(dir) + "/" + name
	at := f.look(p)
	if at.Type == policy.Missing && at.Links && at.Err == "" { // perhaps only the directory is a link
		above := f.look(dir)
		if !f.known(dir, &above) {
			return "", false
		}
		if above.Type != policy.Directory {
			return "", true
		}
		p = strings.TrimSuffix(above.Path, "/") + "/" + name
		at = f.look(p)
	}
	if !f.known(p, &at) {
		return "", false
	}
	if at.Type != policy.Regular {
		return "", true
	}
	return p, true
}

// searchPath is PATH as a runtime has it; of two the last counts, or the first:
// then nothing is certain.
func searchPath(env []string) (dirs string, ok bool) {
	for _, e := range env {
		value, is := strings.CutPrefix(e, "PATH=")
		if !is {
			continue
		}
		if ok {
			return "", false
		}
		dirs, ok = value, true
	}
	return dirs, ok && dirs != ""
}

// judge tells whether the process may execute the file at a path, and follows
// a script to its interpreter as the kernel does. above: every directory on
// the way is searched.
func (f *finder) judge(c *creds, name string, above bool) program {
	script := f.look(name)
	p := program{at: script.Path, file: script}
	what := ""
	for range 5 { // as many as the kernel follows
		if !f.known(name, &p.file) || p.file.Type != policy.Regular || p.file.Head == "" {
			return program{}
		}
		if why := c.refused(&p.file, mayExec, above, "may not run"); why != "" {
			return p.refused(&p.file, what+why)
		}
		interpreter, is := shebang(p.file.Head)
		if !is {
			break
		}
		if interpreter == "" || interpreter[0] != '/' {
			return program{}
		}
		name, above = interpreter, true
		p.file, what = f.look(name), "whose interpreter "+quote(name)+" is "
	}
	p.state = programStarts
	if what == "" {
		return p
	}
	// The interpreter, once it runs, reads the script.
	after, started := c.exec(&p.file)
	if why := after.refused(&script, mayRead, true, "may run but not read"); started && why != "" {
		return p.refused(&script, "a script "+why)
	}
	return p
}

// refused is the program with what stands against it; where an access list may
// say otherwise, nothing is known.
func (p program) refused(f *policy.InnerFile, why string) program {
	if f.ACL {
		return program{}
	}
	p.state, p.refuse = programRefused, why
	return p
}

// refused says why the process has no access to a file; empty where it has.
func (c *creds) refused(f *policy.InnerFile, want uint32, above bool, verb string) string {
	user := "user " + itoa(int64(c.uid)) + " "
	switch {
	case above && !c.reaches(f):
		return "in a directory that " + user + "may not enter"
	case !c.may(f.UID, f.GID, f.Mode, false, want):
		return "of user " + itoa(int64(f.UID)) + ", group " + itoa(int64(f.GID)) + " and mode " + strconv.FormatUint(uint64(f.Mode), 8) + ", which " + user + verb
	}
	return ""
}

// shebang gives the interpreter that a script's first line names. One that does
// not end within what the kernel reads is none that can be told.
func shebang(head string) (interpreter string, is bool) {
	line, is := strings.CutPrefix(head, "#!")
	if !is {
		return "", false
	}
	line, _, whole := strings.Cut(line, "\n")
	line = strings.TrimLeft(line, " \t")
	if i := strings.IndexAny(line, " \t\x00"); i >= 0 {
		return line[:i], true
	}
	if !whole && len(head) >= 256 {
		return "", true
	}
	return line, true
}
