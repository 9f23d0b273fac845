package engine

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// A Probe is a container that was started to see whether it goes through runward.
type Probe struct {
	Engine    string `json:"engine"`
	Handler   string `json:"handler"` // that was asked for; empty: none
	Container string `json:"container,omitempty"`
	Receipt   string `json:"receipt,omitempty"` // that it left; empty: it went around runward
	Problem   string `json:"problem,omitempty"` // why it did not start, in the engine's words
	Reserved  bool   `json:"reserved,omitempty"`
}

// A Prober starts containers and looks for their receipts.
type Prober struct {
	System  *System
	Program string                                      // a static program, which becomes all of the probe's root file system
	Args    []string                                    // with which it ends by itself
	Receipt func(container string) (id string, _ error) // "" where there is none
}

// Probe starts one container for each handler of the engine, and one that asks
// for none, and takes them away again. notes says what could not be tried.
func (p *Prober) Probe(st *Status) (probes []Probe, notes []string, err error) {
	if st.Engine == "cri-o" {
		return nil, []string{"cri-o: nothing was probed, only read: CRI-O starts no container without a pod; a pod with the RuntimeClass shows it"}, nil
	}
	root, err := os.MkdirTemp("", "runward-probe")
	if err != nil {
		return nil, nil, err
	}
	defer func() {
		if gone := os.RemoveAll(root); err == nil {
			err = gone
		}
	}()
	program, err := os.ReadFile(p.Program)
	if err != nil {
		return nil, nil, err
	}
	switch st.Engine {
	case "docker":
		probes, err = p.docker(st, program)
	case "podman", "containerd":
		if err := rootfs(root, program); err != nil {
			return nil, nil, err
		}
		if st.Engine == "podman" {
			probes = p.podman(st, root)
		} else {
			probes, notes = p.containerd(st, root)
		}
	}
	for i := range probes {
		probes[i].Engine = st.Engine
		if probes[i].Container != "" {
			if probes[i].Receipt, err = p.Receipt(probes[i].Container); err != nil {
				return probes, notes, err
			}
		}
	}
	return probes, notes, err
}

// rootfs makes a root file system of one program.
func rootfs(dir string, program []byte) (err error) {
	if err := os.Chmod(dir, 0o755); err != nil { // a policy may take root away
		return err
	}
	for _, d := range []string{"dev", "proc", "sys", "etc", "run", "tmp"} {
		if err := os.Mkdir(filepath.Join(dir, d), 0o755); err != nil {
			return err
		}
	}
	f, err := os.OpenFile(filepath.Join(dir, "probe"), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o755)
	if err != nil {
		return err
	}
	_, err = f.Write(program)
	if closed := f.Close(); err == nil {
		err = closed
	}
	return err
}

// image is the same as an archive for docker import.
func image(program []byte) (io.Reader, error) {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	if err := w.WriteHeader(&tar.Header{Name: "probe", Mode: 0o755, Size: int64(len(program))}); err != nil {
		return nil, err
	}
	if _, err := w.Write(program); err != nil {
		return nil, err
	}
	return &b, w.Close()
}

// handlers are those to probe: none, then each by its name.
func handlers(st *Status) []StatusHandler {
	all := []StatusHandler{{}}
	for _, h := range st.Handlers {
		if !slices.ContainsFunc(all, func(o StatusHandler) bool { return o.Name == h.Name }) {
			all = append(all, h)
		}
	}
	return all
}

func (p *Prober) docker(st *Status, program []byte) ([]Probe, error) {
	options, _ := dockerAt(p.System)
	docker := func(input io.Reader, args ...string) (string, error) {
		out, err := run(input, "docker", append(slices.Clone(options), args...)...)
		return strings.TrimSpace(out), err
	}
	archive, err := image(program)
	if err != nil {
		return nil, err
	}
	name, err := docker(archive, "import", "-", "runward-probe:"+strconv.Itoa(os.Getpid()))
	if err != nil {
		return nil, errors.New("docker does not take the probe's image: " + err.Error())
	}
	var probes []Probe
	for _, h := range handlers(st) {
		probe := Probe{Handler: h.Name, Reserved: h.Reserved}
		create := []string{"create", "--network", "none"}
		if h.Name != "" {
			create = append(create, "--runtime", h.Name)
		}
		id, err := docker(nil, append(append(create, name, "/probe"), p.Args...)...)
		if err == nil {
			probe.Container = id
			_, err = docker(nil, "start", "--attach", id)
			if _, gone := docker(nil, "rm", "--force", id); err == nil {
				err = gone
			}
		}
		if err != nil {
			probe.Problem = err.Error()
		}
		probes = append(probes, probe)
	}
	if _, err := docker(nil, "rmi", name); err != nil {
		return probes, errors.New("the probe's image " + name + " is left: " + err.Error())
	}
	return probes, nil
}

func (p *Prober) podman(st *Status, root string) []Probe {
	var probes []Probe
	for _, h := range handlers(st) {
		probe := Probe{Handler: h.Name}
		create := []string{"create", "--network", "none", "--rootfs", root, "/probe"}
		if h.Name != "" {
			create = append([]string{"--runtime", h.Name}, create...)
		}
		out, err := run(nil, "podman", append(create, p.Args...)...)
		if err == nil {
			probe.Container = strings.TrimSpace(out)
			_, err = run(nil, "podman", "start", "--attach", probe.Container)
			if _, gone := run(nil, "podman", "rm", "--force", "--time", "0", probe.Container); err == nil {
				err = gone
			}
		}
		if err != nil {
			probe.Problem = err.Error()
		}
		probes = append(probes, probe)
	}
	return probes
}

// containerd runs what the handlers call through containerd's own socket: its
// handlers are for pods alone, and a pod needs a network and an image of its own.
// Which handlers it has loaded crictl knows, where that is installed.
func (p *Prober) containerd(st *Status, root string) ([]Probe, []string) {
	var probes []Probe
	var notes []string
	if st.Inactive {
		return nil, nil
	}
	socket := containerdSocket(p.System)
	for _, h := range st.Handlers {
		if !h.Through {
			continue
		}
		probe := Probe{Handler: h.Name, Container: "runward-probe-" + h.Name + "-" + strconv.Itoa(os.Getpid())}
		_, err := run(nil, "ctr", append([]string{
			"--address", socket, "--namespace", "runward-probe", "run", "--rm", "--runc-binary", h.Runtime,
			"--rootfs", root, probe.Container, "/probe",
		}, p.Args...)...)
		if err != nil {
			probe.Problem = err.Error()
		}
		probes = append(probes, probe)
	}
	_, _ = run(nil, "ctr", "--address", socket, "namespaces", "rm", "runward-probe") // empty, it is of no consequence
	loaded, err := crictlHandlers(socket)
	if err != nil {
		return probes, append(notes, "containerd: which handlers the daemon has loaded was not asked ("+err.Error()+"): a pod with the RuntimeClass shows it")
	}
	for _, h := range st.Handlers {
		if h.Through && loaded[h.Name] != h.Runtime {
			probes = append(probes, Probe{Handler: h.Name, Problem: "containerd has not loaded this handler from its files: restart it"})
		}
	}
	return probes, notes
}

// crictlHandlers gives the programs of the handlers that the daemon has loaded.
func crictlHandlers(socket string) (map[string]string, error) {
	out, err := run(nil, "crictl", "--runtime-endpoint", "unix://"+socket, "info")
	if err != nil {
		return nil, err
	}
	var info struct {
		Config struct {
			Containerd struct {
				Runtimes map[string]struct{ Options map[string]any }
			}
		}
	}
	if err := json.Unmarshal([]byte(out), &info); err != nil {
		return nil, err
	}
	all := map[string]string{}
	for name, r := range info.Config.Containerd.Runtimes {
		all[name], _ = r.Options["BinaryName"].(string)
	}
	return all, nil
}
