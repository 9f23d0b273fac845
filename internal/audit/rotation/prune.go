package rotation

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/runward/runward/internal/audit"
	"github.com/runward/runward/internal/audit/event"
)

// All is what Prune is given where nothing is forwarded: every record counts
// as sent.
const All = math.MaxUint64

// Prune removes the oldest files that Rotate put aside, as far as the limits
// ask for it, and gives their paths. sent is the number up to which every
// destination has the records; a file that holds later ones is kept, until
// there are MaxUnsent files more than MaxFiles. Each removal is an event that
// has the last record's number and hash: what is left of the chain can be held
// to it.
func Prune(cfg audit.Config, now time.Time, limits Limits, sent uint64) ([]string, error) {
	files, err := old(cfg.Path)
	if err != nil {
		return nil, err
	}
	var removed []string
	for len(files) > 0 {
		f := files[0]
		over := limits.MaxFiles > 0 && len(files) > limits.MaxFiles
		aged := limits.MaxAge > 0 && now.Sub(f.Modified) > limits.MaxAge
		if !over && !aged || f.last.Seq == 0 {
			break
		}
		unsent := sent < f.last.Seq
		if unsent && (limits.MaxFiles <= 0 || len(files) <= limits.MaxFiles+limits.MaxUnsent) {
			break
		}
		if err := remove(cfg, now, f, unsent); err != nil {
			return removed, err
		}
		removed = append(removed, f.Path)
		files = files[1:]
	}
	return removed, nil
}

func remove(cfg audit.Config, now time.Time, f oldFile, unsent bool) error {
	name := filepath.Base(f.Path)
	e := &event.Event{
		Time: now, Kind: event.Lifecycle, Name: Removed, Severity: event.Info,
		Message: "the oldest records, numbers " + strconv.FormatUint(f.First.Seq, 10) + " to " + strconv.FormatUint(f.last.Seq, 10) + ", were removed with " + name,
		Details: map[string]string{
			"file": name, "bytes": strconv.FormatInt(f.Bytes, 10), "first_seq": strconv.FormatUint(f.First.Seq, 10),
			"last_seq": strconv.FormatUint(f.last.Seq, 10), "last_hash": f.last.Hash, "forwarded": strconv.FormatBool(!unsent),
		},
	}
	if unsent {
		e.Severity = event.Critical
		e.Message += ", though not everything in it was forwarded: the bound of unsent files is reached"
	}
	err := event.Append(cfg, e)
	if err != nil && !errors.Is(err, syscall.ENOSPC) {
		return err
	}
	if gone := os.Remove(f.Path); gone != nil {
		return fmt.Errorf("remove the oldest records: %w", gone)
	}
	if err != nil { // there may be room now
		return event.Append(cfg, e)
	}
	return nil
}
