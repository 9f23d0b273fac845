package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/runward/runward/internal/audit"
	"github.com/runward/runward/internal/config"
	"github.com/runward/runward/internal/explain"
	"github.com/runward/runward/internal/host"
	"github.com/runward/runward/internal/ledger"
	"github.com/runward/runward/internal/oci"
	"github.com/runward/runward/internal/owner"
	"github.com/runward/runward/internal/policyfile"
	"github.com/runward/runward/internal/realruntime"
	"github.com/runward/runward/policy"
	"github.com/runward/runward/policy/rules"
)

type explainFlags struct {
	root, engine, handler string
	policies              []string
	profile               string
	full                  bool
}

// engines are those that --engine takes.
var engines = []string{"containerd", "cri-o", "docker", "podman", "buildkit", "buildah"}

func (a *app) explain() *cobra.Command {
	var f explainFlags
	cmd := &cobra.Command{
		Use:   "explain BUNDLE|CONFIG.JSON|CONTAINER|RECEIPT",
		Short: "Show what runward would decide about a bundle or container, and why",
		Long: `Explain reads a bundle, or a config.json by its own path, exactly as runward
does, and shows the decision: the verdict, what each rule found, and what would
change in config.json. No container is started and nothing is written.

What is no path is a container that runs on this node, under whatever engine: by
its id, by the beginning of it (3 characters at least), by its name, or by the
id of the receipt of its create.

Exit codes: 0 the container would start as it is; 1 it would be rewritten or
refused; 2 the bundle or the policies cannot be read; 3 internal error.`,
		Example: `  runwardctl explain /run/containerd/io.containerd.runtime.v2.task/k8s.io/ID
  runwardctl explain --profile restricted web-1
  runwardctl explain --engine docker --profile restricted ./config.json`,
		Args: args(1, 1, "one bundle directory, config.json or container"),
		RunE: func(_ *cobra.Command, args []string) error { return a.runExplain(args[0], f) },
	}
	cmd.Flags().StringVar(&f.root, "root", "", "the `directory` that the engine passes as --root; containers are looked for there too")
	cmd.Flags().StringVar(&f.engine, "engine", "", "assume this `engine` instead of looking at the bundle's path")
	cmd.Flags().StringVar(&f.handler, "handler", "runward", "assume that runward is called by this `name`")
	cmd.Flags().StringArrayVar(&f.policies, "policy", nil, "decide by this `file`, directory or profile instead of the node's policies (repeatable)")
	cmd.Flags().StringVar(&f.profile, "profile", "", "decide by this profile: the same as --policy `name`")
	cmd.Flags().BoolVar(&f.full, "full", false, "show every line that changes, also where they are many")
	return cmd
}

func (a *app) runExplain(path string, f explainFlags) error {
	cfg, err := config.Load()
	if err != nil {
		return configuration(err)
	}
	e := &explanation{Explanation: explain.Explanation{Handler: f.handler, Full: f.full, Policies: []string{}, Findings: []policy.Finding{}}, cfg: cfg, flags: f}
	for _, step := range []func() error{e.checkFlags, e.loadPolicies, func() error { return e.find(path) }, e.read, e.decide} {
		if err := step(); err != nil {
			return err
		}
		if e.Refused != nil {
			break
		}
	}
	if !e.Clean() {
		a.code = exitFindings
	}
	return a.print(&e.Explanation, e.Text)
}

// explanation is one explain on its way: the same steps as a create.
type explanation struct {
	explain.Explanation
	cfg     *config.Config
	flags   explainFlags
	set     policy.Set
	advises bool
	spec    *policy.Spec
	path    string // as it was given, or the found container's bundle
	live    *live  // nil: not a container that was found
}

func (e *explanation) note(s string) { e.Notes = append(e.Notes, s) }

func (e *explanation) checkFlags() error {
	for _, known := range append([]string{""}, engines...) {
		if e.flags.engine == known {
			return nil
		}
	}
	return usage("--engine: no engine is called "+quoted(e.flags.engine), "want containerd, cri-o, docker, podman, buildkit or buildah")
}

func (e *explanation) loadPolicies() error {
	names := e.flags.policies
	if e.flags.profile != "" {
		names = append(names, e.flags.profile)
	}
	var err error
	if len(names) > 0 {
		e.set, err = policyfile.LoadNamed(sources(e.cfg), names, rules.All)
		e.note("decided by what --policy or --profile names, not by the node's policies")
	} else {
		e.set, err = policyfile.Load(sources(e.cfg), rules.All)
	}
	if err != nil {
		return configuration(err)
	}
	switch e.cfg.NodeMode() {
	case policy.Audit:
		e.set = e.set.OnlyAudit()
		e.note("the node's mode is audit: decisions are recorded, and nothing is rewritten or refused")
	case policy.Off:
		e.note("the node's mode is off: runward would not look at this container at all; this is what it would decide otherwise")
	case policy.Enforce:
	}
	e.advises, e.Policy = e.set.Advises(), e.set.Digest
	return nil
}

// read reads config.json as the wrapper does; one that was named by itself, as
// any file.
func (e *explanation) read() error {
	path := e.path
	abs, err := filepath.Abs(path)
	if err != nil {
		return configuration(err)
	}
	e.Bundle = abs
	info, err := os.Stat(path)
	switch {
	case path == "":
		return usage("the bundle's path is empty", "name a directory with a config.json in it, or a config.json itself")
	case errors.Is(err, fs.ErrNotExist):
		return usage("bundle "+path+" is missing", "name a directory with a config.json in it, or a config.json itself")
	case err != nil:
		return configuration(errors.New("bundle " + path + ": " + owner.Reason(err)))
	case !info.IsDir():
		return e.readFile(path, info)
	}
	bundle, err := oci.Open(path)
	if err != nil {
		return e.refuse(err)
	}
	defer bundle.Close()
	e.Bundle = bundle.Path()
	if e.Before, err = bundle.ReadSpec(); err != nil {
		return e.refuse(err)
	}
	if err := e.parse(); err != nil || e.Refused != nil {
		return err
	}
	roots := e.spec.MappedRoot()
	if e.live != nil {
		roots = append(roots, e.live.User)
	}
	if err := bundle.CheckOwner(roots...); err != nil {
		return e.refuse(err)
	}
	return nil
}

func (e *explanation) readFile(path string, info fs.FileInfo) error {
	if !info.Mode().IsRegular() || info.Size() > oci.MaxSpec {
		return usage(path+" is not a regular file of at most 8 MiB", "name a directory with a config.json in it, or a config.json itself")
	}
	e.Bundle = filepath.Dir(e.Bundle)
	e.note("read as a plain file: the owner and mode of a bundle were not looked at")
	var err error
	if e.Before, err = os.ReadFile(path); err != nil {
		return configuration(errors.New(path + ": " + owner.Reason(err)))
	}
	return e.parse()
}

func (e *explanation) parse() (err error) {
	e.Original = audit.Digest(e.Before)
	if e.spec, err = policy.ParseSpec(e.Before); err != nil {
		return e.refuse(fmt.Errorf("config.json: %w", err))
	}
	return nil
}

// refuse is what the wrapper does with a bundle that it cannot judge. Only one
// that is not there is the caller's mistake.
func (e *explanation) refuse(err error) error {
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENOTDIR) {
		return configuration(err)
	}
	e.Refused = explain.RefusalOf(err, e.Before)
	e.Verdict = policy.Deny
	if e.advises {
		e.Verdict = policy.Allow
	}
	return nil
}

func (e *explanation) decide() error {
	d := policy.Evaluate(e.set, rules.All, e.spec, e.facts())
	e.Verdict, e.Patch, e.Ceiling = d.Verdict, d.Patch, d.Ceiling
	e.Policies, e.Findings = append(e.Policies, d.Policies...), append(e.Findings, d.Findings...)
	if e.Verdict == policy.Deny {
		return nil
	}
	var err error
	if e.After, err = e.spec.Apply(d.Patch); err != nil {
		return fmt.Errorf("apply the patch: %w", err)
	}
	e.Final = audit.Digest(e.After)
	return nil
}

// facts gathers what the wrapper would know, but for the process that calls it.
func (e *explanation) facts() *policy.Facts {
	if e.live != nil && e.flags.engine == "" {
		return e.liveFacts()
	}
	runtime, err := realruntime.Find(e.cfg, e.flags.handler, wrapper())
	if err != nil {
		e.note("the container would not start in any case: " + err.Error())
	}
	e.Runtime = runtime
	facts := host.Assume(host.Invocation{
		Now: time.Now().Unix(), Root: e.flags.root, Bundle: e.Bundle, Handler: e.flags.handler, Runtime: realruntime.Kind(runtime), Hook: config.HookProgram(),
		Annotations:        e.spec.View().Annotations,
		TrustedAnnotations: e.cfg.Trust.Annotations, TrustedLabels: e.cfg.Trust.Labels,
	}, e.flags.engine)
	facts.RuntimeVersion, facts.Features = runtimeVersion(runtime), runtimeFeatures(runtime)
	e.Engine, e.Identity = facts.Engine, facts.Identity
	facts.Used = usedBeside(facts, living(), func(kept *ledger.Entry) bool { return kept.Bundle == e.Bundle })
	switch {
	case e.flags.engine != "":
		e.note("the engine is assumed, by --engine")
	case facts.Engine != "":
		e.note("the engine is assumed from the bundle's path; runward also asks the process that calls it, and believes only both")
	default:
		e.note("the bundle's path tells no engine, so selectors by engine or identity match nothing; --engine assumes one")
	}
	if e.flags.handler != "runward" {
		e.note("the handler is assumed, by --handler")
	}
	if facts.Rootless {
		e.note("user " + strconv.Itoa(os.Geteuid()) + " is not the host's root: this is what a rootless runward of this user would decide")
	}
	return facts
}

// runtimeVersion asks the real runtime, as the wrapper does.
func runtimeVersion(path string) func() policy.RuntimeVersion {
	return func() policy.RuntimeVersion {
		if path == "" {
			return policy.RuntimeVersion{Err: "there is no runtime"}
		}
		if err := realruntime.Safe("the real runtime "+path, path); err != nil {
			return policy.RuntimeVersion{Err: err.Error()}
		}
		return realruntime.Version(path)
	}
}

// runtimeFeatures is runtimeVersion for what the runtime can do.
func runtimeFeatures(path string) func() policy.Features {
	return func() policy.Features {
		if path == "" {
			return policy.Features{Err: "there is no runtime"}
		}
		if err := realruntime.Safe("the real runtime "+path, path); err != nil {
			return policy.Features{Err: err.Error()}
		}
		return realruntime.Features(path)
	}
}

// wrapper is where runward is: beside this program. The real runtime must not
// be it.
func wrapper() string {
	const self = "/proc/self/exe"
	path := beside("runward")
	if _, err := os.Stat(path); err != nil {
		return self
	}
	return path
}

// beside is where a program of the name would be that was installed with this
// one; empty: nobody knows.
func beside(name string) string {
	exe, err := os.Readlink("/proc/self/exe")
	if err != nil {
		return ""
	}
	return filepath.Join(filepath.Dir(exe), name)
}
