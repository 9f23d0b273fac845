//go:build e2e

package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/runward/runward/internal/monitor/watch/alert"
	"github.com/runward/runward/internal/monitor/watch/files"
	"github.com/runward/runward/test/e2e/lab"
)

// fileWatch watches a directory of the test's own.
type fileWatch struct {
	t    *testing.T
	dir  string
	kept string
	list []files.Watched
	*files.Watcher
}

func watchFiles(t *testing.T, paths ...string) *fileWatch {
	t.Helper()
	dir := lab.Dir(t)
	w := &fileWatch{t: t, dir: filepath.Join(dir, "etc"), kept: filepath.Join(dir, "files.json")}
	must(t, os.MkdirAll(w.dir, 0o755))
	for _, path := range paths {
		w.list = append(w.list, files.Watched{Path: filepath.Join(w.dir, path), What: "a test's", Severity: alert.Critical})
	}
	return w
}

func (w *fileWatch) open() []alert.Alert {
	w.t.Helper()
	settings := files.Default()
	settings.Settle = alert.Duration(50 * time.Millisecond)
	var alerts []alert.Alert
	var err error
	w.Watcher, alerts, err = files.Open(settings, w.list, w.kept, time.Now())
	must(w.t, err)
	w.t.Cleanup(func() { must(w.t, w.Close(time.Now())) })
	return alerts
}

// await gives what is told next.
func (w *fileWatch) await() []alert.Alert {
	w.t.Helper()
	var all []alert.Alert
	lab.Await(w.t, "a changed file is told of", func() bool {
		alerts, err := w.Tick(time.Now())
		must(w.t, err)
		all = append(all, alerts...)
		return len(all) > 0
	})
	return all
}

func (w *fileWatch) put(name, text string) {
	w.t.Helper()
	path := filepath.Join(w.dir, name)
	must(w.t, os.MkdirAll(filepath.Dir(path), 0o755))
	must(w.t, os.WriteFile(path, []byte(text), 0o644))
}

// sh runs a script in the watched directory, and returns its pid.
func (w *fileWatch) sh(script string) string {
	w.t.Helper()
	c := exec.Command("sh", "-c", script)
	c.Dir = w.dir
	out, err := c.CombinedOutput()
	if err != nil {
		w.t.Fatalf("%s: %v: %s", script, err, out)
	}
	return strconv.Itoa(c.Process.Pid)
}

func one(t *testing.T, alerts []alert.Alert, want string) alert.Alert {
	t.Helper()
	var said []string
	for _, a := range alerts {
		said = append(said, a.Message)
	}
	if len(alerts) != 1 || !strings.Contains(alerts[0].Message, want) {
		t.Fatalf("told\n%s\nwant one with %q", strings.Join(said, "\n"), want)
	}
	return alerts[0]
}

// A policy that a known process changes is told of with its pid.
func TestWatchFileWho(t *testing.T) {
	w := watchFiles(t, "policy.d")
	w.put("policy.d/base.toml", "version = 1\n")
	if told := w.open(); len(told) != 0 {
		t.Fatalf("at first: %v", told)
	}
	for _, note := range w.Notes() {
		t.Error(note)
	}
	pid := w.sh("echo x = 1 >> policy.d/base.toml; sleep 0.2")
	a := one(t, w.await(), "policy.d/base.toml (a test's) has another content, by process "+pid+" (")
	if a.Details["pid"] != pid || !strings.Contains(a.Details["cmdline"], "echo x = 1") || a.Details["uid"] != "0" || a.Severity != alert.Critical {
		t.Errorf("details %v, severity %s", a.Details, a.Severity)
	}
}
