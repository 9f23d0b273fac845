//go:build e2e

package compare

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"

	"github.com/opencontainers/runtime-spec/specs-go"
)

var creates = []session{
	{"create to delete", func(s *sitting) {
		s.config(view + "echo done; exit 3")
		s.runc("create", "--bundle", s.bundle, "--pid-file", filepath.Join(s.dir, "pid-file"), s.id)
		s.runc("state", s.id)
		s.runc("list")
		s.runc("start", s.id)
		s.until("stopped")
		s.runc("state", s.id)
		s.runc("start", s.id)
		s.runc("delete", s.id)
		s.runc("delete", s.id)
	}},
	{"create, every other flag", func(s *sitting) {
		s.config(view, unmasked)
		for _, flags := range [][]string{
			{"-b", s.bundle},
			{"-b=" + s.bundle},
			{"--bundle", s.bundle, "--no-pivot"},
			{"--bundle", s.bundle, "--no-new-keyring"},
			{"--bundle", s.bundle, "--no-pivot=false", "--no-new-keyring=true", "--preserve-fds", "0"},
			{"--bundle", "/nonexistent", "--bundle", s.bundle},
			{"-bundle", s.bundle, "--"},
			{"--bundle", s.bundle, "--pid-file", "/nonexistent/pid-file"},
			{"--bundle", "bundle"},
		} {
			s.runc("create", append(flags, s.id)...)
			s.finish()
		}
		s.runc("create", s.id, "--bundle", s.bundle) // flags may follow the id
		s.finish()
		s.do(call{verb: "create", argv: s.argv("create", s.id), cwd: s.bundle})
		s.finish()
	}},
	{"create, keyring", func(s *sitting) {
		base := s.id
		for _, flag := range []string{"--no-new-keyring", "--no-new-keyring=false"} {
			s.id = fmt.Sprintf("%s-key%d", base, keyrings.Add(1))
			s.config("grep -o '_ses."+s.id+"' /proc/keys", unmasked)
			s.runc("create", flag, "--bundle", s.bundle, s.id)
			s.finish()
		}
	}},
	{"create, descriptors", func(s *sitting) {
		s.config(view + "read -r line <&3; echo got $line; cat <&4")
		files := s.files("three", "four\nlines")
		for _, n := range []string{"0", "1", "2"} {
			s.do(call{verb: "create", argv: s.argv("create", "--bundle", s.bundle, "--preserve-fds", n, s.id), files: files})
			s.finish()
		}
		s.runc("create", "--bundle", s.bundle, "--preserve-fds", "7", s.id) // there are none
		s.finish()
		s.runc("create", "--bundle", s.bundle, "--preserve-fds", "many", s.id)
		s.do(call{
			verb: "create", argv: s.argv("create", "--bundle", s.bundle, "--preserve-fds", "1", s.id), files: files,
			before: "export LISTEN_FDS=1 LISTEN_PID=$$ LISTEN_FDNAMES=x",
		})
		s.finish()
		s.do(call{
			verb: "create", argv: s.argv("create", "--bundle", s.bundle, s.id), files: files,
			before: "export LISTEN_FDS=2 LISTEN_PID=1", // another process's
		})
		s.finish()
	}},
	{"create, what the process inherits", func(s *sitting) {
		s.config(view)
		for _, before := range []string{
			"umask 077", "ulimit -Sn 77", "ulimit -c 0", "nice -n 5 true", "trap '' PIPE USR1 HUP", "trap '' TERM", "cd /tmp",
			"exec </etc/hostname",
		} {
			s.do(call{verb: "create", before: before, argv: s.argv("create", "--bundle", s.bundle, "--pid-file", filepath.Join(s.dir, "pid-file"), s.id)})
			s.finish()
		}
		s.do(call{verb: "create", env: []string{"A=b", "NOTIFY_SOCKET=/nonexistent/notify", "RUNC_X=1"}, argv: s.argv("create", "--bundle", s.bundle, s.id)})
		s.finish()
	}},
	{"create, an id that exists", func(s *sitting) {
		s.config("sleep 1000")
		s.runc("create", "--bundle", s.bundle, s.id)
		s.runc("create", "--bundle", s.bundle, s.id)
		s.runc("run", "--bundle", s.bundle, s.id)
		s.runc("start", s.id)
		s.runc("create", "--bundle", s.bundle, s.id)
		s.runc("delete", s.id)
		s.runc("delete", "--force", s.id)
	}},
	{"create, bad ids", func(s *sitting) {
		s.config("echo ran")
		for _, id := range []string{
			"", "a/b", "../x", ".", "..", "a b", "ü", "-x", "--", "a\nb", "a;b", strings.Repeat("x", 300), strings.Repeat("x", 2000),
		} {
			for _, verb := range []string{"create", "run", "start", "state", "kill", "delete"} {
				s.runc(verb, s.bundled(verb, id)...)
			}
		}
		for _, verb := range []string{"create", "run"} {
			s.runc(verb, s.bundled(verb)...)
			s.runc(verb, s.bundled(verb, "a", "b")...)
		}
	}},
	{"create, bad bundles", badBundles(nil, "create", "run")},
	{"create, bad bundles, JSON log", badBundles(func(s *sitting, log string) []string {
		return []string{"--root", s.state, "--log", log, "--log-format", "json"}
	}, "create")},
	{"create, bad bundles, text log", badBundles(func(s *sitting, log string) []string {
		return []string{"--root", s.state, "--log", log}
	}, "create")},
	{"create, bad processes", func(s *sitting) {
		for _, edit := range badProcesses {
			s.config(view, edit)
			s.runc("run", "--bundle", s.bundle, s.id)
			s.runc("create", "--bundle", s.bundle, s.id)
			s.finish()
		}
	}},
	{"create, hooks", func(s *sitting) {
		hook := func(script string) []specs.Hook {
			return []specs.Hook{{Path: "/bin/sh", Args: []string{"sh", "-c", script}, Env: []string{"H=1", "PATH=/bin:/usr/bin"}}}
		}
		say := func(name string) []specs.Hook {
			return hook("{ echo " + name + "; cat; echo; env | sort; pwd; } >>" + filepath.Join(s.dir, "hooks"))
		}
		all := specs.Hooks{
			//lint:ignore SA1019 engines still write it
			Prestart: say("prestart"), CreateRuntime: say("createRuntime"),
			Poststart: say("poststart"), Poststop: say("poststop"),
		}
		s.config("echo ran", func(spec *specs.Spec) { spec.Hooks = &all })
		s.runc("run", "--bundle", s.bundle, s.id)
		failing := hook("echo said by the hook >&2; exit 7")
		for _, hooks := range []specs.Hooks{
			{Prestart: failing},
			{CreateRuntime: failing},
			{CreateContainer: failing},
			{StartContainer: failing},
			{Poststart: failing},
			{Poststop: failing},
			{Prestart: []specs.Hook{{Path: "/nonexistent"}}},
			{CreateRuntime: []specs.Hook{{Path: "relative"}}},
		} {
			s.config("echo ran", func(spec *specs.Spec) { spec.Hooks = &hooks })
			s.runc("create", "--bundle", s.bundle, s.id)
			s.finish()
		}
	}},
}

var keyrings atomic.Int64

// unmasked shows keys.
func unmasked(spec *specs.Spec) { spec.Linux.MaskedPaths = nil }

// finish starts what was created, if it was, waits for its end and deletes it.
func (s *sitting) finish() {
	s.Helper()
	s.runc("start", s.id)
	if s.plainly("state", s.id).Code == 0 {
		s.until("stopped")
		s.runc("delete", s.id)
	}
}

func (st *step) exit() string {
	for _, x := range st.seen {
		if x.what == "exit" {
			return x.text
		}
	}
	return ""
}

// files opens one pipe for each text, to read from.
func (s *sitting) files(texts ...string) []*os.File {
	s.Helper()
	var all []*os.File
	for _, text := range texts {
		r, w, err := os.Pipe()
		must(s, err)
		_, err = w.WriteString(strings.Repeat(text+"\n", 20))
		must(s, err)
		must(s, w.Close())
		s.Cleanup(func() { _ = r.Close() })
		all = append(all, r)
	}
	return all
}

// bundled puts --bundle before the arguments of the verbs that have it.
func (s *sitting) bundled(verb string, args ...string) []string {
	if verb == "create" || verb == "run" {
		return append([]string{"--bundle", s.bundle}, args...)
	}
	return args
}
