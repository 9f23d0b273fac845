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

	settings "github.com/runward/runward/internal/config"
	"github.com/runward/runward/internal/engine"
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
	own := files.Default()
	own.Settle = alert.Duration(50 * time.Millisecond)
	var alerts []alert.Alert
	var err error
	w.Watcher, alerts, err = files.Open(own, w.list, w.kept, time.Now())
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

// stay runs a script that then waits for its standard input to end, so that the
// process is there for as long as the test looks.
func (w *fileWatch) stay(script string) (pid string, end func()) {
	w.t.Helper()
	c := exec.Command("sh", "-c", script+"; read wait")
	c.Dir = w.dir
	in, err := c.StdinPipe()
	must(w.t, err)
	must(w.t, c.Start())
	return strconv.Itoa(c.Process.Pid), func() {
		must(w.t, in.Close())
		_ = c.Wait() // read has nothing to read, and fails
	}
}

// Whichever way a file is replaced, the process that did it is named, though it
// is another program that a shell starts; of those that are gone at once it is
// printed how many were.
func TestWatchFileReplaced(t *testing.T) {
	for _, script := range []string{
		"sed -i s/1/2/ base.toml", "cp new base.toml", "mv new base.toml", "install -m 600 new base.toml", "echo 3 > base.toml", "rm base.toml", "chmod 666 base.toml", "ln -sf new base.toml",
	} {
		t.Run(strings.Fields(script)[0], func(t *testing.T) {
			w := watchFiles(t, "base.toml")
			w.put("base.toml", "version = 1\n")
			w.put("new", "version = 3\n")
			w.open()
			pid, end := w.stay(script)
			defer end()
			a := one(t, w.await(), "base.toml (a test's) ")
			if a.Details["pid"] == "" {
				t.Fatalf("by nobody: %s", a.Message)
			}
			if a.Details["exe"] != "" && a.Details["pid"] != pid && !strings.HasPrefix(a.Details["parents"], "sh, ") {
				t.Errorf("not by %s, or what it started: %v", pid, a.Details)
			}
			t.Logf("%s", a.Who)
		})
	}
}

// A package's files are put in place by dpkg, and told as info with its name.
func TestWatchFilePackage(t *testing.T) {
	w := watchFiles(t, "lab-watch")
	w.dir = "/etc"
	w.list[0].Path = "/etc/lab-watch"
	tree := lab.Dir(t)
	for name, text := range map[string]string{
		"DEBIAN/control": "Package: lab-watch\nVersion: 1\nArchitecture: all\nMaintainer: nobody <nobody@localhost>\nDescription: a test\n", "etc/lab-watch/policy.toml": "version = 1\n",
	} {
		path := filepath.Join(tree, "tree", name)
		must(t, os.MkdirAll(filepath.Dir(path), 0o755))
		must(t, os.WriteFile(path, []byte(text), 0o644))
	}
	deb := filepath.Join(tree, "x.deb")
	lab.Try(t, tree, nil, lab.Tool(t, "dpkg-deb"), "--build", "tree", deb)
	w.open()
	t.Cleanup(func() { lab.Try(t, "", nil, lab.Tool(t, "dpkg"), "--purge", "lab-watch") })
	if r := lab.Try(t, "", nil, lab.Tool(t, "dpkg"), "--install", deb); r.Code != 0 {
		t.Fatal(r.Stderr)
	}
	a := one(t, w.await(), "/etc/lab-watch/policy.toml (a test's) was created, by process ")
	if a.Details["exe"] != "/usr/bin/dpkg" || a.Severity != alert.Info || a.Details["package_manager"] != "true" {
		t.Errorf("severity %s, %v", a.Severity, a.Details)
	}
}

// The node's own list is watched whole, and how long that takes is printed.
func TestWatchFileNode(t *testing.T) {
	w := watchFiles(t)
	w.list = files.List(&engine.System{State: filepath.Join(w.dir, "engines")}, settings.Default())
	start := time.Now()
	if told := w.open(); len(told) != 0 {
		t.Errorf("at first: %v", told)
	}
	t.Logf("%d paths are watched after %s", len(w.list), time.Since(start))
	for _, note := range w.Notes() {
		t.Error(note)
	}
	start = time.Now()
	if told, err := w.Tick(time.Now().Add(time.Hour)); err != nil || len(told) != 0 {
		t.Errorf("%v, %v", told, err)
	}
	t.Logf("looked at again in %s", time.Since(start))
}
