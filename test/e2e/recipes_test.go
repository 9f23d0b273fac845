//go:build e2e

package e2e

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/runward/runward/test/e2e/lab"
)

// Every recipe of packaging/doc/recipes.md, on a node of its own: its files are
// written, its commands executed, and print what it says.
func TestRecipes(t *testing.T) {
	text, err := os.ReadFile("../../packaging/doc/recipes.md")
	if err != nil {
		t.Fatal(err)
	}
	all := strings.Split(string(text), "\n## ")[1:]
	if len(all) < 10 {
		t.Fatalf("recipes.md has %d recipes", len(all))
	}
	n := lab.NewNode(t)
	web := lab.Bundle(t, "sleep 1000")
	web.ID = "web"
	batch := lab.Bundle(t, "true", func(s *specs.Spec) {
		s.Linux.Namespaces = s.Linux.Namespaces[1:] // the first is the pid namespace
	})
	batch.ID = "batch"
	if r := web.Do(n.Runward, "run", "--detach", "--bundle", web.Dir, web.ID); r.Code != 0 {
		t.Fatal(r.Stderr)
	}
	if r := batch.Try(n.Runward); r.Code == 0 {
		t.Fatal("batch was not refused")
	}
	examples, err := filepath.Abs("../../packaging/examples")
	if err != nil {
		t.Fatal(err)
	}
	for _, recipe := range all {
		title, rest, _ := strings.Cut(recipe, "\n")
		t.Run(strings.Trim(title, ". ?"), func(t *testing.T) {
			work := lab.Dir(t)
			if err := os.CopyFS(filepath.Join(work, "examples"), os.DirFS(examples)); err != nil {
				t.Fatal(err)
			}
			r := runRecipe{n: n, work: work}
			for _, block := range regexp.MustCompile("(?ms)^```toml (\\S+)\n(.*?)^```$|^    \\$ [^\n]*\n(?:    [^$\n][^\n]*\n|    \\.\\.\\.\n)*").FindAllStringSubmatch(rest, -1) {
				if block[1] != "" {
					r.write(t, block[1], block[2])
				} else {
					r.command(t, block[0])
				}
			}
			if r.commands == 0 {
				t.Error("the recipe has no command")
			}
			n.Policy("20-batch.toml", "")
			n.Policy("30-limits.toml", "")
			n.Policy("40-registry.toml", "")
			n.Settings("")
		})
	}
}

type runRecipe struct {
	n        *lab.Node
	work     string
	commands int
}

func (r *runRecipe) write(t *testing.T, path, text string) {
	t.Helper()
	if strings.HasPrefix(path, "/") {
		path = filepath.Join(r.n.Dir, path)
	} else {
		path = filepath.Join(r.work, path)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func (r *runRecipe) command(t *testing.T, block string) {
	t.Helper()
	r.commands++
	lines := strings.Split(strings.TrimSuffix(block, "\n"), "\n")
	s := step{command: strings.TrimPrefix(lines[0], "    $ ")}
	for _, line := range lines[1:] {
		s.prints = append(s.prints, strings.TrimPrefix(line, "    "))
	}
	env := []string{"PATH=" + filepath.Dir(r.n.Ctl) + ":" + os.Getenv("PATH")}
	got := lab.Try(t, r.work, env, "bash", "-c", strings.ReplaceAll(s.command, "/etc/runward", filepath.Join(r.n.Dir, "etc/runward")))
	out := strings.ReplaceAll(got.Stdout+got.Stderr, r.n.Dir, "")
	t.Logf("$ %s\n%s", s.command, out)
	if got.Code > 1 { // 1: there are findings
		t.Errorf("%s: exit status %d", s.command, got.Code)
	}
	s.printed(t, strings.Split(strings.TrimSuffix(out, "\n"), "\n"))
}
