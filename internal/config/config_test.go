package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/runward/runward/policy"
)

func TestLoad(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "runward.toml")
	if c, err := load(file); err != nil || c.Mode != "enforce" || c.Policy.Unselected != "baseline" || c.Audit.OnFailure != "deny" {
		t.Errorf("without a file: %+v, %v", c, err)
	}
	for _, c := range []struct{ text, want string }{
		{"mode = 'audit'\n[runtime]\npath = '/opt/crun'\nhandlers = { a = '/opt/runc' }\n[audit]\nsync = 'data'\n", ""},
		{"mode = 'on'", `:1:1: mode: want enforce or audit or off, found "on"`},
		{"version = 2", ":1:1: version 2 is not known to this runward; it reads version 1"},
		{"[runtime]\npath = 'runc'", `:2:1: path: want an absolute path, found "runc"`},
		{"[runtime]\ngrammar = 'runc-v3'", ""},
		{"[runtime]\ngrammar = 'runc'", `:2:1: grammar: want auto or runc-v1 or runc-v3 or crun or youki or runsc, found "runc"`},
		{"[runtime.handlers]\nx = 'bin/runc'", `:2:1: x: want an absolute path, found "bin/runc"`},
		{"[audit]\nreceipts = ''", ":2:1: receipts: want an absolute path"},
		{"[audit]\nsync = 'always'", `:2:1: sync: want none or data, found "always"`},
		{"[audit]\non_failure = 'ignore'", `:2:1: on_failure: want deny or allow, found "ignore"`},
		{"[Audit]", `:1:2: unknown key "Audit"; did you mean "audit"?`},
		{"mode = ", ":1:7: unexpected EOF; expected value"},
	} {
		write(t, file, c.text)
		_, err := load(file)
		switch {
		case c.want == "" && err != nil, c.want != "" && (err == nil || !strings.HasPrefix(err.Error(), file+c.want)):
			t.Errorf("%q:\n got %v\nwant %s%s", c.text, err, file, c.want)
		}
	}
}

// A mistake elsewhere does not lose the runtime: containers stay killable.
func TestLoadKeepsRuntime(t *testing.T) {
	file := filepath.Join(t.TempDir(), "runward.toml")
	write(t, file, "mdoe = 'audit'\n[runtime]\npath = '/opt/crun'\n")
	c, err := load(file)
	if err == nil || c.Runtime.Path != "/opt/crun" || c.NodeMode() != policy.Enforce {
		t.Errorf("%+v, %v", c, err)
	}
}

func TestLoadRefusesWhatOthersWrite(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "runward.toml")
	write(t, file, "mode = 'off'")
	for _, c := range []struct {
		spoil func() error
		want  string
	}{
		{func() error { return os.Chmod(file, 0o666) }, "is writable by others than its owner: chmod go-w it"},
		{func() error { return os.Chown(file, 4711, 0) }, "belongs to user 4711, not to root: chown root it, or remove it"},
		{func() error { return os.Chmod(dir, 0o777) }, "is writable by others than its owner: chmod go-w it"},
		{func() error { return os.Remove(file) }, ""},
		{func() error { return os.Mkdir(file, 0o755) }, "it is not a regular file"},
	} {
		if os.Geteuid() != 0 && strings.Contains(c.want, "4711") {
			continue // only root can give a file away
		}
		if err := c.spoil(); err != nil {
			t.Fatal(err)
		}
		got, err := load(file)
		switch {
		case c.want == "" && err != nil, c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
			t.Errorf("got %v, want %q", err, c.want)
		case c.want != "" && got.NodeMode() != policy.Enforce:
			t.Errorf("%s: what others wrote is believed: %+v", c.want, got)
		}
		_ = os.Chmod(file, 0o644)
		_ = os.Chown(file, os.Geteuid(), -1)
		_ = os.Chmod(dir, 0o755)
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}
