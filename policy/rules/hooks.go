package rules

import (
	"path"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/runward/runward/policy"
)

// HooksSettings says which programs of the host run for a container.
type HooksSettings struct {
	Allow  policy.AllowList `toml:"allow" doc:"paths, as globs, of hooks that may run; \"default\" is Docker's own, NVIDIA's and what is in /usr/libexec/oci/hooks.d"`
	SetEnv policy.Flag      `toml:"set_env" doc:"give every hook without an environment a fixed one; left out: only those that run in the container's namespaces, which inherit its LD_PRELOAD otherwise"`
}

// Default makes an absent list the safe one.
func (s *HooksSettings) Default() { s.Allow.Default([]string{policy.DefaultItem}) }

// Validate refuses globs that are not absolute.
func (s *HooksSettings) Validate() error { return items(s.Allow.Lists, absolute("hooks.allow")) }

// hookEnv is what a hook without an environment gets.
const hookEnv = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// Hooks refuses programs of the host that are not on the list.
var Hooks = policy.Rule{
	ID:    "hooks",
	Title: "Only known programs of the host run for a container",
	Doc: "A hook in config.json is a program of the host that the runtime runs as root. Each but runward's own (see monitor) must be on the list, under exactly that path, a regular file of root's that nobody else can change, and so must every directory above it be. " +
		"Docker up to 27 runs its own daemon's binary as libnetwork-setkey: it is known by where /proc/<pid>/exe leads. " +
		"A hook that runs in the container's namespaces and has no environment of its own is given one: it would inherit the image's LD_PRELOAD (CVE-2025-23266). From an environment that it has, variables that make a program load other code are taken out.",
	Since:   "0.1.0",
	Default: policy.ActionRewrite,
	Refs:    []policy.Ref{{Standard: "CVE", ID: "2025-23266"}, {Standard: "MITRE ATT&CK", ID: "T1611"}},
	Check:   policy.Check[HooksSettings](checkHooks),
}

// A hookList is one of the lists of hooks.
type hookList struct {
	name string
	list *[]specs.Hook
}

func hookLists(h *specs.Hooks) [6]hookList {
	return [6]hookList{
		//lint:ignore SA1019 Docker and NVIDIA still use prestart
		{"prestart", &h.Prestart},
		{"createRuntime", &h.CreateRuntime},
		{"createContainer", &h.CreateContainer},
		{"startContainer", &h.StartContainer},
		{"poststart", &h.Poststart},
		{"poststop", &h.Poststop},
	}
}

func checkHooks(e *policy.Eval, s *HooksSettings) {
	for l, lists := 0, hookLists(e.Spec.Hooks); l < len(lists); l++ {
		for i := range *lists[l].list {
			checkHook(e, s, l, i)
			lists = hookLists(e.Spec.Hooks) // a rewrite may have made Spec another copy
		}
	}
}

func checkHook(e *policy.Eval, s *HooksSettings, l, i int) {
	list := hookLists(e.Spec.Hooks)[l]
	h := &(*list.list)[i]
	pointer := index("/hooks/"+list.name, i)
	if wanted := refusedHook(e, s, list.name, h); wanted != "" {
		e.Deny(policy.Finding{
			Pointer: pointer,
			Found:   "the host's program " + quote(strings.Join(append([]string{h.Path}, h.Args[min(1, len(h.Args)):]...), " ")) + " run as root",
			Wanted:  wanted,
			Hint:    "take the hook out, or ask the administrator to put its path on the list hooks.allow",
		})
		return
	}
	if kept := withoutLoader(h.Env); len(kept) < len(h.Env) {
		e.Rewrite(policy.Finding{
			Pointer: pointer + "/env",
			Found:   "the hook " + quote(h.Path) + " with an environment that changes what its program loads",
			Wanted:  "no " + loaderWords + " in it",
			Hint:    "take these variables out where the hook is configured (CDI specification, hooks.d)",
		}, func(spec *specs.Spec) {
			(*hookLists(spec.Hooks)[l].list)[i].Env = kept
		})
		h = &(*hookLists(e.Spec.Hooks)[l].list)[i]
	}
	inContainer := list.name == "createContainer" || list.name == "startContainer"
	if len(h.Env) > 0 || !inContainer && !s.SetEnv.On {
		return
	}
	e.Rewrite(policy.Finding{
		Pointer: pointer + "/env",
		Found:   "the hook " + quote(h.Path) + " without an environment of its own",
		Wanted:  hookEnv,
		Hint:    "give the hook an environment where it is configured (CDI specification, hooks.d)",
	}, func(spec *specs.Spec) {
		(*hookLists(spec.Hooks)[l].list)[i].Env = []string{hookEnv}
	})
}

const loaderWords = "LD_*, GLIBC_TUNABLES, GCONV_PATH, BASH_ENV, ENV, PYTHON*, PERL5*"

// withoutLoader returns the environment without the variables by which a
// program, or the shell or interpreter that it is for, loads other code.
func withoutLoader(env []string) []string {
	var kept []string
	for _, v := range env {
		name, _, _ := strings.Cut(v, "=")
		switch {
		case strings.HasPrefix(name, "LD_"), strings.HasPrefix(name, "PYTHON"), strings.HasPrefix(name, "PERL5"),
			name == "GLIBC_TUNABLES", name == "GCONV_PATH", name == "BASH_ENV", name == "ENV":
		default:
			kept = append(kept, v)
		}
	}
	return kept
}

// refusedHook says what is wanted in place of a hook; empty where it may run.
func refusedHook(e *policy.Eval, s *HooksSettings, list string, h *specs.Hook) string {
	match := orDefault(func(string) bool { return safeHook(e, list, h) }, policy.Match)
	own := monitors(e, h.Path) && monitorList(list)
	switch {
	case !strings.HasPrefix(h.Path, "/") || path.Clean(h.Path) != h.Path:
		return `an absolute path without "." and ".."`
	case !own && !s.Allow.Permits(h.Path, match):
		return "only programs on the list hooks.allow"
	case e.Facts.Lookup == nil || list == "startContainer" || isSetKey(e, list, h):
		return ""
	case own:
		return rootOnly(installed(e.Facts.Lookup(h.Path)))
	}
	return rootOnly(e.Facts.Lookup(h.Path))
}

// rootOnly says what is wanted of a file that root is to run; empty where it is so.
func rootOnly(f policy.File) string {
	const unwritable = 0o022
	if f.Err != "" || f.Type != policy.Regular {
		return "a regular file"
	}
	if f.UID != 0 || f.Mode&unwritable != 0 {
		return "a file of root's that nobody else can write"
	}
	for _, d := range f.Parents {
		if d.UID != 0 || d.Mode&unwritable != 0 {
			return "a file in directories of root's: others can write " + quote(d.Path)
		}
	}
	return ""
}

// safeHook is the safe list. Where a program can do more than the hook's work,
// the first argument is held as well.
func safeHook(e *policy.Eval, list string, h *specs.Hook) bool {
	dir, name := path.Split(h.Path)
	switch dir {
	case "/usr/libexec/oci/hooks.d/":
		return list != "startContainer"
	case "/usr/bin/", "/usr/local/nvidia/toolkit/":
		switch {
		case list == "startContainer" || len(h.Args) < 2 || otherLdconfig(h.Args):
			return false
		case name == "nvidia-container-runtime-hook" || name == "nvidia-container-toolkit":
			return h.Args[1] == "prestart"
		case name == "nvidia-ctk":
			return h.Args[1] == "hook"
		case name == "nvidia-cdi-hook":
			return true
		}
	}
	return isSetKey(e, list, h)
}

// otherLdconfig tells whether NVIDIA's hook is told to run another program than
// the host's ldconfig, which it does as root.
func otherLdconfig(args []string) bool {
	for i, a := range args {
		name, value, inOne := strings.Cut(a, "=")
		if strings.TrimLeft(name, "-") != "ldconfig-path" {
			continue
		}
		if !inOne && i+1 < len(args) {
			value = args[i+1]
		}
		switch strings.TrimPrefix(value, "@") {
		case "/sbin/ldconfig", "/sbin/ldconfig.real", "/usr/sbin/ldconfig", "/usr/sbin/ldconfig.real":
		default:
			return true
		}
	}
	return false
}

// isSetKey tells whether the hook is how Docker up to 27 hands the network
// namespace over to its daemon.
func isSetKey(e *policy.Eval, list string, h *specs.Hook) bool {
	pid, ok := strings.CutPrefix(h.Path, "/proc/")
	pid, exe := strings.CutSuffix(pid, "/exe")
	if !ok || !exe || !isDigits(pid) || list != "prestart" && list != "createRuntime" ||
		len(h.Args) == 0 || h.Args[0] != "libnetwork-setkey" || e.Facts.Lookup == nil {
		return false
	}
	f := e.Facts.Lookup(h.Path)
	// The kernel marks a binary that an upgrade replaced while it runs.
	return path.Base(strings.TrimSuffix(f.Path, " (deleted)")) == "dockerd" && rootOnly(f) == ""
}
