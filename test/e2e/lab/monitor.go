package lab

import (
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// Hook installs runward-hook on the node, which a node without a monitor does
// not have, and returns its path.
func (n *Node) Hook() string {
	n.t.Helper()
	built, program := n.path("bin/runward-hook"), n.path("libexec/runward/runward-hook")
	if n.tree != "" {
		n.make("runward-hook")
	}
	must(n.t, os.Rename(built, program))
	return program
}

// Socket is where the node's monitor listens.
func (n *Node) Socket() string { return n.path("run/monitor.sock") }

// Told is one message of a hook.
type Told struct {
	Stage string
	State specs.State
	Comm  string // the name of the container's process at that time; empty: none
}

// Monitor stands in for the node's monitor.
type Monitor struct {
	t      testing.TB
	socket net.Listener
	server http.Server
	lock   sync.Mutex
	told   []Told
}

// Monitor starts a monitor on the node that takes note of everything, or
// refuses everything with these words.
func (n *Node) Monitor(refuses string) *Monitor {
	n.t.Helper()
	m := &Monitor{t: n.t, socket: n.Listen()}
	m.server.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		m.note(r)
		if refuses != "" {
			http.Error(w, refuses, http.StatusConflict)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	})
	ended := make(chan error, 1)
	go func() { ended <- m.server.Serve(m.socket) }()
	n.t.Cleanup(func() {
		m.End()
		if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
			n.t.Error(err)
		}
	})
	return m
}

// Listen is where the monitor listens, for one that does as the test wants.
func (n *Node) Listen() net.Listener {
	n.t.Helper()
	must(n.t, os.MkdirAll(filepath.Dir(n.Socket()), 0o755))
	l, err := net.Listen("unix", n.Socket())
	must(n.t, err)
	n.t.Cleanup(func() { _ = l.Close() })
	return l
}

// End ends the monitor.
func (m *Monitor) End() { _ = m.server.Close() }

func (m *Monitor) note(r *http.Request) {
	told := Told{Stage: strings.TrimPrefix(r.URL.Path, "/v1/hooks/")}
	d := json.NewDecoder(r.Body)
	d.DisallowUnknownFields()
	if err := d.Decode(&told.State); err != nil {
		m.t.Errorf("%s: %v", r.URL, err)
	}
	comm, _ := os.ReadFile("/proc/" + strconv.Itoa(told.State.Pid) + "/comm") // gone: there is none
	told.Comm = strings.TrimSuffix(string(comm), "\n")
	m.lock.Lock()
	defer m.lock.Unlock()
	m.told = append(m.told, told)
}

// Told waits until that many messages have come of a bundle's container, and
// returns them in the order in which they came.
func (m *Monitor) Told(bundle string, many int) []Told {
	m.t.Helper()
	var all []Told
	Await(m.t, strconv.Itoa(many)+" messages of hooks", func() bool {
		m.lock.Lock()
		defer m.lock.Unlock()
		all = nil
		for _, told := range m.told {
			if bundle == "" || told.State.Bundle == bundle {
				all = append(all, told)
			}
		}
		return len(all) >= many
	})
	return all
}
