//go:build e2e

package e2e

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/runward/runward/test/e2e/lab"
)

// The distribution's own runc, by the version and the build that it says.
func TestRuntimeVersion(t *testing.T) {
	n := lab.NewNode(t)
	said, err := exec.Command(lab.Runc(t), "--version").Output()
	must(t, err)
	version, rest, _ := strings.Cut(strings.TrimPrefix(string(said), "runc version "), "\n")
	build, _, _ := strings.Cut(strings.TrimPrefix(rest, "commit: "), "\n")
	rule := func(text string) {
		n.Policy("10-test.toml", "version = 1\nname = 'test'\nextends = ['baseline']\n[runtime_version]\n"+text)
	}
	const tooNew = "action = 'deny'\nrunc = ['99.0+']\n"
	refused := "runward: runtime_version: found runc " + version + " (" + build + "), wanted runc 99.0+; hint: "

	rule(tooNew)
	for range 2 { // asked, and remembered
		b := lab.Bundle(t, "echo ran")
		if out := b.Try(n.Runward); out.Code != 1 || out.Stdout != "" || !strings.HasPrefix(out.Stderr, refused) {
			t.Errorf("too old: %+v", out)
		}
	}
	entries, err := os.ReadDir(n.Dir + "/run/versions")
	must(t, err)
	if len(entries) != 1 {
		t.Errorf("kept: %v", entries)
	}
	for _, list := range []string{"=" + build, "=" + version} {
		rule(strings.Replace(tooNew, "]", ", '"+list+"']", 1))
		if out := lab.Bundle(t, "echo ran").Run(n.Runward); out != "ran\n" {
			t.Errorf("%s: %q", list, out)
		}
	}
	rule("runc = ['99.0+']\n") // by default it only records
	b := lab.Bundle(t, "echo ran")
	if out := b.Run(n.Runward); out != "ran\n" {
		t.Errorf("audited: %q", out)
	}
	found := false
	for _, f := range n.Receipt(b.ID).Findings {
		found = found || f.Rule == "runtime_version" && f.Done == "would-deny"
	}
	if !found {
		t.Errorf("receipt: %+v", n.Receipt(b.ID))
	}
	rule(tooNew)
	if out := n.Runwardctl("explain", b.Dir); !strings.Contains(out.Stdout, "runc "+version) {
		t.Errorf("explain: %+v", out)
	}
}
