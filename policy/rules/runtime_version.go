package rules

import (
	"errors"
	"strings"

	"github.com/runward/runward/policy"
)

// RuntimeVersionSettings say which versions of the real runtime are allowed.
type RuntimeVersionSettings struct {
	Runc  policy.AllowList `toml:"runc" doc:"versions of runc: \"1.2.8\" is it and later ones of 1.2; \"1.4.0+\" it and all later ones; \"=1.1.5+ds1-1+deb12u1\" one build, by its version or by the commit it says; \"default\" is 1.2.8, 1.3.3 and 1.4.0-rc.3+"`
	Crun  policy.AllowList `toml:"crun" doc:"versions of crun; \"default\" is 1.27+"`
	Youki policy.AllowList `toml:"youki" doc:"versions of youki; \"default\" is 0.5.7+"`
}

// The first versions without what the rule's vulnerabilities are about.
var (
	safeRunc  = []string{"1.2.8", "1.3.3", "1.4.0-rc.3+"}
	safeCrun  = []string{"1.27+"}
	safeYouki = []string{"0.5.7+"}
)

// Default asks for versions without known escapes.
func (s *RuntimeVersionSettings) Default() {
	for _, list := range []*policy.AllowList{&s.Runc, &s.Crun, &s.Youki} {
		list.Default([]string{policy.DefaultItem})
	}
}

// Validate refuses what is no version.
func (s *RuntimeVersionSettings) Validate() error {
	for _, list := range []policy.AllowList{s.Runc, s.Crun, s.Youki} {
		if err := items(list.Lists, func(item string) error {
			if exact, ok := strings.CutPrefix(item, "="); ok && exact != "" {
				return nil
			}
			if _, ok := parseVersion(strings.TrimSuffix(item, "+")); !ok {
				return errors.New(`runtime_version: want a version such as "1.2.8", "1.4.0+" or "=1.1.5+ds1-1+deb12u1", found ` + quote(item))
			}
			return nil
		}); err != nil {
			return err
		}
	}
	return nil
}

// RuntimeVersion judges the program that is going to make the container.
var RuntimeVersion = policy.Rule{
	ID:    "runtime_version",
	Title: "The runtime is one without known escapes",
	Doc: `Every rule is only as good as the runtime that follows it. This one looks at the version that the real runtime says of itself, which runward asks it for
once for each build of it. Distributions mend old versions without changing their number: Debian's 1.1.5+ds1-1+deb12u1 has the fix of CVE-2024-21626, and no version
can prove that. So such builds are named one by one, as =1.1.5+ds1-1+deb12u1; without that they are found. A runtime of another kind is not judged.`,
	Since:   "0.1.0",
	Default: policy.ActionAudit,
	Refs: []policy.Ref{
		{Standard: "CVE", ID: "2024-21626 (runc 1.1.12)"},
		{Standard: "CVE", ID: "2025-31133, 2025-52565, 2025-52881 (runc 1.2.8, 1.3.3, 1.4.0-rc.3)"},
		{Standard: "CVE", ID: "2026-30892 (crun 1.27)"},
		{Standard: "CVE", ID: "2025-62161, 2025-62596 (youki 0.5.7)"},
		{Standard: "NIST SP 800-190", ID: "4.4.1"},
	},
	Check: policy.Check[RuntimeVersionSettings](checkRuntimeVersion),
}

func checkRuntimeVersion(e *policy.Eval, s *RuntimeVersionSettings) {
	v := policy.RuntimeVersion{Err: "nobody has asked it"}
	if e.Facts.RuntimeVersion != nil {
		v = e.Facts.RuntimeVersion()
	}
	list, safe := policy.AllowList{}, []string(nil)
	switch name := v.Name; {
	case v.Err != "":
		e.Deny(policy.Finding{
			Found: "a runtime whose version cannot be learnt: " + v.Err, Wanted: "a runtime that says its version",
			Hint: "tell the node's administrator",
		})
		return
	case name == "runc":
		list, safe = s.Runc, safeRunc
	case name == "crun":
		list, safe = s.Crun, safeCrun
	case name == "youki":
		list, safe = s.Youki, safeYouki
	}
	permits := func(item, _ string) bool { return permitsVersion(item, v) }
	if list.Permits("", orDefault(func(string) bool { return anyVersion(safe, v) }, permits)) {
		return
	}
	found := v.Name + " " + v.Version
	if v.Build != "" {
		found += " (" + v.Build + ")"
	}
	e.Deny(policy.Finding{
		Found: found, Wanted: v.Name + " " + strings.ReplaceAll(list.String(), policy.DefaultItem, strings.Join(safe, ", ")),
		Hint: "tell the node's administrator, who can install a newer one, or put the build on the list runtime_version." + v.Name + " if it has the fixes",
	})
}

func anyVersion(items []string, v policy.RuntimeVersion) bool {
	for _, item := range items {
		if permitsVersion(item, v) {
			return true
		}
	}
	return false
}

func permitsVersion(item string, v policy.RuntimeVersion) bool {
	if exact, ok := strings.CutPrefix(item, "="); ok {
		return exact == v.Version || exact == v.Build
	}
	floor, later := strings.CutSuffix(item, "+")
	least, ok := parseVersion(floor)
	have, understood := parseVersion(v.Version)
	if !ok || !understood || have.less(least) {
		return false
	}
	return later || have.number[0] == least.number[0] && have.number[1] == least.number[1]
}
