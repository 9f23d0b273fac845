package policyfile

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/runward/runward/policy"
	"github.com/runward/runward/policy/rules"
)

// benchNode makes a node with n policy files of 20 selectors each, of which
// five at most select benchFacts.
func benchNode(b *testing.B, n int) Sources {
	dir := b.TempDir()
	src := Sources{Dirs: []string{filepath.Join(dir, "policy.d")}, Profiles: []string{filepath.Join(dir, "profiles")}, Unselected: "baseline", Cache: filepath.Join(dir, "policy.cache")}
	if err := os.Mkdir(src.Dirs[0], 0o755); err != nil {
		b.Fatal(err)
	}
	for i := range n {
		id := strconv.Itoa(i)
		var text strings.Builder
		text.WriteString("version = 1\nname = \"policy-" + id + "\"\nextends = [\"baseline\"]\n")
		for j := range 20 {
			text.WriteString("[[select]]\nnamespace = [\"team-" + id + "-" + strconv.Itoa(j) + "\"]\nengine = [\"containerd\", \"cri-o\"]\n")
		}
		if i < 5 {
			text.WriteString("[[select]]\nnamespace = [\"prod-*\", \"!prod-legacy\"]\n")
		}
		text.WriteString("[capabilities]\nallow = [\"CAP_CHOWN\", \"CAP_NET_BIND_SERVICE\"]\n[user]\nnon_root = true\n[seccomp]\n[namespaces]\nhost = []\n")
		if err := os.WriteFile(filepath.Join(src.Dirs[0], "policy-"+id+".toml"), []byte(text.String()), 0o644); err != nil {
			b.Fatal(err)
		}
	}
	return src
}

func benchFacts() *policy.Facts {
	return &policy.Facts{Engine: "containerd", Handler: "runward", Identity: policy.Identity{Kind: "container", Namespace: "prod-shop", Pod: "shop-1", Container: "shop"}}
}

func benchOpen(b *testing.B, n int, cached bool) {
	src := benchNode(b, n)
	facts := benchFacts()
	if cached {
		s, err := open(src, rules.All, time.Now().Add(time.Hour))
		if err != nil {
			b.Fatal(err)
		}
		s.Close()
		info, err := os.Stat(src.Cache)
		if err != nil {
			b.Fatal("nothing was kept: ", err)
		}
		b.ReportMetric(float64(info.Size()), "file-B")
	} else {
		src.Cache = ""
	}
	b.ReportAllocs()
	for b.Loop() {
		s, err := Open(src, rules.All)
		if err != nil {
			b.Fatal(err)
		}
		if cached == (s.cache == nil) {
			b.Fatal("read another way than was to be measured")
		}
		set, err := s.Set(facts)
		if err != nil || len(set.Policies) < min(n, 5) {
			b.Fatal(len(set.Policies), err)
		}
		s.Close()
	}
}

func BenchmarkOpen1(b *testing.B)    { benchOpen(b, 1, true) }
func BenchmarkOpen5(b *testing.B)    { benchOpen(b, 5, true) }
func BenchmarkOpen50(b *testing.B)   { benchOpen(b, 50, true) }
func BenchmarkOpen1000(b *testing.B) { benchOpen(b, 1000, true) }

// The same, read from the files.
func BenchmarkRead1(b *testing.B)    { benchOpen(b, 1, false) }
func BenchmarkRead5(b *testing.B)    { benchOpen(b, 5, false) }
func BenchmarkRead50(b *testing.B)   { benchOpen(b, 50, false) }
func BenchmarkRead1000(b *testing.B) { benchOpen(b, 1000, false) }
