//go:build e2e

package e2e

import (
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/runward/runward/test/e2e/lab"
	"github.com/runward/runward/test/e2e/matrix"
)

// The engines of the matrix.

// drivers are both.
func drivers() []string { return []string{lab.Cgroupfs, lab.Systemd} }

func matrixContainerd(t *testing.T, m *matrixRun) {
	version := versionOf(t, lab.Tool(t, "containerd"))
	for _, driver := range drivers() {
		m.with(t, "containerd "+version, driver, []string{"containerd CRI", "containerd ctr"}, version, func(t *testing.T) []*matrixSubject {
			c := lab.ContainerdDrivers(t, m.node.Runward)
			return []*matrixSubject{criSubject(m, c, version, driver), ctrSubject(m, c, version, driver)} // the CRI loads an AppArmor profile, which ctr does not
		})
	}
}

// matrixOlderContainerd is matrixContainerd again, with the other one that the
// virtual machine has.
func matrixOlderContainerd(t *testing.T, m *matrixRun) {
	t.Run("older", func(t *testing.T) {
		lab.OlderContainerd(t)
		matrixContainerd(t, m)
	})
}

func ctrSubject(m *matrixRun, c *lab.Daemon, version, driver string) *matrixSubject {
	run := func(name string, options, command []string) lab.Result {
		args := []string{"run", "--runc-binary", m.node.Runward, "--cgroup", lab.Parent(driver, c.Namespace) + "/" + name}
		if driver == lab.Systemd {
			args = []string{"run", "--runc-binary", m.node.Runward, "--runc-systemd-cgroup", "--cgroup", lab.Parent(driver, c.Namespace) + ":ctr:" + name}
		}
		return c.TryCtr(append(append(append(args, options...), lab.Image, name), command...)...)
	}
	return &matrixSubject{
		row: "containerd ctr", version: version,
		run: func(name, script string, ask ask) lab.Result {
			options := []string{"--rm"}
			if ask == tooMuch {
				options = append(options, "--mount", "type=bind,src=/etc,dst=/data,options=rbind:ro")
			}
			return run(name, options, []string{"sh", "-c", script})
		},
		keep: func(name string) lab.Result { return run(name, []string{"--detach"}, staying(name)) },
		exec: func(name, script string) lab.Result {
			return c.TryCtr("task", "exec", "--exec-id", "e", name, "sh", "-c", script)
		},
		remove: func(name string) lab.Result {
			// Not by --force alone, for which crun 1.28 is to kill all of a cgroup: on v1 it then
			// kills nothing, and says that it did, also without runward.
			for _, args := range [][]string{{"task", "kill", "--signal", "KILL", name}, {"task", "delete", "--force", name}} {
				if out := c.TryCtr(args...); out.Code != 0 && args[1] == "kill" {
					return out
				}
			}
			return c.TryCtr("containers", "delete", name)
		},
		lacks: map[string]func() lab.Result{"updated": func() lab.Result { return c.TryCtr("task", "update", "x") }},
	}
}

// criSubject is of pods: each call is a pod from its begin to its end, so the one
// that is updated is also the one that is executed in.
func criSubject(m *matrixRun, c *lab.Daemon, version, driver string) *matrixSubject {
	handler := lab.Handler
	if driver == lab.Systemd {
		handler = lab.SystemdHandler
	}
	pod := func(memory int64, ask ask, script string) lab.Result {
		request := c.PodRequest("sh", "-c", script)
		request["sandbox"].(map[string]any)["linux"].(map[string]any)["cgroup_parent"] = lab.Parent(driver, c.Namespace)
		if ask == tooMuch {
			request["container"].(map[string]any)["mounts"] = []map[string]any{{"container_path": "/data", "host_path": "/etc", "readonly": true}}
		}
		if memory != 0 {
			request["update"] = map[string]any{"memory_limit_in_bytes": memory}
		}
		return c.PodWith(handler, request)
	}
	var updated lab.Result
	return &matrixSubject{
		row: "containerd CRI", version: version,
		run: func(_, script string, ask ask) lab.Result { return pod(0, ask, script) },
		exec: func(_, script string) lab.Result {
			if m.noMemory != "" {
				return pod(0, ordinary, script)
			}
			updated = pod(matrixMemory, ordinary, script)
			return updated
		},
		update: func(_ string, memory int64) lab.Result {
			if memory == matrixMemory {
				return updated
			}
			return pod(memory, ordinary, looking)
		},
	}
}

func matrixDocker(t *testing.T, m *matrixRun) {
	version := versionOf(t, lab.Tool(t, "dockerd"))
	replaced := buildkitReplaced(t)
	rows := []string{"docker run", "docker build (BuildKit)", "docker build (before BuildKit)"}
	for _, driver := range drivers() {
		m.with(t, "docker "+version, driver, rows, version, func(t *testing.T) []*matrixSubject {
			d := lab.DockerDriver(t, m.node.Runward, driver, "--default-runtime", "runward", "DOCKER_BUILDKIT_RUNC_COMMAND="+m.node.Runward)
			return []*matrixSubject{dockerSubject(d, version), dockerBuilds(d, rows[1], version, true, replaced), dockerBuilds(d, rows[2], version, false, false)}
		})
	}
	// As it comes it executes runc, whatever stands behind runward and whoever makes the cgroups.
	t.Run("docker_build_around", func(t *testing.T) {
		d := lab.DockerDriver(t, m.node.Runward, lab.Cgroupfs, "--default-runtime", "runward")
		s := dockerBuilds(d, rows[1]+" as it comes", version, true, false)
		s.around = "runward is the default runtime, and nothing is in dockerd's environment: BuildKit executes runc itself"
		c := &cell{t: t, n: m.node, s: s, cell: &matrix.Cell{Row: s.row, Engine: version, Runtime: m.behind[0].says, Cgroup: m.cgroup, Driver: lab.Cgroupfs}}
		c.fill(lab.Name())
		m.record(t, c.cell)
	})
}

func dockerSubject(d *lab.Engine, version string) *matrixSubject {
	return &matrixSubject{
		row: "docker run", version: version,
		run: func(name, script string, ask ask) lab.Result {
			options := []string{"--rm", "--name", name}
			if ask == tooMuch {
				options = append(options, "--volume", "/etc:/data:ro")
			}
			return d.TryRun(append(options, lab.Image, "sh", "-c", script)...)
		},
		keep: func(name string) lab.Result {
			return d.TryRun(append([]string{"--detach", "--name", name, lab.Image}, staying(name)...)...)
		},
		exec: func(name, script string) lab.Result { return d.Try("exec", "--privileged", name, "sh", "-c", script) },
		update: func(name string, memory int64) lab.Result {
			bytes := strconv.FormatInt(memory, 10)
			return d.Try("update", "--memory", bytes, "--memory-swap", bytes, name)
		},
		remove: func(name string) lab.Result { return d.Try("rm", "--force", name) },
	}
}

func dockerBuilds(d *lab.Engine, row, version string, buildkit, replaced bool) *matrixSubject {
	none := func(verb string) func() lab.Result {
		return func() lab.Result { return d.Try("builder", verb, "x") }
	}
	around := ""
	if buildkit && !replaced {
		around = "this dockerd knows no DOCKER_BUILDKIT_RUNC_COMMAND: BuildKit executes runc itself"
	}
	return &matrixSubject{
		row: row, version: version, around: around,
		run: func(_, script string, ask ask) lab.Result {
			if ask == tooMuch {
				return d.Build(buildkit, script, "--network", "host")
			}
			return d.Build(buildkit, script)
		},
		lacks: map[string]func() lab.Result{"exec'd": none("exec"), "updated": none("update")},
	}
}

func matrixPodman(t *testing.T, m *matrixRun) {
	version := versionOf(t, lab.Tool(t, "podman"))
	for _, driver := range drivers() {
		m.with(t, "podman "+version, driver, []string{"podman run", "podman run in a pod"}, version, func(t *testing.T) []*matrixSubject {
			p := lab.PodmanPods(t, m.node.Runward, driver)
			all := []*matrixSubject{podmanSubject(p, "podman run", version, false), podmanSubject(p, "podman run in a pod", version, true)}
			if m.cgroup == "v1" { // podman makes a pod's cgroup itself, and the kernel may lack a controller of v1
				alone := podmanSubject(lab.PodmanPods(t, lab.Runc(t), driver), "", version, true)
				if out := alone.run(lab.Name(), "true", ordinary); out.Code != 0 {
					lines := strings.Split(strings.TrimSpace(out.Stderr), "\n")
					all[1].cannot = "podman alone, in a pod, says: " + lines[len(lines)-1]
				}
			}
			return all
		})
	}
}

// podmanSubject is of containers, each in a pod of its own or in none.
func podmanSubject(p *lab.Store, row, version string, pods bool) *matrixSubject {
	remove := func(name string) lab.Result {
		if pods {
			return p.Try("pod", "rm", "--force", "--time", "0", "pod-"+name)
		}
		return p.Try("rm", "--force", "--time", "0", name)
	}
	run := func(name string, options, command []string) lab.Result {
		args := append([]string{"run", "--name", name}, p.RunOptions()...)
		if pods {
			if out := p.Try(append([]string{"pod", "create", "--name", "pod-" + name, "--infra-image", lab.Pause}, p.PodOptions()...)...); out.Code != 0 {
				return out
			}
			args = []string{"run", "--name", name, "--pod", "pod-" + name}
		}
		return p.Try(append(append(append(args, options...), lab.Image), command...)...)
	}
	return &matrixSubject{
		row: row, version: version,
		run: func(name, script string, ask ask) lab.Result {
			options := []string{"--rm"}
			if ask == tooMuch {
				options = append(options, "--volume", "/etc:/data:ro")
			}
			out := run(name, options, []string{"sh", "-c", script})
			if pods {
				if gone := remove(name); gone.Code != 0 {
					out.Stderr += gone.Stderr
				}
			}
			return out
		},
		keep: func(name string) lab.Result { return run(name, []string{"--detach"}, staying(name)) },
		exec: func(name, script string) lab.Result { return p.Try("exec", "--privileged", name, "sh", "-c", script) },
		update: func(name string, memory int64) lab.Result {
			return p.Try("update", "--memory", strconv.FormatInt(memory, 10), name)
		},
		remove: remove,
	}
}

func matrixBuildah(t *testing.T, m *matrixRun) {
	version := versionOf(t, lab.Tool(t, "buildah"))
	rows := []string{"buildah run", "buildah build"}
	for _, driver := range drivers() {
		m.with(t, "buildah "+version, driver, rows, version, func(t *testing.T) []*matrixSubject {
			b := lab.Buildah(t)
			options := []string{"--runtime", m.node.Runward}
			if driver == lab.Systemd {
				options = append(options, "--runtime-flag", "systemd-cgroup")
			}
			none := func(verb string) func() lab.Result {
				return func() lab.Result { return b.Try(verb, "base") }
			}
			volume := func(ask ask) []string {
				if ask == tooMuch {
					return append(options[:len(options):len(options)], "--volume", "/etc:/data:ro")
				}
				return options
			}
			lacks := map[string]func() lab.Result{"exec'd": none("exec"), "updated": none("update")}
			return []*matrixSubject{
				{row: rows[0], version: version, lacks: lacks, run: func(_, script string, ask ask) lab.Result {
					return b.Try(append(append([]string{"run", "--network", "none"}, volume(ask)...), "base", "sh", "-c", script)...)
				}},
				{row: rows[1], version: version, lacks: lacks, run: func(name, script string, ask ask) lab.Result {
					options := volume(ask)
					if driver == lab.Systemd {
						options = append(options[:len(options):len(options)], "--cgroup-parent", "system.slice:buildah:"+filepath.Base(name))
					}
					return b.Build(script, options...)
				}},
			}
		})
	}
}
