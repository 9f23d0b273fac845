//go:build e2e

package compare

import (
	"fmt"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// trapping prints the name of every signal that it gets, and ends with TERM.
const trapping = `for s in HUP INT QUIT USR1 USR2 WINCH CONT ALRM; do trap "echo got-$s" $s; done
trap 'echo got-TERM; kill -KILL $!; exit 9' TERM; sleep 1000 & echo ready; while :; do wait; done`

var runs = []session{
	{"run", func(s *sitting) {
		s.config(view + "echo to stderr >&2; exit 3")
		s.runc("run", "--bundle", s.bundle, s.id)
		s.do(call{verb: "run", argv: s.argv("run", s.id), cwd: s.bundle, piped: true})
		for _, global := range [][]string{
			{"--root", s.state},
			{"--root", s.state, "--log", filepath.Join(s.dir, "log.text")},
			{"--root=" + s.state, "--log-format=json"},
			{"--root", s.state, "--log", "/nonexistent/log"},
			{"--root", s.state, "--log", "/dev/full"},
			{"--root", s.state, "--log-format", "nonsense"},
			{"--root", "session/relative"},
			{"--root", s.state, "--rootless", "true"},
			{"--root", s.state, "--rootless", "false"},
			{"--root", s.state, "--rootless", "auto"},
			{"--root", s.state, "--rootless", "perhaps"},
			{"--root", s.state, "--rootless"},
			{"--root", s.state, "--systemd-cgroup"},
			{"--root", s.state, "--systemd-cgroup=false"},
			{"--root", s.state, "--systemd-cgroup=perhaps"},
			{"--root", s.state, "--criu", "/nonexistent"},
			{"--root", s.state, "--nonsense"},
			{"--root", s.state, "---root"},
			{"--root", s.state, "--"},
			{"-root", "/nonexistent", "-root", s.state},
			{"--root"},
			{"--root", "/etc/hostname"},
			{"--root", s.state, "--help"},
			{"--root", s.state, "--version"},
		} {
			s.global = global
			s.runc("run", "--bundle", s.bundle, s.id)
		}
	}},
	{"run, exit codes", func(s *sitting) {
		codes := []int{0, 1, 2, 3, 42, 125, 126, 127, 128, 129, 137, 143, 254, 255}
		if *full {
			codes = nil
			for code := range 256 {
				codes = append(codes, code)
			}
		}
		for _, code := range codes {
			s.config(fmt.Sprintf("exit %d", code))
			s.runc("run", "--bundle", s.bundle, s.id)
		}
		for _, sig := range []string{"KILL", "TERM", "SEGV", "ABRT", "HUP"} {
			// The first process has no default actions; runc reports its child's.
			s.config("sh -c 'kill -"+sig+" $$'; exit $?", unmasked)
			s.runc("run", "--bundle", s.bundle, s.id)
		}
		s.config("kill -KILL $$; kill -TERM $$; echo alive", func(spec *specs.Spec) { spec.Linux.Namespaces = spec.Linux.Namespaces[1:] })
		s.runc("run", "--bundle", s.bundle, s.id) // in the host's pid namespace signals do end it
	}},
	{"run, flags", func(s *sitting) {
		s.config(view, unmasked)
		pid := filepath.Join(s.dir, "pid-file")
		for _, flags := range [][]string{
			{"--keep"},
			{"--no-subreaper"},
			{"--no-pivot"},
			{"--no-new-keyring"},
			{"--pid-file", pid},
			{"--detach"},
			{"-d", "--pid-file", pid},
			{"-d=false"},
			{"--detach", "--keep"},
			{"-d", "--no-subreaper=true"},
			{"--detach=perhaps"},
			{"--nonsense"},
			{"-dk"},
			{"--pid-file"},
			{"--help"},
			{"-h"},
			{"--preserve-fds", "0"},
		} {
			s.runc("run", append(append([]string{"--bundle", s.bundle}, flags...), s.id)...)
			s.runc("list", "--quiet")
			if s.plainly("state", s.id).Code == 0 {
				s.until("stopped")
				s.runc("state", s.id)
			}
			s.runc("delete", "--force", s.id)
		}
		s.runc("run", s.id, "--bundle", s.bundle, "--keep")
		s.runc("delete", s.id)
		s.runc("run", "--bundle", s.bundle, s.id, "extra")
		s.runc("run", s.id, "--bundle", "--", s.bundle)
		s.runc("delete", "--force", s.id)
	}},
	{"run, standard input", func(s *sitting) {
		s.config("echo first; cat; echo last")
		s.do(call{verb: "run", argv: s.argv("run", "--bundle", s.bundle, s.id), stdin: "a line\nand \x00 bytes\xff"})
		s.do(call{verb: "run", argv: s.argv("run", "--bundle", s.bundle, s.id), stdin: strings.Repeat("0123456789abcdef", 1<<16), piped: true})
		s.do(call{verb: "run", argv: s.argv("run", "--bundle", s.bundle, s.id), before: "exec </etc/hostname"})
		s.config("echo first") // once: a second write meets a broken pipe, or comes before it
		s.do(call{verb: "run", argv: s.argv("run", "--bundle", s.bundle, s.id), before: "exec >/dev/full </dev/null"})
	}},
	{"run, large output", func(s *sitting) {
		s.config("yes 0123456789abcdef | head -c 3000000; yes error | head -c 300000 >&2")
		s.do(call{verb: "run", argv: s.argv("run", "--bundle", s.bundle, s.id), piped: true})
		s.runc("run", "--bundle", s.bundle, s.id)
	}},
	{"run, signals forwarded", func(s *sitting) {
		s.config(trapping)
		s.do(call{verb: "run", argv: s.argv("run", "--bundle", s.bundle, s.id), piped: true, during: func(r *running) {
			r.await("ready")
			for _, x := range []struct {
				sig  syscall.Signal
				name string
			}{
				{syscall.SIGINT, "INT"},
				{syscall.SIGHUP, "HUP"},
				{syscall.SIGQUIT, "QUIT"},
				{syscall.SIGUSR1, "USR1"},
				{syscall.SIGUSR2, "USR2"},
				{syscall.SIGWINCH, "WINCH"},
				{syscall.SIGALRM, "ALRM"},
				{syscall.SIGCONT, "CONT"},
				{syscall.SIGTERM, "TERM"},
			} {
				r.signal(x.sig)
				if x.sig != syscall.SIGWINCH { // runc keeps it: it is its own terminal's
					r.await("got-" + x.name)
				}
			}
		}})
		s.config("echo ready; sleep 1000")
		for _, sig := range []syscall.Signal{syscall.SIGKILL, syscall.SIGTERM} {
			s.do(call{verb: "run", argv: s.argv("run", "--bundle", s.bundle, s.id), piped: true, during: func(r *running) {
				r.await("ready")
				if sig == syscall.SIGTERM { // the first process ignores it
					s.plainly("kill", s.id, "KILL")
					return
				}
				r.signal(sig)
				s.plainly("delete", "--force", s.id) // it would go on, and keep the pipes open
			}})
			s.runc("list")
			s.runc("delete", "--force", s.id)
		}
	}},
	{"run, signals ignored", func(s *sitting) {
		s.config(view)
		for _, before := range []string{"trap '' PIPE", "trap '' TERM INT USR1", "umask 0", "ulimit -Hn 512"} {
			s.do(call{verb: "run", before: before, argv: s.argv("run", "--bundle", s.bundle, s.id)})
		}
	}},
	{"run, descriptors", func(s *sitting) {
		s.config(view + "read -r line <&3; echo got $line")
		files := s.files("three", "four")
		for _, before := range []string{"true", "export LISTEN_FDS=1 LISTEN_PID=$$", "export LISTEN_FDS=1", "export LISTEN_FDS=1 LISTEN_PID=1", "export LISTEN_FDS=many LISTEN_PID=$$"} {
			for _, n := range []string{"0", "1"} {
				s.do(call{verb: "run", before: before, files: files, argv: s.argv("run", "--preserve-fds", n, "--bundle", s.bundle, s.id)})
			}
		}
	}},
	{"run, logs", func(s *sitting) {
		s.config("echo ran")
		s.global = append([]string{"--debug"}, s.global...)
		s.do(call{verb: "debug", argv: s.argv("run", "--bundle", s.bundle, s.id)})
		s.config("echo ran", badProcesses[0])
		s.do(call{verb: "debug", argv: s.argv("run", "--bundle", s.bundle, s.id)})
		s.global = []string{"--debug", "--root", s.state}
		s.do(call{verb: "debug", argv: s.argv("run", "--bundle", s.bundle, s.id)})
	}},
}

var terminals = []session{
	{"run on a console socket", func(s *sitting) {
		s.config("read -r line; tty; stty size; echo got $line; "+view, onTerminal)
		for _, flags := range [][]string{{"create"}, {"run", "--detach"}} {
			c := s.console()
			args := append(append([]string{}, flags...), "--bundle", s.bundle, "--console-socket", c.path, s.id)
			s.do(call{verb: flags[0], argv: s.argv(args...)})
			term := c.terminal(s)
			term.size(s, 40, 20)
			if flags[0] == "create" {
				s.runc("start", s.id)
			}
			term.write(s, "a line\n")
			term.finish(s)
			s.until("stopped")
			s.runc("delete", s.id)
		}
		s.runc("run", "--detach", "--bundle", s.bundle, s.id)
		s.runc("create", "--bundle", s.bundle, s.id)
		s.runc("create", "--bundle", s.bundle, "--console-socket", "/nonexistent", s.id)
		s.config("true")
		c := s.console()
		s.runc("create", "--bundle", s.bundle, "--console-socket", c.path, s.id) // none is wanted
		c.stop()
	}},
	{"run on a terminal of its own", func(s *sitting) {
		s.config(sized("11 33")+"tty; echo ready; "+sized("55 99")+"exit 4", onTerminal)
		term := newTerminal(s)
		s.do(call{verb: "run", tty: term, argv: s.argv("run", "--bundle", s.bundle, s.id), during: func(r *running) {
			r.await("ready")
			term.size(s, 99, 55) // the kernel sends WINCH to runc
			_ = term.slave.Close()
		}})
		term.finish(s)
		s.config(sized("11 33")+"echo ready; read -r line; echo got $line; cat", onTerminal)
		term = newTerminal(s)
		s.do(call{verb: "run", tty: term, argv: s.argv("run", "--bundle", s.bundle, s.id), during: func(r *running) {
			_ = term.slave.Close()
			r.await("ready")
			term.write(s, "typed\n")
			r.await("got typed")
			term.write(s, "\x04")
		}})
		term.finish(s)
	}},
	{"exec on a terminal", func(s *sitting) {
		s.asleep()
		c := s.console()
		s.runc("exec", "--tty", "--detach", "--console-socket", c.path, "--pid-file", filepath.Join(s.dir, "pid-file"), s.id, "sh", "-c", "tty; read -r line; echo got $line")
		term := c.terminal(s)
		term.out.await(s, "/dev/pts")
		term.write(s, "typed\n")
		term.finish(s)
		term = newTerminal(s)
		s.do(call{verb: "exec", tty: term, argv: s.argv("exec", "-t", s.id, "sh", "-c", sized("11 33")+"tty; echo ready; read -r line; echo got $line; exit 5"), during: func(r *running) {
			_ = term.slave.Close()
			r.await("ready")
			term.write(s, "typed\n")
		}})
		term.finish(s)
		s.runc("exec", "--tty", "--detach", s.id, "true") // without a socket
	}},
}

func onTerminal(spec *specs.Spec) { spec.Process.Terminal = true }

// sized is a script that waits until the terminal has a size: runc sets it a
// moment after the start.
func sized(want string) string {
	return "until test \"$(stty size 2>/dev/null)\" = '" + want + "'; do usleep 1000; done; "
}
