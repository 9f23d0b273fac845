package archtest

import (
	"slices"
	"strings"
	"testing"
)

// arrows says for each package which others of the module it may import. A
// package that is not here may import none, and "..." at the end stands for
// whatever follows. Keep them pointing one way: cmd -> shim, hooks, internal;
// shim -> policy, policy/rules, internal; policy/rules -> policy -> patch.
var arrows = []struct {
	from string
	to   []string
}{
	{"cmd/runward", []string{"shim", "internal/inherit", "internal/stamp"}},
	{"cmd/runward-rules", []string{"shim", "internal/inherit", "internal/stamp", "internal/customrule"}},
	{"cmd/runward-hook", []string{"hooks", "hooks/notify", "internal/stamp"}},
	{"cmd/containerd-shim-runward-v2", []string{"internal/containerdshim", "internal/stamp"}},
	{"cmd/...", []string{"shim", "hooks", "policy", "policy/rules", "policy/profiles", "internal/..."}},

	{"shim", []string{
		"policy", "policy/rules", "shim/argv",
		"internal/audit", "internal/builtin", "internal/config", "internal/host", "internal/jsondoc", "internal/ledger",
		"internal/oci", "internal/owner", "internal/patch", "internal/policyfile", "internal/realruntime", "internal/state",
	}},

	{"policy/rules", []string{"policy", "hooks", "internal/patch", "internal/jsondoc", "internal/nearest"}},
	{"policy/profiles", nil},
	{"policy", []string{"internal/patch", "internal/jsondoc", "internal/nearest"}},

	// What stands on the policy's types.
	{"internal/host", []string{"policy", "internal/oci", "internal/owner", "internal/jsondoc"}},
	{"internal/audit", []string{"policy", "internal/patch", "internal/jsondoc", "internal/owner"}},
	{"internal/audit/event", []string{"policy", "internal/audit"}},
	{"internal/audit/journal", []string{"policy", "internal/audit", "internal/audit/event", "internal/jsondoc", "internal/owner"}},
	{"internal/audit/rotation", []string{"internal/audit", "internal/audit/event", "internal/audit/journal"}},
	{"internal/ledger", []string{"policy", "internal/jsondoc", "internal/owner", "internal/audit", "internal/state"}},
	{"internal/state", []string{"policy", "internal/jsondoc", "internal/oci", "internal/owner"}},
	{"internal/policyfile", []string{"policy", "policy/profiles", "internal/tomlfile", "internal/owner", "internal/nearest"}},
	{"internal/builtin", []string{"policy", "policy/rules"}},
	{"internal/config", []string{"policy", "internal/policyfile", "internal/tomlfile", "internal/owner", "internal/nearest"}},
	{"internal/monitor/attest", []string{"policy", "internal/audit", "internal/jsondoc", "internal/ledger", "internal/oci", "internal/owner", "internal/state"}},
	{"internal/monitor/answer", []string{"internal/owner", "internal/state"}},
	{"internal/realruntime", []string{"policy", "internal/config", "internal/owner", "internal/jsondoc"}},

	// What only runward-rules, runwardctl and the generators have.
	{"internal/customrule", []string{"policy", "internal/nearest"}},
	{"internal/customrule/viewgen", nil},
	{"internal/display", nil},
	{"internal/engine", []string{"internal/jsondoc", "internal/patch", "internal/tomlfile", "internal/owner"}},
	{"internal/explain", []string{"policy", "internal/oci", "internal/patch", "internal/jsondoc", "internal/display"}},
	{"internal/policycheck", []string{"policy", "internal/policyfile", "internal/tomlfile", "internal/nearest", "internal/display"}},
	{"internal/pretend", []string{"policy", "internal/host"}},
	{"internal/policycases", []string{
		"policy", "internal/policyfile", "internal/tomlfile", "internal/pretend", "internal/display", "internal/owner", "internal/jsondoc",
	}},
	{"internal/policydiff", []string{"policy", "internal/policycheck", "internal/display"}},
	{"internal/policyschema", []string{"policy", "internal/policyfile", "internal/config", "internal/monitor/settings", "internal/monitor/watch/alert"}},
	{"internal/policyshow", []string{"policy", "internal/policyfile", "internal/policycheck", "internal/display"}},
	{"internal/replay", []string{"policy", "internal/audit", "internal/patch", "internal/display", "internal/explain"}},
	{"internal/running", []string{"internal/state", "internal/owner"}},
	{"internal/nodeinstall", []string{"internal/config", "internal/kubeapi"}},
	{"internal/receipts", []string{"policy", "internal/audit", "internal/audit/event", "internal/audit/journal", "internal/display", "internal/explain"}},
	{"internal/quota", []string{"policy", "internal/ledger", "internal/display"}},
	{"internal/monitor/forward", []string{
		"policy", "internal/audit", "internal/audit/event", "internal/audit/journal", "internal/monitor/ocsf", "internal/owner", "internal/tomlfile",
	}},
	{"internal/monitor/ocsf", []string{"policy", "internal/audit", "internal/audit/event", "internal/audit/journal"}},
	{"internal/refdoc/...", []string{"policy", "policy/rules", "policy/profiles", "internal/..."}},

	{"internal/containerdshim", []string{"internal/config", "internal/owner", "internal/tomlfile"}},

	// The monitor's parts.
	{"internal/monitor", []string{
		"policy", "internal/audit", "internal/audit/event", "internal/audit/rotation", "internal/config", "internal/ledger", "internal/owner", "internal/running", "internal/state", "internal/engine",
		"internal/monitor/...",
	}},
	{"internal/monitor/api", nil},
	{"internal/monitor/client", []string{"internal/audit/event", "internal/monitor/api"}},
	{"internal/monitor/prove", []string{"internal/ledger", "internal/owner", "internal/monitor/api", "internal/monitor/attest", "internal/monitor/answer"}},
	{"internal/monitor/settings", []string{"internal/config", "internal/owner", "internal/tomlfile", "internal/audit/rotation", "internal/monitor/watch/...", "internal/monitor/forward"}},
	{"internal/monitorview", []string{"internal/audit/event", "internal/monitor/api", "internal/display"}},
	// The daemon's parts. Those of the watch take time as a value and give alerts.
	{"internal/monitor/watch", []string{"internal/monitor/watch/...", "internal/tomlfile"}},
	{"internal/monitor/watch/alert", nil},
	{"internal/monitor/watch/sample", []string{"internal/owner"}},
	{"internal/monitor/watch/threshold", []string{"internal/monitor/watch/alert", "internal/monitor/watch/sample"}},
	{"internal/monitor/watch/normal", []string{"internal/monitor/watch/alert", "internal/monitor/watch/sample", "internal/owner"}},
	{"internal/monitor/watch/restart", []string{"internal/monitor/watch/alert"}},
	{"internal/monitor/watch/workload", []string{"policy"}},
	{"internal/monitor/watch/files", []string{"internal/monitor/watch/alert", "internal/config", "internal/engine", "internal/owner"}},
	{"internal/monitor/watch/census", []string{"internal/monitor/watch/alert", "internal/ledger", "internal/owner", "internal/running"}},

	// The leaves, which know nothing of policy.
	{"shim/argv", nil},
	{"hooks", nil},
	{"hooks/notify", []string{"hooks"}},
	{"internal/inherit", nil},
	{"internal/stamp", nil},
	{"internal/oci", nil},
	{"internal/patch", []string{"internal/jsondoc"}},
	{"internal/jsondoc", nil},
	{"internal/kubeapi", nil},
	{"internal/nearest", nil},
	{"internal/owner", nil},
	{"internal/tomlformat", nil},
	{"internal/tomlfile", []string{"internal/nearest"}},
}

// arrowsOf returns what a package may import: the row of its own name, else
// the longest row with "..." that holds it.
func arrowsOf(name string) []string {
	var to []string
	longest := -1
	for _, row := range arrows {
		if row.from == name {
			return row.to
		}
		if strings.HasSuffix(row.from, "...") && under(row.from, name) && len(row.from) > longest {
			to, longest = row.to, len(row.from)
		}
	}
	return to
}

// under tells whether pattern, perhaps with "..." at its end, holds a package.
func under(pattern, name string) bool {
	if stem, ok := strings.CutSuffix(pattern, "/..."); ok {
		return name == stem || strings.HasPrefix(name, stem+"/")
	}
	return pattern == name
}

// checkArrows complains of every import that arrows does not have. Packages
// for tests may import anything, and no other may import one of them.
func checkArrows(all []*pkg) []string {
	forTests := map[string]bool{}
	for _, p := range all {
		forTests[p.path] = p.forTests()
	}
	var complaints []string
	for _, p := range all {
		if p.forTests() {
			continue
		}
		allowed := arrowsOf(p.path)
		for _, imported := range p.imports() {
			to, ours := strings.CutPrefix(imported, module+"/")
			switch {
			case imported == "testing" || imported == "pgregory.net/rapid" || ours && forTests[to]:
				complaints = append(complaints, p.path+" imports "+imported+", which is for tests: move the code to a _test.go file or to a package whose name ends in test")
			case !ours:
			case !slices.ContainsFunc(allowed, func(pattern string) bool { return under(pattern, to) }):
				complaints = append(complaints, p.path+" -> "+to+": there is no such arrow. Turn the dependency round, pass the value in, or, "+
					"if the architecture is to change, declare it in arrows (internal/archtest/arrows_test.go)")
			}
		}
	}
	return complaints
}

func TestArrows(t *testing.T) {
	all := moduleSource(t)
	report(t, checkArrows(all))
	for _, row := range arrows {
		exists := slices.ContainsFunc(all, func(p *pkg) bool { return under(row.from, p.path) })
		if !exists {
			t.Errorf("arrows has %s, which is no package: remove the row", row.from)
		}
	}
}

func TestArrowsFindsPlanted(t *testing.T) {
	for _, c := range []struct {
		from, to string
		want     string // in the one complaint; empty: none
	}{
		{"cmd/runward", "shim", ""},
		{"cmd/runward", "policy", "cmd/runward -> policy: there is no such arrow"},
		{"cmd/runwardctl", "internal/audit/journal", ""},
		{"shim", "internal/host", ""},
		{"shim", "internal/refdoc", "shim -> internal/refdoc: there is no such arrow"},
		{"policy", "internal/host", "policy -> internal/host: there is no such arrow"},
		{"policy", "policy/rules", "policy -> policy/rules: there is no such arrow"},
		{"policy/rules", "policy", ""},
		{"internal/oci", "policy", "internal/oci -> policy: there is no such arrow"},
		{"internal/patch", "internal/jsondoc", ""},
		{"internal/jsondoc", "internal/patch", "internal/jsondoc -> internal/patch: there is no such arrow"},
		{"internal/unheard", "internal/nearest", "internal/unheard -> internal/nearest: there is no such arrow"},
		{"internal/audit", "internal/jsondoc/jsondoctest", "which is for tests"},
		{"internal/policytest", "policy/rules", ""},
	} {
		planted := []*pkg{
			planted(t, c.from, `package p; import _ "`+module+"/"+c.to+`"`),
			planted(t, c.to, "package p"),
		}
		got := checkArrows(planted)
		if c.want == "" && len(got) > 0 || c.want != "" && (len(got) != 1 || !strings.Contains(got[0], c.want)) {
			t.Errorf("%s -> %s: found %q, want %q", c.from, c.to, got, c.want)
		}
	}
	if got := checkArrows([]*pkg{planted(t, "shim", `package shim; import "testing"`)}); len(got) != 1 {
		t.Errorf("an import of testing: found %q", got)
	}
}
