package monitor

import (
	"context"
	"strconv"
	"sync"
	"time"

	"github.com/runward/runward/internal/audit/event"
	"github.com/runward/runward/internal/audit/rotation"
	"github.com/runward/runward/internal/monitor/api"
	"github.com/runward/runward/internal/monitor/forward"
)

// send sends the records to their destinations until ctx ends.
func (d *Daemon) send(ctx context.Context) error {
	f, err := forward.New(forward.Config{
		Receipts: d.Chain.Path, Dir: d.Positions, Node: d.Node, Version: d.Version, Destinations: d.Settings.Forward,
		Alert: func(e *event.Event) { d.recorder.put(*e) },
	})
	if err != nil {
		return err
	}
	defer f.Close()
	d.mu.Lock()
	d.forwarder = f
	d.mu.Unlock()
	var watched sync.WaitGroup
	watched.Go(func() {
		t := time.NewTicker(outageLook)
		defer t.Stop()
		for {
			select {
			case <-t.C:
				d.outages(f.Status(), time.Now())
			case <-ctx.Done():
				return
			}
		}
	})
	f.Run(ctx)
	watched.Wait()
	return nil
}

// outageAfter is how long a destination may take nothing before it is an alert,
// outageLook how often that is looked at.
const (
	outageAfter = 5 * time.Minute
	outageLook  = 30 * time.Second
)

// outages raises an alert for each destination that has taken nothing for
// outageAfter, and ends it when it does again. The alert cannot reach where it
// is about: it is in the metrics, in runwardctl, and at the other destinations.
func (d *Daemon) outages(all []forward.Status, now time.Time) {
	for i := range all {
		s := &all[i]
		k := alertKey{name: "forward.outage", about: s.Name}
		if s.Failing.IsZero() || now.Sub(s.Failing) < outageAfter {
			d.clear(k)
			continue
		}
		d.raise(k, api.Alert{
			Severity: event.Warning,
			Message:  s.Name + " takes no records since " + s.Failing.Format(time.RFC3339) + "; they are kept on this node until it does, see runwardctl status",
			Details:  map[string]string{"destination": s.Name, "error": s.Error, "waiting": strconv.FormatUint(s.Lag, 10)},
		})
	}
}

// rotateEvery is how often it is looked whether records must be put aside.
const rotateEvery = time.Minute

// rotate keeps the records within their bounds until ctx ends.
func (d *Daemon) rotate(ctx context.Context) error {
	if !d.Settings.Rotation.Enabled {
		return nil
	}
	limits := d.Settings.Rotation.Limits()
	t := time.NewTicker(rotateEvery)
	defer t.Stop()
	for {
		k := alertKey{name: "records.rotation"}
		if err := d.rotateOnce(limits); err != nil {
			d.Log.WithError(err).Error("the records cannot be rotated")
			d.raise(k, api.Alert{Severity: event.Critical, Message: "the records cannot be put aside or removed, and will fill the disk: " + err.Error()})
		} else {
			d.clear(k)
		}
		select {
		case <-t.C:
		case <-ctx.Done():
			return nil
		}
	}
}

func (d *Daemon) rotateOnce(limits rotation.Limits) error {
	if _, err := rotation.Rotate(d.Chain, time.Now(), limits); err != nil {
		return err
	}
	if _, err := rotation.Compress(d.Chain); err != nil {
		return err
	}
	_, err := rotation.Prune(d.Chain, time.Now(), limits, d.sent())
	return err
}

// sent is the number up to which the records need not be kept for sending.
func (d *Daemon) sent() uint64 {
	d.mu.Lock()
	f := d.forwarder
	d.mu.Unlock()
	switch {
	case f != nil:
		return f.Sent()
	case len(d.Settings.Forward) > 0:
		return 0 // it has not begun yet
	default:
		return ^uint64(0)
	}
}

// destinations say how forwarding does.
func (d *Daemon) destinations() []forward.Status {
	if d.forwarder == nil {
		return nil
	}
	return d.forwarder.Status()
}
