// Package receipts shows receipts to a person: a table of many, one in full,
// and what the check of their chain found.
package receipts

import (
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/runward/runward/internal/audit"
)

// A Filter says which receipts to list. The zero Filter takes all.
type Filter struct {
	Verdict   string    // allow, rewrite or deny; empty: any
	Since     time.Time // not before
	Container string    // the beginning of the container's id
}

// Match tells whether the receipt is to be listed.
func (f Filter) Match(r *audit.Receipt) bool {
	return (f.Verdict == "" || r.Verdict.String() == f.Verdict) &&
		!r.Time.Before(f.Since) &&
		strings.HasPrefix(r.Container, f.Container)
}

// ParseVerdict reads a verdict that a person typed.
func ParseVerdict(s string) (string, error) {
	switch s {
	case "", "allow", "rewrite", "deny":
		return s, nil
	}
	return "", errors.New("want allow, rewrite or deny, found " + strconv.Quote(s))
}

// ParseSince reads a moment as a person types it: RFC 3339, a date, or how
// long ago, such as 90m, 24h or 7d.
func ParseSince(s string, now time.Time) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	if days, ok := strings.CutSuffix(s, "d"); ok {
		if n, err := strconv.ParseUint(days, 10, 16); err == nil {
			return now.AddDate(0, 0, -int(n)), nil
		}
	}
	if d, err := time.ParseDuration(s); err == nil && d >= 0 {
		return now.Add(-d), nil
	}
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if t, err := time.Parse(layout, s); err == nil {
			return t, nil
		}
	}
	return time.Time{}, errors.New("want how long ago (90m, 24h, 7d) or a moment (2006-01-02, 2006-01-02T15:04:05Z), found " + strconv.Quote(s))
}
