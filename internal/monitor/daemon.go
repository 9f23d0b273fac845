// Package monitor is the node's monitor: it follows the containers that runward
// let start, proves in the kernel that what was decided took hold, and answers.
//
// What it knows it has from the ledger, where the wrapper keeps each decision,
// and from the kernel. So nothing is lost when it ends: the next one finds all
// containers there. Hooks only tell it sooner. The wrapper never needs it.
package monitor

import (
	"context"
	"errors"
	"net"
	"reflect"
	"sync"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/runward/runward/internal/audit"
	"github.com/runward/runward/internal/audit/event"
	"github.com/runward/runward/internal/engine"
	"github.com/runward/runward/internal/ledger"
	"github.com/runward/runward/internal/monitor/answer"
	"github.com/runward/runward/internal/monitor/api"
	"github.com/runward/runward/internal/monitor/forward"
	"github.com/runward/runward/internal/monitor/prove"
	"github.com/runward/runward/internal/monitor/settings"
	"github.com/runward/runward/internal/state"
)

// An Attestation is what a look at a container's processes found.
type Attestation struct {
	Ready       bool // its own program runs: before, what the kernel shows is the runtime's
	Ended       bool // and with it what there was to see
	Differences []api.Difference
	Unproven    error // why it could not be compared, or not whole
}

// Config is what a Daemon works with.
type Config struct {
	Ledger   string // directory
	Socket   string // path; its directory is there
	Settings *settings.Monitor
	Log      *logrus.Logger
	Version  string
	Learned  string         // file of what is normal; empty: it is not kept
	Digests  string         // file of what the node's files were
	System   *engine.System // where engines' files are

	Chain     audit.Config // the records
	Positions string       // directory of how far they were sent
	Node      string       // its name, for those that they are sent to

	// Record adds an event to the node's chain.
	Record func(*event.Event) error
	// Attest compares the process of a container with the decision.
	Attest func(entry *ledger.Entry, pid int, start uint64) Attestation
	// Left returns the containers of which Attest kept something, and the ledger
	// has nothing any more.
	Left func(living []ledger.File) []*ledger.Entry
	// Known tells whether Attest, an earlier daemon's too, has kept something of
	// the container.
	Known func(entry *ledger.Entry) bool
	// Forget drops what Attest keeps of a container that is gone.
	Forget func(entry *ledger.Entry)
	// Answer does something to a container, verified: freeze, kill, quarantine or
	// release. It returns what is in force after it; empty: nothing.
	Answer func(action string, how prove.How, entry *ledger.Entry, pid int, start uint64) (string, error)
	// InForce says what is in force, by the kernel's word.
	InForce func(entry *ledger.Entry, pid int, start uint64) (string, error)
}

// A Daemon follows the containers of a node.
type Daemon struct {
	Config
	began    time.Time
	exits    *exits
	recorder *recorder
	stream   stream
	counts   counts
	wake     chan struct{} // the schedule has changed
	listener net.Listener

	mu        sync.Mutex
	all       map[key]*container
	files     map[string]key // by the ledger's file
	schedule  schedule
	alerts    alerts
	limiter   answer.Limiter     // of answers by policy
	forwarder *forward.Forwarder // nil: nothing is sent
	missed    uint64             // changes that the watch was not told of
	changes   chan change
}

// rescan is how often the ledger is read whole, for what its watch missed.
const rescan = 10 * time.Second

// afterUpdate is when a container is attested that is being updated: the ledger
// has it before the runtime does it.
const afterUpdate = time.Second

// workers attest at one time.
const workers = 2

// New makes a Daemon.
func New(cfg Config) (*Daemon, error) {
	x, err := newExits()
	if err != nil {
		return nil, err
	}
	d := &Daemon{
		Config: cfg, began: time.Now(), exits: x, wake: make(chan struct{}, 1), changes: make(chan change, changes),
		limiter: answer.Limiter{Node: int(cfg.Settings.AnswersPerMinute), Container: 2},
		all:     map[key]*container{}, files: map[string]key{},
	}
	d.counts.init()
	d.recorder = newRecorder(cfg.Record, &d.stream, func(err error) { d.Log.WithError(err).Error("an event could not be recorded") })
	return d, nil
}

// Run follows containers until ctx ends. ready is called when it can be asked.
func (d *Daemon) Run(ctx context.Context, ready func()) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	defer d.exits.close()
	var parts sync.WaitGroup
	part := func(run func(context.Context) error) {
		parts.Go(func() {
			if err := run(ctx); err != nil && ctx.Err() == nil {
				stop(err)
			}
		})
	}
	recording, stopRecording := context.WithCancel(context.WithoutCancel(ctx))
	recorded := make(chan struct{})
	go func() {
		d.recorder.run(recording)
		close(recorded)
	}()
	defer func() { // after all that records
		parts.Wait()
		stopRecording()
		<-recorded
	}()

	watch, err := watchLedger(d.Ledger)
	if err != nil {
		stop(err)
		return err
	}
	defer watch.close()
	d.readLedger() // after the watch: nothing comes in between
	d.left()
	if err := d.listen(); err != nil {
		stop(err)
		return err
	}
	part(func(ctx context.Context) error { return watch.run(ctx, d.file, d.readLedger) })
	part(func(ctx context.Context) error { return d.exits.run(ctx, d.ended) })
	part(d.serve)
	part(d.tick)
	part(d.again("samples", "containers are not watched", d.watch))
	part(d.again("files", "changes to the node's files are not seen", d.watchFiles))
	part(d.takeCensus)
	part(d.rotate)
	if len(d.Settings.Forward) > 0 {
		part(d.again("forward", "no records are sent", d.send))
	}
	for range workers {
		part(d.work)
	}
	ready()
	<-ctx.Done()
	if err := context.Cause(ctx); !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

// left records the end of containers that ended while there was no daemon.
func (d *Daemon) left() {
	files, err := ledger.Files(d.Ledger)
	if err != nil || !d.Settings.Lifecycle {
		return // what cannot be read may be any of them
	}
	for _, entry := range d.Left(files) {
		c := &container{key: key{entry.Root, entry.ID}, entry: entry}
		e := d.about(c)
		e.Kind, e.Name, e.Severity = event.Lifecycle, "stopped", event.Info
		e.Message = "container " + c.id + " stopped while the monitor was away"
		d.recorder.put(e)
	}
}

// retry is how long after a part has failed it is tried again.
const retry = time.Minute

// again runs a part without which the others go on, anew where it fails, and
// raises an alert for as long as it does.
func (d *Daemon) again(name, without string, run func(context.Context) error) func(context.Context) error {
	k := alertKey{name: "monitor." + name}
	return func(ctx context.Context) error {
		for {
			err := run(ctx)
			if err == nil || ctx.Err() != nil {
				return nil
			}
			d.Log.WithError(err).Error(without)
			d.raise(k, api.Alert{Severity: event.Critical, Message: without + ": " + err.Error()})
			t := time.NewTimer(retry)
			select {
			case <-t.C:
				d.clear(k)
			case <-ctx.Done():
				t.Stop()
				return nil
			}
		}
	}
}

func (d *Daemon) tick(ctx context.Context) error {
	t := time.NewTicker(rescan)
	defer t.Stop()
	for {
		select {
		case now := <-t.C:
			d.readLedger()
			d.mu.Lock()
			d.alerts.expire(now)
			d.mu.Unlock()
		case <-ctx.Done():
			return nil
		}
	}
}

// readLedger takes up what the ledger has, and lets go of what it has no more.
func (d *Daemon) readLedger() {
	files, err := ledger.Files(d.Ledger)
	if err != nil {
		d.Log.WithError(err).Error("decisions in the ledger cannot be read")
		d.raise(alertKey{name: "ledger.unreadable"}, api.Alert{Severity: event.Critical, Message: "decisions about containers cannot be read: " + err.Error()})
	} else {
		d.clear(alertKey{name: "ledger.unreadable"})
	}
	there := make(map[string]bool, len(files))
	for _, f := range files {
		there[f.Name] = true
		d.adopt(f.Name, f.Entry)
	}
	if err != nil {
		return // what is missing may be what could not be read
	}
	d.mu.Lock()
	var gone []string
	for name := range d.files {
		if !there[name] {
			gone = append(gone, name)
		}
	}
	d.mu.Unlock()
	for _, name := range gone {
		d.file(name)
	}
}

// file looks at one file of the ledger that has changed.
func (d *Daemon) file(name string) {
	e, err := ledger.ReadFile(d.Ledger, name)
	switch {
	case err == nil:
		d.adopt(name, e)
	case errors.Is(err, ledger.ErrNotFound):
		d.mu.Lock()
		defer d.mu.Unlock()
		k, ok := d.files[name]
		if !ok {
			return
		}
		delete(d.files, name)
		if c := d.all[k]; c != nil && c.phase != api.Running {
			d.remove(c)
		}
	default:
		d.Log.WithError(err).Warn("a decision in the ledger cannot be read") // readLedger raises the alert
	}
}

// adopt follows a container, or takes note of another decision about it.
func (d *Daemon) adopt(name string, e *ledger.Entry) {
	k := key{e.Root, e.ID}
	now := time.Now()
	d.mu.Lock()
	defer d.mu.Unlock()
	d.files[name] = k
	c := d.all[k]
	if c != nil && (c.entry.Receipt != e.Receipt || c.entry.Created != e.Created) {
		d.remove(c) // another one of the same name
		d.files[name] = k
		c = nil
	}
	if c == nil {
		c = &container{key: k, entry: e, phase: api.Creating, since: now, place: -1}
		d.all[k] = c
		d.counts.followed.Inc()
		d.soon(c, now)
		return
	}
	if !reflect.DeepEqual(c.entry, e) {
		c.entry = e
		if c.phase == api.Running {
			d.soon(c, now.Add(afterUpdate))
		}
	}
}

// soon has a container attested, at a time or when it is next free.
func (d *Daemon) soon(c *container, due time.Time) {
	d.schedule.put(c, due)
	select {
	case d.wake <- struct{}{}:
	default:
	}
}

// remove lets go of a container.
func (d *Daemon) remove(c *container) {
	if c.phase == api.Creating && d.Known(c.entry) { // it ran under an earlier daemon, and ended before this one looked
		d.lifecycle(c, "stopped")
	}
	delete(d.all, c.key)
	for name, k := range d.files {
		if k == c.key {
			delete(d.files, name)
		}
	}
	d.schedule.drop(c)
	d.exits.leave(c.key)
	d.Forget(c.entry)
	for _, k := range d.alerts.of(c.key) {
		d.alerts.clear(k)
	}
}

// known takes note of a container's first process.
func (d *Daemon) known(c *container, pid int, start uint64) error {
	if err := d.exits.follow(c.key, pid, start); err != nil {
		return err
	}
	c.pid, c.start = pid, start
	if c.phase == api.Creating {
		c.phase, c.since = api.Created, time.Now()
		d.lifecycle(c, "created")
	}
	return nil
}

// ended is called when a container's first process has ended.
func (d *Daemon) ended(k key) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if c := d.all[k]; c != nil {
		d.stopped(c)
	}
}

func (d *Daemon) stopped(c *container) {
	if c.phase == api.Stopped {
		return
	}
	d.lifecycle(c, "stopped")
	if c.phase == api.Running {
		d.tell(c, true, "")
	}
	c.phase, c.since, c.answer = api.Stopped, time.Now(), ""
	d.schedule.drop(c)
	d.exits.leave(c.key)
	d.Forget(c.entry) // or the next daemon tells of its end again
	if !d.inLedger(c.key) {
		d.remove(c)
	}
}

func (d *Daemon) inLedger(k key) bool {
	for _, other := range d.files {
		if other == k {
			return true
		}
	}
	return false
}

// look finds a container's first process in its runtime's state.
func look(e *ledger.Entry) (pid int, start uint64, err error) {
	seen, err := state.Look(e.Root, e.ID)
	if err != nil {
		return 0, 0, err
	}
	if !seen.Running() {
		return 0, 0, errEnded
	}
	if seen.Start == 0 {
		stat, err := state.ReadStat(seen.PID)
		if err != nil {
			return 0, 0, errEnded
		}
		return seen.PID, stat.Start, nil
	}
	return seen.PID, seen.Start, nil
}
