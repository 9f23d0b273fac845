package ledger

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/runward/runward/policy"
)

// store writes an entry as it is, whoever its creator.
func store(t Fataler, dir string, e *Entry, age time.Duration) {
	t.Helper()
	e.Version = Version
	name, err := fileName(e.Root, e.ID)
	mustBe(t, err)
	data, err := encode(e)
	mustBe(t, err)
	mustBe(t, os.MkdirAll(dir, 0o700))
	mustBe(t, os.WriteFile(filepath.Join(dir, name), data, 0o600))
	then := time.Now().Add(-age)
	mustBe(t, os.Chtimes(filepath.Join(dir, name), then, then))
}

// Fataler is what tests and property tests have in common.
type Fataler interface {
	Helper()
	Fatal(args ...any)
}

func mustBe(t Fataler, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// noProcess is a pid that none has.
const noProcess = 1 << 29

// What counts: a container that the runtime has state of, or that a process
// which lives is creating; and nothing of those that are gone.
func TestLiving(t *testing.T) {
	self, err := thisProcess()
	must(t, err)
	for _, c := range []struct {
		name   string
		change func(*Entry)
		state  bool
		age    time.Duration
		want   bool
	}{
		{name: "its runtime has it", state: true, want: true},
		{name: "gone: deleted behind our back, or its creator was killed", want: false},
		{name: "being created", change: func(e *Entry) { e.Creator, e.CreatorStart = self.PID, self.Start }, want: true},
		{name: "its creator's pid is another's now", change: func(e *Entry) { e.Creator, e.CreatorStart = self.PID, self.Start+1 }, want: false},
		{name: "created in another PID namespace just now", change: func(e *Entry) { e.CreatorNS++ }, want: true},
		{name: "created in another PID namespace long ago", change: func(e *Entry) { e.CreatorNS++ }, age: time.Hour, want: false},
		{name: "a runtime whose state is not known here", change: func(e *Entry) { e.Runtime = "runsc" }, want: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir, root := dirs(t)
			e := entry(root, "a")
			e.Creator, e.CreatorStart, e.CreatorNS = noProcess, 1, self.NS
			if c.change != nil {
				c.change(e)
			}
			store(t, dir, e, c.age)
			if c.state {
				must(t, os.Mkdir(filepath.Join(root, "a"), 0o711))
			}
			all, err := Living(dir)
			must(t, err)
			h, err := Hold(dir)
			must(t, err)
			held, err := h.Living()
			must(t, err)
			h.Release()
			if got := len(all) == 1; got != c.want || len(held) != len(all) {
				t.Errorf("counts: %v, held %d, want %v", got, len(held), c.want)
			}
		})
	}
}

// What cannot be read may claim anything.
func TestLivingRefuses(t *testing.T) {
	dir, root := dirs(t)
	must(t, Put(dir, entry(root, "a")))
	name, err := fileName(root, "a")
	must(t, err)
	must(t, os.WriteFile(filepath.Join(dir, name), []byte("{"), 0o600))
	_, err = Living(dir)
	if want := "add up the decisions about containers in " + dir + ": " + name + ": line 1, column 2: "; err == nil || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("got  %v\nwant %s", err, want)
	}
	must(t, os.Chmod(dir, 0o777))
	if _, err := Living(dir); err == nil || !strings.HasSuffix(err.Error(), "others can write it; remove it") {
		t.Error(err)
	}
	if _, err := Hold(dir); err == nil || !strings.HasSuffix(err.Error(), "others can write it; remove it") {
		t.Error(err)
	}
	if all, err := Living(dir + "x"); len(all) != 0 || err != nil {
		t.Error(all, err)
	}
}

// For any containers, some of which are gone: the sum of a group is that of
// those in it that are not, but for the one that asks.
func TestUsed(t *testing.T) {
	base := t.TempDir()
	self, err := thisProcess()
	must(t, err)
	round := 0
	rapid.Check(t, func(t *rapid.T) {
		round++
		dir, root := filepath.Join(base, strconv.Itoa(round), "ledger"), filepath.Join(base, strconv.Itoa(round), "root")
		mustBe(t, os.MkdirAll(root, 0o700))
		asks := policy.Identity{Namespace: "a", User: "u"}
		var want policy.Usage
		by := rapid.SampledFrom(policy.Groupings[:]).Draw(t, "by")
		for i := range rapid.IntRange(0, 8).Draw(t, "containers") {
			e := entry(root, strconv.Itoa(i))
			e.Engine = rapid.SampledFrom([]string{"docker", "podman"}).Draw(t, "engine")
			e.Identity = policy.Identity{
				Namespace: rapid.SampledFrom([]string{"a", "b", ""}).Draw(t, "namespace"),
				User:      rapid.SampledFrom([]string{"u", ""}).Draw(t, "user"),
			}
			e.Claim = policy.Claim{Memory: rapid.Int64Range(0, 1<<62).Draw(t, "memory"), CPU: int64(i), Pids: 7}
			e.Creator, e.CreatorStart, e.CreatorNS = noProcess, 1, self.NS
			store(t, dir, e, 0)
			lives := rapid.Bool().Draw(t, "lives")
			if lives {
				mustBe(t, os.Mkdir(filepath.Join(root, e.ID), 0o700))
			}
			same := map[string]bool{"namespace": e.Identity.Namespace == "a", "engine": e.Engine == "docker", "user": e.Identity.User == "u", "node": true}
			if lives && same[by] && e.ID != "0" {
				want.Add(e.Claim)
			}
		}
		entries, err := Living(dir)
		mustBe(t, err)
		var all []Head
		for _, e := range entries {
			all = append(all, e.Head())
		}
		if got := Used(all, by, "docker", &asks, root, "0"); got != want {
			t.Fatalf("%s: got %+v, want %+v", by, got, want)
		}
	})
}

// Whatever happens to entries, the heads that are kept beside them say what the
// entries say.
func TestHeads(t *testing.T) {
	base, err := os.MkdirTemp("/dev/shm", "ledger") // a tmpfs: elsewhere none are kept
	must(t, err)
	defer os.RemoveAll(base)
	round, written := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		round++
		dir, root := filepath.Join(base, strconv.Itoa(round), "ledger"), filepath.Join(base, strconv.Itoa(round), "root")
		mustBe(t, os.MkdirAll(root, 0o700))
		add := func(i int) {
			h, err := Hold(dir)
			mustBe(t, err)
			defer h.Release()
			e := entry(root, strconv.Itoa(i))
			e.Engine = rapid.SampledFrom([]string{"docker", "", "a\"\n"}).Draw(t, "engine")
			e.Identity = policy.Identity{Namespace: strings.ReplaceAll(rapid.String().Draw(t, "namespace"), "\x00", "") /* which no entry holds */, User: "u"}
			e.Claim = policy.Claim{Memory: rapid.Int64Min(0).Draw(t, "memory"), CPU: int64(i), Pids: 7}
			if err := h.Put(e); err != nil && !errors.Is(err, ErrExists) {
				t.Fatal(err)
			}
		}
		for i := range rapid.IntRange(0, 2*rewriteAt).Draw(t, "containers") {
			add(i)
		}
		t.Repeat(map[string]func(*rapid.T){
			"add":    func(t *rapid.T) { add(rapid.IntRange(0, 40).Draw(t, "which")) },
			"delete": func(t *rapid.T) { mustBe(t, Delete(dir, root, strconv.Itoa(rapid.IntRange(0, 40).Draw(t, "which")))) },
			"update": func(t *rapid.T) {
				h, err := Hold(dir)
				mustBe(t, err)
				defer h.Release()
				e, err := h.Get(root, strconv.Itoa(rapid.IntRange(0, 40).Draw(t, "which")))
				if errors.Is(err, ErrNotFound) {
					return
				}
				mustBe(t, err)
				e.Claim.Memory, e.Updater = 5, nil
				mustBe(t, h.Update(e))
			},
			"damage": func(t *rapid.T) {
				file := filepath.Join(dir, headsFile)
				data, err := os.ReadFile(file)
				if err != nil {
					return
				}
				cut := rapid.IntRange(0, len(data)).Draw(t, "cut")
				mustBe(t, os.WriteFile(file, data[:cut], 0o600))
			},
			"": func(t *rapid.T) {
				entries, err := Living(dir)
				mustBe(t, err)
				want := map[string]Head{}
				for _, e := range entries {
					want[e.ID] = e.Head()
				}
				h, err := Hold(dir)
				mustBe(t, err)
				defer h.Release()
				got, err := h.Living()
				mustBe(t, err)
				for _, head := range got {
					head.file = dirent{}
					if head != want[head.ID] {
						t.Fatalf("kept %+v, the entry has %+v", head, want[head.ID])
					}
				}
				if len(got) != len(want) {
					t.Fatalf("%d heads of %d entries", len(got), len(want))
				}
				if len(h.readHeads()) > 0 {
					written++
				}
			},
		})
	})
	if written == 0 {
		t.Error("no heads were ever kept")
	}
}

// What is damaged in any way is read as nothing.
func FuzzReadHeads(f *testing.F) {
	dir, root := dirs(f)
	must(f, Put(dir, entry(root, "a")))
	h, err := Hold(dir)
	must(f, err)
	f.Cleanup(h.Release)
	all, err := h.Living()
	must(f, err)
	must(f, h.writeHeads(all))
	data, err := os.ReadFile(filepath.Join(dir, headsFile))
	must(f, err)
	f.Add(data)
	f.Add([]byte(headsForm + "\xff\xff\xff\xff\xff\xff\xff\xff\x7f"))
	f.Add([]byte(headsForm + "\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, data []byte) {
		must(t, os.WriteFile(filepath.Join(dir, headsFile), data, 0o600))
		if kept := h.readHeads(); len(kept) > len(data) {
			t.Errorf("%d heads in %d bytes", len(kept), len(data))
		}
	})
}

// Whoever reads the sum and then keeps an entry does it alone: of creates that
// fit only one by one, as many pass as fit.
func TestReserve(t *testing.T) {
	dir, root := dirs(t)
	const fit, tries = 5, 40
	var passed sync.Map
	var wg sync.WaitGroup
	for i := range tries {
		wg.Go(func() {
			h, err := Hold(dir)
			if err != nil {
				t.Error(err)
				return
			}
			defer h.Release()
			all, err := h.Living()
			if err != nil {
				t.Error(err)
				return
			}
			e := entry(root, strconv.Itoa(i))
			e.Claim.Memory = 10
			if u := Used(all, "engine", e.Engine, &e.Identity, root, e.ID); u.Memory+10 > fit*10 {
				return
			}
			if err := h.Put(e); err != nil {
				t.Error(err)
			}
			passed.Store(i, true)
		})
	}
	wg.Wait()
	count := 0
	passed.Range(func(any, any) bool { count++; return true })
	if count != fit {
		t.Errorf("%d passed, %d fit", count, fit)
	}
}

// A lock that another process has does not hold up a sweep, which every delete makes.
func TestSweepWaitsForNobody(t *testing.T) {
	dir, root := dirs(t)
	e := entry(root, "gone")
	e.Creator, e.CreatorStart = noProcess, 1
	self, err := thisProcess()
	must(t, err)
	e.CreatorNS = self.NS
	store(t, dir, e, time.Hour)
	h, err := Hold(dir)
	must(t, err)
	if n, err := Sweep(dir, time.Now(), 9); n != 0 || err != nil {
		t.Error(n, err)
	}
	h.Release()
	h.Release()
	if n, err := Sweep(dir, time.Now(), 9); n != 1 || err != nil {
		t.Error(n, err)
	}
}

// An update's claim is the larger one until the updater is gone, and then what
// the runtime has put in force.
func TestUpdateSettles(t *testing.T) {
	r := newRunc(t)
	dir, _ := dirs(t)
	id := "runward-test-" + strconv.Itoa(os.Getpid()) + "-settles"
	self, err := thisProcess()
	must(t, err)
	e := entry(r.root, id)
	e.Claim = policy.Claim{Memory: 100 << 20, CPU: 500, Pids: 10}
	must(t, Put(dir, e))
	h, err := Hold(dir)
	must(t, err)
	defer h.Release()
	get := func() *Entry {
		t.Helper()
		got, err := h.Get(r.root, id)
		must(t, err)
		return got
	}
	changed := *get()
	changed.Claim.Memory = 200 << 20
	must(t, h.Update(&changed))
	if got := get(); got.Claim.Memory != 200<<20 || got.Updater == nil || *got.Updater != self || got.Bundle != e.Bundle || got.Creator != self.PID {
		t.Errorf("%+v %+v", got, got.Updater)
	}
	if err := h.Update(get()); !errors.Is(err, ErrUpdating) {
		t.Errorf("while another is at it: %v", err)
	}
	ended := *get()
	ended.Updater = &Process{noProcess, 1, self.NS}
	store(t, dir, &ended, 0)
	if got := get(); got.Claim.Memory != 200<<20 || got.Updater == nil {
		t.Errorf("no state that says: %+v", got.Claim)
	}
	r.create(id)
	r.run("update", "--memory", "52428800", "--cpu-quota", "25000", "--cpu-period", "100000", "--pids-limit", "5", id)
	elsewhere := ended
	elsewhere.Updater = &Process{noProcess, 1, self.NS + 1}
	store(t, dir, &elsewhere, 0)
	if got := get(); got.Updater == nil {
		t.Error("settled for an updater that cannot be seen")
	}
	store(t, dir, &ended, 0)
	all, err := h.Living()
	must(t, err)
	want := policy.Claim{Memory: 50 << 20, CPU: 250, Pids: 5}
	if len(all) != 1 || all[0].Claim != want {
		t.Errorf("%+v, want %+v", all[0].Claim, want)
	}
	fresh, err := Get(dir, r.root, id)
	must(t, err)
	if fresh.Claim != want || fresh.Updater != nil || fresh.Bundle != e.Bundle {
		t.Errorf("kept %+v", fresh)
	}
}

// What a create under a quota pays for so many containers on the node.
func BenchmarkLiving(b *testing.B) {
	for _, count := range []int{100, 1000} {
		b.Run(strconv.Itoa(count), func(b *testing.B) {
			dir, root := shm(b)
			for i := range count {
				must(b, Put(dir, entry(root, strconv.Itoa(i))))
				must(b, os.Mkdir(filepath.Join(root, strconv.Itoa(i)), 0o700))
			}
			for b.Loop() {
				h, err := Hold(dir)
				must(b, err)
				all, err := h.Living()
				must(b, err)
				if len(all) != count {
					b.Fatal(len(all))
				}
				h.Release()
			}
		})
	}
}
