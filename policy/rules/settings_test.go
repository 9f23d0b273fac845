package rules_test

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/runward/runward/internal/policyfile"
	"github.com/runward/runward/policy"
	"github.com/runward/runward/policy/rules"
)

// What can match nothing, or means something else than it says, is refused
// when the policy is read.
func TestSettingsRefused(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"[image]\nallow = ['nginx']", `want the registry as well: docker.io/library/nginx or **/nginx, found "nginx"`},
		{"[image]\nforbid = ['library/nginx:1']", `want the registry as well`},
		{"[image]\nforbid_digests = ['sha256:ab']", `forbid_digests: want sha256: and 64 digits, found "sha256:ab"`},
		{"[image]\nunknown = true", `want "allow" or "deny"`},
		{"[image]\nunknown = 'Deny'", `want "allow" or "deny"`},
		{"[require_identity]\nfields = ['name_space']", `fields: "name_space" is not known; did you mean "namespace"?`},
		{"[personality]\ndomains = ['linux']", `domains: "linux" is not known; did you mean "LINUX"?`},
		{"[time_offsets]\nallow = ['realtime']", `allow: "realtime" is not known; known are monotonic, boottime`},
		{"[memory_policy]\nmodes = ['MPOL_BINDS']", `modes: "MPOL_BINDS" is not known; did you mean "MPOL_BIND"?`},
		{"[io_priority]\nlevel = 8", `level: want 0 to 7, found 8`},
		{"[hostname]\nforbid = ['Node-*']", `want lower case and no dot at the end: "node-*", found "Node-*"`},
		{"[hugepages]\nmax = { 2MiB = 0 }", `max: want the size of a page as the kernel writes it, for example 2MB or 1GB, found "2MiB"`},
		{"[io_limits]\nread_bytes = { sda = 1 }", `read_bytes: want a disk as major:minor, for example "8:0", found "sda"`},
		{"[io_limits]\nread_bytes = { \"08:0\" = 1 }", `found "08:0"`},
		{"[io_limits]\nwrite_operations = { \"8:0\" = 0 }", `write_operations: 8:0: want more than 0`},
		{"[quota]\nmemory = { namespaces = '1GiB' }", `memory: "namespaces" is not known; did you mean "namespace"?`},
		{"[quota]\ncontainers = { node = 0 }", `containers: node: want more than 0`},
		{"[quota]\nmemory = '16GiB'", `want a table of numbers`},
		{"[monitor]\ntimeout = 0", `monitor.timeout: want 1 to 60 seconds, found 0`},
		{"[monitor]\ntimeout = 61", `monitor.timeout: want 1 to 60 seconds, found 61`},
		{"[monitor]\non_difference = 'stop'", `want "alert", "freeze" or "kill"`},
		{"[io_limits]\nweight = 1001", `weight: want 10 to 1000, found 1001`},
	} {
		_, err := policyfile.Parse("p.toml", []byte("version = 1\nname = \"a\"\n"+c.text), rules.All, noProfiles)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s\n got %v\nwant %s", c.text, err, c.want)
		}
	}
}

// Rules that bound what an update may raise lower the ceiling.
func TestLimits(t *testing.T) {
	p, err := policyfile.Parse("p.toml", []byte(`version = 1
name = "a"
[io_limits]
read_bytes = { "8:0" = "1MiB" }
write_operations = { "8:16" = 7 }
[hugepages]
max = { 2MB = "4MiB", 2048KB = "2MiB", 1GB = 0 }
`), rules.All, noProfiles)
	if err != nil {
		t.Fatal(err)
	}
	spec, err := policy.ParseSpec([]byte(`{"process":{},"linux":{}}`))
	if err != nil {
		t.Fatal(err)
	}
	c := policy.Evaluate(policy.Set{Policies: []*policy.Policy{p}}, rules.All, spec, &policy.Facts{}).Ceiling
	if c.ReadBytes["8:0"] != 1<<20 || c.WriteCalls["8:16"] != 7 || len(c.WriteBytes) != 0 || c.IOWeight == nil || *c.IOWeight != 500 {
		t.Errorf("%+v", c)
	}
	if want := map[string]int64{"2097152": 2 << 20, "1073741824": 0}; !reflect.DeepEqual(c.Hugepages, want) {
		t.Errorf("%v", c.Hugepages)
	}
}

// A quota of which the sum cannot be told refuses.
func TestQuotaWithoutASum(t *testing.T) {
	p, err := policyfile.Parse("p.toml", []byte("version = 1\nname = \"a\"\n[quota]\nmemory = { node = 5 }\n"), rules.All, noProfiles)
	if err != nil {
		t.Fatal(err)
	}
	spec, err := policy.ParseSpec([]byte(`{"process":{},"linux":{"resources":{"memory":{"limit":1}}}}`))
	if err != nil {
		t.Fatal(err)
	}
	broken := func(string) (policy.Usage, error) { return policy.Usage{}, errors.New("the ledger is broken") }
	for want, used := range map[string]func(string) (policy.Usage, error){
		"what is in use cannot be told: nobody has added it up": nil,
		"what is in use cannot be told: the ledger is broken":   broken,
	} {
		d := policy.Evaluate(policy.Set{Policies: []*policy.Policy{p}}, rules.All, spec, &policy.Facts{Used: used})
		if f, _ := d.Refusal(); d.Verdict != policy.Deny || f.Found != want {
			t.Errorf("%v %+v, want %s", d.Verdict, d.Findings, want)
		}
	}
}
