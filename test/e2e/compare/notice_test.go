//go:build e2e

package compare

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The comparison itself: a runtime in the place that does one thing wrong has
// to be found out, and by that thing.
func TestNotices(t *testing.T) {
	r := newRig(t)
	for _, c := range []struct{ name, script, session, want string }{
		{"nothing", `exec runc "$@"`, "create to delete", ""},
		{"exit code", `runc "$@"; exit 1`, "create to delete", ": exit differs"},
		{"standard error", `echo x >&2; exec runc "$@"`, "create to delete", ": stderr differs"},
		{"standard input", `exec runc "$@" </dev/null`, "run, standard input", ": stdout differs"},
		{"umask", `umask 077; exec runc "$@"`, "create to delete", ": files differs"},
		{"another pid", `runc "$@"`, "run, descriptors", ": stdout differs"},
		{"a descriptor closed", `exec 3<&-; exec runc "$@"`, "create, descriptors", ": stdout differs"},
		{"config.json", `f=$(dirname "$0")/../session/bundle/config.json; echo >>$f; exec runc "$@"`, "create to delete", ": bundle/config.json differs"},
		{"log", `echo >>$(dirname "$0")/../session/log.json; exec runc "$@"`, "create to delete", ": log.json differs"},
		{"pid file", `runc "$@"; e=$?; echo >>$(dirname "$0")/../session/pid-file; exit $e`, "create to delete", ": pid-file differs"},
	} {
		t.Run(strings.ReplaceAll(c.name, " ", "_"), func(t *testing.T) {
			s := named(t, c.session)
			want := r.hold(t, plain, func(*sitting) {}, s)
			got := r.hold(t, plain, func(s *sitting) {
				script := filepath.Join(r.node.Dir, "crooked")
				must(t, os.WriteFile(script, []byte("#!/bin/sh\n"+c.script+"\n"), 0o755))
				r.place(t, script)
			}, s)
			var tally table
			all := strings.Join(tally.count("runc", want, got), "\n")
			if c.want == "" && all != "" || !strings.Contains(all, c.want) {
				t.Errorf("%q is not among the differences:\n%s", c.want, all)
			}
		})
	}
}

func named(t *testing.T, name string) session {
	t.Helper()
	for _, group := range [][]session{creates, runs, execs} {
		for _, s := range group {
			if s.name == name {
				return s
			}
		}
	}
	t.Fatalf("no session %q", name)
	return session{}
}
