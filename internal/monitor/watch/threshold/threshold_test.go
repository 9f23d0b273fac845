package threshold

import (
	"strings"
	"testing"
	"time"

	"github.com/runward/runward/internal/monitor/watch/alert"
	"github.com/runward/runward/internal/monitor/watch/sample"
)

func at(seconds int) time.Time { return time.Unix(1_700_000_000+int64(seconds), 0) }

// memory is a sample with so many MiB of 100 in use.
func memory(seconds int, mib uint64) *sample.Sample {
	return &sample.Sample{Time: at(seconds), Has: sample.HasMemory | sample.HasOOM, Memory: sample.Memory{WorkingSet: mib << 20, Limit: 100 << 20}}
}

func words(alerts []alert.Alert) string {
	var all []string
	for _, a := range alerts {
		all = append(all, a.Name+" "+string(a.Phase)+" "+string(a.Severity)+": "+a.Message)
	}
	return strings.Join(all, "\n")
}

func TestMemory(t *testing.T) {
	settings := Default()
	c := New("c1")
	var got []string
	for _, s := range []*sample.Sample{memory(0, 95), memory(30, 96), memory(60, 97), memory(90, 85), memory(120, 70)} {
		_, alerts := c.Step(&settings, s)
		got = append(got, words(alerts))
	}
	want := []string{
		"", "", "threshold.memory_percent raised warning: memory in use of container c1 is 97 % of the limit, over 90 % of the limit for 1m0s", "",
		"threshold.memory_percent cleared info: memory in use of container c1 is 70 % of the limit again, after 2m0s over 90 % of the limit (at most 97 % of the limit)",
	}
	if strings.Join(got, "|") != strings.Join(want, "|") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// A container that is killed over and over is told of at once, and then as
// often as Repeat says, with all that were killed meanwhile.
func TestOOM(t *testing.T) {
	settings := Default()
	c := New("c1")
	var got []string
	for i, kills := range []uint64{0, 1, 2, 5, 9} {
		s := memory(i*1200, 10)
		s.OOMKills = kills
		_, alerts := c.Step(&settings, s)
		got = append(got, words(alerts))
	}
	want := []string{
		"", "oom once critical: the kernel killed 1 process(es) of container c1 for want of memory, at its limit of 100 MiB", "", "",
		"oom repeated critical: the kernel killed 8 process(es) of container c1 for want of memory, at its limit of 100 MiB",
	}
	if strings.Join(got, "|") != strings.Join(want, "|") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// What was killed before anybody looked, or as the last thing of all, is told of.
func TestOOMAtTheEnds(t *testing.T) {
	settings := Default()
	first := memory(0, 10)
	first.OOMKills = 2
	if _, alerts := New("c").Step(&settings, first); len(alerts) != 1 || alerts[0].Count != 2 {
		t.Errorf("%s", words(alerts))
	}
	c := New("c")
	c.Step(&settings, memory(0, 95))
	c.Step(&settings, memory(60, 95))
	last := &sample.Sample{Time: at(70), Has: sample.HasOOM, OOMKills: 1}
	got := words(c.Gone(&settings, last, at(70)))
	want := "oom once critical: the kernel killed 1 process(es) of container c for want of memory\nthreshold.memory_percent cleared info: container c has ended"
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	settings.OOM = false
	if _, alerts := New("c").Step(&settings, first); len(alerts) != 0 {
		t.Errorf("switched off: %s", words(alerts))
	}
}

// Without a limit there is no percent of it, and with a bound of 0 nothing is watched.
func TestNothingToSay(t *testing.T) {
	settings := Default()
	settings.MemoryPercent.Above = 0
	c := New("c")
	for i := range 5 {
		s := memory(i*60, 100)
		s.Pids, s.Has = sample.Pids{Current: 5000}, s.Has|sample.HasPids
		if _, alerts := c.Step(&settings, s); len(alerts) != 0 {
			t.Errorf("%s", words(alerts))
		}
	}
}

func TestCheck(t *testing.T) {
	settings := Default()
	if key, err := settings.Check(); err != nil {
		t.Errorf("defaults: %s: %v", key, err)
	}
	settings.PidsPercent.Clear = 85
	if key, err := settings.Check(); err == nil || key != "pids_percent.clear" || err.Error() != "clear: want at most above, which is 80, found 85" {
		t.Errorf("%s: %v", key, err)
	}
	settings = Default()
	settings.NetworkSent.Severity = "loud"
	if key, err := settings.Check(); err == nil || key != "network_sent.severity" || err.Error() != `severity: want info, warning or critical, found "loud"` {
		t.Errorf("%s: %v", key, err)
	}
}
