package alert

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestLevel(t *testing.T) {
	level := Level{Above: 90, Clear: 80, For: time.Minute, Repeat: 5 * time.Minute, Gap: 2 * time.Minute}
	start := time.Unix(0, 0)
	for _, c := range []struct {
		name, want string
		steps      []float64 // one every 30 s; negative: no measure
	}{
		{"it is said after a minute", ". . raised", []float64{95, 95, 95}},
		{"a spike is not", ". . . . .", []float64{95, 95, 85, 95, 95}},
		{"between the two it lasts", ". . raised . . cleared .", []float64{95, 95, 95, 85, 95, 79, 85}},
		{"the bound itself is not over it", ". . . .", []float64{90, 90, 90, 90}},
		{"without a measure nothing is known", ". . . .", []float64{95, -1, -1, -1, -1, 95, 95, 60}},
		{"it is said again", ". . raised . . . . . . . . . repeated .", []float64{95, 95, 95, 95, 95, 95, 95, 95, 95, 95, 95, 95, 95, 95}},
	} {
		var s State
		var got []string
		for i, value := range c.steps {
			if value < 0 {
				continue
			}
			phase := string(s.Step(level, start.Add(time.Duration(i)*30*time.Second), value))
			if phase == "" {
				phase = "."
			}
			got = append(got, phase)
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s: %s, want %s", c.name, strings.Join(got, " "), c.want)
		}
	}
}

// Raised and Cleared take turns; it is raised only after being over the bound
// for as long as it must, and repeated no more often than it may.
func TestLevelProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		level := Level{Above: 50, Clear: float64(rapid.IntRange(0, 50).Draw(t, "clear")), For: time.Duration(rapid.IntRange(0, 90).Draw(t, "for")) * time.Second, Repeat: time.Duration(rapid.IntRange(0, 100).Draw(t, "repeat")) * time.Second}
		now := time.Unix(1_000_000, 0)
		var s State
		raised, over, said := false, time.Time{}, time.Time{}
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			now = now.Add(time.Duration(rapid.IntRange(0, 40).Draw(t, "seconds")) * time.Second)
			value := float64(rapid.IntRange(0, 100).Draw(t, "value"))
			switch {
			case value <= 50 && !(raised && value >= level.Clear):
				over = time.Time{}
			case value > 50 && over.IsZero():
				over = now
			}
			switch phase := s.Step(level, now, value); phase {
			case Raised:
				if raised || value <= level.Above || now.Sub(over) < level.For {
					t.Fatalf("raised at %v with %g, over it since %v", now, value, over)
				}
				raised, said = true, now
			case Repeated:
				if !raised || now.Sub(said) < level.Repeat || level.Repeat == 0 {
					t.Fatal("repeated")
				}
				said = now
			case Cleared:
				if !raised || value > level.Above || value >= level.Clear && level.Clear < level.Above {
					t.Fatalf("cleared with %g", value)
				}
				raised = false
			default:
				if value > level.Above && !raised && now.Sub(over) >= level.For {
					t.Fatal("not raised")
				}
			}
			if s.Raised != raised {
				t.Fatal("state")
			}
		}
	})
}
