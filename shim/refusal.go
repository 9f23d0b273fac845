package shim

import (
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/sirupsen/logrus"

	"github.com/runward/runward/policy"
)

// refuse tells the engine and the person why nothing was started, as runc
// does: one error record appended to --log in one write, one line on standard
// error. A log that cannot be opened loses only the record.
func refuse(inv Invocation, stderr io.Writer, msg string) {
	msg = oneLine(msg)
	if file := inv.LogFile(); file != "" {
		if log, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_APPEND|os.O_SYNC, 0o644); err == nil {
			record(log, inv.LogFormat, msg)
			_ = log.Close() // what matters is on standard error too
		}
	}
	_, _ = io.WriteString(stderr, msg+"\n") // there is nowhere left to say so
}

// record writes the error as runc's own logger would.
func record(log io.Writer, format, msg string) {
	logger := logrus.New()
	logger.SetOutput(log)
	if format == "json" {
		logger.SetFormatter(new(logrus.JSONFormatter))
	} else {
		logger.SetFormatter(&logrus.TextFormatter{DisableColors: true})
	}
	logger.Error(msg)
}

// oneLine keeps a record a record: engines read the log line by line.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == '\u2028' || r == '\u2029' {
			return ' '
		}
		return r
	}, s)
}

// denial words a decision for the person whose container was refused.
func denial(d policy.Decision, receipt string) string {
	f, ok := d.Refusal()
	if !ok {
		return "refused (receipt " + receipt + ")"
	}
	var b strings.Builder
	b.WriteString(f.Rule)
	if f.Pointer != "" {
		b.WriteString(" " + f.Pointer)
	}
	b.WriteString(": found " + f.Found + ", wanted " + f.Wanted)
	if f.Hint != "" {
		b.WriteString("; hint: " + f.Hint)
	}
	if more := refusals(d) - 1; more > 0 {
		b.WriteString("; and " + strconv.Itoa(more) + " more")
	}
	b.WriteString(" (policy " + f.Policy + ", receipt " + receipt + ")")
	return b.String()
}

func refusals(d policy.Decision) int {
	n := 0
	for _, f := range d.Findings {
		if f.Done == policy.Denied {
			n++
		}
	}
	return n
}
