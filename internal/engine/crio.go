package engine

import (
	"errors"
	"path/filepath"
	"slices"

	"github.com/runward/runward/internal/tomlfile"
)

func crioEngine() *Engine {
	return &Engine{
		Name: "cri-o", program: "crio", config: "/etc/crio/crio.conf",
		plan: planCRIO, look: lookCRIO, reload: reloadCRIO, apply: "systemctl restart crio",
		ways: always(),
	}
}

func crioDropIn(main string) string { return filepath.Join(main+".d", "99-runward.conf") }

// readCRIO reads crio.conf and what is beside it, in CRI-O's order. A handler's
// table in a later file takes the place of the whole one before. It gives the
// table crio.runtime.
func readCRIO(sys *System, main string, read func(string) (*Content, error)) (map[string]any, []string, error) {
	runtime := map[string]any{}
	handlers := map[string]any{}
	docs, files, err := readTOMLs(append([]string{main}, sys.globs("")(filepath.Join(main+".d", "*"))...), read)
	if err != nil {
		return nil, nil, err
	}
	for _, doc := range docs {
		own, _ := at(doc.Root, "crio", "runtime").(map[string]any)
		for k, v := range own {
			runtime[k] = v
		}
		more, _ := own["runtimes"].(map[string]any)
		for k, v := range more {
			handlers[k] = v
		}
	}
	runtime["runtimes"] = handlers
	return runtime, files, nil
}

// crioDefault is the handler of pods that ask for nothing. Without a file it is
// crun since CRI-O 1.31, and was runc before.
func crioDefault(sys *System, runtime map[string]any) string {
	if name, _ := runtime["default_runtime"].(string); name != "" {
		return name
	}
	if at(runtime, "runtimes", "runc") == nil && sys.program("crun") != "" {
		return "crun"
	}
	return "runc"
}

// crioOCI tells whether a handler is a program that is called as runc is, by
// conmon (oci) or conmonrs (pod), and which; CRI-O looks for one named like the
// handler where the table says none.
func crioOCI(name string, handler any) (path string, ok bool) {
	kind, _ := at(handler, "runtime_type").(string)
	path, _ = at(handler, "runtime_path").(string)
	if path == "" {
		path = name
	}
	return path, kind == "" || kind == "oci" || kind == "pod"
}

// crioInherits tells whether a handler takes its program from the default one,
// whatever else it says.
func crioInherits(handler any) bool {
	inherits, _ := at(handler, "inherit_default_runtime").(bool)
	return inherits
}

// crioPlatforms are a handler's programs for images of some platform, which come
// before runtime_path.
const crioPlatforms = "platform_runtime_paths"

// crioThrough tells whether every program of a handler is runward.
func crioThrough(v *view, name string, handler any) bool {
	path, oci := crioOCI(name, handler)
	platforms, _ := at(handler, crioPlatforms).(map[string]any)
	for _, other := range platforms {
		if other, _ := other.(string); !v.ours(other) {
			return false
		}
	}
	return oci && v.ours(path)
}

// planCRIO writes a file that is read after all others.
func planCRIO(v *view, r *Request) error {
	main := v.engine.file(v.sys)
	own := crioDropIn(main)
	runtime, _, err := readCRIO(v.sys, main, v.read)
	if err != nil {
		return err
	}
	existing, _ := runtime["runtimes"].(map[string]any)
	standard := crioDefault(v.sys, runtime)
	change := map[string]any{}
	handlers := table(change, "runtimes")
	for _, name := range r.Names {
		path, err := v.binary(name)
		if err != nil {
			return err
		}
		if has := at(existing, name); has != nil && at(has, "runtime_path") != path {
			return errors.New(main + ": the handler " + name + " is there already, and is not " + path + ": take it out, or choose another name with --handler")
		}
		handlers[name] = crioHandler(existing[standard], standard, path)
	}
	if r.Mode == Interpose {
		if err := crioFront(v, existing, handlers, standard); err != nil {
			return err
		}
	}
	if r.Mode != Register && handlers[standard] == nil {
		path, _ := crioOCI(standard, existing[standard])
		if behind := v.runtimeBehind(r.Names[0]); standard != r.Names[0] && filepath.Base(path) != filepath.Base(behind) {
			v.note("pods that ask for nothing ran under " + standard + ", and will under " + behind + ", which is what stands behind runward; runtime.path or runtime.handlers in runward.toml chooses another, and --mode interpose keeps each engine's own")
		}
		change["default_runtime"] = r.Names[0]
	}
	text, err := dropIn("", map[string]any{"crio": map[string]any{"runtime": change}})
	if err != nil {
		return err
	}
	return v.write(own, text, Undo{Own: true})
}

// crioHandler is a handler with what another one has (monitor_path,
// allowed_annotations and the like), and runward as its program. Its state stays where
// the runtime behind it keeps its own.
func crioHandler(like any, name, path string) map[string]any {
	handler := map[string]any{}
	if old, ok := like.(map[string]any); ok {
		if _, oci := crioOCI(name, old); oci {
			handler = deepCopy(old)
		}
	}
	// Both would have another program called in place of runtime_path.
	delete(handler, "inherit_default_runtime")
	delete(handler, crioPlatforms)
	handler["runtime_path"] = path
	if handler["runtime_type"] != "pod" {
		handler["runtime_type"] = "oci"
	}
	if root, _ := handler["runtime_root"].(string); root == "" {
		handler["runtime_root"] = "/run/" + filepath.Base(name)
	}
	return handler
}

func crioFront(v *view, existing, handlers map[string]any, standard string) error {
	all := deepCopy(existing)
	if all[standard] == nil {
		all[standard] = map[string]any{}
	}
	for _, name := range tomlfile.SortedKeys(all) {
		path, oci := crioOCI(name, all[name])
		switch {
		case handlers[name] != nil || crioInherits(all[name]) && name != standard || crioThrough(v, name, all[name]):
			continue
		case !oci:
			v.note("the handler " + name + " is a virtual machine's, and is not a runc: it goes around runward")
			continue
		}
		link, why, err := v.interpose(name, path)
		if err != nil {
			return err
		}
		if link == "" {
			if why != "" {
				v.note("the handler " + name + " stays as it is: " + why)
			}
			continue
		}
		if at(all[name], crioPlatforms) != nil {
			v.note("the handler " + name + " has " + crioPlatforms + ", which is left out: each of its programs would go around runward")
		}
		handlers[name] = crioHandler(all[name], name, link)
	}
	return nil
}

func lookCRIO(v *view) (*Status, error) {
	main := v.engine.file(v.sys)
	runtime, files, err := readCRIO(v.sys, main, v.sys.read)
	if err != nil {
		return nil, err
	}
	s := &Status{Files: files, Default: crioDefault(v.sys, runtime)}
	existing, _ := runtime["runtimes"].(map[string]any)
	names := tomlfile.SortedKeys(existing)
	if !slices.Contains(names, s.Default) {
		names = append(names, s.Default)
	}
	for _, name := range names {
		from := name
		if crioInherits(existing[name]) {
			from = s.Default
		}
		path, oci := crioOCI(from, existing[from])
		h := StatusHandler{Name: name, Runtime: path, Through: crioThrough(v, from, existing[from])}
		if !oci {
			h.Type, _ = at(existing, from, "runtime_type").(string)
		}
		s.Handlers = append(s.Handlers, h)
	}
	return s, nil
}
