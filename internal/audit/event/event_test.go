package event

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/runward/runward/internal/audit"
	"github.com/runward/runward/policy"
)

func newConfig(t testing.TB) audit.Config {
	return audit.Config{Path: filepath.Join(t.TempDir(), "receipts.jsonl")}
}

func lines(t testing.TB, cfg audit.Config) [][]byte {
	t.Helper()
	b, err := os.ReadFile(cfg.Path)
	if err != nil {
		t.Fatal(err)
	}
	return bytes.Split(bytes.TrimSuffix(b, []byte{'\n'}), []byte{'\n'})
}

func TestAnyEventIsOneLineThatReadsBack(t *testing.T) {
	cfg := newConfig(t)
	text := rapid.StringN(0, 40, 100)
	some := rapid.StringN(1, 40, 100)
	rapid.Check(t, func(rt *rapid.T) {
		e := &Event{
			Time: time.Unix(rapid.Int64Range(0, 1<<33).Draw(rt, "s"), rapid.Int64Range(0, 999999999).Draw(rt, "ns")),
			Kind: rapid.SampledFrom([]string{Alert, Lifecycle, Answer}).Draw(rt, "kind"),
			Name: some.Draw(rt, "name"), Severity: rapid.SampledFrom([]string{Info, Warning, Critical}).Draw(rt, "severity"),
			Container: text.Draw(rt, "container"), Bundle: text.Draw(rt, "bundle"),
			Identity: policy.Identity{Pod: text.Draw(rt, "pod"), Labels: map[string]string{text.Draw(rt, "key"): text.Draw(rt, "value")}},
			Message:  some.Draw(rt, "message"), Got: text.Draw(rt, "got"), Who: text.Draw(rt, "who"),
			Details: map[string]string{text.Draw(rt, "detail"): text.Draw(rt, "of")},
		}
		if err := Append(cfg, e); err != nil {
			rt.Fatal(err)
		}
		all := lines(t, cfg)
		line := all[len(all)-1]
		var back Event
		d := json.NewDecoder(bytes.NewReader(line))
		d.DisallowUnknownFields()
		if err := d.Decode(&back); err != nil {
			rt.Fatal(err)
		}
		if !reflect.DeepEqual(*e, back) {
			rt.Fatalf("\nwrote %+v\nread  %+v", *e, back)
		}
		l, err := audit.ParseLink(line)
		if err != nil || l != (audit.Link{Seq: e.Seq, Prev: e.Prev, Hash: e.Hash}) || e.Seq != uint64(len(all)) {
			rt.Fatalf("link %+v, %v", l, err)
		}
	})
}

// A receipt has no kind, and a reader tells the two apart by that alone.
func TestReceiptsHaveNoKind(t *testing.T) {
	if _, has := reflect.TypeFor[audit.Receipt]().FieldByName("Kind"); has {
		t.Error("a receipt has a field Kind: readers would take it for an event")
	}
}

func TestOverMaxBytes(t *testing.T) {
	big := strings.Repeat("x", audit.MaxBytes)
	many := map[string]string{}
	for i := range 1000 {
		many["k"+strings.Repeat("i", i)] = "\x01"
	}
	for name, e := range map[string]Event{
		"message": {Message: big},
		"details": {Message: "m", Details: many},
		"escapes": {Message: strings.Repeat("\x01", audit.MaxBytes), Got: strings.Repeat("\x01", audit.MaxBytes), Details: map[string]string{big: big}},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := newConfig(t)
			e.Kind, e.Name, e.Severity = Alert, "oom", Critical
			if err := Append(cfg, &e); err != nil {
				t.Fatal(err)
			}
			line := lines(t, cfg)[0]
			var back Event
			if err := json.Unmarshal(line, &back); err != nil {
				t.Fatal(err)
			}
			if len(line) >= MaxBytes || back.Cut == nil || back.Cut.Bytes < MaxBytes-maxLink || back.Message == "" {
				t.Errorf("%d bytes, cut %+v, message of %d", len(line), back.Cut, len(back.Message))
			}
			if name == "message" && !strings.HasSuffix(back.Message, "x...(1048576 bytes)") {
				t.Error("the message ends in " + back.Message[len(back.Message)-40:])
			}
			if name == "details" && (len(back.Details) != maxDetails || back.Cut.Details != 1000 || len(many) != 1000) {
				t.Errorf("%d details, cut %+v", len(back.Details), back.Cut)
			}
		})
	}
}

func TestRefused(t *testing.T) {
	for want, e := range map[string]Event{
		`event "oom": kind: want alert, lifecycle or answer, found ""`:        {Name: "oom", Severity: Info, Message: "m"},
		`event "oom": severity: want info, warning or critical, found "high"`: {Kind: Alert, Name: "oom", Severity: "high", Message: "m"},
		`event "" of kind alert: want a name and a message`:                   {Kind: Alert, Severity: Info, Message: "m"},
		`event "oom" of kind answer: want a name and a message`:               {Kind: Answer, Severity: Info, Name: "oom"},
	} {
		cfg := newConfig(t)
		if err := Append(cfg, &e); err == nil || err.Error() != want {
			t.Errorf("got  %v\nwant %s", err, want)
		}
		if _, err := os.Stat(cfg.Path); err == nil {
			t.Error("a file was made for it")
		}
	}
}

// What is no object on one line would break the chain for every reader.
func TestBodiesThatAreNone(t *testing.T) {
	cfg := newConfig(t)
	for _, body := range []string{"", "{", "[1", "{\"a\":\n1", "{" + strings.Repeat(" ", audit.MaxBytes)} {
		if _, _, err := audit.AppendBody(cfg, []byte(body)); err == nil || !strings.HasSuffix(err.Error(), "is not one line of JSON within its bound") {
			t.Errorf("%.20q: %v", body, err)
		}
	}
}

func BenchmarkAppend(b *testing.B) {
	cfg := newConfig(b)
	for b.Loop() {
		e := &Event{Kind: Alert, Name: "memory.high", Severity: Warning, Container: strings.Repeat("a", 64), Message: "memory is 90 % of its limit", Got: "90", Want: "80"}
		if err := Append(cfg, e); err != nil {
			b.Fatal(err)
		}
	}
}
