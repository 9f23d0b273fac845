package ocsf

import (
	"strings"
	"time"

	"github.com/runward/runward/policy"
)

// A class of the schema.
type class struct {
	uid              int
	name             string
	category         int
	categoryName     string
	securityProfiles bool
}

var (
	complianceFinding    = class{2003, "Compliance Finding", 2, "Findings", false}
	detectionFinding     = class{2004, "Detection Finding", 2, "Findings", true}
	applicationLifecycle = class{6002, "Application Lifecycle", 6, "Application Activity", false}
)

// common is what every event has.
func (s Source) common(id string, at time.Time, seq uint64) Event {
	return Event{
		Time: at.UnixMilli(),
		Metadata: Metadata{
			Version: Version, UID: id, Sequence: seq, LogName: "receipts", LogProvider: "runward", OriginalTime: at.UTC().Format(time.RFC3339Nano),
			Product: Product{Name: "runward", VendorName: "runward", Version: s.Version},
		},
		Device: Device{Hostname: s.Node, Name: s.Node, TypeID: 1, Type: "Server"},
	}
}

func (e *Event) class(c class, activity int, name string) {
	e.ClassUID, e.ClassName, e.CategoryUID, e.CategoryName = c.uid, c.name, c.category, c.categoryName
	e.ActivityID, e.ActivityName = activity, name
	e.TypeUID = int64(c.uid)*100 + int64(activity)
	e.TypeName = c.name + ": " + name
	if activity == 99 {
		e.TypeName = c.name + ": Other"
	}
	e.Metadata.Profiles = []string{"host"}
	if c.securityProfiles {
		e.Metadata.Profiles = []string{"host", "security_control"}
	}
}

func (e *Event) control(action int, name string, disposition int, done string) {
	e.ActionID, e.Action, e.DispositionID, e.Disposition = &action, name, disposition, done
}

func (e *Event) severity(id int) {
	e.SeverityID = id
	e.Severity = [...]string{"Unknown", "Informational", "Low", "Medium", "High", "Critical"}[id]
}

// resource is a container by its id, and by the names that its engine gave it.
func resource(container, engine, bundle string, id policy.Identity) Resource {
	return Resource{
		UID: container, Name: name(id, container), Type: "container", Namespace: id.Namespace,
		Data: filled("engine", engine, "bundle", bundle, "pod", id.Pod, "pod_uid", id.PodUID, "image", id.Image, "digest", id.Digest, "user", id.User),
	}
}

func name(id policy.Identity, container string) string {
	var parts []string
	for _, s := range []string{id.Namespace, id.Pod, id.Container} {
		if s != "" {
			parts = append(parts, s)
		}
	}
	return orElse(strings.Join(parts, "/"), container)
}

// filled makes a map of names and values in turn, without empty values.
func filled(pairs ...string) map[string]string {
	m := map[string]string{}
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			m[pairs[i]] = pairs[i+1]
		}
	}
	return m
}

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}
