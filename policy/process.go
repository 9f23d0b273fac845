package policy

import (
	"strconv"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/runward/runward/internal/jsondoc"
)

// A process that joins a container (exec) is judged as a config.json that has
// nothing but this process, by the rules that concern processes, and then held
// to the ceiling that was kept when the container was created.

// ParseProcess reads a process as strictly as ParseSpec reads a config.json.
// ceiling tells what the container is in, which the process does not say.
func ParseProcess(raw []byte, ceiling *Ceiling) (*Spec, error) {
	if _, err := jsondoc.Parse(raw, jsondoc.DefaultLimits()); err != nil { // for the place of an error
		return nil, err
	}
	linux := specs.Linux{}
	if ceiling != nil {
		linux = ceiling.linux()
	}
	section, err := jsondoc.EncodeSparse(nil, &linux)
	if err != nil {
		return nil, err
	}
	doc := append([]byte(`{"ociVersion":"1.0.2","process":`), raw...)
	doc = append(append(append(doc, `,"linux":`...), section...), '}')
	return ParseSpec(doc)
}

// Process returns the bytes of the process section.
func (s *Spec) Process() []byte { return s.doc.Root().Get("process").Raw() }

// EvaluateExec decides about a process that joins a container, read by
// ParseProcess. ceiling is what was kept of the container; nil where nothing
// holds it.
func EvaluateExec(set Set, rules []Rule, spec *Spec, facts *Facts, ceiling *Ceiling) Decision {
	var ofProcess []Rule
	for i := range rules {
		if rules[i].Exec {
			ofProcess = append(ofProcess, rules[i])
		}
	}
	return evaluate(set, ofProcess, spec, facts, ceiling)
}

// kept is the rule in whose name the ceiling speaks.
var kept = Rule{ID: "ceiling", Default: ActionRewrite}

const ceilingHint = "exec cannot go beyond what the container was left with when it was created"

// hold brings the process under the ceiling.
func (c *Ceiling) hold(e *Eval) {
	e.rule, e.policies, e.action = &kept, "create", ActionRewrite
	c.holdCapabilities(e)
	p := e.Spec.Process
	if c.NoNewPrivileges && !p.NoNewPrivileges {
		e.Rewrite(Finding{
			Pointer: "/process/noNewPrivileges", Found: "a process that may gain privileges", Wanted: "noNewPrivileges, as the container has it",
			Hint: ceilingHint,
		}, func(s *specs.Spec) { s.Process.NoNewPrivileges = true })
	}
	if c.NonRoot && p.User.UID == 0 {
		e.Deny(Finding{
			Pointer: "/process/user/uid", Found: "user 0 (root)", Wanted: "a user other than root, as the container has (" + strconv.FormatUint(uint64(c.UID), 10) + ")",
			Hint: "run it as the container's own user (docker, podman: exec without --user)",
		})
	}
	c.holdAppArmor(e)
	c.holdLabel(e, "/process/selinuxLabel", "SELinux label", p.SelinuxLabel, c.SELinux,
		func(s *specs.Spec) { s.Process.SelinuxLabel = c.SELinux })
	if c.OOMScoreAdj != nil && p.OOMScoreAdj != nil && int64(*p.OOMScoreAdj) < *c.OOMScoreAdj {
		lowest := int(*c.OOMScoreAdj)
		e.Rewrite(Finding{
			Pointer: "/process/oomScoreAdj", Found: strconv.Itoa(*p.OOMScoreAdj), Wanted: "at least " + strconv.Itoa(lowest), Hint: ceilingHint,
		}, func(s *specs.Spec) { s.Process.OOMScoreAdj = &lowest })
	}
}

// holdCapabilities takes away what the container was left without. A process
// without a capabilities section gets the container's from the runtime.
func (c *Ceiling) holdCapabilities(e *Eval) {
	if c.Capabilities == nil {
		return
	}
	sets := func(caps *specs.LinuxCapabilities) []*[]string {
		return []*[]string{&caps.Bounding, &caps.Effective, &caps.Permitted, &caps.Inheritable, &caps.Ambient}
	}
	var beyond []string
	for _, set := range sets(e.Spec.Process.Capabilities) {
		for _, name := range *set {
			if !containsFold(*c.Capabilities, name) && !contains(beyond, name) {
				beyond = append(beyond, name)
			}
		}
	}
	if len(beyond) == 0 {
		return
	}
	e.Rewrite(Finding{
		Pointer: "/process/capabilities", Found: strings.Join(beyond, ", "), Wanted: "at most the container's: " + orNone(*c.Capabilities),
		Hint: "exec gives no capability that the container lacks (docker, podman: exec without --privileged)",
	}, func(s *specs.Spec) {
		for _, set := range sets(s.Process.Capabilities) {
			var within []string
			for _, name := range *set {
				if containsFold(*c.Capabilities, name) {
					within = append(within, name)
				}
			}
			if len(within) < len(*set) {
				*set = within
			}
		}
	})
}

// holdAppArmor gives the process the container's profile, also where it names
// none: runc keeps no profile of the container's, and the process would join
// unconfined.
func (c *Ceiling) holdAppArmor(e *Eval) {
	found := e.Spec.Process.ApparmorProfile
	if c.AppArmor == "" || found == c.AppArmor {
		return
	}
	f := Finding{Pointer: "/process/apparmorProfile", Found: "no AppArmor profile", Wanted: "the container's: " + strconv.Quote(c.AppArmor), Hint: ceilingHint}
	if found != "" {
		f.Found = "the AppArmor profile " + strconv.Quote(found)
	}
	e.Rewrite(f, func(s *specs.Spec) { s.Process.ApparmorProfile = c.AppArmor })
}

// holdLabel keeps a process in the container's confinement: absent, the
// runtime gives it the container's.
func (c *Ceiling) holdLabel(e *Eval, at, what, found, wanted string, apply func(*specs.Spec)) {
	if found == "" || found == wanted || wanted == "" {
		return
	}
	e.Rewrite(Finding{Pointer: at, Found: "the " + what + " " + strconv.Quote(found), Wanted: "the container's: " + strconv.Quote(wanted), Hint: ceilingHint}, apply)
}

// linux is the section of a config.json that says what the container is in,
// as far as rules of processes ask.
func (c *Ceiling) linux() specs.Linux {
	var l specs.Linux
	if c.UserNamespace != nil {
		l.Namespaces = []specs.LinuxNamespace{{Type: specs.UserNamespace}}
		l.UIDMappings = []specs.LinuxIDMapping{{ContainerID: 0, HostID: *c.UserNamespace, Size: 1}}
	}
	return l
}

func orNone(list []string) string {
	if len(list) == 0 {
		return "none"
	}
	return strings.Join(list, ", ")
}

// containsFold finds a capability's name in any letter case and with or
// without CAP_, as crun reads names.
func containsFold(list []string, name string) bool {
	bare := func(s string) string { return strings.TrimPrefix(strings.ToUpper(s), "CAP_") }
	for _, have := range list {
		if bare(have) == bare(name) {
			return true
		}
	}
	return false
}
