package engine

import (
	"bytes"
	"errors"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/runward/runward/internal/jsondoc"
)

func dockerEngine() *Engine {
	return &Engine{
		Name: "docker", program: "dockerd", config: "/etc/docker/daemon.json",
		plan: planDocker, look: lookDocker, via: dockerVia, reload: reloadDocker, apply: "systemctl reload docker",
		ways: dockerWays,
	}
}

// dockerWays are the ways that no daemon.json closes. The last is closed by the
// environment of dockerd.
func dockerWays(s *System) []string {
	ways := []string{
		"docker run --runtime runc, and from Docker 23 on --runtime io.containerd.runc.v2 and other shims: Docker keeps these names for itself; whoever may use its socket can ask for them",
	}
	_, pidfile := dockerAt(s)
	pid, err := pidOf(pidfile, "dockerd")
	process := "/proc/" + strconv.Itoa(pid)
	runs := s.Here() && err == nil && pid != 0
	program := s.path(s.program("dockerd"))
	if runs {
		program = process + "/exe"
	}
	if known, err := holds(program, buildkitRunc); err == nil && !known {
		return append(ways, "docker build: BuildKit runs runc, and this dockerd lets nothing stand in its place; newer ones do, with "+buildkitRunc+" in their environment")
	}
	environ, readErr := os.ReadFile(process + "/environ")
	if runs && readErr == nil {
		for _, entry := range strings.Split(string(environ), "\x00") {
			if path, ok := strings.CutPrefix(entry, buildkitRunc+"="); ok && (&view{sys: s}).ours(path) {
				return ways
			}
		}
	}
	return append(ways, "docker build: BuildKit runs runc, unless dockerd's environment has "+buildkitRunc+"="+s.Runward)
}

// buildkitRunc names, in dockerd's environment, what its BuildKit runs in place of
// runc. It came with 26 and went into some releases before (moby#47563), so
// a dockerd is asked by looking for the name in it.
const buildkitRunc = "DOCKER_BUILDKIT_RUNC_COMMAND"

// holds tells whether a file has the text in it.
func holds(file, text string) (bool, error) {
	f, err := os.Open(file)
	if err != nil {
		return false, err
	}
	defer func() { _ = f.Close() }() // only read
	kept, block := 0, make([]byte, 1<<20)
	for {
		n, err := f.Read(block[kept:])
		if bytes.Contains(block[:kept+n], []byte(text)) {
			return true, nil
		}
		if errors.Is(err, io.EOF) {
			return false, nil
		}
		if err != nil {
			return false, err
		}
		all := kept + n
		kept = min(len(text)-1, all)
		copy(block, block[all-kept:all])
	}
}

// planDocker writes runtimes and default-runtime into daemon.json.
func planDocker(v *view, r *Request) error {
	file := v.engine.file(v.sys)
	c, err := v.read(file)
	if err != nil {
		return err
	}
	text := "{}\n"
	if c != nil {
		text = c.Text
	}
	var edits []Edit
	set := func(value any, path ...string) error {
		out, more, err := setMember(file, text, path, value)
		text, edits = out, append(edits, more...)
		return err
	}
	doc, err := parseJSON(file, text)
	if err != nil {
		return err
	}
	root := doc.Root()
	for _, name := range r.Names {
		path, err := v.binary(name)
		if err != nil {
			return err
		}
		switch has := root.Get("runtimes").Get(name); {
		case !has.Exists():
			if err := set(map[string]string{"path": path}, "runtimes", name); err != nil {
				return err
			}
		case has.Get("path").Str() != path:
			return errors.New(file + ": /runtimes/" + name + " is there already, and is not " + path + ": take it out, or choose another name with --handler")
		}
	}
	fronted := false
	if r.Mode == Interpose {
		if fronted, err = dockerFront(v, root, set); err != nil {
			return err
		}
	}
	if old := root.Get("default-runtime").Str(); r.Mode != Register && !fronted && old != r.Names[0] {
		if old != "" && old != "runc" {
			v.note("default-runtime was " + old + ": containers that ask for nothing get " + r.Names[0] + " instead, and the runtime that runward finds behind it")
		}
		if err := set(r.Names[0], "default-runtime"); err != nil {
			return err
		}
	}
	if len(edits) == 0 {
		return nil // somebody wrote it all by hand
	}
	return v.write(file, text, Undo{JSON: edits})
}

// dockerVia is a daemon.json that leads dockerd away from runtimes, and from a
// default one, which the next file has no more: where that says nothing at all of
// them, dockerd keeps what it has, and 20.10 ends over a default runtime that is gone.
func dockerVia(path string, from, to *Content) *Content {
	if from == nil {
		return nil
	}
	if to == nil {
		to = fresh("{}\n")
	}
	before, err := parseJSON(path, from.Text)
	if err != nil {
		return nil
	}
	text := to.Text
	for _, m := range []struct {
		key   string
		value any
	}{{"runtimes", map[string]string{}}, {"default-runtime", "runc"}} {
		after, err := parseJSON(path, text)
		if err != nil {
			return nil
		}
		if !before.Root().Get(m.key).Exists() || after.Root().Get(m.key).Exists() {
			continue
		}
		if text, _, err = setMember(path, text, []string{m.key}, m.value); err != nil {
			return nil
		}
	}
	if text == to.Text {
		return nil
	}
	return to.with(text)
}

// dockerFront puts runward in front of each runtime that has a path, and tells
// whether the default one is among them.
func dockerFront(v *view, root jsondoc.Value, set func(any, ...string) error) (fronted bool, err error) {
	standard := root.Get("default-runtime").Str()
	for m := root.Get("runtimes").First(); m.Exists(); m = m.Next() {
		key, runtime := []string{"runtimes", m.Key(), "path"}, m.Get("path").Str()
		if kind := m.Get("runtimeType").Str(); kind != "" {
			if kind == runwardShim {
				continue
			}
			if !runcShim(kind) {
				v.note(m.Key() + " is of the type " + kind + ", and is not a runc: it goes around runward")
				continue
			}
			key, runtime = []string{"runtimes", m.Key(), "options", "BinaryName"}, m.Get("options").Get("BinaryName").Str()
			if runtime == "" {
				runtime = "runc"
			}
		}
		if runtime == "" || v.ours(runtime) {
			fronted = fronted || m.Key() == standard && runtime != ""
			continue
		}
		link, why, err := v.interpose(m.Key(), runtime)
		switch {
		case err != nil:
			return false, err
		case why != "":
			v.note(m.Key() + " stays as it is: " + why)
			continue
		case link == "":
			continue
		}
		if err := set(link, key...); err != nil {
			return false, err
		}
		fronted = fronted || m.Key() == standard
	}
	return fronted, nil
}

// runcShim tells whether containerd's shim of a type runs an OCI runtime by
// BinaryName.
func runcShim(kind string) bool {
	return kind == "io.containerd.runc.v2" || kind == "io.containerd.runc.v1"
}

// runwardShim is the type of containerd's shim that is runward's own.
const runwardShim = "io.containerd.runward.v2"

func lookDocker(v *view) (*Status, error) {
	file := v.engine.file(v.sys)
	c, err := v.sys.read(file)
	if err != nil {
		return nil, err
	}
	s := &Status{Default: "runc", Files: []string{file}}
	s.Handlers = append(s.Handlers, StatusHandler{Name: "runc", Runtime: "runc", Reserved: true})
	if c == nil {
		return s, nil
	}
	doc, err := parseJSON(file, c.Text)
	if err != nil {
		return nil, err
	}
	if name := doc.Root().Get("default-runtime").Str(); name != "" {
		s.Default = name
	}
	for m := doc.Root().Get("runtimes").First(); m.Exists(); m = m.Next() {
		h := StatusHandler{Name: m.Key(), Runtime: m.Get("path").Str(), Type: m.Get("runtimeType").Str()}
		if runcShim(h.Type) {
			h.Runtime = m.Get("options").Get("BinaryName").Str()
			h.Type = ""
		}
		h.Through = h.Type == runwardShim || h.Type == "" && v.ours(h.Runtime)
		s.Handlers = append(s.Handlers, h)
	}
	return s, nil
}
