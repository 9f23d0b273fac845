package monitor

import (
	"sync"

	"github.com/runward/runward/internal/audit/event"
)

// backlog is how many events a reader of the stream may be behind.
const backlog = 1024

// A stream gives every event to those who listen. Who does not keep up loses
// events, which are counted, and holds up nobody.
type stream struct {
	mu      sync.Mutex
	readers map[chan event.Event]bool
	dropped uint64
}

func (s *stream) subscribe() (events <-chan event.Event, leave func()) {
	c := make(chan event.Event, backlog)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.readers == nil {
		s.readers = map[chan event.Event]bool{}
	}
	s.readers[c] = true
	return c, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.readers, c)
	}
}

func (s *stream) send(e event.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.readers {
		select {
		case c <- e:
		default:
			s.dropped++
		}
	}
}

func (s *stream) counts() (readers int, dropped uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.readers), s.dropped
}
