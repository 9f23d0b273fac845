package monitor

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/runward/runward/internal/config"
	"github.com/runward/runward/internal/engine"
	"github.com/runward/runward/internal/ledger"
	"github.com/runward/runward/internal/monitor/watch/census"
	"github.com/runward/runward/internal/monitor/watch/files"
	"github.com/runward/runward/internal/running"
)

// watchFiles tells what changes in the files that configure the node's
// containers, until ctx ends.
func (d *Daemon) watchFiles(ctx context.Context) error {
	list := func() []files.Watched {
		cfg, err := config.Load()
		if err != nil {
			d.Log.Warn(err) // what could be read of it is used
		}
		return files.List(d.System, cfg)
	}
	w, alerts, err := files.Open(d.Settings.Files, list(), d.Digests, time.Now())
	if err != nil {
		return err
	}
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		for i := range alerts {
			d.takeAlert(&alerts[i], key{})
		}
		for _, note := range w.Notes() {
			d.Log.Info(note)
		}
		select {
		case <-tick.C:
			if alerts, err = w.Tick(time.Now()); err != nil {
				d.Log.WithError(err).Warn("what the files were cannot be kept")
			}
		case <-ctx.Done():
			return w.Close(time.Now())
		}
	}
}

// takeCensus looks for containers of which the ledger has nothing, until ctx
// ends.
func (d *Daemon) takeCensus(ctx context.Context) error {
	every := time.Duration(d.Settings.Census.Every)
	if every <= 0 {
		return nil
	}
	var book census.Book
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		if err := d.census(&book); err != nil {
			d.Log.WithError(err).Warn("the census cannot be taken")
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

func (d *Daemon) census(book *census.Book) error {
	// The processes first: what is made after them is in the others' lists.
	host, processes, err := census.Processes("/proc")
	if err != nil {
		return err
	}
	found := running.Find(running.Node())
	for _, problem := range found.Problems {
		err = errors.Join(err, errors.New(problem))
	}
	kept, unread := ledger.Files(d.Ledger)
	if unread != nil {
		return errors.Join(err, unread) // what cannot be read may be any of them
	}
	entries := make([]*ledger.Entry, len(kept))
	for i := range kept {
		entries[i] = kept[i].Entry
	}
	unknown := census.Take(host, processes, census.KnownOf(found.Containers, entries))
	alerts := book.Tell(&d.Settings.Census, time.Now(), unknown, d.waysAround)
	for i := range alerts {
		d.takeAlert(&alerts[i], key{})
	}
	return err
}

// waysAround are those that an engine's files leave open.
func (d *Daemon) waysAround(name string) []string {
	for _, e := range engine.All() {
		if e.Name != name {
			continue
		}
		s, err := e.Status(d.System)
		if err != nil {
			return nil // that they cannot be read, engine status says
		}
		return slices.Concat(s.Open, s.Ways)
	}
	return nil
}
