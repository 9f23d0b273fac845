package nodeinstall

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

const site = "version = 1\nname = \"site\"\n[pids]\nmax = 100\n"

func policyPath(name string) string { return root + "/etc/runward/policy.d/" + name }

// names are what is in policy.d, but for the installer's own list.
func names(t *testing.T) string {
	t.Helper()
	entries, err := os.ReadDir(root + "/etc/runward/policy.d")
	if err != nil {
		t.Fatal(err)
	}
	all := []string{}
	for _, e := range entries {
		if e.Name() != listName {
			all = append(all, e.Name())
		}
	}
	return strings.Join(all, " ")
}

// A ConfigMap's policies come and go; what others put there stays, the very
// same file.
func TestPolicies(t *testing.T) {
	l := newLab(t)
	write(t, policyPath("10-node.toml"), "version = 1\nname = \"node\"\n[no_new_privileges]\n")
	if err := os.Symlink("/dev/null", policyPath("90-masked.toml")); err != nil {
		t.Fatal(err)
	}
	node, err := os.Stat(policyPath("10-node.toml"))
	if err != nil {
		t.Fatal(err)
	}
	write(t, l.config+"/50-site.toml", site)
	l.Once(t.Context())
	if got := names(t); got != "10-node.toml 50-site.toml 90-masked.toml" || !l.isReady() {
		t.Errorf("policy.d has %s; %s", got, l.log.String())
	}
	l.api.Take()

	write(t, l.config+"/50-site.toml", strings.ReplaceAll(site, "100", "200"))
	write(t, l.config+"/60-more.toml", "version = 1\nname = \"more\"\n[memory]\nmax = \"1GiB\"\n")
	l.Once(t.Context())
	if got, want := l.api.Take(), lines(configured, proven); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	after, err := os.Stat(policyPath("10-node.toml"))
	if err != nil || !os.SameFile(node, after) {
		t.Errorf("the node's own policy is another file: %v", err)
	}
	if !strings.Contains(read(t, policyPath("50-site.toml")), "max = 200") || names(t) != "10-node.toml 50-site.toml 60-more.toml 90-masked.toml" {
		t.Errorf("policy.d has %s", names(t))
	}

	// Edited on the node: it is put back, and what was edited is kept.
	write(t, policyPath("50-site.toml"), site+"# by hand\n")
	l.Once(t.Context())
	if !strings.Contains(read(t, policyPath("50-site.toml")), "max = 200") ||
		!strings.Contains(read(t, root+"/etc/runward/policy.d.previous/50-site.toml"), "# by hand") {
		t.Error("what was edited was not put back, or is lost")
	}

	for _, name := range []string{"50-site.toml", "60-more.toml"} {
		if err := os.Remove(filepath.Join(l.config, name)); err != nil {
			t.Fatal(err)
		}
	}
	l.Once(t.Context())
	if got := names(t); got != "10-node.toml 90-masked.toml" || !l.isReady() {
		t.Errorf("policy.d has %s; %s", got, l.log.String())
	}
}

// What is refused never takes effect, and is said with its place; what worked
// before goes on, and pods still come.
func TestPolicyIsRefused(t *testing.T) {
	l := newLab(t)
	write(t, l.config+"/50-site.toml", site)
	l.Once(t.Context())
	before := read(t, policyPath("50-site.toml"))
	l.api.Take()
	for _, c := range []struct{ name, text, want string }{
		{"50-site.toml", site + "maxx = 3\n", `the ConfigMap's policies are refused, and those before them stay: 50-site.toml:5:1: unknown key "maxx"; did you mean "max"?`},
		{"60-more.toml", site, `the ConfigMap's policies are refused, and those before them stay: 60-more.toml:2:1: the name "site" is also that of 50-site.toml`},
		{"60-more.yaml", site, `the ConfigMap's key 60-more.yaml: want NAME.toml for a policy, or runward.toml for the node's settings`},
		{"runward.toml", "mode = \"loose\"\n", `the ConfigMap's settings are refused, and those before them stay: runward.toml:1:1: mode: want enforce or audit or off, found "loose"`},
	} {
		was, had := "", false
		if text, err := os.ReadFile(filepath.Join(l.config, c.name)); err == nil {
			was, had = string(text), true
		}
		write(t, filepath.Join(l.config, c.name), c.text)
		l.Once(t.Context())
		if got := l.api.Annotation("n1", NoteMessage); !strings.HasPrefix(got, c.want) {
			t.Errorf("%s:\n got %q\nwant %q", c.name, got, c.want)
		}
		if l.isReady() || l.api.Label("n1", LabelReady) != "true" || read(t, policyPath("50-site.toml")) != before || names(t) != "50-site.toml" {
			t.Errorf("%s: something else holds than before, or nobody is told", c.name)
		}
		if got := l.api.Take(); !strings.HasSuffix(got, "event Warning RunwardFailed") || strings.Contains(got, "engine") {
			t.Errorf("%s: got\n%s", c.name, got)
		}
		var err error
		if had {
			write(t, filepath.Join(l.config, c.name), was)
		} else {
			err = os.Remove(filepath.Join(l.config, c.name))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	l.Once(t.Context())
	if !l.isReady() || l.api.Annotation("n1", NoteMessage) != "" {
		t.Errorf("not ready once it is corrected: %s", l.log.String())
	}
}

// Without a policy that is understood, the engine is told of nothing.
func TestFirstPolicyIsRefused(t *testing.T) {
	l := newLab(t)
	write(t, l.config+"/50-site.toml", "name = site")
	l.Once(t.Context())
	if got := l.api.Take(); strings.Contains(got, "engine") || strings.Contains(got, LabelReady) || !strings.Contains(got, "runward.io/state=failed") {
		t.Errorf("got\n%s", got)
	}
	if _, err := os.Stat(policyPath("50-site.toml")); !os.IsNotExist(err) {
		t.Errorf("the policy is installed: %v", err)
	}
}

func TestPolicyOfAnother(t *testing.T) {
	l := newLab(t)
	write(t, policyPath("50-site.toml"), strings.ReplaceAll(site, "100", "7"))
	write(t, l.config+"/50-site.toml", site)
	l.Once(t.Context())
	want := "/etc/runward/policy.d/50-site.toml is on the node already and not the ConfigMap's: rename the ConfigMap's key, or remove the file"
	if got := l.api.Annotation("n1", NoteMessage); got != want || !strings.Contains(read(t, policyPath("50-site.toml")), "max = 7") {
		t.Errorf("got %q", got)
	}
	// One of the node's own that is refused goes with nothing.
	if err := os.Rename(policyPath("50-site.toml"), policyPath("40-node.toml")); err != nil {
		t.Fatal(err)
	}
	write(t, policyPath("40-node.toml"), "broken")
	l.Once(t.Context())
	if got := l.api.Annotation("n1", NoteMessage); !strings.HasPrefix(got, "the ConfigMap's policies are refused, and those before them stay: 40-node.toml:1:") || names(t) != "40-node.toml" {
		t.Errorf("got %q, policy.d has %s", got, names(t))
	}
}

// A node that somebody set to enforce is not set back by an older ConfigMap.
func TestSettingsByHand(t *testing.T) {
	l := newLab(t)
	l.Once(t.Context())
	file := root + "/etc/runward/runward.toml"
	if got, want := read(t, file), mark+digest("mode = \"audit\"\n")+"\nmode = \"audit\"\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	byHand := strings.Replace(read(t, file), "audit", "enforce", 1)
	write(t, file, byHand)
	l.Once(t.Context())
	want := "/etc/runward/runward.toml on the node is not as the ConfigMap made it: remove it there, or say what it says in the chart's values"
	if got := l.api.Annotation("n1", NoteMessage); got != want || read(t, file) != byHand || l.isReady() {
		t.Errorf("got %q", got)
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	write(t, l.config+"/runward.toml", "mode = \"enforce\"\n")
	l.Once(t.Context())
	if !strings.HasSuffix(read(t, file), "\nmode = \"enforce\"\n") || !l.isReady() {
		t.Errorf("%s", l.log.String())
	}
}

// Who lists and reads policy.d while it is replaced gets the one set or the
// other, never some of each and never none.
func TestPoliciesAreReplacedAtOnce(t *testing.T) {
	l := newLab(t)
	sets := []map[string]string{
		{"a.toml": "old", "b.toml": "old"},
		{"b.toml": "new", "c.toml": "new"},
	}
	put := func(i int) error {
		ours, err := l.Host.ours()
		if err == nil {
			err = l.Host.stage(ours, sets[i%2])
		}
		if err == nil {
			err = l.Host.exchange()
		}
		if err == nil {
			err = l.Host.keepFormer()
		}
		return err
	}
	if err := put(0); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() {
		for i := 1; i < 300; i++ {
			if err := put(i); err != nil {
				done <- err
				return
			}
		}
		done <- nil
	}()
	seen := map[string]bool{}
	for running := true; running; {
		select {
		case err := <-done:
			if err != nil {
				t.Fatal(err)
			}
			running = false
		default:
		}
		got, whole := look(t, root+"/etc/runward/policy.d")
		if !whole {
			continue // two replacements in the meantime: runward denies such a container, or reads anew
		}
		if got != "a.toml=old b.toml=old" && got != "b.toml=new c.toml=new" {
			t.Fatalf("seen: %q", got)
		}
		seen[got] = true
	}
	if len(seen) != 2 {
		t.Errorf("seen only %v", seen)
	}
}

// look reads a directory as runward does: it opens it, lists it, reads each file.
func look(t *testing.T, dir string) (got string, whole bool) {
	t.Helper()
	f, err := os.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	before, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	entries, err := f.ReadDir(-1)
	if err != nil {
		return "", false
	}
	all := []string{}
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), ".toml") {
			continue
		}
		fd, err := unix.Openat(int(f.Fd()), e.Name(), unix.O_RDONLY, 0)
		if err != nil {
			return "", false
		}
		file := os.NewFile(uintptr(fd), e.Name())
		text := make([]byte, 3)
		n, err := file.Read(text)
		_ = file.Close()
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, e.Name()+"="+string(text[:n]))
	}
	after, err := os.Stat(dir)
	if err != nil || len(all) == 0 || !os.SameFile(before, after) || !before.ModTime().Equal(after.ModTime()) { // it was replaced meanwhile, which runward sees too
		return "", false
	}
	slices.Sort(all)
	return strings.Join(all, " "), true
}

// The kubelet changes all keys at once: they are read behind its link.
func TestConfigMapAsTheKubeletMountsIt(t *testing.T) {
	dir := t.TempDir()
	write(t, dir+"/..2026_11_21/50-site.toml", site)
	write(t, dir+"/..2026_11_21/runward.toml", "mode = \"audit\"\n")
	for link, to := range map[string]string{"..data": "..2026_11_21", "50-site.toml": "..data/50-site.toml", "runward.toml": "..data/runward.toml"} {
		if err := os.Symlink(to, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	want, err := ReadConfigMap(dir)
	if err != nil || len(want.Policies) != 1 || want.Policies["50-site.toml"] != site || want.Settings != "mode = \"audit\"\n" {
		t.Errorf("%+v, %v", want, err)
	}
	if _, err := ReadConfigMap(dir + "/no"); err == nil || !strings.HasPrefix(err.Error(), "the ConfigMap: ") {
		t.Errorf("without a ConfigMap: %v", err)
	}
}
