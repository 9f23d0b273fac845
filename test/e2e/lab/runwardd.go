package lab

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"
)

// A Runwardd is a runwardd of the test's own.
type Runwardd struct {
	Log     string
	node    *Node
	t       testing.TB
	process *exec.Cmd
	ended   chan error
}

// Runwardd starts the node's runwardd, with the settings that are there.
func (n *Node) Runwardd() *Runwardd {
	n.t.Helper()
	if _, err := os.Stat(n.path("bin/runwardd")); err != nil {
		n.make("runwardd")
	}
	m := &Runwardd{Log: n.path("runwardd.log"), node: n, t: n.t}
	m.Start()
	n.t.Cleanup(m.Stop)
	return m
}

// Start starts it and returns when it answers.
func (m *Runwardd) Start() {
	m.t.Helper()
	log, err := os.OpenFile(m.Log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	must(m.t, err)
	m.process = exec.Command(m.node.path("bin/runwardd"), "--log-level", "debug")
	m.process.Stdout, m.process.Stderr = log, log
	must(m.t, m.process.Start())
	must(m.t, log.Close())
	m.ended = make(chan error, 1)
	go func() { m.ended <- m.process.Wait() }()
	answers(m.t, "runwardd", m.Log, 30*time.Second, m.ended, func() bool {
		c, err := net.Dial("unix", m.Socket())
		if err != nil {
			return false
		}
		return c.Close() == nil
	})
}

// Socket is where it listens.
func (m *Runwardd) Socket() string { return m.node.path("run/monitor.sock") }

// PID is its process's.
func (m *Runwardd) PID() int { return m.process.Process.Pid }

// Stop ends it, as systemd does.
func (m *Runwardd) Stop() { m.signal(syscall.SIGTERM) }

// Kill ends it at once.
func (m *Runwardd) Kill() { m.signal(syscall.SIGKILL) }

func (m *Runwardd) signal(sig syscall.Signal) {
	m.t.Helper()
	if m.process == nil {
		return
	}
	must(m.t, m.process.Process.Signal(sig))
	select {
	case err := <-m.ended:
		if sig == syscall.SIGTERM && err != nil {
			said, _ := os.ReadFile(m.Log)
			m.t.Errorf("runwardd ended with %v:\n%s", err, said)
		}
	case <-time.After(30 * time.Second):
		_ = m.process.Process.Kill() // the test fails for it
		said, _ := os.ReadFile(m.Log)
		m.t.Errorf("runwardd does not end:\n%s", said)
	}
	m.process = nil
}

// Followed is what the tests read of a container that the monitor follows.
type Followed struct {
	ID          string `json:"id"`
	Phase       string `json:"phase"`
	PID         int    `json:"pid"`
	Verdict     string `json:"verdict"`
	Unproven    string `json:"unproven"`
	Answer      string `json:"answer"`
	Receipt     string `json:"receipt"`
	Differences []struct {
		Field    string `json:"field"`
		Got      string `json:"got"`
		Want     string `json:"want"`
		Severity string `json:"severity"`
		PID      int    `json:"pid"`
	} `json:"differences"`
}

// Get asks it for a path, and decodes the answer.
func (m *Runwardd) Get(path string, into any) {
	m.t.Helper()
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", m.Socket())
	}
	c := &http.Client{Transport: &http.Transport{DialContext: dial, DisableKeepAlives: true}, Timeout: time.Minute}
	r, err := c.Get("http://runwardd" + path)
	must(m.t, err)
	defer r.Body.Close()
	if r.StatusCode != http.StatusOK {
		m.t.Fatalf("GET %s: %s", path, r.Status)
	}
	must(m.t, json.NewDecoder(r.Body).Decode(into))
}

// Containers are those that it follows, by id.
func (m *Runwardd) Containers() map[string]Followed {
	m.t.Helper()
	var all []Followed
	m.Get("/v1/containers", &all)
	byID := map[string]Followed{}
	for _, c := range all {
		byID[c.ID] = c
	}
	return byID
}

// Until waits until a container is as asked, and returns it.
func (m *Runwardd) Until(id, what string, is func(Followed) bool) Followed {
	m.t.Helper()
	var c Followed
	if !Within(30*time.Second, 20*time.Millisecond, func() bool {
		c = m.Containers()[id]
		return is(c)
	}) {
		said, _ := os.ReadFile(m.Log)
		m.t.Fatalf("container %s is not %s: %+v\n%s", id, what, c, said)
	}
	return c
}
