package engine

import (
	"errors"
	"path/filepath"
	"slices"
)

func podmanEngine() *Engine {
	return &Engine{
		Name: "podman", program: "podman", config: "/etc/containers/containers.conf",
		plan: planPodman, look: lookPodman, reload: reloadPodman,
		ways: always(
			"podman --runtime with a path, CONTAINERS_CONF, and a user's own containers.conf: whoever runs podman chooses its files",
			"buildah and podman build run BUILDAH_RUNTIME where it is set",
		),
	}
}

func podmanDropIn(main string) string { return filepath.Join(main+".d", "99-runward.conf") }

// podmanLists are keyed by the runtime's name; podman's own lists are there as
// long as no file has one (containers.conf(5)).
var podmanLists = []struct {
	key   string
	names []string
}{
	{"runtime_supports_json", []string{"crun", "crun-vm", "kata", "krun", "ocijail", "runc", "runsc", "youki"}},
	{"runtime_supports_nocgroups", []string{"crun", "crun-vm", "krun"}},
}

// podmanBuiltIn are the runtimes that podman knows without a file and that
// runward can stand in front of, in the order in which podman looks for a
// default one.
var podmanBuiltIn = []string{"crun", "runc", "runsc", "youki"}

// readPodman reads containers.conf in podman's order: the distribution's, the
// administrator's, what is beside that; the last wins, key by key. It gives the
// table engine, and the files.
func readPodman(sys *System, main string, read func(string) (*Content, error)) (map[string]any, []string, error) {
	paths := []string{"/usr/share/containers/containers.conf", main}
	paths = append(paths, sys.globs("")(filepath.Join(main+".d", "*.conf"))...)
	engine := map[string]any{}
	docs, files, err := readTOMLs(paths, read)
	if err != nil {
		return nil, nil, err
	}
	for _, doc := range docs {
		if own, ok := doc.Root["engine"].(map[string]any); ok {
			engine = merged(engine, own)
		}
	}
	return engine, files, nil
}

// planPodman writes a file that is read after all others.
func planPodman(v *view, r *Request) error {
	main := v.engine.file(v.sys)
	own := podmanDropIn(main)
	engine, _, err := readPodman(v.sys, main, v.read)
	if err != nil {
		return err
	}
	change := map[string]any{}
	runtimes := table(change, "runtimes")
	for _, name := range r.Names {
		path, err := v.binary(name)
		if err != nil {
			return err
		}
		if has, ok := at(engine, "runtimes", name).([]any); ok && !slices.Contains(has, any(path)) {
			return errors.New(main + ": engine.runtimes has " + name + " already, and it is not " + path + ": take it out, or choose another name with --handler")
		}
		runtimes[name] = []string{path}
	}
	standard := podmanDefault(v.sys, engine)
	if r.Mode == Interpose {
		if err := podmanFront(v, engine, runtimes); err != nil {
			return err
		}
	}
	behind := v.runtimeBehind(r.Names[0])
	if r.Mode != Register && (runtimes[standard] == nil || r.Mode == Default) {
		if standard != r.Names[0] && standard != filepath.Base(behind) {
			v.note("containers that ask for nothing ran under " + standard + ", and will under " + behind + ", which is what stands behind runward; runtime.path or runtime.handlers in runward.toml chooses another, and --mode interpose keeps each engine's own")
		}
		change["runtime"] = r.Names[0]
	}
	for _, list := range podmanLists {
		names := listOf(engine[list.key], list.names)
		if list.key == "runtime_supports_nocgroups" && !slices.Contains(names, filepath.Base(behind)) {
			continue
		}
		change[list.key] = appendNew(names, r.Names...)
	}
	text, err := dropIn("", map[string]any{"engine": change})
	if err != nil {
		return err
	}
	return v.write(own, text, Undo{Own: true})
}

// podmanDefault is the runtime of containers that ask for none.
func podmanDefault(sys *System, engine map[string]any) string {
	if name, _ := engine["runtime"].(string); name != "" {
		return name
	}
	all := podmanRuntimes(sys, engine)
	for _, name := range podmanBuiltIn {
		if all[name] != "" {
			return name
		}
	}
	return ""
}

func listOf(v any, otherwise []string) []string {
	list, ok := v.([]any)
	if !ok {
		return slices.Clone(otherwise)
	}
	var names []string
	for _, e := range list {
		if s, ok := e.(string); ok {
			names = append(names, s)
		}
	}
	return names
}

func appendNew(list []string, more ...string) []string {
	for _, s := range more {
		if !slices.Contains(list, s) {
			list = append(list, s)
		}
	}
	return list
}

// podmanRuntimes gives the runtimes that there are by name, each with the first
// of its paths that is installed; empty: none is.
func podmanRuntimes(sys *System, engine map[string]any) map[string]string {
	all := map[string]string{}
	for _, name := range podmanBuiltIn {
		if path := sys.program(name); path != "" {
			all[name] = path
		}
	}
	configured, _ := engine["runtimes"].(map[string]any)
	for name, v := range configured {
		all[name] = ""
		for _, path := range listOf(v, nil) {
			if sys.Installed(path) {
				all[name] = path
				break
			}
		}
	}
	return all
}

// podmanFront puts runward in front of every runtime that can be run as runc is.
func podmanFront(v *view, engine, runtimes map[string]any) error {
	all := podmanRuntimes(v.sys, engine)
	for _, name := range sortedNames(all) {
		path := all[name]
		if runtimes[name] != nil || path == "" || v.ours(path) {
			continue
		}
		if !slices.Contains(podmanBuiltIn, filepath.Base(path)) {
			v.note("the runtime " + name + " (" + path + ") is none that runward can stand in front of: it goes around runward")
			continue
		}
		link, why, err := v.interpose(name, path)
		if err != nil {
			return err
		}
		if link == "" {
			if why != "" {
				v.note("the runtime " + name + " stays as it is: " + why)
			}
			continue
		}
		runtimes[name] = []string{link}
	}
	return nil
}

func sortedNames(m map[string]string) []string {
	var names []string
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func lookPodman(v *view) (*Status, error) {
	main := v.engine.file(v.sys)
	engine, files, err := readPodman(v.sys, main, v.sys.read)
	if err != nil {
		return nil, err
	}
	s := &Status{Files: files}
	all := podmanRuntimes(v.sys, engine)
	s.Default = podmanDefault(v.sys, engine)
	for _, name := range sortedNames(all) {
		if all[name] == "" {
			continue
		}
		s.Handlers = append(s.Handlers, StatusHandler{Name: name, Runtime: all[name], Through: v.ours(all[name])})
	}
	if filepath.IsAbs(s.Default) {
		s.Handlers = append(s.Handlers, StatusHandler{Name: s.Default, Runtime: s.Default, Through: v.ours(s.Default)})
	}
	return s, nil
}
