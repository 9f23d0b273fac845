package main

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra/doc"
)

//go:generate go test -count=1 -run ^TestGenerated$ . -args -update

var update = flag.Bool("update", false, "write the man pages and completions")

// TestGenerated holds that the man pages and the completions in packaging are
// those of the commands as they are.
func TestGenerated(t *testing.T) {
	man, completions := pages(t), shells(t)
	for dir, files := range map[string]map[string][]byte{"../../packaging/man": man, "../../packaging/completions": completions} {
		for name, want := range files {
			path := filepath.Join(dir, name)
			if *update {
				if err := os.WriteFile(path, want, 0o644); err != nil {
					t.Fatal(err)
				}
				continue
			}
			if have, err := os.ReadFile(path); err != nil || !bytes.Equal(have, want) {
				t.Errorf("%s is not as the code would make it: run make generate and read the diff (%v)", path, err)
			}
		}
		stale, err := filepath.Glob(filepath.Join(dir, "*runwardctl*"))
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range stale {
			if files[filepath.Base(path)] == nil {
				t.Errorf("%s is of no command any more: remove it", path)
			}
		}
	}
}

// pages gives the man page of every command, by file name.
func pages(t *testing.T) map[string][]byte {
	t.Helper()
	root := (&app{}).root()
	root.DisableAutoGenTag = true
	root.InitDefaultCompletionCmd()
	dir := t.TempDir()
	date := time.Unix(0, 0) // of no meaning, and the same for everybody
	if err := doc.GenManTree(root, &doc.GenManHeader{Section: "8", Source: "runward", Manual: "runward", Date: &date}, dir); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{}
	for _, e := range entries {
		text, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		files[e.Name()] = bytes.ReplaceAll(text, []byte(`"Jan 1970"`), []byte(`""`))
	}
	return files
}

// shells gives the completions, by file name.
func shells(t *testing.T) map[string][]byte {
	t.Helper()
	root := (&app{}).root()
	files := map[string][]byte{}
	for _, shell := range []struct {
		name string
		make func(*bytes.Buffer) error
	}{
		{"runwardctl.bash", func(b *bytes.Buffer) error { return root.GenBashCompletionV2(b, true) }},
		{"_runwardctl", func(b *bytes.Buffer) error { return root.GenZshCompletion(b) }},
		{"runwardctl.fish", func(b *bytes.Buffer) error { return root.GenFishCompletion(b, true) }},
	} {
		var b bytes.Buffer
		if err := shell.make(&b); err != nil {
			t.Fatal(err)
		}
		files[shell.name] = b.Bytes()
	}
	return files
}

// Every command has a page, and every flag of it is there.
func TestPagesHaveEveryFlag(t *testing.T) {
	man := pages(t)
	for _, c := range []struct{ page, want string }{
		{"runwardctl-policy-show.8", "namespace"},
		{"runwardctl-policy-test.8", "sarif"},
		{"runwardctl-replay.8", "since"},
		{"runwardctl-receipts-verify.8", "chain"},
	} {
		if !strings.Contains(string(man[c.page]), c.want) {
			t.Errorf("%s does not say %s", c.page, c.want)
		}
	}
}
