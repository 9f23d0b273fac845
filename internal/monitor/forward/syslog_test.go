package forward

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/runward/runward/internal/audit"
	"github.com/runward/runward/internal/audit/event"
	"github.com/runward/runward/internal/audit/journal"
	"github.com/runward/runward/policy"
)

func TestSyslogMessage(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 600000, time.UTC)
	line := journal.Line{Link: audit.Link{Seq: 7, Hash: "sha256:0"}, Text: []byte(`{"a":1}`)}
	receipt := func(v policy.Verdict) journal.Record {
		return journal.Record{Receipt: &audit.Receipt{ID: "01J", Time: at, Container: `a"]\b`, Verdict: v}}
	}
	alert := journal.Record{Event: &event.Event{ID: "01K", Time: at, Kind: event.Alert, Name: "oom", Severity: event.Critical}}
	long := line
	long.Text = []byte(`{"a":"` + strings.Repeat("x", 2000) + `"}`)
	hole := line
	hole.Hole = &journal.Hole{From: 3, To: 6, Why: journal.HoleRemoved}
	for want, it := range map[string]item{
		`<108>1 2026-01-02T03:04:05.000600Z n runward 9 receipt [runward@32473 seq="7" hash="sha256:0" severity="warning" attempt="1" id="01J" verdict="deny" container="a\"\]\\b"] {"a":1}`:                              {line: line, record: receipt(policy.Deny), attempt: 1},
		`<109>1 2026-01-02T03:04:05.000600Z n runward 9 receipt [runward@32473 seq="7" hash="sha256:0" severity="info" attempt="1" id="01J" verdict="rewrite" container="a\"\]\\b"] {"a":1}`:                              {line: line, record: receipt(policy.Rewrite), attempt: 1},
		`<106>1 2026-01-02T03:04:05.000600Z n runward 9 alert [runward@32473 seq="7" hash="sha256:0" severity="critical" attempt="3" resent="true" id="01K" name="oom"] {"a":1}`:                                          {line: line, record: alert, attempt: 3},
		`<106>1 2026-01-02T03:04:05.000600Z n runward 9 alert [runward@32473 seq="7" hash="sha256:0" severity="critical" attempt="1" id="01K" name="oom" cut="2008"] {"bytes":2008,"cut":true,"hash":"sha256:0","seq":7}`: {line: long, record: alert, attempt: 1},
		`<106>1 2026-01-02T03:04:05.000600Z n runward 9 gap [runward@32473 seq="7" hash="sha256:0" severity="critical" attempt="1" missing_from="3" missing_to="6"] records 3 to 6 are missing: their file was removed before they were sent`: {
			line: hole, gap: gapText(hole), found: at, attempt: 1,
		},
	} {
		if got := appendSyslog(nil, &it, "n", "9", 1024); string(got) != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}

// Whatever a container's owner wrote, the header stays printable, and a
// parameter ends where it should.
func TestSyslogCannotBeBrokenOutOf(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		it := item{
			line: journal.Line{Link: audit.Link{Seq: 1, Hash: "h"}, Text: []byte("{}")}, attempt: 1,
			record: journal.Record{Event: &event.Event{ID: "i", Kind: rapid.String().Draw(t, "kind"), Name: rapid.String().Draw(t, "name"), Container: string(rapid.SliceOf(rapid.Byte()).Draw(t, "container"))}},
		}
		msg := appendSyslog(nil, &it, headerField(rapid.String().Draw(t, "node"), 255), "1", 1<<20)
		header, rest, ok := bytes.Cut(msg, []byte(" ["+syslogID))
		if !ok || len(bytes.Fields(header)) != 6 || bytes.ContainsFunc(header, func(r rune) bool { return r < ' ' || r > '~' }) {
			t.Fatalf("header %q", header)
		}
		quoted, at := false, 0
		for ; at < len(rest) && (quoted || rest[at] != ']'); at++ {
			switch rest[at] {
			case '\\':
				at++
			case '"':
				quoted = !quoted
			}
		}
		if string(rest[at:]) != "] {}" {
			t.Fatalf("structured data ends at %d of %q", at, rest)
		}
	})
}
