package monitor

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/runward/runward/internal/audit/event"
)

// queued is how many events may wait to be written.
const queued = 8192

// A recorder writes events to the chain, in their order, so that nobody else
// has to wait for the disk. What finds no room is counted, and said in the
// chain as soon as there is some.
type recorder struct {
	write   func(*event.Event) error
	fail    func(error)
	stream  *stream
	queue   chan event.Event
	dropped atomic.Uint64 // since the last that was said
	lost    atomic.Uint64 // in all: dropped, or not to be written
	written atomic.Uint64
}

func newRecorder(write func(*event.Event) error, s *stream, fail func(error)) *recorder {
	return &recorder{write: write, fail: fail, stream: s, queue: make(chan event.Event, queued)}
}

// put never waits.
func (r *recorder) put(e event.Event) {
	select {
	case r.queue <- e:
	default:
		r.dropped.Add(1)
		r.lost.Add(1)
	}
}

// run writes until the context ends, and then what is left.
func (r *recorder) run(ctx context.Context) {
	for {
		select {
		case e := <-r.queue:
			r.one(e)
		case <-ctx.Done():
			for {
				select {
				case e := <-r.queue:
					r.one(e)
				default:
					return
				}
			}
		}
	}
}

func (r *recorder) one(e event.Event) {
	r.keep(e)
	if n := r.dropped.Swap(0); n > 0 {
		r.keep(event.Event{
			Time: time.Now(), Kind: event.Alert, Name: "monitor.events_dropped", Severity: event.Warning,
			Message: fmt.Sprintf("%d events were not recorded: more came than the disk takes", n),
		})
	}
}

func (r *recorder) keep(e event.Event) {
	if err := r.write(&e); err != nil {
		r.lost.Add(1)
		r.fail(err)
	} else {
		r.written.Add(1)
	}
	r.stream.send(e)
}
