package normal

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/runward/runward/internal/monitor/watch/alert"
	"github.com/runward/runward/internal/monitor/watch/sample"
)

// A series is what test/watch/record wrote of a real container.
type series struct {
	name    string
	rows    []row
	anomaly time.Duration // when it begins; 0: there is none
}

type row struct {
	at       time.Duration
	measures sample.Measures
}

func readSeries(t *testing.T, path string) series {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	s := series{name: strings.TrimSuffix(filepath.Base(path), ".txt")}
	var columns []sample.Metric
	for n, line := range strings.Split(strings.TrimSuffix(string(text), "\n"), "\n") {
		fields := strings.Fields(line)
		switch {
		case n == 0:
			for _, name := range fields[1:] {
				m, ok := sample.ParseMetric(name)
				if !ok {
					t.Fatalf("%s: metric %s", path, name)
				}
				columns = append(columns, m)
			}
		case line == "anomaly":
			s.anomaly = s.rows[len(s.rows)-1].at + time.Second
		default:
			at, err := strconv.ParseFloat(fields[0], 64)
			if err != nil || len(fields) != len(columns)+1 {
				t.Fatalf("%s:%d: %q", path, n+1, line)
			}
			r := row{at: time.Duration(at * float64(time.Second))}
			for i, m := range columns {
				if value, err := strconv.ParseFloat(fields[i+1], 64); err == nil { // else "-"
					r.measures.Set(m, value)
				}
			}
			s.rows = append(s.rows, r)
		}
	}
	return s
}

func allSeries(t *testing.T) []series {
	t.Helper()
	paths, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(paths) == 0 {
		t.Fatal("no series", err)
	}
	var all []series
	for _, path := range paths {
		all = append(all, readSeries(t, path))
	}
	return all
}

// quick is the defaults with windows of 5 s instead of a minute, and with 5
// minutes to learn (60 windows of 720): the series are as long as that.
func quick() Settings {
	s := Default()
	s.Window, s.Learn, s.HalfLife = alert.Duration(5*time.Second), alert.Duration(5*time.Minute), alert.Duration(24*time.Hour)
	s.Growth = alert.Duration(2 * time.Minute)
	return s
}

// heard is what a learner said of one series.
type heard struct {
	windows, judged, over int // windows before the anomaly; of them, times metrics, judged; of them, too high
	alerts, late          []alert.Alert
}

func play(t *testing.T, settings Settings, s series) heard {
	t.Helper()
	l := New(settings)
	start := time.Date(2026, 1, 2, 3, 0, 0, 0, time.UTC)
	var h heard
	last := int64(0)
	for _, r := range s.rows {
		now := start.Add(r.at)
		slot := now.UnixNano() / int64(settings.Window)
		told := l.Step(now, "w", "c", &r.measures, 128<<20)
		before := s.anomaly == 0 || r.at < s.anomaly
		if slot != last && before {
			h.windows++
			if l.models["w"] != nil && l.models["w"].confident(&settings) {
				h.judged += len(l.metrics)
				for _, m := range l.metrics {
					if !l.containers["c"].tracks[kind{m, false}].state.Over.IsZero() {
						h.over++
					}
				}
			}
		}
		last = slot
		for _, a := range told {
			if a.Phase != alert.Raised {
				continue
			}
			if before {
				h.alerts = append(h.alerts, a)
			} else {
				h.late = append(h.late, a)
			}
		}
	}
	return h
}

// The series before their anomalies are what false alarms are counted on: with
// the floors as they are, and with floors of a hundredth, so that small
// containers on a quiet network are judged by what was learned alone.
func TestFalseAlarms(t *testing.T) {
	for _, c := range []struct {
		floor alert.Number
		most  float64 // percent of what was judged, that is alarms
	}{{1, 0}, {0.01, 0.2}} {
		settings := quick()
		settings.Floor = c.floor
		var windows, judged, over, alarms int
		for _, s := range allSeries(t) {
			h := play(t, settings, s)
			windows, judged, over, alarms = windows+h.windows, judged+h.judged, over+h.over, alarms+len(h.alerts)
			for _, a := range h.alerts {
				t.Logf("%s: false, with floors times %g: %s", s.name, c.floor, a.Message)
			}
		}
		rate := 100 * float64(alarms) / float64(judged)
		t.Logf("floors times %g: %d windows, %d means judged in them: %d too high (%.3f %%), %d false alarms (%.4f %%)",
			c.floor, windows, judged, over, 100*float64(over)/float64(judged), alarms, rate)
		if judged < 10_000 {
			t.Errorf("only %d were judged", judged)
		}
		if rate > c.most {
			t.Errorf("%.4f %% false alarms with floors times %g, want at most %g %%", rate, c.floor, c.most)
		}
	}
}

// Each anomaly is found, by the metric that it shows in, within a time that was measured.
func TestDetection(t *testing.T) {
	settings := quick()
	for _, s := range allSeries(t) {
		if s.anomaly == 0 {
			continue
		}
		want := map[string]string{
			"leak": "normal.memory_working_set normal.memory_growth", "fork-bomb": "normal.pids_current",
			"miner": "normal.cpu_cores", "exfiltration": "normal.network_sent normal.network_sent_lasting",
		}[s.name[:strings.LastIndexByte(s.name, '-')]]
		h := play(t, settings, s)
		var said []string
		var delay time.Duration
		for _, a := range h.late {
			said = append(said, a.Name)
			if slices.Contains(strings.Fields(want), a.Name) && delay == 0 {
				delay = a.Time.Sub(time.Date(2026, 1, 2, 3, 0, 0, 0, time.UTC)) - s.anomaly
				t.Logf("%s: after %s (%.0f windows): %s", s.name, delay.Round(time.Second), float64(delay)/float64(settings.Window), a.Message)
			}
		}
		if delay == 0 {
			t.Errorf("%s: not found; said %v", s.name, said)
		}
	}
}
