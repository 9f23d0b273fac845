//go:build e2e

package compare

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// subgroups makes a cgroup below each of the container's.
func (s *sitting) subgroups(name string) {
	s.Helper()
	for _, dir := range s.cgroups() {
		if err := os.Mkdir(filepath.Join(dir, name), 0o755); err != nil && !os.IsExist(err) {
			s.Fatal(err)
		}
	}
}

// cgroups is the directory of each of the container's.
func (s *sitting) cgroups() map[string]string {
	s.Helper()
	raw, err := os.ReadFile(filepath.Join(s.state, s.id, "state.json"))
	must(s, err)
	var state struct {
		Paths map[string]string `json:"cgroup_paths"`
	}
	must(s, json.Unmarshal(raw, &state))
	return state.Paths
}

var states = []session{
	{"state, list, ps", func(s *sitting) {
		s.runc("list")
		s.asleep()
		s.runc("state", s.id)
		s.runc("state")
		s.runc("state", "nobody")
		s.runc("state", s.id, "extra")
		for _, flags := range [][]string{nil, {"--quiet"}, {"-q"}, {"--format", "json"}, {"-f", "table"}, {"--format", "nonsense"}, {"--nonsense"}, {"extra"}, {"-q", "-f", "json"}} {
			s.runc("list", flags...)
		}
		for _, args := range [][]string{
			{s.id},
			{"--format", "json", s.id},
			{"-f", "table", s.id},
			{"--format", "nonsense", s.id},
			{s.id, "-o", "pid,comm"},
			{s.id, "-e", "-o", "pid,args"},
			{s.id, "--nonsense"},
			{"nobody"},
			{},
		} {
			s.runc("ps", args...)
		}
		must(s, os.Mkdir(filepath.Join(s.state, "stray"), 0o755))
		s.runc("list")
		must(s, os.WriteFile(filepath.Join(s.state, "stray/state.json"), []byte("not JSON"), 0o600))
		s.runc("list", "--format", "json")
		s.runc("state", "stray")
		must(s, os.RemoveAll(filepath.Join(s.state, "stray")))
		s.runc("kill", s.id, "9")
		s.until("stopped")
		s.runc("list")
		s.runc("ps", s.id)
		s.runc("state", s.id)
	}},
	{"kill", func(s *sitting) {
		s.config("sleep 1001 & " + trapping)
		s.runc("run", "--detach", "--bundle", s.bundle, s.id)
		s.printed(0, "ready", 1)
		for _, args := range [][]string{
			{s.id, "INT"},
			{s.id, "SIGUSR1"},
			{s.id, "10"},
			{s.id, "int"},
			{s.id, "0"},
			{s.id, "NONSENSE"},
			{s.id, "999"},
			{s.id, "-9"},
			{s.id, ""},
			{"nobody", "KILL"},
			{},
			{s.id, "KILL", "extra"},
			{"--nonsense", s.id},
			{"--all", s.id, "URG"},
			{"-a", s.id, "WINCH"},
			{"--all=perhaps", s.id},
		} {
			s.runc("kill", args...)
			s.quiet(args)
		}
		s.runc("kill", s.id) // TERM
		s.until("stopped")
		s.runc("kill", s.id, "KILL")
		s.runc("kill", "--all", s.id, "KILL")
		s.runc("delete", s.id)
		s.runc("kill", s.id, "KILL")
		s.config("sleep 1001 & sleep 1002 & sleep 1003")
		s.runc("run", "--detach", "--bundle", s.bundle, s.id)
		s.runc("kill", "--all", s.id, "9")
		s.until("stopped")
		s.runc("state", s.id)
		s.runc("delete", s.id)
		s.config("echo ran") // created, not started
		s.runc("create", "--bundle", s.bundle, s.id)
		s.runc("kill", s.id, "TERM")
		s.until("stopped")
		s.runc("kill", s.id, "KILL")
		s.runc("delete", s.id)
	}},
	{"pause and resume", func(s *sitting) {
		s.asleep()
		for _, verb := range []string{"resume", "pause", "state", "list", "pause", "ps", "delete", "resume", "state", "resume"} {
			s.runc(verb, withList(verb, s.id)...)
			s.limits()
		}
		for _, verb := range []string{"pause", "resume"} {
			s.runc(verb)
			s.runc(verb, "nobody")
			s.runc(verb, s.id, "extra")
			s.runc(verb, "--nonsense", s.id)
		}
		s.runc("pause", s.id)
		s.runc("kill", s.id, "KILL")
		s.runc("delete", "--force", s.id)
		s.runc("pause", s.id)
	}},
	{"delete", func(s *sitting) {
		for _, args := range [][]string{
			{s.id}, {"--force", s.id}, {"-f", s.id}, {s.id, "--force"}, {"--force=false", s.id}, {"--nonsense", s.id}, {"--force", s.id, "extra"}, {"-f=perhaps", s.id},
		} {
			s.asleep()
			s.runc("delete", args...)
			s.runc("delete", "--force", s.id)
			s.runc("delete", "--force", s.id)
		}
		for _, args := range [][]string{{}, {"nobody"}, {"--force", "nobody"}, {"--force"}, {"--force", "../x"}} {
			s.runc("delete", args...)
		}
		s.config("sleep 1000", func(spec *specs.Spec) { spec.Linux.Namespaces = spec.Linux.Namespaces[1:] })
		s.runc("create", "--bundle", s.bundle, s.id)
		s.runc("delete", s.id)
		s.runc("delete", s.id)
	}},
	{"events", func(s *sitting) {
		s.asleep()
		s.runc("events", "--stats", s.id)
		s.do(call{verb: "events", piped: true, argv: s.argv("events", "--interval", "1h", s.id), during: func(r *running) {
			r.opens("memory.oom_control", "inotify")
			s.plainly("delete", "--force", s.id) // which ends them
		}})
		for _, args := range [][]string{{}, {"nobody"}, {"--stats", "nobody"}, {"--interval", "0s", s.id}, {"--interval", "often", s.id}, {"--nonsense", s.id}} {
			s.runc("events", args...)
		}
	}},
}

// quiet waits until the container is past handling a signal, so that the next
// one does not overtake it: it has written what it got.
func (s *sitting) quiet(args []string) {
	s.Helper()
	if len(args) == 2 && args[0] == s.id && (strings.EqualFold(strings.TrimPrefix(args[1], "SIG"), "INT") || args[1] == "SIGUSR1" || args[1] == "10") {
		if s.last().exit() == "0" {
			s.signals++
		}
		s.printed(0, "got-", s.signals)
	}
}

func withList(verb, id string) []string {
	if verb == "list" {
		return nil
	}
	return []string{id}
}
