package evidence

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	validate "github.com/valllabh/ocsf-schema-golang/ocsfvalidate/1.2"

	"github.com/runward/runward/internal/audit"
	"github.com/runward/runward/internal/audit/event"
	"github.com/runward/runward/internal/audit/journal"
	"github.com/runward/runward/internal/monitor/ocsf"
	"github.com/runward/runward/policy"
)

// An exported schema, as https://schema.ocsf.io/export/schema gives it.
type schema struct {
	Version string
	Classes map[string]object
	Objects map[string]object
}

type object struct {
	Attributes  map[string]attribute
	Constraints map[string][]string
}

type attribute struct {
	Type        string
	ObjectType  string `json:"object_type"`
	IsArray     bool   `json:"is_array"`
	Requirement string
	Profile     string
	Enum        map[string]any
}

// official reads the schema of version 1.2.0, which the module of its Go types
// carries.
func official(t *testing.T) schema {
	t.Helper()
	dir, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/valllabh/ocsf-schema-golang").Output()
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(dir)), "schema", "v1.2-schema.json"))
	if err != nil {
		t.Fatal(err)
	}
	var s schema
	if err := json.Unmarshal(data, &s); err != nil {
		t.Fatal(err)
	}
	if s.Version != ocsf.Version {
		t.Fatalf("the schema is of version %s", s.Version)
	}
	return s
}

// check complains of what the schema does not have: unknown attributes, missing
// ones, other types and unknown values. The JSON schema that its server makes
// allows any attribute and asks for those of every profile.
func (s schema) check(where string, o object, v map[string]any, profiles []string) (wrong []string) {
	for name, a := range o.Attributes {
		if _, there := v[name]; !there && a.Requirement == "required" && (a.Profile == "" || slices.Contains(profiles, a.Profile)) {
			wrong = append(wrong, where+"."+name+" is required")
		}
	}
	if one := o.Constraints["at_least_one"]; len(one) > 0 && !slices.ContainsFunc(one, func(n string) bool { return v[n] != nil }) {
		wrong = append(wrong, where+" has none of "+strings.Join(one, ", "))
	}
	for name, value := range v {
		a, known := o.Attributes[name]
		if !known || a.Profile != "" && !slices.Contains(profiles, a.Profile) {
			wrong = append(wrong, where+"."+name+" is not known")
			continue
		}
		values := []any{value}
		if list, ok := value.([]any); ok != a.IsArray {
			wrong = append(wrong, where+"."+name+": an array or not")
			continue
		} else if ok {
			values = list
		}
		for _, one := range values {
			wrong = append(wrong, s.value(where+"."+name, a, one, profiles)...)
		}
	}
	return wrong
}

func (s schema) value(where string, a attribute, v any, profiles []string) []string {
	ok := true
	switch a.Type {
	case "object_t":
		o, isObject := v.(map[string]any)
		if isObject && a.ObjectType != "object" {
			return s.check(where, s.Objects[a.ObjectType], o, profiles)
		}
		ok = isObject
	case "string_t", "hostname_t":
		_, ok = v.(string)
	case "integer_t", "long_t", "timestamp_t":
		n, isNumber := v.(float64)
		ok = isNumber && n == float64(int64(n))
	case "json_t":
	default:
		return []string{where + ": the test does not know " + a.Type}
	}
	if !ok {
		return []string{fmt.Sprintf("%s: %T is no %s", where, v, a.Type)}
	}
	if n, isNumber := v.(float64); isNumber && len(a.Enum) > 0 && a.Enum[fmt.Sprint(int64(n))] == nil {
		return []string{fmt.Sprintf("%s: %v is no value of it", where, v)}
	}
	return nil
}

func TestOCSF(t *testing.T) {
	s := official(t)
	from := ocsf.Source{Node: "node1", Version: "1.0"}
	at := time.Date(2026, 1, 2, 3, 4, 5, 6000000, time.UTC)
	id := policy.Identity{Namespace: "prod", Pod: "web-0", PodUID: "u", Container: "web", Image: "nginx", Digest: "sha256:00", User: "anna"}
	receipt := func(v policy.Verdict, change func(*audit.Receipt)) journal.Record {
		r := &audit.Receipt{
			ID: "01JDZ", Time: at, Verb: "create", Container: "c1", Bundle: "/b", Engine: "containerd", Identity: id, Policies: []string{"site", "baseline"}, Verdict: v, Seq: 7,
			Findings: []policy.Finding{{Rule: "privileged", Policy: "site", Pointer: "/x", Found: "yes", Wanted: "no", Done: policy.Denied}},
		}
		change(r)
		return journal.Record{Receipt: r}
	}
	nothing := func(*audit.Receipt) {}
	of := func(kind, name, severity string) journal.Record {
		return journal.Record{Event: &event.Event{
			ID: "01JDY", Time: at, Kind: kind, Name: name, Severity: severity, Container: "c1", Identity: id, Receipt: "01JDZ", Message: "m", Got: "a", Want: "b", Who: "policy", Why: "oom", Details: map[string]string{"x": "y"},
		}}
	}
	bare := &event.Event{ID: "01JDY", Time: at, Kind: event.Lifecycle, Name: "audit.rotated", Severity: event.Info, Message: "m"}
	cases := []struct {
		name, class, want string
		event             ocsf.Event
	}{
		{"allowed", "compliance_finding", "200301 1", from.Record(receipt(policy.Allow, nothing), []byte("{}"))},
		{"no policy", "compliance_finding", "200301 1", from.Record(receipt(policy.Allow, func(r *audit.Receipt) { r.Policies = nil }), nil)},
		{"rewritten", "compliance_finding", "200301 2", from.Record(receipt(policy.Rewrite, nothing), []byte("{}"))},
		{"denied", "detection_finding", "200401 3", from.Record(receipt(policy.Deny, nothing), []byte("{}"))},
		{"denied by an error", "detection_finding", "200401 3", from.Record(receipt(policy.Deny, func(r *audit.Receipt) { r.Error, r.Findings = "x", nil }), nil)},
		{"alert", "detection_finding", "200401 5", from.Record(of(event.Alert, "oom", event.Critical), nil)},
		{"freeze", "detection_finding", "200402 3", from.Record(of(event.Answer, "freeze", event.Warning), nil)},
		{"kill", "detection_finding", "200402 3", from.Record(of(event.Answer, "kill", event.Warning), nil)},
		{"quarantine", "detection_finding", "200402 3", from.Record(of(event.Answer, "quarantine", event.Warning), nil)},
		{"release", "detection_finding", "200402 1", from.Record(of(event.Answer, "release", event.Info), nil)},
		{"started", "application_lifecycle", "600203 1", from.Record(of(event.Lifecycle, "started", event.Info), nil)},
		{"stopped", "application_lifecycle", "600204 1", from.Record(of(event.Lifecycle, "stopped", event.Info), nil)},
		{"rotated", "application_lifecycle", "600299 1", from.Record(journal.Record{Event: bare}, nil)},
		{"missing", "detection_finding", "200401 5", from.Missing(9, at, "records 3 to 8 are missing")},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			data, err := json.Marshal(c.event)
			if err != nil {
				t.Fatal(err)
			}
			var v map[string]any
			if err := json.Unmarshal(data, &v); err != nil {
				t.Fatal(err)
			}
			for _, w := range s.check(c.class, s.Classes[c.class], v, c.event.Metadata.Profiles) {
				t.Error(w)
			}
			if got := fmt.Sprintf("%d %d", c.event.TypeUID, c.event.SeverityID); got != c.want {
				t.Errorf("type and severity %s, want %s", got, c.want)
			}
			// The schema's own JSON schema is of all profiles, that of clouds too.
			v["cloud"] = map[string]any{"provider": "none"}
			if _, there := v["action_id"]; !there {
				v["action_id"] = 1
			}
			if data, err = json.Marshal(v); err != nil {
				t.Fatal(err)
			}
			if err := validate.Validate(c.class, data); err != nil {
				t.Error(err)
			}
		})
	}
	// The check itself finds what is wrong.
	v := map[string]any{"severity_id": 77.0, "finding_info": map[string]any{"uid": 1.0}, "madeup": true}
	if got := len(s.check("x", s.Classes["detection_finding"], v, nil)); got < 5 {
		t.Errorf("the check found %d things wrong", got)
	}
}
