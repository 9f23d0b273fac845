//go:build e2e

package compare

import (
	"os"
	"path/filepath"

	"github.com/opencontainers/runtime-spec/specs-go"
)

var updates = []session{
	{"update, flags", func(s *sitting) {
		s.asleep(roomy)
		s.limits()
		for _, flags := range [][]string{
			{"--memory", "67108864"},
			{"--memory", "64M"},
			{"--memory", "-1"},
			{"--memory", "1"},
			{"--memory", "much"},
			{"--memory", "33554432", "--memory-swap", "67108864"},
			{"--memory-swap", "-1"},
			{"--memory-swap", "1"},
			{"--memory-reservation", "16777216"},
			{"--cpu-period", "50000"},
			{"--cpu-quota", "25000"},
			{"--cpu-quota", "-1"},
			{"--cpu-quota", "1"},
			{"--cpu-period", "0"},
			{"--cpu-share", "512"},
			{"--cpu-share", "-5"},
			{"--cpuset-cpus", "0"},
			{"--cpuset-cpus", "999"},
			{"--cpuset-mems", "0"},
			{"--cpuset-mems", "x"},
			{"--cpu-rt-period", "1000000"},
			{"--cpu-rt-runtime", "1000"},
			{"--cpu-idle", "1"},
			{"--pids-limit", "99"},
			{"--pids-limit", "-1"},
			{"--pids-limit", "0"},
			{"--blkio-weight", "100"},
			{"--blkio-weight", "5000"},
			{"--l3-cache-schema", "L3:0=f"},
			{"--mem-bw-schema", "MB:0=20"},
			{"--kernel-memory", "1"},
			{"--kernel-memory-tcp", "1"},
			{"--memory", "67108864", "--cpu-share", "100", "--pids-limit", "50"},
			{},
			{"--nonsense"},
			{"--help"},
		} {
			s.runc("update", append(flags, s.id)...)
			s.limits()
		}
		s.runc("update", s.id, "--pids-limit", "70")
		s.limits()
		s.runc("update")
		s.runc("update", "nobody")
		s.runc("update", "--pids-limit", "1", s.id, "extra")
		s.runc("kill", s.id, "KILL")
		s.until("stopped")
		s.runc("update", "--pids-limit", "1", s.id)
	}},
	{"update, resources", func(s *sitting) {
		s.asleep(roomy)
		file := filepath.Join(s.dir, "resources.json")
		for _, text := range []string{
			`{"memory":{"limit":67108864,"reservation":33554432},"cpu":{"shares":300,"quota":20000,"period":100000,"cpus":"0"},"pids":{"limit":44}}`,
			`{"blockIO":{"weight":200}}`, `{"devices":[{"allow":true,"access":"rwm"}]}`, `{"unified":{"memory.high":"max"}}`, `{"unknown":1}`,
			`{}`, ``, `not JSON`, `null`, `[]`, `{"memory":{"limit":"much"}}`, `{"pids":{"limit":45}} trailing`, `{"pids":{"limit":46},"pids":{"limit":47}}`,
		} {
			must(s, os.WriteFile(file, []byte(text), 0o644))
			fromFile := [][]string{{"-r=" + file, "--pids-limit", "7"}, {"--resources", file}, {"-r", file}}
			fromStdin := [][]string{{"-r", "-"}, {"--resources", "-"}, {"--resources=-"}}
			if !*full {
				fromFile, fromStdin = fromFile[:1], fromStdin[:1]
			}
			for _, args := range fromFile {
				s.runc("update", append(args, s.id)...)
				s.limits()
			}
			for _, args := range fromStdin {
				s.do(call{verb: "update", argv: s.argv(append(append([]string{"update"}, args...), s.id)...), stdin: text + "\n"})
				s.limits()
			}
		}
		s.runc("update", "--resources", "/nonexistent", s.id)
		s.do(call{verb: "update", before: "exec <" + file, argv: s.argv("update", "-r", "-", s.id)})
	}},
}

// roomy gives a container limits of its own, to update.
func roomy(spec *specs.Spec) {
	limit, pids, shares := int64(128<<20), int64(200), uint64(1024)
	spec.Linux.Resources.Memory = &specs.LinuxMemory{Limit: &limit}
	spec.Linux.Resources.Pids = &specs.LinuxPids{Limit: &pids}
	spec.Linux.Resources.CPU = &specs.LinuxCPU{Shares: &shares}
}

var verbs = []string{
	"checkpoint", "create", "delete", "events", "exec", "kill", "list", "pause", "ps", "restore", "resume", "run", "spec", "start", "state", "update", "features",
}

var others = []session{
	{"help and version", func(s *sitting) {
		globals := [][]string{s.global, nil}
		if !*full {
			globals = globals[:1]
		}
		for _, global := range globals {
			s.global = global
			for _, args := range [][]string{{"--help"}, {"-h"}, {"help"}, {"h"}, {"--version"}, {"-v"}, {"version"}, {}, {"nonsense"}, {"--nonsense"}, {"help", "nonsense"}} {
				s.do(call{verb: "--help", argv: s.argv(args...)})
			}
			s.do(call{verb: "features", argv: s.argv("features")})
			for _, verb := range verbs {
				for _, args := range [][]string{{verb, "--help"}, {verb, "-h"}, {"help", verb}, {verb, "--nonsense"}, {verb, "a", "b", "c", "d"}, {verb}} {
					s.do(call{verb: verb, argv: s.argv(args...)})
				}
			}
		}
	}},
	{"spec", func(s *sitting) {
		s.runc("spec", "--bundle", s.bundle)
		s.runc("spec", "--bundle", s.bundle)
		s.runc("spec", "-b", "/nonexistent")
		s.do(call{verb: "spec", argv: s.argv("spec", "--rootless")})
		s.do(call{verb: "spec", argv: s.argv("spec"), cwd: s.out, before: "umask 077"})
		s.runc("spec", "extra")
	}},
	{"checkpoint and restore", func(s *sitting) {
		s.asleep()
		image := filepath.Join(s.dir, "image")
		for _, args := range [][]string{
			{"--image-path", image, s.id},
			{s.id},
			{"--image-path", image, "--leave-running", s.id},
			{"--pre-dump", s.id},
			{"nobody"},
			{},
			{"--manage-cgroups-mode", "nonsense", s.id},
			{"--empty-ns", "network", s.id},
		} {
			s.runc("checkpoint", args...)
			must(s, os.RemoveAll(image))
		}
		s.global = append([]string{"--criu", "/nonexistent/criu"}, s.global...)
		s.runc("checkpoint", "--image-path", image, s.id)
		for _, id := range []string{s.id, "another"} {
			if id != s.id {
				s.runc("delete", "--force", s.id) // their cgroup is one
			}
			for _, args := range [][]string{
				{"--image-path", image, "--bundle", s.bundle},
				{"--image-path", image, "-no-subreaper", "--bundle", s.bundle},
				{"--image-path", filepath.Join(s.dir, "none"), "--bundle", s.bundle},
				{"--bundle", s.bundle},
				{"--bundle", "/nonexistent"},
				{"--detach", "--pid-file", filepath.Join(s.dir, "pid-file"), "--bundle", s.bundle},
			} {
				s.runc("restore", append(args, id)...)
			}
		}
		s.runc("restore")
	}},
}
