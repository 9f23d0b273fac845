package archtest

import (
	"slices"
	"strings"
	"testing"
)

// pureTrees are the packages that are functions of their arguments.
var pureTrees = []string{"policy/...", "shim/argv", "hooks"}

// pure is what they may import of the standard library: what reads
// nothing from outside and costs nothing at start.
var pure = []string{
	"bytes", "cmp", "embed", "encoding/binary", "encoding/hex", "errors", "hash/fnv", "iter", "maps", "math", "math/bits", "path",
	"reflect", "slices", "sort", "strconv", "strings", "unicode", "unicode/utf8",
}

// impure says, of what is likeliest to be wanted, why it is not in pure.
var impure = []struct{ pattern, why string }{
	{"os/...", "the node arrives in policy.Facts, collected by internal/host"},
	{"io/fs", "the node arrives in policy.Facts, collected by internal/host"},
	{"path/filepath", "paths arrive resolved in policy.Facts; path does for the rest, the same on every platform"},
	{"net/...", "what the network says arrives in policy.Facts"},
	{"time", "the moment arrives as policy.Facts.Now"},
	{"math/rand/...", "the same inputs give the same decision"},
	{"crypto/rand", "the same inputs give the same decision"},
	{"syscall", "the kernel's answers arrive in policy.Facts"},
	{"unsafe", "nothing here is worth it"},
	{"log/...", "what is worth knowing is a Finding"},
	{"github.com/sirupsen/logrus", "what is worth knowing is a Finding"},
	{"encoding/json", "config.json is read by internal/jsondoc, strictly, and every start pays for encoding/json"},
	{"fmt", "every start of the wrapper pays for it: strconv and + do"},
	{"regexp", "every start of the wrapper pays for it: policy has globs"},
}

const specTypes = "github.com/opencontainers/runtime-spec/specs-go"

func checkPure(all []*pkg) []string {
	var complaints []string
	for _, p := range all {
		tree := slices.IndexFunc(pureTrees, func(tree string) bool { return under(tree, p.path) })
		if tree < 0 || p.forTests() {
			continue
		}
		for _, imported := range p.imports() {
			if slices.Contains(pure, imported) || imported == specTypes || strings.HasPrefix(imported, module+"/") {
				continue
			}
			complaints = append(complaints, p.path+" imports "+imported+": "+strings.TrimSuffix(pureTrees[tree], "/...")+" is pure; "+whyImpure(imported))
		}
	}
	return complaints
}

func whyImpure(imported string) string {
	for _, i := range impure {
		if under(i.pattern, imported) {
			return i.why
		}
	}
	return "if it reads nothing from outside and costs nothing at start, add it to pure (internal/archtest/pure_test.go)"
}

func TestPolicyIsPure(t *testing.T) { report(t, checkPure(moduleSource(t))) }

func TestPolicyIsPureFindsPlanted(t *testing.T) {
	for _, c := range []struct{ path, imported, want string }{
		{"policy", "strings", ""},
		{"policy/rules", specTypes, ""},
		{"policy/rules", module + "/policy", ""},
		{"shim/argv", "strconv", ""},
		{"shim", "os", ""},
		{"shim/argv", "fmt", "shim/argv imports fmt: shim/argv is pure; every start of the wrapper pays for it"},
		{"internal/host", "os", ""},
		{"policy", "os", "policy imports os: policy is pure; the node arrives in policy.Facts"},
		{"policy/rules", "net/netip", "policy/rules imports net/netip: policy is pure; what the network says arrives"},
		{"policy/rules", "time", "the moment arrives as policy.Facts.Now"},
		{"policy", "encoding/json", "config.json is read by internal/jsondoc"},
		{"policy/rules/deep", "text/template", "add it to pure"},
		{"policy", "golang.org/x/sys/unix", "add it to pure"},
	} {
		got := checkPure([]*pkg{planted(t, c.path, `package p; import _ "`+c.imported+`"`)})
		if c.want == "" && len(got) > 0 || c.want != "" && (len(got) != 1 || !strings.Contains(got[0], c.want)) {
			t.Errorf("%s imports %s: found %q, want %q", c.path, c.imported, got, c.want)
		}
	}
}
