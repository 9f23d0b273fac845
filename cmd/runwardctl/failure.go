package main

import (
	"errors"
	"io/fs"
	"os"
	"strconv"
	"strings"

	"github.com/runward/runward/internal/display"
	"github.com/runward/runward/internal/oci"
	"github.com/runward/runward/internal/policycheck"
)

// A failure is why a command could not do its work, and what to do.
type failure struct {
	code int
	msg  string
	hint string
	err  error // may be nil
}

func (f *failure) Error() string { return f.msg }
func (f *failure) Unwrap() error { return f.err }

// usage is a mistake on the command line.
func usage(msg, hint string) error { return &failure{code: exitUsage, msg: msg, hint: hint} }

// configuration is a mistake in what the node has installed, or in a file that
// was named.
func configuration(err error) error {
	f := &failure{code: exitUsage, msg: err.Error(), err: err}
	var bundle *oci.Error
	if errors.As(err, &bundle) {
		f.msg, f.hint = strings.TrimSuffix(f.msg, ": "+bundle.Hint), bundle.Hint
	}
	if f.hint == "" && errors.Is(err, fs.ErrPermission) && os.Geteuid() != 0 {
		f.hint = "run it as root"
	}
	return f
}

// fail says on standard error what went wrong, and returns the exit code.
// Whatever is not a failure is an internal error.
func (a *app) fail(err error) int {
	f := &failure{code: exitInternal, msg: err.Error(), err: err}
	errors.As(err, &f)
	p := a.printer(a.errOut)
	at := policycheck.ProblemOf(policycheck.Error, "", f)
	p.Line(p.Paint(display.Red, "error"), ": ", display.Clean(at.Place()+at.Message))
	p.Excerpt(at.Text, at.Line, at.Column)
	for line := range strings.SplitSeq(f.hint, "\n") {
		if line != "" {
			p.Line(p.Paint(display.Cyan, "hint"), ": ", display.Clean(line))
		}
	}
	return f.code
}

func quoted(s string) string { return strconv.Quote(s) }
