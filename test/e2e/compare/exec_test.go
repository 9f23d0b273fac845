//go:build e2e

package compare

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/opencontainers/runtime-spec/specs-go"
)

var execs = []session{
	{"exec, flags", func(s *sitting) {
		s.asleep(unmasked)
		sh := func(flags ...string) { s.runc("exec", append(flags, s.id, "sh", "-c", view)...) }
		sh()
		for _, flags := range [][]string{
			{"--cwd", "/tmp"},
			{"--cwd", "/nonexistent"},
			{"--cwd", "relative"},
			{"--env", "A=b", "-e", "C=d=e"},
			{"-e", "ODD"},
			{"-e", ""},
			{"--user", "1000"},
			{"--user", "1000:1000"},
			{"-u", "app"},
			{"--user", "1:2:3"},
			{"--user", ""},
			{"--user", "-1"},
			{"--additional-gids", "5"},
			{"-g", "5", "-g", "6"},
			{"--additional-gids", "many"},
			{"--cap", "CAP_SYS_ADMIN"},
			{"-c", "CAP_NET_ADMIN", "-c", "CAP_SYS_PTRACE"},
			{"--cap", "CAP_NONSENSE"},
			{"--cap", "all"},
			{"--no-new-privs"},
			{"--no-new-privs=false"},
			{"--process-label", "a:b:c:d"},
			{"--apparmor", "nonexistent"},
			{"--user", "1000", "--cap", "CAP_NET_RAW", "--no-new-privs", "--cwd", "/data"},
			{"--pid-file", filepath.Join(s.dir, "pid-file")},
			{"--ignore-paused"},
			{"--nonsense"},
			{"--help"},
			{"--tty=perhaps"},
			{"--"},
		} {
			sh(flags...)
		}
		s.runc("exec", "--pid-file", "/nonexistent/pid-file", s.id, "sleep", "1000") // killed at once
		s.runc("exec", "--detach", "--pid-file", filepath.Join(s.dir, "pid-file-2"), s.id, "sh", "-c", view+"echo the end")
		s.printed(len(s.steps)-1, "the end", 1)
		for _, argv := range [][]string{
			{s.id},
			{},
			{s.id, "nonexistent"},
			{s.id, "/nonexistent"},
			{s.id, "/etc/passwd"},
			{s.id, "/etc"},
			{s.id, ""},
			{s.id, "sh", "-c", "exit 7"},
			{s.id, "sh", "-c", "exit 255"},
			{s.id, "false"},
			{s.id, "sh", "-c", "kill -KILL $$"},
			{s.id, "sh", "-c", "kill -TERM $$"},
			{s.id, "--help"},
			{s.id, "--", "true"},
			{s.id, "echo", "create", "run", "--bundle"},
			{"nobody", "true"},
			{s.id, "sh", "-c", "echo to stderr >&2; echo to stdout"},
		} {
			s.runc("exec", argv...)
		}
		s.runc("kill", s.id, "KILL")
		s.until("stopped")
		s.runc("exec", s.id, "true")
	}},
	{"exec, process", func(s *sitting) {
		s.asleep()
		file := filepath.Join(s.dir, "process.json")
		for _, text := range []string{
			`{"args":["sh","-c","id; pwd; env; grep Cap /proc/self/status"],"cwd":"/tmp","env":["PATH=/bin","X=y"],"user":{"uid":1000,"gid":1000}}`,
			`{"args":["grep","Cap","/proc/self/status"],"cwd":"/","env":["PATH=/bin"],"capabilities":{"bounding":["CAP_SYS_ADMIN"],"effective":["CAP_SYS_ADMIN"],"permitted":["CAP_SYS_ADMIN"]}}`,
			`{"args":["grep","-E","NoNewPrivs|Cap","/proc/self/status"],"cwd":"/","env":["PATH=/bin"],"noNewPrivileges":true}`,
			`{"args":[],"cwd":"/"}`, `{"args":["true"]}`, `{}`, `null`, ``, `not JSON`, `{"args":["true"],"cwd":"/","unknown":1}`,
			`{"args":["nonexistent"],"cwd":"/","env":["PATH=/bin"]}`,
		} {
			must(s, os.WriteFile(file, []byte(text), 0o644))
			s.runc("exec", "--process", file, s.id)
		}
		s.runc("exec", "-p", "/nonexistent", s.id)
		s.runc("exec", "-p", file, s.id, "ignored")
		s.do(call{verb: "exec", argv: s.argv("exec", "-p", "/dev/stdin", s.id), stdin: `{"args":["echo","from stdin"],"cwd":"/","env":["PATH=/bin"]}`})
		s.do(call{verb: "exec", argv: s.argv("exec", "--process", "-", s.id), stdin: `{"args":["echo","from stdin"],"cwd":"/","env":["PATH=/bin"]}`})
	}},
	{"exec, streams", func(s *sitting) {
		s.asleep()
		exec := func(c call, argv ...string) {
			c.verb, c.argv = "exec", s.argv(append([]string{"exec"}, argv...)...)
			s.do(c)
		}
		exec(call{stdin: "a line\n\x00\xff"}, s.id, "cat")
		exec(call{stdin: strings.Repeat("0123456789abcdef", 1<<16), piped: true}, s.id, "cat")
		exec(call{piped: true}, s.id, "sh", "-c", "yes | head -c 1000000; yes error | head -c 200000 >&2; exit 6")
		files := s.files("three", "four")
		exec(call{files: files}, "--preserve-fds", "2", s.id, "sh", "-c", view+"read -r a <&3; read -r b <&4; echo $a $b")
		exec(call{files: files}, s.id, "sh", "-c", view)
		exec(call{}, "--preserve-fds", "9", s.id, "true")
		exec(call{files: files, before: "export LISTEN_FDS=1 LISTEN_PID=$$"}, s.id, "sh", "-c", view)
		exec(call{before: "umask 077; trap '' PIPE; cd /tmp; ulimit -Sn 99"}, s.id, "sh", "-c", view)
		exec(call{piped: true, during: func(r *running) {
			r.await("ready")
			for _, x := range []syscall.Signal{syscall.SIGINT, syscall.SIGUSR1, syscall.SIGTERM} {
				r.signal(x)
				r.await("got-" + map[syscall.Signal]string{syscall.SIGINT: "INT", syscall.SIGUSR1: "USR1", syscall.SIGTERM: "TERM"}[x])
			}
		}}, s.id, "sh", "-c", trapping)
	}},
	{"exec, paused and in cgroups", func(s *sitting) {
		s.asleep()
		s.runc("pause", s.id)
		s.runc("exec", s.id, "echo", "ran")
		s.do(call{verb: "exec", piped: true, argv: s.argv("exec", "--ignore-paused", s.id, "echo", "ran"), during: func(*running) {
			s.plainly("resume", s.id)
		}})
		s.until("running")
		for _, group := range []string{"nonexistent", "/", ".", "../..", "pids:nonexistent", "nonsense:/", "/sub", "pids:sub"} {
			if strings.HasSuffix(group, "sub") {
				s.subgroups("sub")
			}
			s.runc("exec", "--cgroup", group, s.id, "cat", "/proc/self/cgroup")
		}
	}},
	{"exec where config.json has gone", func(s *sitting) {
		s.asleep()
		must(s, os.Remove(filepath.Join(s.bundle, "config.json")))
		s.runc("exec", s.id, "echo", "ran")
		s.raw("not JSON")
		s.runc("exec", s.id, "echo", "ran")
		s.config("true", func(spec *specs.Spec) {
			spec.Process.Capabilities = nil
			spec.Process.Env = []string{"PATH=/bin", "NEW=1"}
		})
		s.runc("exec", s.id, "sh", "-c", view)
	}},
}
