package answer

import (
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/runward/runward/internal/state"
)

// What is no cgroup, or holds this process, or has ended, is refused in words,
// and nothing is written there.
func TestTargetsThatAreRefused(t *testing.T) {
	own, err := state.ReadStat(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir() + "/cgroup"
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name   string
		target Target
		want   string
	}{
		{"no cgroup", Target{}, "the container has no cgroup to act on"},
		{"a directory of no cgroup", Target{Unified: t.TempDir()}, "is no cgroup"},
		{"a directory that looks like one", Target{Unified: dir}, "is no cgroup of the hierarchy that it should be of"},
		{"the same, of v1", Target{Freezer: dir}, "is no cgroup of the hierarchy that it should be of"},
	} {
		c.target.PID, c.target.Start = os.Getpid(), own.Start
		for what, act := range map[string]func(*Target, time.Duration) error{"freeze": Freeze, "thaw": Thaw, "kill": Kill} {
			if err := act(&c.target, time.Second); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s %s: %v", what, c.name, err)
			}
		}
		if files, err := os.ReadDir(dir); err != nil || len(files) > 0 {
			t.Errorf("%s: %v %v", c.name, files, err)
		}
	}
	gone := Target{PID: os.Getpid(), Start: own.Start + 1, Unified: "/sys/fs/cgroup/runward-no-such-cgroup"}
	if err := Freeze(&gone, time.Second); !errors.Is(err, ErrGone) {
		t.Errorf("freeze what has ended: %v", err)
	}
	if err := Kill(&gone, time.Second); err != nil {
		t.Errorf("kill what has ended: %v", err)
	}
	if _, err := CutNetwork(&gone, false); !errors.Is(err, ErrGone) {
		t.Errorf("cut what has ended: %v", err)
	}
	if _, err := CutEgress(&Target{PID: os.Getpid(), Start: own.Start}, true); err == nil || !strings.Contains(err.Error(), "is in the host's network namespace") {
		t.Errorf("cut the host: %v", err)
	}
}

// A wait ends when it is so, when that cannot be told, and when time is up.
func TestUntil(t *testing.T) {
	count := 0
	if err := until(time.Minute, func() (bool, error) { count++; return count == 3, nil }); err != nil || count != 3 {
		t.Error(count, err)
	}
	wrong := errors.New("wrong")
	if err := until(time.Minute, func() (bool, error) { return false, wrong }); !errors.Is(err, wrong) {
		t.Error(err)
	}
	if err := until(time.Millisecond, func() (bool, error) { return false, nil }); !errors.Is(err, errTime) {
		t.Error(err)
	}
}
