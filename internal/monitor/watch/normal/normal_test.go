package normal

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/runward/runward/internal/monitor/watch/alert"
	"github.com/runward/runward/internal/monitor/watch/sample"
)

// A quantile of the histogram is the value's bucket: at most 5 % away from the
// value that sorting gives.
func TestQuantile(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		values := rapid.SliceOfN(rapid.Float64Range(1, 1e9), 1, 200).Draw(t, "values")
		q := rapid.Float64Range(0, 1).Draw(t, "q")
		var h histogram
		for _, v := range values {
			h.add(v, 1, 1)
		}
		slices.Sort(values)
		want := values[max(0, int(math.Ceil(q*float64(len(values))))-1)]
		got := h.quantile(q, 1)
		if want > 1 && (got < want/1.06 || got > want*1.06) {
			t.Fatalf("quantile %g of %v: %g, want %g", q, values, got, want)
		}
		if !h.valid() || len(h.Bucket) > buckets {
			t.Fatal("histogram")
		}
	})
}

// One window in two hundred may be as far away as it likes: what is too high
// stays what it was.
func TestOutliers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		settings := Default()
		w, clean := &model{Metrics: map[string]*histogram{}}, &model{Metrics: map[string]*histogram{}}
		k := kind{sample.NetworkSent, false}
		for i := range 1000 {
			value := rapid.Float64Range(1e6, 2e6).Draw(t, "value")
			clean.learn(&settings, k, value, time.Time{})
			if i%200 == 0 {
				value = rapid.Float64Range(1e7, 1e12).Draw(t, "outlier")
			}
			w.learn(&settings, k, value, time.Time{})
		}
		got, want := w.bound(&settings, k, time.Time{}).Bound, clean.bound(&settings, k, time.Time{}).Bound
		if got > want*1.3 || got < want/1.3 {
			t.Fatalf("with outliers %g, without %g", got, want)
		}
	})
}

// run lets a container send so much in each of so many windows.
type run struct {
	t       *testing.T
	l       *Learner
	now     time.Time
	heard   []string
	windows int
}

func newRun(t *testing.T, settings Settings) *run {
	return &run{t: t, l: New(settings), now: time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)}
}

func (r *run) send(windows int, value float64) {
	for range windows {
		var m sample.Measures
		m.Set(sample.NetworkSent, value)
		for _, a := range r.l.Step(r.now, "w", "c", &m, 0) {
			r.heard = append(r.heard, fmt.Sprintf("%d %s %s", r.windows, a.Name, a.Phase))
		}
		r.now = r.now.Add(time.Duration(r.l.settings.Window))
		r.windows++
	}
}

func (r *run) want(heard ...string) {
	r.t.Helper()
	if strings.Join(r.heard, ", ") != strings.Join(heard, ", ") {
		r.t.Errorf("heard %s\nwant %s", strings.Join(r.heard, ", "), strings.Join(heard, ", "))
	}
	r.heard = nil
}

func (r *run) bound() float64 {
	return r.l.models["w"].bound(&r.l.settings, kind{sample.NetworkSent, false}, r.now).Bound
}

// simple has no lasting means, so that windows can be counted.
func simple() Settings {
	s := Default()
	s.Lasting = 0
	return s
}

func TestLearnsThenSays(t *testing.T) {
	r := newRun(t, simple())
	r.send(100, 1e6)
	r.send(5, 1e9) // nothing is known yet: it is learned
	r.send(700, 1e6)
	r.want()
	r.send(2, 1e9) // a spike
	r.send(20, 1e6)
	r.want()
	r.send(10, 1e9)
	r.want("830 normal.network_sent raised")
	r.send(5, 1e6)
	r.want("838 normal.network_sent cleared")
}

// While it alerts nothing is learned; what lasts is accepted after a day, or
// when an administrator says so, and is normal from then on.
func TestFreezeAndAccept(t *testing.T) {
	r := newRun(t, simple())
	r.send(800, 1e6)
	before := r.bound()
	r.send(600, 1e8)
	r.want("803 normal.network_sent raised", "1163 normal.network_sent repeated")
	if now := r.bound(); now != before {
		t.Errorf("the bound went from %g to %g while it alerted", before, now)
	}
	r.send(900, 1e8)
	r.want("1523 normal.network_sent repeated", "1883 normal.network_sent repeated", "2241 normal.network_sent cleared")
	if now := r.bound(); now < 1e8 {
		t.Errorf("the bound is %g after what lasts was accepted", now)
	}
	r.send(500, 1e8)
	r.want()
	r.send(10, 1e9)
	r.want("2803 normal.network_sent raised")
	if told := r.l.Accept("w", r.now); len(told) != 1 || told[0].Phase != alert.Cleared {
		t.Errorf("accepted: %v", told)
	}
	r.send(100, 1e9)
	r.want()
}

// A nightly hour of work is no alert once that hour was seen on two days, and
// the same at another hour is.
func TestHours(t *testing.T) {
	settings := simple()
	settings.Hours, settings.Learn = true, alert.Duration(72*time.Hour)
	r := newRun(t, settings)
	for range 4 {
		r.send(120, 1e6)
		r.send(60, 1e9)
		r.send(1260, 1e6)
	}
	r.heard = nil
	r.send(120, 1e6)
	r.send(60, 1e9)
	r.send(300, 1e6)
	r.want()
	r.send(60, 1e9)
	if len(r.heard) != 1 || !strings.HasSuffix(r.heard[0], "network_sent raised") {
		t.Errorf("at another hour: %v", r.heard)
	}
}

// What was learned outlives the daemon, in a file of root's alone.
func TestKeep(t *testing.T) {
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "normal.json")
	r := newRun(t, Default())
	if err := r.l.Load(path); err != nil {
		t.Fatalf("without a file: %v", err)
	}
	r.send(800, 1e6)
	if err := r.l.Save(path); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	next := New(Default())
	if err := next.Load(path); err != nil {
		t.Fatal(err)
	}
	if got, want := fmt.Sprint(next.Explain("w", r.now)), fmt.Sprint(r.l.Explain("w", r.now)); got != want || !next.Explain("w", r.now)[8].Confident {
		t.Errorf("got %s\nwant %s", got, want)
	}
	if err := os.Chmod(path, 0o666); err != nil {
		t.Fatal(err)
	}
	if err := New(Default()).Load(path); err == nil || !strings.Contains(err.Error(), "is writable by others than its owner: chmod go-w it") {
		t.Errorf("writable by others: %v", err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		t.Fatal(err)
	}
	other := Default()
	other.Window = alert.Duration(2 * time.Minute)
	if err := New(other).Load(path); err == nil || err.Error() != path+" cannot be used, and what is normal is learned anew: it was learned with a window of 1m0s" {
		t.Errorf("another window: %v", err)
	}
}

// Memory is bounded: what was not seen for longest is forgotten.
func TestEvict(t *testing.T) {
	settings := Default()
	settings.Workloads = 100
	l := New(settings)
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	var m sample.Measures
	m.Set(sample.CPUCores, 1)
	for i := range 300 {
		name := fmt.Sprintf("w%03d", i)
		for range 2 {
			l.Step(now, name, name, &m, 0)
			now = now.Add(time.Minute)
		}
		l.Gone(now, name)
	}
	all := l.Workloads()
	if len(all) > 100 || !slices.Contains(all, "w299") || slices.Contains(all, "w000") || len(l.containers) != 0 {
		t.Errorf("%d are known: %v", len(all), all)
	}
}

// A file that is damaged is refused, and never panics later.
func FuzzDecode(f *testing.F) {
	for _, text := range []string{
		`{"version":1,"window":"1m0s","workloads":{"w":{"seen":1,"slot":2,"faded":"2026-01-01T00:00:00Z","metrics":{"cpu_cores":{"b":[{"i":1,"w":1}],"n":1}}}}}`,
		`{"version":1,"window":"1m0s","workloads":{"w":{"metrics":{"cpu_cores":null}}}}`,
		`{"version":1,"window":"1m0s","workloads":{"w":{"metrics":{},"hours":{"cpu_cores":[null,{"b":[{"i":3,"w":1},{"i":2,"w":1}],"n":2}]}}}}`,
		`{"version":2}`,
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		l := New(Default())
		if l.decode(text) != nil {
			return
		}
		var m sample.Measures
		m.Set(sample.CPUCores, 1)
		for i := range 5 {
			for name := range l.models {
				l.Step(time.Unix(int64(i)*60, 0), name, name, &m, 0)
				for _, known := range l.Explain(name, time.Unix(0, 0)) {
					if math.IsNaN(known.Bound) {
						t.Errorf("%+v", known)
					}
				}
			}
		}
	})
}

func TestCheck(t *testing.T) {
	settings := Default()
	if key, err := settings.Check(); err != nil {
		t.Errorf("defaults: %s: %v", key, err)
	}
	for _, c := range []struct {
		change func(*Settings)
		want   string
	}{
		{func(s *Settings) { s.Metrics = []string{"psi_io_some_avg60"} }, `metrics: "psi_io_some_avg60" is none that can be learned`},
		{func(s *Settings) { s.Metrics = []string{"cpu_cores", "cpu_cores"} }, `metrics: "cpu_cores" is there twice`},
		{func(s *Settings) { s.Window = 0 }, "window: want at least 1s"},
		{func(s *Settings) { s.HalfLife = s.Learn - 1 }, "half_life: want at least as long as learn: it would never be known enough"},
		{func(s *Settings) { s.Growth = 1 }, "growth: want 0s, or at least 12 windows"},
		{func(s *Settings) { s.Lasting = 1 }, "lasting: want 0, or 2 to 1000 windows"},
		{func(s *Settings) { s.Margin = 0.5 }, "margin: want at least 1"},
	} {
		settings := Default()
		c.change(&settings)
		if _, err := settings.Check(); err == nil || err.Error() != c.want {
			t.Errorf("%v, want %s", err, c.want)
		}
	}
}

// What other containers of the workload do is not learned either while one alerts.
func TestFreezeOfAll(t *testing.T) {
	r := newRun(t, simple())
	r.send(800, 1e6)
	other := func(windows int) {
		for range windows {
			var m sample.Measures
			m.Set(sample.NetworkSent, 1.1e6)
			r.l.Step(r.now, "w", "other", &m, 0)
			r.send(1, 1e8)
		}
	}
	other(10)
	r.want("803 normal.network_sent raised")
	before := r.l.models["w"].Metrics["network_sent"].Total
	other(50)
	if now := r.l.models["w"].Metrics["network_sent"].Total; now != before {
		t.Errorf("%g windows were learned meanwhile", now-before)
	}
}

// grown tells whether memory with these floors, in MiB, is a leak.
func grown(floors ...float64) bool {
	var g growth
	for _, f := range floors {
		g.add(f*(1<<20), 1)
	}
	return g.rises()
}

func TestGrowth(t *testing.T) {
	for _, c := range []struct {
		name   string
		floors []float64
		want   bool
	}{
		{"a leak", []float64{100, 110, 120, 130, 140, 150, 160, 170, 180, 190, 200, 210}, true},
		{"a leak with noise", []float64{100, 112, 118, 131, 129, 150, 163, 170, 178, 191, 205, 210}, true},
		{"a cache that fills up", []float64{100, 130, 155, 175, 190, 200, 207, 211, 214, 216, 217, 218}, false},
		{"a saw", []float64{100, 140, 180, 100, 140, 180, 100, 140, 180, 100, 140, 180}, false},
		{"a step", []float64{100, 100, 100, 100, 100, 100, 200, 200, 200, 200, 200, 200}, false},
		{"little", []float64{100, 101, 102, 103, 104, 105, 106, 107, 108, 109, 110, 111}, false},
		{"little of little", []float64{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}, false},
		{"not long enough", []float64{100, 110, 120, 130, 140, 150, 160, 170, 180, 190, 200}, false},
	} {
		if got := grown(c.floors...); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

// A workload whose every container grows for a while, and then stays, is not
// told of once that is known.
func TestGrowthToTheUsual(t *testing.T) {
	settings := quick()
	l := New(settings)
	now := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	for n := range 4 {
		id := fmt.Sprint("c", n)
		for window := range 200 {
			var m sample.Measures
			m.Set(sample.MemoryWorkingSet, float64(min(window, 30))*(10<<20))
			for _, a := range l.Step(now, "w", id, &m, 0) {
				t.Errorf("container %d, window %d: %s", n, window, a.Message)
			}
			now = now.Add(time.Duration(settings.Window))
		}
		l.Gone(now, id)
	}
}
