package answer

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestLimiter(t *testing.T) {
	l := Limiter{Node: 3, Container: 2}
	at := time.Unix(1000, 0)
	for _, c := range []struct {
		container string
		after     time.Duration
		ok        bool
		why       string
	}{
		{"a", 0, true, ""},
		{"a", time.Second, true, ""},
		{"a", 2 * time.Second, false, "policy has given 2 answers to this container within a minute, and may give 2"},
		{"b", 3 * time.Second, true, ""},
		{"c", 4 * time.Second, false, "policy has given 3 answers on this node within a minute, and may give 3"},
		{"a", 60 * time.Second, true, ""}, // the first one is a minute old
		{"c", 60 * time.Second, false, "policy has given 3 answers on this node within a minute, and may give 3"},
		{"c", 200 * time.Second, true, ""},
	} {
		if ok, why := l.Allow(c.container, at.Add(c.after)); ok != c.ok || why != c.why {
			t.Errorf("%s after %v: %v %q", c.container, c.after, ok, why)
		}
	}
	if ok, why := new(Limiter).Allow("a", at); ok || !strings.Contains(why, "may give 0") {
		t.Error("the zero value allows", ok, why)
	}
}

// In no minute there are more answers than allowed, and nothing is kept of what
// is long ago.
func TestLimiterHolds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := Limiter{Node: rapid.IntRange(0, 5).Draw(t, "node"), Container: rapid.IntRange(0, 3).Draw(t, "container")}
		type answer struct {
			container string
			at        time.Time
		}
		var given []answer
		now := time.Unix(5000, 0)
		for range rapid.IntRange(1, 60).Draw(t, "asked") {
			now = now.Add(time.Duration(rapid.IntRange(0, 30).Draw(t, "seconds")) * time.Second)
			container := rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "of")
			if ok, _ := l.Allow(container, now); ok {
				given = append(given, answer{container, now})
			}
			node, each := 0, map[string]int{}
			for _, g := range given {
				if now.Sub(g.at) < time.Minute {
					node++
					each[g.container]++
				}
			}
			if node > l.Node || each["a"] > l.Container || each["b"] > l.Container || each["c"] > l.Container {
				t.Fatalf("%d on the node, %v", node, each)
			}
			if len(l.all) > l.Node || len(l.each) > 3 {
				t.Fatalf("keeps %d of %d", len(l.all), len(l.each))
			}
		}
	})
}
