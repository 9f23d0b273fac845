package monitor

import (
	"encoding/json"
	"net/http"
	"os"
	"strconv"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/runward/runward/internal/audit/event"
	"github.com/runward/runward/internal/ledger"
	"github.com/runward/runward/internal/monitor/api"
	"github.com/runward/runward/internal/state"
)

// hook takes up what a hook reports: the container's state, as OCI gives it.
// The container waits for the answer, so there is little to do before it.
func (d *Daemon) hook(w http.ResponseWriter, r *http.Request) error {
	stage := r.PathValue("stage")
	err := d.reported(stage, w, r)
	result := "taken"
	if err != nil {
		result = "refused"
	}
	if stage == "createRuntime" || stage == "poststart" || stage == "poststop" {
		d.counts.hooks.WithLabelValues(stage, result).Inc()
	}
	return err
}

func (d *Daemon) reported(stage string, w http.ResponseWriter, r *http.Request) error {
	var s specs.State
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<20)).Decode(&s); err != nil {
		return &problem{http.StatusBadRequest, "not the state of a container: " + err.Error()}
	}
	file, err := d.decided(s.ID, s.Bundle)
	if err != nil {
		return err
	}
	if file == nil {
		if stage == "poststop" { // delete forgets the decision before the runtime deletes
			d.over(s.ID, s.Bundle)
			w.WriteHeader(http.StatusNoContent)
			return nil
		}
		d.raise(alertKey{name: "hook.without_decision", about: s.ID}, api.Alert{Severity: event.Critical, Message: "a container reports that it is made, and no decision about it is kept: " + s.ID + " in " + s.Bundle})
		return &problem{http.StatusNotFound, "no decision is kept about container " + s.ID + " in " + s.Bundle}
	}
	d.adopt(file.Name, file.Entry)
	d.mu.Lock()
	defer d.mu.Unlock()
	c := d.all[key{file.Entry.Root, file.Entry.ID}]
	switch {
	case c == nil: // it went meanwhile
	case stage == "poststop":
		d.stopped(c)
	case c.pid == 0 && s.Pid > 0:
		if stat, err := state.ReadStat(s.Pid); err == nil {
			_ = d.known(c, s.Pid, stat.Start) // it has ended already, which poststop tells
		}
		fallthrough
	default:
		c.tries = 0
		d.soon(c, time.Now().Add(2*time.Millisecond))
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// decided finds the decision about the container with this id and bundle.
func (d *Daemon) decided(id, bundle string) (*ledger.File, error) {
	files, err := ledger.WithID(d.Ledger, id)
	if err != nil {
		return nil, &problem{http.StatusInternalServerError, err.Error()}
	}
	for i := range files {
		if sameBundle(files[i].Entry.Bundle, bundle) {
			return &files[i], nil
		}
	}
	return nil, nil //nolint:nilnil // there is none
}

// sameBundle tells whether two paths are one bundle, by whatever links.
func sameBundle(a, b string) bool {
	if a == b {
		return true
	}
	one, err := os.Stat(a)
	if err != nil {
		return false // gone, and then its path is as it was
	}
	other, err := os.Stat(b)
	return err == nil && os.SameFile(one, other)
}

// over is the end of a container about which no decision is kept any more.
func (d *Daemon) over(id, bundle string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, c := range d.all {
		if c.id == id && c.entry.Bundle == bundle {
			d.stopped(c)
			return
		}
	}
	d.Log.Debug("poststop of " + strconv.Quote(id) + ", which is not followed")
}
