package alert

import "time"

// A Level is a bound that a measure must stay below.
type Level struct {
	Above  float64       // over it, it is too high
	Clear  float64       // below it, it is well again: at most Above
	For    time.Duration // how long it is over it before anything is said; 0: at once
	Repeat time.Duration // while it lasts it is said again this often; 0: never
	Gap    time.Duration // after no measure for longer, nothing is known of what was before; 0: whatever the gap
}

// A State is where one measure stands against its level. The zero value has
// seen nothing.
type State struct {
	Over   time.Time // since when it is over it; zero: it is not
	Raised bool
	Said   time.Time // when an alert was last given
	Count  int       // of measures over it, since Over
	Peak   float64   // the highest of them
	Last   time.Time // of all measures
}

// Step takes one measure, and tells what there is to say. It says Raised and
// Cleared in turn, and Repeated only between them.
func (s *State) Step(l Level, now time.Time, value float64) Phase {
	if !s.Last.IsZero() && (now.Before(s.Last) || l.Gap > 0 && now.Sub(s.Last) > l.Gap) && !s.Raised {
		s.Over = time.Time{} // nobody looked meanwhile: it did not last, as far as is known
	}
	s.Last = now
	switch {
	case value > l.Above:
		if s.Over.IsZero() {
			s.Over, s.Count, s.Peak = now, 0, value
		}
		s.Count++
		s.Peak = max(s.Peak, value)
	case s.Raised && value >= l.Clear: // between the two: as it was
	default:
		was := s.Raised
		*s = State{Last: now, Said: s.Said, Count: s.Count, Peak: s.Peak}
		if was {
			return Cleared
		}
		return ""
	}
	switch {
	case !s.Raised && now.Sub(s.Over) >= l.For:
		s.Raised, s.Said = true, now
		return Raised
	case s.Raised && l.Repeat > 0 && now.Sub(s.Said) >= l.Repeat:
		s.Said = now
		return Repeated
	}
	return ""
}
