package main

import (
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/runward/runward/internal/config"
	"github.com/runward/runward/internal/policyfile"
	"github.com/runward/runward/internal/policyshow"
	"github.com/runward/runward/policy"
	"github.com/runward/runward/policy/rules"
)

// kinds are those that --kind takes.
var kinds = []string{"container", "sandbox", "build"}

// subject is the container that flags describe.
type subject struct {
	engine, handler string
	id              policy.Identity
}

// flags adds a flag for everything that selectors go by.
func (s *subject) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&s.engine, "engine", "", "the `engine` that asks for it")
	f.StringVar(&s.handler, "handler", "runward", "the `name` that runward is called by")
	f.StringVar(&s.id.Kind, "kind", "container", "container, sandbox or build")
	f.StringVar(&s.id.Namespace, "namespace", "", "the pod's `namespace`")
	f.StringVar(&s.id.Pod, "pod", "", "the pod's `name`")
	f.StringVar(&s.id.Container, "container", "", "the container's `name` in its pod")
	f.StringVar(&s.id.Image, "image", "", "the image `reference`, as the user gave it")
	f.StringVar(&s.id.Digest, "digest", "", "the image's `digest`")
	f.StringVar(&s.id.User, "user", "", "the rootless `owner`")
	f.StringToStringVar(&s.id.Annotations, "annotation", nil, "an annotation that runward.toml trusts, `key=value`")
	f.StringToStringVar(&s.id.Labels, "label", nil, "a label that runward.toml trusts, `key=value`")
}

func (s *subject) facts() (*policy.Facts, error) {
	if s.engine != "" && !slices.Contains(engines, s.engine) {
		return nil, usage("--engine: no engine is called "+quoted(s.engine), "want containerd, cri-o, docker, podman, buildkit or buildah")
	}
	if !slices.Contains(kinds, s.id.Kind) {
		return nil, usage("--kind: want container, sandbox or build, found "+quoted(s.id.Kind), "")
	}
	return &policy.Facts{Engine: s.engine, Handler: s.handler, Identity: s.id, Now: time.Now().Unix()}, nil
}

func (a *app) policyShow() *cobra.Command {
	var s subject
	var policies []string
	cmd := &cobra.Command{
		Use:   "show",
		Short: "Show what holds for a container, and which line of which file says so",
		Long: `Show combines the policies that select a container, as runward does, and shows
every rule that is on, its action and its settings, each with the file and line
that set it, and the exceptions that match. What is not said of the container
is what its engine does not say: a selector by it does not match.`,
		Example: `  runwardctl policy show --engine containerd --namespace prod-web
  runwardctl policy show --policy ./production.toml --engine docker -o json`,
		Args: args(0, 0, "no arguments"),
		RunE: func(*cobra.Command, []string) error { return a.runPolicyShow(&s, policies) },
	}
	s.flags(cmd)
	cmd.Flags().StringArrayVar(&policies, "policy", nil, "show this `file`, directory or profile instead of the node's policies (repeatable)")
	return cmd
}

func (a *app) runPolicyShow(s *subject, policies []string) error {
	facts, err := s.facts()
	if err != nil {
		return err
	}
	cfg, err := config.Load()
	if err != nil {
		return configuration(err)
	}
	set, origins, err := loadSet(cfg, policies)
	if err != nil {
		return configuration(err)
	}
	if cfg.NodeMode() == policy.Audit {
		set = set.OnlyAudit()
	}
	v := policyshow.Show(set, rules.All, origins, facts)
	switch cfg.NodeMode() {
	case policy.Audit:
		v.Notes = append(v.Notes, "the node's mode is audit: decisions are recorded, and nothing is rewritten or refused")
	case policy.Off:
		v.Notes = append(v.Notes, "the node's mode is off: runward looks at no container; this is what it would ask otherwise")
	case policy.Enforce:
	}
	return a.print(v, v.Text)
}

// loadSet reads the node's policies, or those that are named, and the files
// they are made of.
func loadSet(cfg *config.Config, names []string) (set policy.Set, origins []policyfile.Origin, err error) {
	if len(names) > 0 {
		set, err = policyfile.LoadNamed(sources(cfg), names, rules.All)
	} else {
		set, err = policyfile.Load(sources(cfg), rules.All)
	}
	if err != nil {
		return set, nil, err
	}
	origins, err = policyfile.Origins(sources(cfg), names, rules.All)
	return set, origins, err
}
