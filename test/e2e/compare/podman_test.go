//go:build e2e

package compare

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/runward/runward/test/e2e/lab"
)

// comparePodman goes through sessions of podman with one store.
func comparePodman(t *testing.T, r *rig) {
	p := &podman{lab.Podman(t, r.runtime)}
	r.compare(t, audits, "podman", p.prepare, []session{
		{"podman run", p.runs},
		{"podman, a container's life", p.life},
		{"podman run, refused", p.bad},
	})
}

type podman struct{ *lab.Store }

func (p *podman) prepare(s *sitting) {
	s.Cleanup(func() { p.clear(s) })
}

func (p *podman) clear(s *sitting) {
	c := p.Command("rm", "--all", "--force", "--time", "0")
	lab.Try(s, "", c.Env, c.Path, c.Args[1:]...)
}

func (p *podman) call(verb string, args ...string) call {
	if verb == "run" || verb == "create" {
		args = append(p.RunOptions(), args...)
	}
	c := p.Command(append([]string{verb}, args...)...)
	return call{verb: verb, argv: c.Args, env: c.Env, piped: true, mask: sortMounts}
}

func (p *podman) runs(s *sitting) {
	for _, flags := range [][]string{
		{},
		{"--privileged"},
		{"--cap-add", "SYS_ADMIN", "--cap-drop", "CHOWN"},
		{"--user", "1000:1000"},
		{"--read-only"},
		{"--security-opt", "no-new-privileges"},
		{"--security-opt", "seccomp=unconfined"},
		{"-v", "/etc:/data:ro"},
		{"--pid", "host"},
		{"--memory", "64m", "--pids-limit", "50"},
		{"-w", "/tmp", "-e", "A=b"},
		{"--preserve-fds", "1"},
		{"--device", "/dev/fuse"},
	} {
		c := p.call("run", append(append([]string{"--rm", "--name", "one", "--hostname", "h"}, flags...), lab.Image, "sh", "-c", view+"exit 3")...)
		if flags != nil {
			c.files = s.files("three")
		}
		s.do(c)
	}
	for _, code := range []int{0, 1, 124, 125, 126, 127, 137, 255} {
		s.do(p.call("run", "--rm", "--name", "one", lab.Image, "sh", "-c", fmt.Sprintf("echo out; echo err >&2; exit %d", code)))
	}
	in := p.call("run", "-i", "--rm", "--name", "one", lab.Image, "cat")
	in.stdin = "a line\nand another"
	s.do(in)
	s.do(p.call("run", "--rm", "--name", "one", lab.Image, "sh", "-c", "yes 0123456789 | head -c 300000"))
	term := newTerminal(s)
	tty := p.call("run", "-it", "--rm", "--name", "one", lab.Image, "sh", "-c", sized("11 33")+"tty; echo ready; read -r line; echo got $line; exit 4")
	tty.piped, tty.tty = false, term
	tty.during = func(r *running) {
		_ = term.slave.Close()
		r.await("ready")
		term.write(s, "typed\n")
	}
	s.do(tty)
	term.finish(s)
}

func (p *podman) life(s *sitting) {
	do := func(verb string, args ...string) { s.do(p.call(verb, args...)) }
	inspect := func() {
		do("inspect", "--format", "{{.State.Status}} {{.State.ExitCode}} {{.State.Error}} {{.State.OOMKilled}} {{.OCIRuntime}} {{.EffectiveCaps}} {{.HostConfig.PidsLimit}}", "one")
	}
	do("run", "-d", "--name", "one", lab.Image, "sh", "-c", "echo said; "+trapping)
	inspect()
	s.bundleOf(sortConfig, strings.TrimSuffix(p.output(s, "inspect", "--format", "{{.OCIConfigPath}}", "one"), "/config.json"))
	do("ps", "--format", "{{.Names}} {{.State}}")
	do("top", "one", "user", "comm")
	for _, args := range [][]string{
		{"one", "sh", "-c", view},
		{"--user", "1000", "-w", "/tmp", "-e", "A=b", "one", "sh", "-c", view},
		{"--privileged", "one", "sh", "-c", view},
		{"one", "sh", "-c", "exit 7"},
		{"one", "nonexistent"},
		{"one", "/etc/passwd"},
		{"one", "sh", "-c", "kill -KILL $$"},
		{"-d", "one", "sleep", "1"},
	} {
		do("exec", args...)
	}
	in := p.call("exec", "-i", "one", "cat")
	in.stdin = "a line\n"
	s.do(in)
	do("pause", "one")
	inspect()
	do("exec", "one", "true")
	do("unpause", "one")
	do("update", "--memory", "64m", "--cpus", "0.5", "one")
	inspect()
	do("exec", "one", "cat", "/sys/fs/cgroup/memory/memory.limit_in_bytes")
	do("stats", "--no-stream", "--format", "{{.Name}}", "one")
	do("container", "checkpoint", "one")
	do("kill", "--signal", "USR1", "one")
	do("kill", "--signal", "NONSENSE", "one")
	do("rm", "one")
	do("stop", "--time", "20", "one") // its TERM
	inspect()
	do("logs", "one")
	do("start", "one")
	do("kill", "one")
	do("wait", "one")
	inspect()
	do("rm", "one")
	do("create", "--name", "one", lab.Image, "sh", "-c", "echo said; exit 5")
	do("init", "one")
	inspect()
	do("start", "--attach", "one")
	inspect()
	do("rm", "--force", "one")
	do("inspect", "one")
}

func (p *podman) bad(s *sitting) {
	for _, args := range [][]string{
		{lab.Image, "nonexistent"},
		{lab.Image, "/nonexistent"},
		{lab.Image, "/etc/passwd"},
		{lab.Image, "/etc"},
		{"--memory", "1k", lab.Image, "true"},
		{"-v", "/nonexistent:/data", lab.Image, "true"},
		{"--user", "nobody-here", lab.Image, "true"},
		{"-w", "/etc/passwd", lab.Image, "true"},
		{"--network", "ns:/nonexistent", lab.Image, "true"},
		{"--sysctl", "vm.swappiness=1", lab.Image, "true"},
		{"--cgroup-conf", "memory.high=1", lab.Image, "true"},
		{"--nonsense"},
		{"localhost/nonexistent", "true"},
	} {
		for _, more := range [][]string{{"--rm"}, {"-d"}} {
			s.do(p.call("run", append(append(append([]string{"--name", "one"}, more...), "--pull", "never"), args...)...))
			if more[0] == "-d" {
				s.do(p.call("inspect", "--format", "{{.State.Status}} {{.State.ExitCode}} {{.State.Error}}", "one"))
				p.clear(s)
			}
		}
	}
}

// sortMounts sorts the lines of mountinfo: podman mounts its own in no fixed order.
func sortMounts(text string) string {
	lines := strings.Split(text, "\n")
	mounts := slices.DeleteFunc(slices.Clone(lines), func(line string) bool { return !strings.Contains(line, " - ") })
	slices.SortFunc(mounts, func(a, b string) int { return strings.Compare(mountPoint(a), mountPoint(b)) })
	for i, line := range lines {
		if strings.Contains(line, " - ") {
			lines[i], mounts = mounts[0], mounts[1:]
		}
	}
	return strings.Join(lines, "\n")
}

func mountPoint(line string) string {
	if fields := strings.Fields(line); len(fields) > 4 {
		return fields[4]
	}
	return line
}

// sortConfig is config.json with its mounts and environment in order, of which
// podman has none.
func sortConfig(text string) string {
	var config map[string]any
	if err := json.Unmarshal([]byte(text), &config); err != nil {
		return text
	}
	process, _ := config["process"].(map[string]any)
	for _, list := range []any{config["mounts"], process["env"]} {
		if list, ok := list.([]any); ok {
			slices.SortFunc(list, func(a, b any) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
		}
	}
	raw, err := json.MarshalIndent(config, "", " ")
	if err != nil {
		return text
	}
	return string(raw)
}

// output is what a command of podman prints, unseen.
func (p *podman) output(s *sitting, args ...string) string {
	s.Helper()
	c := p.Command(args...)
	r := lab.Try(s, "", c.Env, c.Path, c.Args[1:]...)
	if r.Code != 0 {
		s.Fatalf("podman %v: %s", args, r.Stderr)
	}
	return strings.TrimSpace(r.Stdout)
}
