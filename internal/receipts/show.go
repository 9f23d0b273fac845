package receipts

import (
	"strconv"
	"strings"
	"time"

	"github.com/runward/runward/internal/audit"
	"github.com/runward/runward/internal/display"
	"github.com/runward/runward/internal/explain"
)

// Show writes one receipt in full.
func Show(p *display.Printer, r *audit.Receipt) error {
	p.Line(p.Paint(explain.VerdictStyle(r.Verdict), strings.ToUpper(r.Verdict.String())), ": ", outcome(r))
	p.Line()
	p.Field("receipt", r.ID+" (number "+strconv.FormatUint(r.Seq, 10)+")")
	p.Field("time", r.Time.UTC().Format(time.RFC3339Nano))
	p.Field("verb", r.Verb)
	p.Field("id", r.Container)
	p.Field("bundle", r.Bundle)
	p.Field("engine", orElse(r.Engine, "not known"))
	for _, f := range explain.Who(r.Identity) {
		p.Field(f[0], f[1])
	}
	p.Field("handler", r.Handler)
	p.Field("runtime", r.Runtime)
	p.Field("policies", orElse(strings.Join(r.Policies, ", "), "none"))
	p.Field("policy", r.Policy)
	p.Field("mode", r.Mode)
	p.Field("original", r.Original)
	p.Field("final", r.Final)
	p.Field("took", strconv.FormatInt(r.Micros, 10)+" µs")
	p.Field("hash", r.Hash)
	p.Field("before it", orElse(r.Prev, "none, this is the first receipt"))
	if r.Error != "" {
		p.Line()
		p.Note("error: "+r.Error, 0)
	}
	if len(r.Findings) > 0 {
		p.Line()
		explain.Findings(p, r.Findings)
	}
	if len(r.Patch) > 0 {
		p.Line()
		p.Line(p.Paint(display.Bold, "What was changed in config.json:"))
		explain.Patch(p, r.Patch)
	}
	for _, note := range notes(r) {
		p.Line()
		p.Note("note: "+note, 0)
	}
	return p.Err()
}

func outcome(r *audit.Receipt) string {
	switch r.Verdict.String() {
	case "allow":
		return "the container started exactly as its config.json says."
	case "rewrite":
		return "the container started with its config.json rewritten."
	default:
		return "the container was not started."
	}
}

// notes says what is not as usual about the receipt itself.
func notes(r *audit.Receipt) []string {
	var all []string
	if c := r.Cut; c != nil {
		all = append(all, "this receipt would have been too long, parts of it were left out: "+cutParts(c))
	}
	if g := r.Gap; g != nil && g.Torn {
		all = append(all, "the receipt before this one was cut short while it was written (a kill or a power cut)")
	}
	if g := r.Gap; g != nil && g.Lost > 0 {
		all = append(all, strconv.FormatUint(g.Lost, 10)+" receipt(s) before this one were gone when it was written")
	}
	return all
}

func cutParts(c *audit.Cut) string {
	var parts []string
	if c.Patch != nil {
		parts = append(parts, "the patch ("+strconv.Itoa(c.Patch.Count)+" operations)")
	}
	if c.Findings != nil {
		parts = append(parts, "some of "+strconv.Itoa(c.Findings.Count)+" findings")
	}
	if c.Strings > 0 {
		parts = append(parts, "the ends of strings over "+strconv.Itoa(c.Strings)+" bytes")
	}
	return strings.Join(parts, ", ")
}

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}
