package policyfile

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/runward/runward/internal/owner"
	"github.com/runward/runward/policy"
	"github.com/runward/runward/policy/rules"
)

func TestCacheDecidesAsFiles(t *testing.T) {
	n := newNode(t)
	n.keep()
	s, _ := n.open()
	n.decidesAsFiles(s)
}

func TestEveryChangeIsNoticed(t *testing.T) {
	edited := strings.Replace(strict, "SETUID", "SETGID", 1)
	for name, change := range map[string]func(n *node){
		"edited in place, length and mtime kept": func(n *node) {
			info, err := os.Stat(n.path("etc/policy.d/10.toml"))
			n.must(err)
			n.write("etc/policy.d/10.toml", edited)
			n.must(os.Chtimes(n.path("etc/policy.d/10.toml"), info.ModTime(), info.ModTime()))
		},
		"renamed over": func(n *node) {
			n.write("other/new", strings.Replace(strict, "SETUID", "FOWNER", 1))
			n.must(os.Rename(n.path("other/new"), n.path("etc/policy.d/10.toml")))
		},
		"mode":     func(n *node) { n.must(os.Chmod(n.path("etc/policy.d/10.toml"), 0o600)) },
		"new file": func(n *node) { n.write("lib/policy.d/15.toml", strings.Replace(strict, "first", "new", 1)) },
		"removed":  func(n *node) { n.must(os.Remove(n.path("lib/policy.d/20.toml"))) },
		"unmasked": func(n *node) {
			n.must(os.Remove(n.path("etc/policy.d/10.toml")))
		},
		"masked":    func(n *node) { n.must(os.Symlink("/dev/null", n.path("etc/policy.d/20.toml"))) },
		"overruled": func(n *node) { n.write("etc/policy.d/20.toml", strings.Replace(strict, "first", "second", 1)) },
		"new directory": func(n *node) {
			n.mkdir("run/policy.d")
			n.write("run/policy.d/05.toml", strings.Replace(strict, "first", "run", 1))
		},
		"directory gone": func(n *node) { n.must(os.Rename(n.path("etc/policy.d"), n.path("other/policy.d"))) },
		"directory replaced": func(n *node) {
			n.must(os.Rename(n.path("etc/policy.d"), n.path("other/policy.d")))
			n.mkdir("etc/policy.d")
		},
		"profile changed": func(n *node) {
			n.write("lib/profiles/ours.toml", "version = 1\nname = \"ours\"\n[user]\nnon_root = false\n")
		},
		"profile installed before another": func(n *node) {
			n.mkdir("etc/profiles")
			n.write("etc/profiles/ours.toml", "version = 1\nname = \"ours\"\n[user]\nnon_root = false\n")
		},
		"profile installed before a built-in one": func(n *node) {
			n.write("lib/profiles/baseline.toml", "version = 1\nname = \"baseline\"\n[user]\nnon_root = false\n")
		},
		"unselected":         func(n *node) { n.Unselected = "deny" },
		"directories":        func(n *node) { n.Dirs = n.Dirs[1:]; n.write("lib/policy.d/10.toml", strict) },
		"profile dirs":       func(n *node) { n.Profiles = []string{n.path("other"), n.path("lib/profiles")} },
		"directory's parent": func(n *node) { n.must(os.Chmod(n.path("lib"), 0o700)) },
	} {
		t.Run(name, func(t *testing.T) {
			n := newNode(t)
			n.keep()
			n.ticked()
			change(n)
			s, cached := n.open()
			if cached {
				t.Error("the cache was believed")
			}
			n.decidesAsFiles(s)
			s, cached = n.open()
			if !cached {
				t.Error("the new state was not kept")
			}
			n.decidesAsFiles(s)
		})
	}
}

// What the files no longer give, the cache does not give either.
func TestWhatIsNoLongerSafeIsRefused(t *testing.T) {
	for name, c := range map[string]struct {
		change func(n *node)
		want   string
	}{
		"file writable by others":        {func(n *node) { n.must(os.Chmod(n.path("lib/policy.d/20.toml"), 0o666)) }, "policy.d/20.toml is writable by others"},
		"parent writable by others":      {func(n *node) { n.must(os.Chmod(n.path("lib"), 0o777)) }, "/lib is writable by others"},
		"file of another user":           {func(n *node) { n.must(os.Chown(n.path("lib/policy.d/20.toml"), 65534, 0)) }, "belongs to user 65534"},
		"directory of another user":      {func(n *node) { n.must(os.Chown(n.path("lib/policy.d"), 65534, 0)) }, "belongs to user 65534"},
		"parent of another user":         {func(n *node) { n.must(os.Chown(n.path("lib"), 65534, 0)) }, "belongs to user 65534"},
		"does not decode":                {func(n *node) { n.write("lib/policy.d/20.toml", "version = 2\n") }, "version 2 is not known"},
		"profiles that are no directory": {func(n *node) { n.write("etc/profiles", "") }, "etc/profiles/ours.toml cannot be read: not a directory"},
		"a FIFO":                         {func(n *node) { n.must(syscall.Mkfifo(n.path("lib/policy.d/50.toml"), 0o644)) }, "50.toml is not a regular file"},
		"a link to where another user decides": {func(n *node) {
			n.mkdir("other/bob", "other/bob/policy.d")
			n.must(os.Chown(n.path("other/bob"), 65534, 0))
			n.must(os.Symlink("../other/bob/policy.d", n.path("run/policy.d")))
		}, "other/bob belongs to user 65534"},
		"dangling link": {func(n *node) { n.must(os.Symlink("nowhere", n.path("lib/policy.d/40.toml"))) }, "40.toml cannot be read: it is missing"},
		"profile that is a link to nothing": {
			func(n *node) { n.must(os.Symlink("nowhere", n.path("lib/profiles/baseline.toml"))) }, "baseline.toml cannot be read: it is missing",
		},
	} {
		t.Run(name, func(t *testing.T) {
			needsRoot(t)
			n := newNode(t)
			n.keep()
			n.ticked()
			c.change(n)
			_, err := open(n.Sources, rules.All, later())
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %s", err, c.want)
			}
		})
	}
}

func needsRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root may give files away")
	}
}

func TestLinksAreFollowedEachTime(t *testing.T) {
	n := newNode(t)
	n.write("other/v1.toml", strings.Replace(strict, "first", "linked", 1))
	n.write("other/v2.toml", strings.Replace(strings.Replace(strict, "first", "linked", 1), "SETUID", "CHOWN", 1))
	n.must(os.Symlink("v1.toml", n.path("other/current")))
	n.must(os.Symlink(n.path("other/current"), n.path("etc/policy.d/40.toml")))
	for _, c := range []struct {
		what   string
		change func()
	}{
		{"the target's text", func() { n.write("other/v1.toml", strings.Replace(strict, "first", "linked-again", 1)) }},
		{"a link on the way", func() {
			n.must(os.Symlink("v2.toml", n.path("other/next")))
			n.must(os.Rename(n.path("other/next"), n.path("other/current")))
		}},
		{"the link itself", func() {
			n.must(os.Remove(n.path("etc/policy.d/40.toml")))
			n.must(os.Symlink("/dev/null", n.path("etc/policy.d/40.toml")))
		}},
	} {
		n.keep()
		n.ticked()
		c.change()
		s, cached := n.open()
		if cached {
			t.Errorf("%s: the cache was believed", c.what)
		}
		n.decidesAsFiles(s)
	}
}

// None of many files is left out.
func TestChangesAmongManyFiles(t *testing.T) {
	n := newNode(t)
	file := func(i int) string { return "etc/policy.d/many-" + strconv.Itoa(i) + ".toml" }
	for i := range 300 {
		n.write(file(i), "version = 1\nname = \"many-"+strconv.Itoa(i)+"\"\n[[select]]\nnamespace = [\"else\"]\n")
	}
	for _, i := range []int{0, 127, 128, 255, 299} {
		n.keep()
		n.ticked()
		n.write(file(i), "version = 1\nname = \"changed-"+strconv.Itoa(i)+"\"\n[[select]]\nnamespace = [\"else\"]\n")
		s, cached := n.open()
		if cached {
			t.Errorf("file %d: the cache was believed", i)
		}
		n.decidesAsFiles(s)
	}
	n.keep()
	s, _ := n.open()
	n.decidesAsFiles(s)
}

// A change within the same tick of the clock as the one before has the same
// ctime: what was written only just now is not kept.
func TestFreshFilesAreNotKept(t *testing.T) {
	n := newNode(t)
	for name, now := range map[string]time.Time{"just now": time.Now(), "clock set back": time.Now().Add(-time.Hour)} {
		s, err := open(n.Sources, rules.All, now)
		n.must(err)
		n.decidesAsFiles(s)
		if _, err := os.Lstat(n.Cache); err == nil {
			t.Errorf("%s: it was kept", name)
		}
	}
	at := time.Unix(1000, 0)
	for _, c := range []struct {
		ctime time.Time
		want  bool
	}{
		{at.Add(-50*time.Millisecond + 1), false},
		{at.Add(-150*time.Millisecond + 1), true},
		{at.Add(-2 * time.Second), false}, // counted in seconds
		{at.Add(-4 * time.Second), true},
		{at.Add(time.Hour + 1), false},
	} {
		if got := settled(&stamp{ctime: c.ctime.UnixNano()}, at); got != c.want {
			t.Errorf("ctime %v before: settled %v", at.Sub(c.ctime), got)
		}
	}
}

// forged writes a cache that the files would not give, but that is sound, and
// returns the name that its policy has.
func forged(n *node) string {
	l := newLoader(n.Sources, rules.All)
	l.trail = &trail{began: later()}
	_, err := l.load()
	n.must(err)
	guards, ok := l.trail.seal(l.dirs)
	if !ok {
		n.t.Fatal("nothing to rely on")
	}
	b, err := encodeCache(l, guards, &policy.Set{Policies: []*policy.Policy{{Name: "forged", Rules: map[string]policy.Setting{}}}})
	n.must(err)
	_ = os.Remove(n.Cache)
	n.must(os.WriteFile(n.Cache, b, 0o600))
	return "forged"
}

func TestWhoseCacheIsBelieved(t *testing.T) {
	needsRoot(t)
	for name, c := range map[string]struct {
		change   func(n *node)
		believed bool
	}{
		"root's":             {func(*node) {}, true}, // else the others show nothing
		"another user's":     {func(n *node) { n.must(os.Chown(n.Cache, 65534, 65534)) }, false},
		"readable by others": {func(n *node) { n.must(os.Chmod(n.Cache, 0o644)) }, false},
		"writable by group":  {func(n *node) { n.must(os.Chmod(n.Cache, 0o620)) }, false},
		"writable by others": {func(n *node) { n.must(os.Chmod(n.Cache, 0o602)) }, false},
		"a symbolic link": {func(n *node) {
			n.must(os.Rename(n.Cache, n.path("other/cache")))
			n.must(os.Symlink(n.path("other/cache"), n.Cache))
		}, false},
		"a FIFO":                      {func(n *node) { n.must(os.Remove(n.Cache)); n.must(syscall.Mkfifo(n.Cache, 0o600)) }, false},
		"a directory":                 {func(n *node) { n.must(os.Remove(n.Cache)); n.must(os.Mkdir(n.Cache, 0o600)) }, false},
		"empty":                       {func(n *node) { n.must(os.Truncate(n.Cache, 0)) }, false},
		"in a directory of others":    {func(n *node) { n.must(os.Chown(n.path("run"), 65534, 0)) }, false},
		"in a directory for everyone": {func(n *node) { n.must(os.Chmod(n.path("run"), 0o777)) }, false},
		"of another version":          {func(n *node) { rewrite(n, func(b []byte) { b[len(magic)-1]++ }) }, false},
	} {
		t.Run(name, func(t *testing.T) {
			n := newNode(t)
			n.Dirs = []string{n.Dirs[0], n.Dirs[2]} // nothing in run but the cache
			fake := forged(n)
			c.change(n)
			s, err := open(n.Sources, rules.All, time.Now()) // too early to write another
			n.must(err)
			defer s.Close()
			set, err := s.Set(testFacts[1])
			n.must(err)
			if got := set.Policies[0].Name == fake; got != c.believed {
				t.Errorf("believed: %v", got)
			}
			if !c.believed {
				n.decidesAsFiles(s)
			}
		})
	}
}

// rewrite changes the cache in place.
func rewrite(n *node, change func(b []byte)) {
	b, err := os.ReadFile(n.Cache)
	n.must(err)
	change(b)
	n.must(os.WriteFile(n.Cache, b, 0o600))
}

func TestDamagedCacheIsIgnored(t *testing.T) {
	n := newNode(t)
	n.must(os.RemoveAll(n.path("lib")))
	n.Unselected = "deny"
	n.keep()
	whole, err := os.ReadFile(n.Cache)
	n.must(err)
	check := func(what string, at int, b []byte) {
		n.must(os.WriteFile(n.Cache, b, 0o600))
		s, err := open(n.Sources, rules.All, time.Time{})
		n.must(err)
		n.decidesAsFiles(s)
		if s.set == nil {
			t.Errorf("%s at %d of %d was believed", what, at, len(whole))
		}
		s.Close()
	}
	for i := range whole {
		b := append([]byte(nil), whole...)
		b[i] ^= 1 << (i % 8)
		check("a changed bit", i, b)
		check("the end", i, whole[:i])
	}
}

// The file may be cut short, or its disk fail, while it is mapped.
func TestCacheThatShrinks(t *testing.T) {
	n := newNode(t)
	n.keep()
	s, cached := n.open()
	if !cached {
		t.Fatal("not cached")
	}
	n.must(os.Truncate(n.Cache, 0))
	n.decidesAsFiles(s)
	if s.set == nil {
		t.Error("the files were not read")
	}
}

// A set outlives its store.
func TestSetOutlivesStore(t *testing.T) {
	n := newNode(t)
	n.keep()
	s, _ := n.open()
	got, err := s.Set(testFacts[1])
	n.must(err)
	s.Close()
	s.cache = nil // closed
	want, err := Load(n.Sources, rules.All)
	n.must(err)
	sameFor(t, testFacts[1], got, want)
}

// A directory that became unsafe after it was checked must not be recorded as
// it is then.
func TestTrailChecksGuardsAgain(t *testing.T) {
	n := newNode(t)
	dirs := owner.Dirs{}
	n.must(dirs.Check(n.path("lib")))
	for _, c := range []struct {
		mode os.FileMode
		want bool
	}{{0o755, true}, {0o777, false}} {
		n.must(os.Chmod(n.path("lib"), c.mode))
		if _, ok := (&trail{began: later()}).seal(dirs); ok != c.want {
			t.Errorf("%o: relied upon: %v", c.mode, ok)
		}
	}
}

// A network's file system may answer from what it remembers.
func TestOnlyLocalFilesAreKept(t *testing.T) {
	f, err := os.Open("/proc/version")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	tr := &trail{began: later()}
	if tr.read("/proc/version", f); !tr.doubt {
		t.Error("a file of /proc was relied upon")
	}
}

func TestOtherRulesOtherCache(t *testing.T) {
	n := newNode(t)
	n.keep()
	if _, err := open(n.Sources, rules.All[:2], later()); err == nil || !strings.Contains(err.Error(), `unknown key`) {
		t.Errorf("rules that the policy does not know: got %v", err)
	}
}

func TestWritersAtOnce(t *testing.T) {
	n := newNode(t)
	var wait sync.WaitGroup
	for range 4 {
		wait.Go(func() {
			if out, err := child(n, os.Args[0]).CombinedOutput(); err != nil {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
	wait.Wait()
	if _, cached := n.open(); !cached {
		t.Error("no whole cache is left")
	}
	left, err := filepath.Glob(n.Cache + ".*")
	n.must(err)
	if len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// child runs this test binary, or a copy of it, as another process that opens
// the node's policies.
func child(n *node, program string) *exec.Cmd {
	cmd := exec.Command(program, "-test.run=^TestChild$", "-test.v")
	cmd.Env = append(os.Environ(), "POLICYFILE_NODE="+n.dir)
	return cmd
}

func TestChild(t *testing.T) {
	dir := os.Getenv("POLICYFILE_NODE")
	if dir == "" {
		return // not as a child
	}
	n := &node{t: t, dir: dir, Sources: Sources{
		Dirs:     []string{dir + "/etc/policy.d", dir + "/run/policy.d", dir + "/lib/policy.d"},
		Profiles: []string{dir + "/etc/profiles", dir + "/lib/profiles"}, Unselected: "restricted",
		Cache: dir + "/run/policy.cache",
	}}
	s, cached := n.open()
	n.decidesAsFiles(s)
	if cached {
		t.Log("from the cache")
	}
	if os.Getenv("POLICYFILE_ONCE") != "" {
		return
	}
	for range 50 {
		_ = os.Remove(n.Cache) // another may have been quicker
		s, _ := n.open()
		n.decidesAsFiles(s)
	}
}

func TestAnotherBuildsCacheIsIgnored(t *testing.T) {
	n := newNode(t)
	n.keep()
	binary, err := os.ReadFile("/proc/self/exe")
	n.must(err)
	other := filepath.Join(t.TempDir(), "other.test")
	n.must(os.WriteFile(other, binary, 0o755))
	for _, c := range []struct {
		program string
		cached  bool
	}{{os.Args[0], true}, {other, false}} {
		cmd := child(n, c.program)
		cmd.Env = append(cmd.Env, "POLICYFILE_ONCE=1")
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		if got := strings.Contains(string(out), "from the cache"); got != c.cached {
			t.Errorf("%s: believed %v\n%s", c.program, got, out)
		}
	}
}

func TestFullDisk(t *testing.T) {
	needsRoot(t)
	n := newNode(t)
	if err := syscall.Mount("none", n.path("run"), "tmpfs", 0, "size=4k,mode=755"); err != nil {
		t.Skip("no tmpfs can be mounted: ", err)
	}
	defer func() { n.must(syscall.Unmount(n.path("run"), 0)) }()
	n.write("run/filler", strings.Repeat("x", 4096))
	s, cached := n.open()
	n.decidesAsFiles(s)
	if _, again := n.open(); cached || again {
		t.Error("a cache was believed where none fits")
	}
	left, err := filepath.Glob(n.path("run/*"))
	n.must(err)
	if len(left) != 1 {
		t.Errorf("left behind: %v", left)
	}
}

// Where there is no place for a cache, nothing is lost but time.
func TestNoPlaceForTheCache(t *testing.T) {
	n := newNode(t)
	for _, place := range []string{"", n.path("absent/policy.cache"), "/proc/policy.cache"} {
		n.Cache = place
		s, cached := n.open()
		if cached {
			t.Errorf("%q: believed", place)
		}
		n.decidesAsFiles(s)
	}
}

func FuzzCache(f *testing.F) {
	l := &loader{Sources: Sources{Unselected: "deny"}, rules: rules.All, trail: &trail{}}
	p, err := Parse("f", []byte("version=1\nname='n'\n[[select]]\nnamespace=['a','!b*']\nlabel={x=['y']}\n[capabilities]\nallow=['CAP_KILL']\n[user]\nuid=5\n"+
		"[[exception]]\nrules=['capabilities']\nreason='r'\nmatch={pod=['p']}\nallow={allow=['CAP_BPF']}\n"), rules.All, nil)
	if err != nil {
		f.Fatal(err)
	}
	whole, err := encodeCache(l, []witness{{path: "/"}}, &policy.Set{Policies: []*policy.Policy{p}})
	if err != nil {
		f.Fatal(err)
	}
	size := int(binary.LittleEndian.Uint32(whole[len(magic):]))
	who := appendString(nil, string(key(l.Sources, l.rules)))
	f.Add(whole[headSize+len(who):headSize+size], whole[headSize+size:])
	f.Add([]byte{0, 0, 0, 0, 0}, []byte{0})
	facts := &policy.Facts{Identity: policy.Identity{Namespace: "a", Labels: map[string]string{"x": "y"}}}
	f.Fuzz(func(t *testing.T, front, piece []byte) {
		front = append(who[:len(who):len(who)], front...)
		b := binary.LittleEndian.AppendUint32([]byte(magic), uint32(len(front)))
		b = append(binary.LittleEndian.AppendUint32(b, crc32.ChecksumIEEE(front)), front...)
		c := &cache{file: append(b, piece...)}
		if c.read(key(l.Sources, l.rules)) {
			c.decode(facts, rules.All)
		}
		// A piece that its checksum lets through, as a policy and as settings.
		at := ref{0, uint32(len(piece)), crc32.ChecksumIEEE(piece)}
		from := &pieces{b: piece, rules: rules.All, decoded: map[ref]any{}}
		from.policy(at, newSubject(facts))
		from.policy(at, nil)
		for i := range rules.All {
			from.settings(&reader{b: appendRef(nil, at)}, rules.All[i].ID)
		}
	})
}

// What a custom rule compiles to is not kept: it is compiled anew for each
// container that its policy selects, and for no other.
func TestCustomRulesAreCompiledAfterTheCache(t *testing.T) {
	n := newNode(t)
	n.write("lib/policy.d/40.toml", "version = 1\nname = \"fourth\"\n[[select]]\nnamespace = [\"test\"]\n[[rule]]\nid = \"a-b\"\nwhen = \"w\"\nmessage = \"m\"\n")
	var compiled []string
	n.Compile = func(c *policy.Custom) error {
		compiled = append(compiled, c.ID+" "+c.When)
		c.Match = func(*specs.Spec, *policy.Facts) (bool, error) { return true, nil }
		return nil
	}
	n.keep()
	s, _ := n.open()
	if !s.Custom() {
		t.Error("nobody is told that there are custom rules")
	}
	compiled = nil
	for _, f := range testFacts {
		set, err := s.Set(f)
		n.must(err)
		if f.Identity.Namespace == "test" && (!set.Custom() || set.Policies[len(set.Policies)-1].Custom[0].Match == nil) {
			t.Errorf("the rule is not there: %+v", set.Policies)
		}
	}
	if len(compiled) != 1 || compiled[0] != "a-b w" {
		t.Errorf("compiled: %q", compiled)
	}
	n.Compile = func(*policy.Custom) error { return errors.New("no") }
	s, _ = n.open()
	if _, err := s.Set(&policy.Facts{Identity: policy.Identity{Namespace: "test"}}); err == nil || !strings.HasSuffix(err.Error(), "40.toml: rule a-b: when: no") {
		t.Errorf("a rule that does not compile: %v", err)
	}
}
