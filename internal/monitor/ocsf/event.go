// Package ocsf turns the records of the chain into events of the Open
// Cybersecurity Schema Framework, version 1.2.0 (https://schema.ocsf.io/1.2.0).
//
// The classes:
//
//   - A denial is a Detection Finding (2004) with the security control profile:
//     action Denied, disposition Blocked. The rules that refused are its
//     evidences.
//   - What started as it is, or rewritten, is a Compliance Finding (2003): the
//     container was held to a policy and passed, or failed and was corrected
//     before it started, which is why its status is Resolved.
//   - An alert is a Detection Finding, an answer to one (freeze, kill,
//     quarantine, release) an Update of one with a disposition of its own:
//     version 1.2.0 has no class for remediation yet.
//   - Lifecycle is Application Lifecycle (6002): Start, Stop, else Other.
//   - Records that are missing or changed are a Detection Finding.
//
// raw_data is the record byte for byte, so that its hash, in unmapped, can be
// checked wherever the event ends up.
package ocsf

// Version is that of the schema.
const Version = "1.2.0"

// An Event is one of the classes above: what they have in common, and what
// only some have.
type Event struct {
	ActivityID   int         `json:"activity_id"`
	ActivityName string      `json:"activity_name"`
	CategoryUID  int         `json:"category_uid"`
	CategoryName string      `json:"category_name"`
	ClassUID     int         `json:"class_uid"`
	ClassName    string      `json:"class_name"`
	TypeUID      int64       `json:"type_uid"`
	TypeName     string      `json:"type_name"`
	SeverityID   int         `json:"severity_id"`
	Severity     string      `json:"severity"`
	StatusID     int         `json:"status_id,omitempty"`
	Status       string      `json:"status,omitempty"`
	Time         int64       `json:"time"` // Unix milliseconds
	Message      string      `json:"message"`
	Metadata     Metadata    `json:"metadata"`
	Device       Device      `json:"device"`
	FindingInfo  *Finding    `json:"finding_info,omitempty"`
	Compliance   *Compliance `json:"compliance,omitempty"`
	App          *Product    `json:"app,omitempty"`
	Resources    []Resource  `json:"resources,omitempty"` // of a Detection Finding
	Resource     *Resource   `json:"resource,omitempty"`  // of a Compliance Finding
	Evidences    []Evidence  `json:"evidences,omitempty"`

	// Of the security control profile.
	ActionID      *int   `json:"action_id,omitempty"`
	Action        string `json:"action,omitempty"`
	DispositionID int    `json:"disposition_id,omitempty"`
	Disposition   string `json:"disposition,omitempty"`

	RawData  string   `json:"raw_data,omitempty"`
	Unmapped Unmapped `json:"unmapped"`
}

// Metadata says what made the event.
type Metadata struct {
	Version      string   `json:"version"`
	UID          string   `json:"uid,omitempty"` // the record's id
	Sequence     uint64   `json:"sequence"`
	LogName      string   `json:"log_name"`
	LogProvider  string   `json:"log_provider"`
	OriginalTime string   `json:"original_time,omitempty"`
	Profiles     []string `json:"profiles"`
	Product      Product  `json:"product"`
}

// A Product is runward, or what a lifecycle is about.
type Product struct {
	Name       string `json:"name"`
	VendorName string `json:"vendor_name"`
	Version    string `json:"version,omitempty"`
	UID        string `json:"uid,omitempty"`
}

// Device is the node.
type Device struct {
	Hostname string `json:"hostname"`
	Name     string `json:"name"`
	TypeID   int    `json:"type_id"`
	Type     string `json:"type"`
}

// A Finding is what a finding is about.
type Finding struct {
	UID         string    `json:"uid"`
	Title       string    `json:"title"`
	Desc        string    `json:"desc,omitempty"`
	Types       []string  `json:"types,omitempty"`
	CreatedTime int64     `json:"created_time"`
	Analytic    *Analytic `json:"analytic,omitempty"`
}

// An Analytic is the rule that found something.
type Analytic struct {
	Name   string `json:"name"`
	TypeID int    `json:"type_id"`
	Type   string `json:"type"`
}

// Compliance is what a container was held to.
type Compliance struct {
	Control   string   `json:"control,omitempty"`
	Standards []string `json:"standards"`
	StatusID  int      `json:"status_id"`
	Status    string   `json:"status"`
}

// A Resource is a container.
type Resource struct {
	UID       string            `json:"uid,omitempty"`
	Name      string            `json:"name,omitempty"`
	Type      string            `json:"type"`
	Namespace string            `json:"namespace,omitempty"`
	Data      map[string]string `json:"data,omitempty"`
}

// An Evidence is what one rule found.
type Evidence struct {
	Data map[string]string `json:"data"`
}

// Unmapped is what the schema has no place for.
type Unmapped struct {
	Hash    string            `json:"hash,omitempty"`
	Prev    string            `json:"prev,omitempty"`
	Kind    string            `json:"kind"`
	Verdict string            `json:"verdict,omitempty"`
	Receipt string            `json:"receipt,omitempty"`
	Who     string            `json:"who,omitempty"`
	Why     string            `json:"why,omitempty"`
	Details map[string]string `json:"details,omitempty"`
	Attempt int               `json:"attempt,omitempty"` // of forwarding; above 1 the event may be a second copy
	Resent  bool              `json:"resent,omitempty"`
}
