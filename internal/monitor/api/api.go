// Package api has what runwardd's socket gives: HTTP with JSON.
//
//	GET  /v1/status                        Status
//	GET  /v1/containers                    []Container
//	GET  /v1/containers/ID                 Container; the beginning of the id is enough
//	GET  /v1/alerts                        []Alert, the worst first
//	GET  /v1/events                        events from now on, a line each
//	POST /v1/containers/ID/attest          Container, compared now
//	POST /v1/containers/ID/freeze          Container; also quarantine, release and kill; the body says why
//	GET  /metrics                          for Prometheus
//
// Where two engines use one id, ?root= says of which state directory. ?egress
// lets one that is quarantined answer who connects to it; ?shared cuts off those
// that share its network namespace too. What is
// refused has another status than 200 and a line that says why.
package api

import "time"

// A Phase is how far a container is in its life.
type Phase string

// The phases that the monitor tells apart.
const (
	Creating Phase = "creating" // a decision is kept, and no process is known yet
	Created  Phase = "created"  // its first process waits for start
	Running  Phase = "running"
	Stopped  Phase = "stopped" // its first process has ended
)

// A Verdict is what an attestation found.
type Verdict string

// The verdicts of an attestation.
const (
	Unknown  Verdict = ""        // none was made yet
	Proven   Verdict = "proven"  // the kernel shows what was decided
	Differs  Verdict = "differs" // it shows something else
	Unproven Verdict = "unproven"
)

// A Difference is one thing that the kernel shows otherwise than decided.
type Difference struct {
	Field    string `json:"field"` // capabilities.effective, cgroup.memory, ...
	Got      string `json:"got"`
	Want     string `json:"want"`
	Severity string `json:"severity"`         // info, warning or critical
	PID      int    `json:"pid,omitempty"`    // of the process; 0: of the container as a whole
	Unread   bool   `json:"unread,omitempty"` // Got says why it could not be observed
}

// A Container is one that the monitor follows.
type Container struct {
	ID          string       `json:"id"`
	Root        string       `json:"root"`
	Bundle      string       `json:"bundle"`
	Engine      string       `json:"engine,omitempty"`
	Handler     string       `json:"handler,omitempty"`
	Namespace   string       `json:"namespace,omitempty"`
	Pod         string       `json:"pod,omitempty"`
	Name        string       `json:"name,omitempty"`
	Image       string       `json:"image,omitempty"`
	Receipt     string       `json:"receipt"`
	Enforced    bool         `json:"enforced"` // its policies were enforced, not only audited
	Phase       Phase        `json:"phase"`
	PID         int          `json:"pid,omitempty"`
	Since       time.Time    `json:"since"` // in this phase
	Verdict     Verdict      `json:"verdict,omitempty"`
	Attested    *time.Time   `json:"attested,omitempty"`
	Differences []Difference `json:"differences,omitempty"`
	Unproven    string       `json:"unproven,omitempty"`
	Answer      string       `json:"answer,omitempty"`
	Usage       *Usage       `json:"usage,omitempty"`
}

// A Destination is where records are sent to.
type Destination struct {
	Name    string    `json:"name"`
	Address string    `json:"address"`
	Lag     uint64    `json:"lag"` // records that were not answered for yet
	Sent    uint64    `json:"sent"`
	Refused uint64    `json:"refused"`
	Error   string    `json:"error,omitempty"`
	Failing time.Time `json:"failing,omitzero"` // since when
}

// A Usage is what a container uses, by the last sample.
type Usage struct {
	Time           time.Time `json:"time"`
	CPU            float64   `json:"cpu"`                     // processors in use
	CPULimit       float64   `json:"cpu_limit,omitempty"`     // processors; 0: none
	Throttled      float64   `json:"cpu_throttled,omitempty"` // percent of its periods
	Memory         uint64    `json:"memory"`                  // bytes, inactive page cache left out
	MemoryLimit    uint64    `json:"memory_limit,omitempty"`
	MemoryPressure float64   `json:"memory_pressure,omitempty"` // percent of the last minute in which some task waited for memory
	Pids           uint64    `json:"pids"`
	PidsLimit      uint64    `json:"pids_limit,omitempty"`
	Received       float64   `json:"received"` // bytes a second, as all below
	Sent           float64   `json:"sent"`
	Read           float64   `json:"read"`
	Written        float64   `json:"written"`
}

// An Alert is something about a container, or the node, that is not as it
// should be. It holds until what raised it says otherwise.
type Alert struct {
	Name      string            `json:"name"` // as attest.capabilities.effective or memory.high
	Severity  string            `json:"severity"`
	Container string            `json:"container,omitempty"` // id; empty: the node
	Root      string            `json:"root,omitempty"`
	Namespace string            `json:"namespace,omitempty"`
	Pod       string            `json:"pod,omitempty"`
	Message   string            `json:"message"`
	Got       string            `json:"got,omitempty"`
	Want      string            `json:"want,omitempty"`
	Details   map[string]string `json:"details,omitempty"`
	First     time.Time         `json:"first"`
	Last      time.Time         `json:"last"`
	Count     int               `json:"count"`
	Until     time.Time         `json:"until,omitzero"` // of what has no end of its own: how long it is shown
}

// Status is what the daemon says of itself.
type Status struct {
	Version    string          `json:"version"`
	PID        int             `json:"pid"`
	Since      time.Time       `json:"since"`
	Containers map[Phase]int   `json:"containers"`
	Verdicts   map[Verdict]int `json:"attested"` // of those that run
	Alerts     map[string]int  `json:"alerts"`   // by severity
	Recorded   uint64          `json:"recorded"`
	Lost       uint64          `json:"lost"` // records that could not be written
	Forward    []Destination   `json:"forward,omitempty"`
}
