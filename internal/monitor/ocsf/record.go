package ocsf

import (
	"strconv"
	"strings"
	"time"

	"github.com/runward/runward/internal/audit"
	"github.com/runward/runward/internal/audit/event"
	"github.com/runward/runward/internal/audit/journal"
	"github.com/runward/runward/policy"
)

// A Source is where records come from.
type Source struct {
	Node    string // the node's name
	Version string // of runward
}

// Record turns a receipt or an event into an OCSF event. line is it as it
// stands in the chain.
func (s Source) Record(r journal.Record, line []byte) Event {
	var e Event
	if r.Receipt != nil {
		e = s.receipt(r.Receipt)
	} else {
		e = s.event(r.Event)
	}
	e.RawData = strings.ToValidUTF8(string(line), "\uFFFD")
	return e
}

// Missing is the event for records that are missing or changed before the one
// with this number.
func (s Source) Missing(seq uint64, at time.Time, text string) Event {
	e := s.event(&event.Event{Kind: event.Alert, Name: "evidence.missing", Severity: event.Critical, Time: at, Message: text, Seq: seq})
	e.FindingInfo.UID = s.Node + "-" + strconv.FormatUint(seq, 10)
	e.Unmapped.Kind = "gap"
	return e
}

func (s Source) receipt(r *audit.Receipt) Event {
	e := s.common(r.ID, r.Time, r.Seq)
	e.Unmapped = Unmapped{Hash: r.Hash, Prev: r.Prev, Kind: "receipt", Verdict: r.Verdict.String()}
	e.FindingInfo = &Finding{UID: r.ID, CreatedTime: e.Time, Types: []string{"container " + r.Verb}}
	about := resource(r.Container, r.Engine, r.Bundle, r.Identity)
	switch r.Verdict {
	case policy.Allow, policy.Rewrite:
		e.class(complianceFinding, 1, "Create")
		e.Resource = &about
		e.Compliance = &Compliance{Control: strings.Join(r.Policies, ", "), Standards: standards(r), StatusID: 1, Status: "Pass"}
		e.StatusID, e.Status = 1, "New"
		e.severity(1)
		e.FindingInfo.Title, e.Message = "container held to policy", "container "+r.Container+" started as its config.json says"
		if r.Verdict == policy.Rewrite {
			e.Compliance.StatusID, e.Compliance.Status = 3, "Fail"
			e.StatusID, e.Status = 4, "Resolved"
			e.severity(2)
			e.FindingInfo.Title, e.Message = "container corrected by policy", "container "+r.Container+" started with its config.json rewritten"
		}
	default:
		e.class(detectionFinding, 1, "Create")
		e.Resources = []Resource{about}
		e.StatusID, e.Status = 1, "New"
		e.severity(3)
		e.control(2, "Denied", 2, "Blocked")
		e.Evidences = evidences(r)
		e.FindingInfo.Title, e.Message = "container refused by policy", "container "+r.Container+" was refused"
		if len(e.Evidences) > 0 && r.Error == "" {
			e.FindingInfo.Analytic = rule(r)
		}
		if r.Error != "" {
			e.FindingInfo.Desc = r.Error
		}
	}
	return e
}

// standards names what the container was held to; the schema wants at least one.
func standards(r *audit.Receipt) []string {
	if len(r.Policies) == 0 {
		return []string{"runward"}
	}
	return r.Policies
}

func rule(r *audit.Receipt) *Analytic {
	for _, f := range r.Findings {
		if f.Done == policy.Denied {
			return &Analytic{Name: f.Rule, TypeID: 1, Type: "Rule"}
		}
	}
	return nil
}

func evidences(r *audit.Receipt) []Evidence {
	var all []Evidence
	for _, f := range r.Findings {
		all = append(all, Evidence{Data: filled(
			"rule", f.Rule, "policy", f.Policy, "pointer", f.Pointer, "found", f.Found, "wanted", f.Wanted, "done", string(f.Done), "hint", f.Hint,
		)})
	}
	return all
}

func (s Source) event(v *event.Event) Event {
	e := s.common(v.ID, v.Time, v.Seq)
	e.Message = v.Message
	e.Unmapped = Unmapped{Hash: v.Hash, Prev: v.Prev, Kind: v.Kind, Receipt: v.Receipt, Who: v.Who, Why: v.Why, Details: v.Details}
	switch v.Severity {
	case event.Critical:
		e.severity(5)
	case event.Warning:
		e.severity(3)
	default:
		e.severity(1)
	}
	if v.Kind == event.Lifecycle {
		e.lifecycle(v)
		return e
	}
	e.class(detectionFinding, 1, "Create")
	e.StatusID, e.Status = 1, "New"
	e.control(1, "Allowed", 19, "Alert") // seen, and nothing done about it in this record
	if v.Kind == event.Answer {
		e.class(detectionFinding, 2, "Update")
		e.answer(v.Name)
	}
	e.FindingInfo = &Finding{
		UID: v.ID, Title: v.Name, Desc: v.Message, CreatedTime: e.Time, Types: []string{v.Kind}, Analytic: &Analytic{Name: v.Name, TypeID: 1, Type: "Rule"},
	}
	if v.Got != "" || v.Want != "" {
		e.Evidences = []Evidence{{Data: filled("got", v.Got, "want", v.Want)}}
	}
	if v.Container != "" {
		e.Resources = []Resource{resource(v.Container, v.Engine, v.Bundle, v.Identity)}
	}
	return e
}

// answer says by action and disposition what was done.
func (e *Event) answer(name string) {
	switch name {
	case "freeze":
		e.control(2, "Denied", 4, "Isolated")
	case "quarantine":
		e.control(2, "Denied", 3, "Quarantined")
	case "release":
		e.control(1, "Allowed", 9, "Restored")
	default:
		e.control(2, "Denied", 7, "Custom Action")
	}
}

func (e *Event) lifecycle(v *event.Event) {
	e.App = &Product{Name: "runward", VendorName: "runward", Version: e.Metadata.Product.Version}
	if v.Container != "" {
		e.App = &Product{Name: name(v.Identity, v.Container), VendorName: orElse(v.Engine, "unknown"), UID: v.Container}
	}
	switch v.Name {
	case "started":
		e.class(applicationLifecycle, 3, "Start")
	case "stopped":
		e.class(applicationLifecycle, 4, "Stop")
	default:
		e.class(applicationLifecycle, 99, v.Name)
	}
	e.StatusID, e.Status = 1, "Success"
}
