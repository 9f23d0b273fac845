package engine

import (
	"slices"
	"strings"
	"testing"

	"github.com/runward/runward/internal/tomlfile"
)

// Whatever a main file looks like, an import is put into it so that it can be
// taken out again, or refused.
func FuzzImport(f *testing.F) {
	for _, text := range []string{
		"version = 2\n", "version = 2", "\"version\" = 3\r\nimports = []\r\n", "imports = [ # [x]\n'a', \"b\\\"]\" # no comma\n]\nversion = 4\n",
		"a = {version = 1}\n[b]\nversion = 2\n", "imports = 'x'\nversion = 2\n", "imports = [['a']]\nversion = 2\n", "[[imports]]\nversion = 2\n",
		"imports = [\"\"\"a\n]\"\"\"]\nversion = 2\n", "# version\n\nversion.x = 2\n",
	} {
		f.Add(text)
	}
	const own = "/etc/containerd/conf.d/99-runward.toml"
	f.Fuzz(func(t *testing.T, text string) {
		if strings.Contains(text, own) {
			return
		}
		before, err := tomlfile.Parse("config.toml", []byte(text))
		if err != nil {
			return
		}
		with, err := putImport("config.toml", text, own)
		if err != nil {
			return
		}
		without, err := takeImport("config.toml", with, own)
		if err != nil {
			t.Fatalf("%v\n%q", err, with)
		}
		after, err := tomlfile.Parse("config.toml", []byte(without))
		if err != nil || !slices.Equal(importsOf(before), importsOf(after)) || !sameButImports(before, after) {
			t.Fatalf("%v: %q became %q", err, text, without)
		}
	})
}

// Whatever runward.toml looks like, its mode is replaced alone, or not at all.
func FuzzSetMode(f *testing.F) {
	for _, text := range []string{auditSettings, "mode='audit'#\n", "\"mode\" = \"off\"", "mode = \"a=b\"\n", "x = 1\n[mode]\n", "[a]\nmode = 'audit'\n", "mode.x = 1\n", "mode = 1\n"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		out, err := SetMode("runward.toml", text, "enforce")
		if err != nil {
			return
		}
		doc, err := tomlfile.Parse("runward.toml", []byte(out))
		if err != nil || doc.Root["mode"] != "enforce" {
			t.Fatalf("%v: %q became %q", err, text, out)
		}
	})
}
