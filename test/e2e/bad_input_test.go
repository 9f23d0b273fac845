//go:build e2e

package e2e

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/runward/runward/test/e2e/lab"
)

// What cannot be read, understood or found: one line that says where, what and
// what to do; nothing written, nothing started.
func TestBadInput(t *testing.T) {
	n := lab.NewNode(t)
	self := n.Runward
	for _, c := range []struct {
		name     string
		prepare  func(t *testing.T, b *lab.Container)
		settings string
		policy   string
		args     func(b *lab.Container) []string // in place of create
		want     []string
	}{
		{name: "empty config", prepare: config(""), want: []string{"runward: ", "/config.json: ", "empty", "nothing was started (receipt "}},
		{name: "binary config", prepare: config("\x7fELF\x00\x01\x02\xff"), want: []string{"/config.json: ", "line 1, column 8: invalid UTF-8"}},
		{name: "deeply nested config", prepare: config(strings.Repeat("[", 200000)), want: []string{"/config.json: ", "64"}},
		{name: "BOM", prepare: config("\ufeff{}"), want: []string{"/config.json: ", "byte order mark"}},
		{name: "duplicate key", prepare: config(`{"process":{},"linux":{},"linux":{}}`), want: []string{"/config.json: ", `duplicate key "linux"`}},
		{name: "case variant", prepare: config(`{"process":{},"linux":{},"hoo` + "\u212a" + `s":{}}`), want: []string{"/config.json: ", `case variant of "hooks"`}},
		{name: "trailing data", prepare: config(`{"process":{},"linux":{}}{}`), want: []string{"/config.json: ", "line 1, column 26"}},
		{name: "no process", prepare: config(`{"linux":{}}`), want: []string{"/config.json: ", `no "process" section`}},
		{name: "100 MB config", prepare: func(t *testing.T, b *lab.Container) {
			if err := os.Truncate(filepath.Join(b.Dir, "config.json"), 100<<20); err != nil {
				t.Fatal(err)
			}
		}, want: []string{"config.json", "8 MiB"}},
		{name: "config is a link", prepare: func(t *testing.T, b *lab.Container) {
			must(t, os.Rename(filepath.Join(b.Dir, "config.json"), filepath.Join(b.Dir, "staged.json")))
			must(t, os.Symlink("staged.json", filepath.Join(b.Dir, "config.json")))
		}, want: []string{"config.json", "symbolic link"}},
		{name: "no config", prepare: func(t *testing.T, b *lab.Container) {
			must(t, os.Remove(filepath.Join(b.Dir, "config.json")))
		}, want: []string{"config.json", "missing"}},
		{name: "unreadable by owner", prepare: func(t *testing.T, b *lab.Container) {
			must(t, os.Chown(filepath.Join(b.Dir, "config.json"), 12345, 0))
		}, want: []string{"config.json", "uid 12345"}},
		{name: "writable by others", prepare: func(t *testing.T, b *lab.Container) {
			must(t, os.Chmod(filepath.Join(b.Dir, "config.json"), 0o666))
		}, want: []string{"config.json", "writable by others"}},
		{
			name: "missing bundle", args: func(b *lab.Container) []string { return []string{"create", "--bundle", b.Dir + "/no", b.ID} },
			want: []string{"/no", "missing"},
		},
		{
			name: "unknown verb", args: func(b *lab.Container) []string { return []string{"crate", "--bundle", b.Dir, b.ID} },
			want: []string{"No help topic for 'crate'"},
		},
		{
			name: "unknown flag", args: func(b *lab.Container) []string { return []string{"create", "--frob", "--bundle", b.Dir, b.ID} },
			want: []string{`runward: flag "--frob" is not one of create; see runc create --help; nothing was started`},
		},
		{
			name: "no id", args: func(b *lab.Container) []string { return []string{"create", "--bundle", b.Dir} },
			want: []string{"runward: no container id"},
		},
		{
			name: "unknown key in a policy", policy: "version = 1\nname = 'test'\n[capabilites]\nallow = []\n",
			want: []string{"policy.d/10-test.toml:3:2: ", `unknown key "capabilites"; did you mean "capabilities"?`},
		},
		{
			name: "wrong case in a policy", policy: "version = 1\nname = 'test'\n[capabilities]\nAllow = []\n",
			want: []string{"policy.d/10-test.toml:4:1: ", `unknown key "Allow"; did you mean "allow"?`},
		},
		{name: "broken policy", policy: "version = 1\nname = 'test\n", want: []string{"policy.d/10-test.toml:2:"}},
		{name: "broken settings", settings: "mdoe = 'enforce'\n", want: []string{"runward.toml:1:1: ", `unknown key "mdoe"; did you mean "mode"?`}},
		{name: "no such runtime", settings: "[runtime]\npath = '/nonexistent/runc'\n", want: []string{"/nonexistent/runc", "missing", "runtime.path in "}},
		{name: "itself", settings: "[runtime]\npath = '" + self + "'\n", want: []string{self, "runward itself", "runtime.path in "}},
		{name: "itself by a link", settings: "[runtime]\npath = '" + n.Dir + "/link'\n", prepare: func(t *testing.T, _ *lab.Container) {
			must(t, os.Symlink(self, n.Dir+"/link"))
		}, want: []string{n.Dir + "/link", "runward itself"}},
	} {
		t.Run(strings.ReplaceAll(c.name, " ", "_"), func(t *testing.T) {
			n.Settings(c.settings)
			n.Policy("10-test.toml", c.policy)
			b := lab.Bundle(t, "echo ran; touch /ran")
			if c.prepare != nil {
				c.prepare(t, b)
			}
			before := tree(t, b.Dir)
			args := []string{"create", "--bundle", b.Dir, b.ID}
			if c.args != nil {
				args = c.args(b)
			}
			out := b.Do(n.Runward, args...)
			if out.Code == 0 || out.Stdout != "" || strings.Contains(out.Stderr, "goroutine") {
				t.Errorf("exit code %d, output %q, %q", out.Code, out.Stdout, out.Stderr)
			}
			if len(out.Stderr) > 1000 {
				t.Errorf("%d bytes of words: %.200q", len(out.Stderr), out.Stderr)
			}
			for _, part := range c.want {
				if !strings.Contains(out.Stderr, part) {
					t.Errorf("%q is missing in %q", part, out.Stderr)
				}
			}
			if c.name != "unknown verb" {
				receipts := n.Receipts()
				r := receipts[len(receipts)-1]
				wantLine(t, out.Stderr, "runward: ", "nothing was started (receipt "+r.ID+")")
				if r.Verdict != "deny" || r.Error == "" || !strings.Contains(out.Stderr, r.Error) {
					t.Errorf("receipt: %+v", r)
				}
				wantRecord(t, b.Log, strings.TrimSuffix(out.Stderr, "\n"))
			}
			for _, phrase := range []string{"permission denied", "no such file or directory", "executable file not found", "operation not permitted", "does not exist"} {
				if strings.Contains(out.Stderr, phrase) {
					t.Errorf("engines take %q for an exit code: %s", phrase, out.Stderr)
				}
			}
			if after := tree(t, b.Dir); after != before {
				t.Errorf("the bundle changed:\n%s\nwas\n%s", after, before)
			}
			nothingStarted(t, b, filepath.Join(b.Dir, "pid"))
			if kept := n.Kept(); len(kept) != 0 {
				t.Errorf("kept %v", kept)
			}
		})
	}
}

// State, kill, start and delete go through whatever is wrong with policy.
func TestErrorsNeverMakeUnkillable(t *testing.T) {
	n := lab.NewNode(t)
	b := lab.Bundle(t, "sleep 1000")
	if out := b.Do(n.Runward, "create", "--bundle", b.Dir, b.ID); out.Code != 0 {
		t.Fatal(out.Stderr)
	}
	n.Policy("10-test.toml", "nonsense")
	n.Settings("nonsense = \n")
	for _, args := range [][]string{{"state", b.ID}, {"start", b.ID}, {"kill", b.ID, "KILL"}, {"delete", "--force", b.ID}} {
		if out := b.Do(n.Runward, args...); out.Code != 0 {
			t.Errorf("%v: %s", args, out.Stderr)
		}
	}
	if kept := n.Kept(); len(kept) != 0 {
		t.Errorf("kept %v", kept)
	}
}

// With policy in audit mode nothing is refused, whatever is wrong with the
// call: what happens is what happens under runc.
func TestAuditModeRefusesNothing(t *testing.T) {
	n := lab.NewNode(t)
	for _, mode := range []string{"the node's", "the policy's"} {
		if mode == "the node's" {
			n.Settings("mode = 'audit'\nruntime.path = '" + lab.Runc(t) + "'\n")
			n.Policy("10-test.toml", "")
		} else {
			n.Settings("runtime.path = '" + lab.Runc(t) + "'\n")
			n.Policy("10-test.toml", "version = 1\nname = 'test'\nmode = 'audit'\nextends = ['restricted']\n")
		}
		for _, c := range []struct {
			name    string
			prepare func(*testing.T, *lab.Container)
			args    []string
		}{
			{"no config", func(t *testing.T, b *lab.Container) { must(t, os.Remove(filepath.Join(b.Dir, "config.json"))) }, nil},
			{"not JSON", config("nonsense"), nil},
			{"no id", nil, []string{"create"}},
			{"unknown flag", nil, []string{"create", "--frob", "x"}},
			{"privileged", func(t *testing.T, b *lab.Container) {
				b.WriteSpec([]byte(strings.ReplaceAll(readFile(t, filepath.Join(b.Dir, "config.json")), `{"type":"pid"},`, "")))
			}, nil},
		} {
			plain, b := lab.Bundle(t, "echo ran"), lab.Bundle(t, "echo ran")
			for _, b := range []*lab.Container{plain, b} {
				if c.prepare != nil {
					c.prepare(t, b)
				}
			}
			args := func(b *lab.Container) []string {
				if c.args != nil {
					return c.args
				}
				return []string{"run", "--bundle", b.Dir, b.ID}
			}
			before := readFileOr(b.Dir+"/config.json", "none")
			want, got := plain.Do(lab.Runc(t), args(plain)...), b.Do(n.Runward, args(b)...)
			for _, r := range []*lab.Result{&want, &got} {
				r.Stderr = withoutTime(r.Stderr)
			}
			if got != want {
				t.Errorf("%s, %s:\n got %+v\nwant %+v", mode, c.name, got, want)
			}
			if after := readFileOr(b.Dir+"/config.json", "none"); after != before {
				t.Errorf("%s, %s: config.json changed", mode, c.name)
			}
			if receipts := n.Receipts(); len(receipts) == 0 || receipts[len(receipts)-1].Verdict != "allow" {
				t.Errorf("%s, %s: receipts %+v", mode, c.name, receipts)
			}
		}
	}
	found := 0
	for _, r := range n.Receipts() {
		for _, f := range r.Findings {
			if f.Done == "would-deny" && f.Rule == "namespaces" {
				found++
			}
		}
	}
	if found != 2 {
		t.Errorf("the host's pid namespace was recorded %d times, not in either mode", found)
	}
}

// A container that exists stays as it is, and so does what is kept of it.
func TestCreateTwice(t *testing.T) {
	n := lab.NewNode(t)
	b := lab.Bundle(t, "sleep 1000")
	if out := b.Do(n.Runward, "create", "--bundle", b.Dir, b.ID); out.Code != 0 {
		t.Fatal(out.Stderr)
	}
	kept := n.Kept()
	out := b.Do(n.Runward, "create", "--bundle", b.Dir, b.ID)
	if out.Code != 1 || !strings.Contains(out.Stderr, b.ID) || !strings.Contains(out.Stderr, "exists") {
		t.Errorf("exit code %d, %s", out.Code, out.Stderr)
	}
	if again := n.Kept(); len(again) != 1 || again[0] != kept[0] {
		t.Errorf("kept %v, then %v", kept, again)
	}
	if out := b.Do(n.Runward, "state", b.ID); !strings.Contains(out.Stdout, `"created"`) {
		t.Errorf("state %s %s", out.Stdout, out.Stderr)
	}
}

func readFileOr(path, other string) string {
	raw, err := os.ReadFile(path)
	if err != nil {
		return other
	}
	return string(raw)
}

func config(text string) func(*testing.T, *lab.Container) {
	return func(_ *testing.T, b *lab.Container) { b.WriteSpec([]byte(text)) }
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// tree describes a directory's files but those below rootfs: name, mode, size,
// and content where it is small.
func tree(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	must(t, err)
	var all strings.Builder
	for _, e := range entries {
		info, err := e.Info()
		must(t, err)
		all.WriteString(info.Name() + " " + info.Mode().String() + " " + info.ModTime().String())
		if info.Mode().IsRegular() && info.Size() < 1<<20 {
			raw, err := os.ReadFile(filepath.Join(dir, e.Name()))
			must(t, err)
			all.Write(bytes.TrimSpace(raw))
		}
		all.WriteByte('\n')
	}
	return all.String()
}
