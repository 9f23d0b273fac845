//go:build e2e

package compare

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/runward/runward/test/e2e/lab"
)

// compareContainerd goes through sessions of ctr on one daemon: what it finds
// in the runtime's place is another one in each way.
func compareContainerd(t *testing.T, r *rig) {
	d := lab.Containerd(t, r.runtime)
	c := &ctr{d}
	r.compare(t, audits, "containerd", c.prepare, []session{
		{"ctr run", c.runs},
		{"ctr tasks", c.tasks},
		{"ctr run, refused", c.bad},
	})
}

type ctr struct{ *lab.Daemon }

// prepare takes away what the session before has left.
func (c *ctr) prepare(s *sitting) {
	clean := func() {
		for _, id := range strings.Fields(c.TryCtr("containers", "list", "--quiet").Stdout) {
			c.TryCtr("tasks", "delete", "--force", id)
			c.TryCtr("containers", "delete", id)
			c.TryCtr("snapshots", "delete", id)
		}
	}
	clean() // also what a try before has
	s.Cleanup(clean)
}

// call is one ctr command; the verb is its own.
func (c *ctr) call(verb string, args ...string) call {
	return call{verb: verb, argv: c.Command(args...).Args, piped: true}
}

// run is `ctr run`.
func (c *ctr) run(s *sitting, args ...string) call {
	return c.call("run", append([]string{"run", "--runc-binary", s.rig.runtime}, args...)...)
}

func (c *ctr) runs(s *sitting) {
	for _, flags := range [][]string{
		{},
		{"--env", "A=b", "--cwd", "/tmp"},
		{"--net-host"},
		{"--privileged"},
		{"--read-only"},
		{"--allow-new-privs"},
		{"--seccomp"},
		{"--cap-add", "CAP_SYS_ADMIN", "--cap-drop", "CAP_CHOWN"},
		{"--memory-limit", "67108864", "--cpus", "0.5"},
		{"--no-pivot"},
		{"--null-io"},
		{"--mount", "type=bind,src=/etc,dst=/data,options=rbind:ro"},
		{"--device", "/dev/fuse"},
		{"--pid-file", filepath.Join(s.dir, "pid-file")},
		{"--with-ns", "network:/proc/1/ns/net"},
		{"--annotation", "a=b", "--label", "c=d"},
	} {
		s.do(c.run(s, append(append([]string{"--rm"}, flags...), lab.Image, s.id, "sh", "-c", view+"exit 3")...))
	}
	for _, code := range []int{0, 1, 126, 137, 255} {
		s.do(c.run(s, "--rm", lab.Image, s.id, "sh", "-c", fmt.Sprintf("echo out; echo err >&2; exit %d", code)))
	}
	s.do(typing(c.run(s, "--rm", lab.Image, s.id, "sh", "-c", large)))
	s.do(typing(c.run(s, "--rm", lab.Image, s.id, "head", "-n", "1")))
	sig := c.run(s, "--rm", lab.Image, s.id, "sh", "-c", trapping)
	sig.during = func(r *running) { // ctr itself passes signals on, but not from the start
		for _, name := range []string{"INT", "USR1", "TERM"} {
			r.await("ready")
			c.Ctr("tasks", "kill", "--signal", "SIG"+name, s.id)
			r.await("got-" + name)
		}
	}
	s.do(sig)
	term := newTerminal(s)
	tty := c.run(s, "--rm", "--tty", lab.Image, s.id, "sh", "-c", sized("11 33")+"tty; echo ready; read -r line; echo got $line; exit 4")
	tty.piped, tty.tty = false, term
	tty.during = func(r *running) {
		_ = term.slave.Close()
		r.await("ready")
		term.write(s, "typed\n")
	}
	s.do(tty)
	term.finish(s)
}

// large prints what fits into a pipe, and ends when it is read: of more ctr
// stalls now and then on a busy machine, with plain runc too, and at the end of a container it
// may lose what it has not copied yet.
const large = "yes 0123456789 | head -c 60000; read -r line; echo $line"

// typing gives a call a line to read. When standard input ends, ctr closes the
// container's at once, and what was written last may be lost, or the end.
func typing(c call) call {
	c.typed = true
	c.during = func(r *running) {
		r.write("a line\n")
		if !r.out.comes("a line\n") { // it has stalled
			_ = r.cmd.Process.Kill() // it may have ended just now
		}
	}
	return c
}

func (c *ctr) tasks(s *sitting) {
	detached := c.run(s, "--detach", lab.Image, s.id, "sleep", "1000")
	detached.piped = false // the container would keep the pipes
	s.do(detached)
	do := func(args ...string) { s.do(c.call(strings.Join(args[:min(2, len(args))], " "), args...)) }
	s.bundleOf(nil, c.Task(s.id))
	do("tasks", "list")
	do("tasks", "ps", s.id)
	do("tasks", "metrics", s.id)
	do("containers", "list")
	for i, argv := range [][]string{
		{"sh", "-c", view}, {"false"}, {"sh", "-c", "exit 7"}, {"nonexistent"}, {"/etc/passwd"}, {"sh", "-c", "kill -KILL $$"}, {"sh", "-c", "echo err >&2; echo out"},
	} {
		do(append([]string{"tasks", "exec", "--exec-id", fmt.Sprint("e", i), s.id}, argv...)...)
	}
	do("tasks", "exec", "--exec-id", "u", "--user", "1000", "--cwd", "/tmp", s.id, "sh", "-c", view)
	s.do(typing(c.call("tasks exec", "tasks", "exec", "--exec-id", "large", s.id, "sh", "-c", large)))
	in := c.call("tasks exec", "tasks", "exec", "--exec-id", "in", s.id, "head", "-n", "1")
	s.do(typing(in))
	do("tasks", "exec", "--exec-id", "d", "--detach", s.id, "sleep", "1000")
	do("tasks", "kill", "--exec-id", "d", "--signal", "KILL", s.id)
	do("tasks", "pause", s.id)
	do("tasks", "list")
	do("tasks", "pause", s.id)
	do("tasks", "resume", s.id)
	do("tasks", "checkpoint", s.id)
	do("tasks", "kill", "--signal", "NONSENSE", s.id)
	do("tasks", "kill", "--signal", "URG", s.id)
	do("tasks", "delete", s.id)
	do("containers", "delete", s.id)
	do("tasks", "kill", "--all", "--signal", "KILL", s.id)
	do("tasks", "delete", "--force", s.id)
	do("tasks", "delete", s.id)
	do("tasks", "start", "--detach", "--null-io", s.id) // again
	do("tasks", "exec", "--exec-id", "again", s.id, "true")
	do("tasks", "kill", "--signal", "9", s.id)
	do("tasks", "delete", "--force", s.id)
	do("containers", "delete", s.id)
}

func (c *ctr) bad(s *sitting) {
	for _, argv := range [][]string{
		{"nonexistent"}, {"/nonexistent"}, {"/etc/passwd"}, {"/etc"},
	} {
		s.do(c.run(s, append([]string{"--rm", lab.Image, s.id}, argv...)...))
		s.do(c.call("snapshots delete", "snapshots", "delete", s.id)) // ctr forgets it
	}
	for _, flags := range [][]string{
		{"--mount", "type=bind,src=/nonexistent,dst=/data,options=rbind"},
		{"--with-ns", "network:/nonexistent"},
		{"--memory-limit", "1"},
		{"--cap-add", "CAP_NONSENSE"},
		{"--apparmor-profile", "nonexistent"},
		{"--cwd", "/etc/passwd"},
		{"--rootfs-propagation", "nonsense"},
	} {
		s.do(c.run(s, append(append([]string{"--rm"}, flags...), lab.Image, s.id, "true")...))
		s.do(c.call("snapshots delete", "snapshots", "delete", s.id)) // ctr forgets it
	}
}

// bundleOf takes down an engine's bundle, as the runtime was given it.
func (s *sitting) bundleOf(mask func(string) string, dir string) {
	s.Helper()
	for _, name := range []string{"config.json", "log.json", "init.pid", "options.json"} {
		if raw, err := os.ReadFile(filepath.Join(dir, name)); err == nil {
			what := name
			if name == "init.pid" {
				what = "pid-file " + name
			}
			if name != "config.json" {
				s.last().see(what, string(raw))
				continue
			}
			s.last().see(what, masked(mask, string(raw)))
		}
	}
}
