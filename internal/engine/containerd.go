package engine

import (
	"bytes"
	"context"
	"errors"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/BurntSushi/toml"

	"github.com/runward/runward/internal/tomlfile"
)

func containerdEngine() *Engine {
	return &Engine{
		Name: "containerd", program: "containerd", config: "/etc/containerd/config.toml",
		plan: planContainerd, look: lookContainerd, check: checkContainerd, reload: reloadContainerd, apply: "systemctl restart containerd",
		ways: always(
			"ctr run, nerdctl run and every other client of containerd's own socket name the runtime themselves: the handlers are for Kubernetes (CRI) alone; ctr --runc-binary and nerdctl --runtime take runward's path",
		),
	}
}

// containerdDropIn is read last of its directory, but for what begins with
// later letters: nvidia's comes before it.
func containerdDropIn(main string) string {
	return filepath.Join(filepath.Dir(main), "conf.d", "99-runward.toml")
}

// A criConfig is what containerd's files say of its CRI plugin.
type criConfig struct {
	main     string
	version  int64
	section  map[string]any // of the plugin, from all files
	imports  []string       // patterns of the main file
	files    []string
	disabled bool
}

// criPlugin is the plugin that has the handlers. Version 3 split the one of
// version 2; version 4 moved other plugins only.
func criPlugin(version int64) string {
	if version == 2 {
		return "io.containerd.grpc.v1.cri"
	}
	return "io.containerd.cri.v1.runtime"
}

// replaces tells whether an imported file replaces a plugin's whole section, as
// in containerd 1.6 and 1.7; 2.0 and later put tables together. A file of
// version 2 may be read by either: what is right for the first is for the second.
func (c *criConfig) replaces() bool { return c.version == 2 }

// readContainerd reads the main file and what it imports, in containerd's order.
func readContainerd(main string, read func(string) (*Content, error), glob func(string) []string) (*criConfig, error) {
	c := &criConfig{main: main, version: 2, section: map[string]any{}}
	pending := []string{main}
	for len(pending) > 0 {
		path := pending[0]
		pending = pending[1:]
		if slices.Contains(c.files, path) {
			continue
		}
		doc, err := readTOML(path, read)
		if err != nil {
			return nil, err
		}
		if doc == nil {
			continue
		}
		if err := c.add(doc); err != nil {
			return nil, err
		}
		var patterns []string
		list, _ := doc.Root["imports"].([]any)
		for _, e := range list {
			pattern, _ := e.(string)
			patterns = append(patterns, pattern)
		}
		if path == main {
			c.imports = patterns
		}
		for _, pattern := range patterns {
			pending = append(pending, imported(path, pattern, glob)...)
		}
	}
	return c, nil
}

// imported are the files that an element of imports stands for.
func imported(parent, pattern string, glob func(string) []string) []string {
	if !filepath.IsAbs(pattern) {
		pattern = filepath.Join(filepath.Dir(parent), pattern)
	}
	if strings.Contains(pattern, "*") {
		return glob(pattern)
	}
	return []string{filepath.Clean(pattern)}
}

// add puts a file's part on top.
func (c *criConfig) add(doc *tomlfile.Doc) error {
	version, _ := doc.Root["version"].(int64)
	if len(c.files) == 0 {
		if version < 2 || version > 4 {
			return doc.Errorf([]any{}, "its version is "+strconv.FormatInt(max(version, 1), 10)+"; runwardctl knows 2, 3 and 4: containerd config migrate writes a newer one")
		}
		c.version = version
	}
	c.files = append(c.files, doc.File)
	disabled, _ := doc.Root["disabled_plugins"].([]any)
	for _, e := range disabled {
		if e == "cri" || e == "io.containerd.grpc.v1.cri" || e == "io.containerd.cri.v1.runtime" {
			c.disabled = true
		}
	}
	section, ok := at(doc.Root, "plugins", criPlugin(c.version)).(map[string]any)
	switch {
	case !ok:
	case c.replaces():
		c.section = section
	default:
		c.section = merged(c.section, section)
	}
	return nil
}

// globs finds files of the system by a pattern; own is left out.
func (s *System) globs(own string) func(string) []string {
	return func(pattern string) []string {
		found, err := filepath.Glob(s.path(pattern))
		if err != nil {
			return nil // containerd itself refuses to start then
		}
		var all []string
		for _, f := range found {
			if f = filepath.Join("/", strings.TrimPrefix(f, filepath.Clean(s.Root))); f != own {
				all = append(all, f)
			}
		}
		return all
	}
}

// planContainerd writes a file with the handlers, and has the main one import it.
func planContainerd(v *view, r *Request) error {
	main := v.engine.file(v.sys)
	own := containerdDropIn(main)
	c, err := readContainerd(main, v.read, v.sys.globs(own))
	if err != nil {
		return err
	}
	if c.disabled {
		return errors.New(main + " disables containerd's CRI plugin, which alone has handlers: nothing to register with (whoever uses containerd's own socket names the runtime)")
	}
	change, err := containerdHandlers(v, c, r)
	if err != nil {
		return err
	}
	if c.replaces() {
		change = merged(c.section, change)
	}
	text, err := dropIn(containerdHead(c), map[string]any{"version": c.version, "plugins": map[string]any{criPlugin(c.version): change}})
	if err != nil {
		return err
	}
	if err := v.write(own, text, Undo{Own: true}); err != nil {
		return err
	}
	return v.importOwn(c, own)
}

func containerdHead(c *criConfig) string {
	if !c.replaces() {
		return ""
	}
	return `# containerd 1.6 and 1.7 let an imported file replace the whole section of a
# plugin, so this is a copy of the section in config.toml, with runward in it.
# After a change of that section run runwardctl engine configure again.
`
}

// containerdHandlers is what changes in the plugin's section.
func containerdHandlers(v *view, c *criConfig, r *Request) (map[string]any, error) {
	change := map[string]any{}
	runtimes := table(change, "containerd", "runtimes")
	existing, _ := at(c.section, "containerd", "runtimes").(map[string]any)
	standard, _ := at(c.section, "containerd", "default_runtime_name").(string)
	if standard == "" {
		standard = "runc"
	}
	for _, name := range r.Names {
		path, err := v.binary(name)
		if err != nil {
			return nil, err
		}
		if has := at(existing, name); has != nil {
			if at(has, "options", "BinaryName") != path {
				return nil, errors.New(c.main + ": the handler " + name + " is there already, and is not " + path + ": take it out, or choose another name with --handler")
			}
			continue
		}
		handler := c.likeRunc(existing, standard)
		table(handler, "options")["BinaryName"] = path
		runtimes[name] = handler
	}
	if len(existing) == 0 { // its own handler runc is gone as soon as a file has another one
		existing = map[string]any{"runc": map[string]any{"runtime_type": "io.containerd.runc.v2"}}
		defer func() {
			if runtimes["runc"] == nil {
				runtimes["runc"] = existing["runc"]
			}
		}()
	}
	if r.Mode == Interpose {
		if err := containerdFront(v, c, existing, runtimes); err != nil {
			return nil, err
		}
	}
	fronted := r.Mode == Interpose && (runtimes[standard] != nil || c.kind(existing[standard]) == runwardShim)
	if r.Mode != Register && !fronted && standard != r.Names[0] {
		if standard != "runc" {
			v.note("default_runtime_name was " + standard + ": pods that ask for nothing get " + r.Names[0] + " instead")
		}
		table(change, "containerd")["default_runtime_name"] = r.Names[0]
	}
	return change, nil
}

// kind is what a handler is: its runtime_type, or what runtime_path makes of it.
// 1.6 ignores that, and version 2 may be read by it.
func (c *criConfig) kind(handler any) string {
	if path, _ := at(handler, "runtime_path").(string); c.version > 2 && filepath.Base(path) == "containerd-shim-runward-v2" {
		return runwardShim
	}
	kind, _ := at(handler, "runtime_type").(string)
	return kind
}

// likeRunc is a handler with what the one that pods get has: SystemdCgroup
// above all, which no handler inherits.
func (c *criConfig) likeRunc(existing map[string]any, standard string) map[string]any {
	for _, name := range []string{standard, "runc"} {
		h, ok := existing[name].(map[string]any)
		if kind := c.kind(h); ok && (runcShim(kind) || kind == "") {
			handler := deepCopy(h)
			handler["runtime_type"] = "io.containerd.runc.v2"
			delete(handler, "runtime_path") // another shim's
			return handler
		}
	}
	return map[string]any{"runtime_type": "io.containerd.runc.v2"}
}

// containerdFront puts runward in front of every handler that is a runc's.
func containerdFront(v *view, c *criConfig, existing, runtimes map[string]any) error {
	for _, name := range tomlfile.SortedKeys(existing) {
		kind := c.kind(existing[name])
		runtime, _ := at(existing, name, "options", "BinaryName").(string)
		switch {
		case runtimes[name] != nil || v.ours(runtime) || kind == runwardShim:
			continue
		case kind == "" && name == "runc":
		case !runcShim(kind):
			v.note("the handler " + name + " is of the type " + kind + ", and is not a runc: it goes around runward")
			continue
		}
		if runtime == "" {
			runtime = "runc"
		}
		link, why, err := v.interpose(name, runtime)
		if err != nil {
			return err
		}
		if link == "" {
			if why != "" {
				v.note("the handler " + name + " stays as it is: " + why)
			}
			continue
		}
		handler := map[string]any{}
		if old, ok := existing[name].(map[string]any); ok && (c.replaces() || at(c.section, "containerd", "runtimes", name) == nil) {
			handler = deepCopy(old)
		}
		table(handler, "options")["BinaryName"] = link
		runtimes[name] = handler
	}
	return nil
}

// dropIn is the text of a file that is all runward's.
func dropIn(head string, root map[string]any) (string, error) {
	var b bytes.Buffer
	b.WriteString("# Written by runwardctl engine configure; runwardctl engine unconfigure removes it.\n" + head + "\n")
	e := toml.NewEncoder(&b)
	e.Indent = "  "
	if err := e.Encode(root); err != nil {
		return "", err
	}
	return b.String(), nil
}

// importOwn has the main file import runward's own, where no pattern does.
func (v *view) importOwn(c *criConfig, own string) error {
	for _, pattern := range c.imports {
		if !filepath.IsAbs(pattern) {
			pattern = filepath.Join(filepath.Dir(c.main), pattern)
		}
		if ok, err := filepath.Match(pattern, own); err == nil && ok {
			return nil
		}
	}
	main, err := v.read(c.main)
	if err != nil {
		return err
	}
	if main == nil {
		text := "version = " + strconv.FormatInt(c.version, 10) + "\nimports = [" + strconv.Quote(own) + "]\n"
		return v.write(c.main, text, Undo{Own: true})
	}
	text, err := putImport(c.main, main.Text, own)
	if err != nil {
		return err
	}
	return v.write(c.main, text, Undo{Import: own})
}

func lookContainerd(v *view) (*Status, error) {
	main := v.engine.file(v.sys)
	c, err := readContainerd(main, v.sys.read, v.sys.globs(""))
	if err != nil {
		return nil, err
	}
	s := &Status{Default: "runc", Files: c.files}
	if c.disabled {
		s.Notes = append(s.Notes, "its CRI plugin is disabled: there are no handlers, and every client names its runtime")
		s.Inactive = true
		return s, nil
	}
	if name, _ := at(c.section, "containerd", "default_runtime_name").(string); name != "" {
		s.Default = name
	}
	handlers, _ := at(c.section, "containerd", "runtimes").(map[string]any)
	if len(handlers) == 0 {
		s.Handlers = append(s.Handlers, StatusHandler{Name: "runc", Runtime: "runc"})
	}
	for _, name := range tomlfile.SortedKeys(handlers) {
		kind := c.kind(handlers[name])
		h := StatusHandler{Name: name, Type: kind}
		h.Runtime, _ = at(handlers, name, "options", "BinaryName").(string)
		if runcShim(kind) || kind == "" {
			h.Type = ""
			if h.Runtime == "" {
				h.Runtime = "runc"
			}
		}
		h.Through = h.Type == runwardShim || h.Type == "" && v.ours(h.Runtime)
		s.Handlers = append(s.Handlers, h)
	}
	if stale, err := v.stale(c); err == nil && stale {
		s.Problems = append(s.Problems, main+" was changed since: "+containerdDropIn(main)+" holds a copy of its CRI section as it was; run runwardctl engine configure again")
	}
	return s, nil
}

// stale tells whether configure would write another copy of the section now.
func (v *view) stale(c *criConfig) (bool, error) {
	r, err := v.sys.Recorded("containerd")
	if err != nil || r == nil || r.Mode == "" || !c.replaces() {
		return false, err
	}
	p, err := v.engine.Configure(v.sys, &Request{Mode: r.Mode, Names: r.Names})
	return err == nil && !p.Empty(), err
}

// checkContainerd asks containerd itself what it makes of the files.
func checkContainerd(s *System, r *Request) error {
	program := s.program("containerd")
	if program == "" {
		return nil
	}
	main := containerdEngine().file(s)
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	command := exec.CommandContext(ctx, program, "--config", main, "config", "dump")
	var said bytes.Buffer
	command.Stderr = &said
	text, err := command.Output()
	if err != nil {
		return errors.New("containerd does not read " + main + " any more: " + lastLine(said.String(), err))
	}
	doc, err := tomlfile.Parse("containerd config dump", text)
	if err != nil {
		return err
	}
	plugins, _ := doc.Root["plugins"].(map[string]any)
	for _, version := range []int64{2, 3} {
		handlers, _ := at(plugins, criPlugin(version), "containerd", "runtimes").(map[string]any)
		if slices.ContainsFunc(r.Names, func(name string) bool { return handlers[name] == nil }) {
			continue
		}
		standard, _ := at(plugins, criPlugin(version), "containerd", "default_runtime_name").(string)
		if handlers[standard] == nil {
			return errors.New("containerd would have no handler " + standard + ", which default_runtime_name in its files asks for: correct that first")
		}
		return nil
	}
	return errors.New("containerd does not see the handler " + strings.Join(r.Names, ", ") + ": a later file that " + main + " imports takes its place")
}
