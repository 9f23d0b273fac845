// Package rotation keeps the records on the disk within bounds: it puts the
// current file aside, compresses old ones and removes the oldest. It is the
// daemon's; tools such as logrotate may do the same in its place, see audit.
//
// # A full disk
//
// A record that cannot be written whole is taken back, and its container is not
// started, unless audit.on_failure allows it: the chain stays whole, and nothing
// starts that leaves no trace. Prune frees room even then: what it removes for
// its bounds it removes also where the event that tells of it cannot be written
// before, and writes it after. It does not remove more than its bounds say, so
// that a disk which somebody else fills costs no evidence.
package rotation

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/runward/runward/internal/audit"
	"github.com/runward/runward/internal/audit/event"
	"github.com/runward/runward/internal/audit/journal"
)

// Limits bound what the records take. The zero value of each is no bound.
type Limits struct {
	MaxBytes  int64         // the current file is put aside when it is larger
	Every     time.Duration // or when its first record is older
	MaxFiles  int           // as many old files are kept
	MaxAge    time.Duration // old files whose last record is older are removed
	MaxUnsent int           // so many files more are kept while they are not forwarded yet
}

// The names of the events of rotation.
const (
	Put     = "audit.rotated"
	Removed = "audit.removed"
)

// Rotate puts the current file aside where the limits ask for it, and gives the
// old file's new path, or none. It holds the writers' lock while it renames and
// writes one event into the new file; with an error the old file may have been
// put aside all the same, and the next record goes on from it.
func Rotate(cfg audit.Config, now time.Time, limits Limits) (string, error) {
	log, err := audit.Lock(cfg)
	if err != nil {
		return "", err
	}
	defer log.Close()
	due, err := due(cfg.Path, log.Size(), now, limits)
	if err != nil || !due {
		return "", err
	}
	last, err := log.Last()
	if err != nil {
		return "", err
	}
	name, size := filepath.Base(cfg.Path)+"."+now.UTC().Format(stamp)+"-"+strconv.FormatUint(last.Seq, 10), log.Size()
	if err := log.PutAside(name); err != nil {
		return "", err
	}
	path := filepath.Join(filepath.Dir(cfg.Path), name)
	return path, event.AppendTo(log, &event.Event{
		Time: now, Kind: event.Lifecycle, Name: Put, Severity: event.Info,
		Message: "the records up to number " + strconv.FormatUint(last.Seq, 10) + " were put aside in " + name,
		Details: map[string]string{
			"file": name, "bytes": strconv.FormatInt(size, 10), "last_seq": strconv.FormatUint(last.Seq, 10), "last_hash": last.Hash,
		},
	})
}

// stamp is the moment in the name of a file that was put aside.
const stamp = "20060102T150405Z"

// ours tells whether Rotate gave the file its name: nobody else's is removed or
// compressed.
func ours(path, name string) bool {
	rest, ok := strings.CutPrefix(name, filepath.Clean(path)+".")
	when, seq, _ := strings.Cut(strings.TrimSuffix(rest, packed), "-")
	_, bad := time.Parse(stamp, when)
	_, none := strconv.ParseUint(seq, 10, 64)
	return ok && bad == nil && none == nil
}

// due tells whether the current file is over a bound. One without a record in
// it never is: where it belongs among the others could not be told.
func due(path string, size int64, now time.Time, limits Limits) (bool, error) {
	large := limits.MaxBytes > 0 && size > limits.MaxBytes
	if size == 0 || !large && limits.Every <= 0 {
		return false, nil
	}
	line, err := journal.FirstLine(path)
	if err != nil || line == nil {
		return false, err
	}
	if large {
		return true, nil
	}
	var first struct{ Time time.Time }
	if err := json.Unmarshal(line, &first); err != nil {
		return false, fmt.Errorf("read the first record of %s: %w", path, err)
	}
	return now.Sub(first.Time) > limits.Every, nil
}

// old gives the files that Rotate put aside, oldest first, each with the last
// record in it as the one after knows it.
func old(path string) ([]oldFile, error) {
	files, err := journal.List(path)
	if err != nil {
		return nil, err
	}
	var all []oldFile
	for i, f := range files {
		if !ours(path, f.Path) || f.First.Seq == 0 {
			continue
		}
		o := oldFile{File: f}
		for _, after := range files[i+1:] {
			if after.First.Seq > 0 {
				o.last = audit.Link{Seq: after.First.Seq - 1, Hash: after.First.Prev}
				break
			}
		}
		all = append(all, o)
	}
	return all, nil
}

type oldFile struct {
	journal.File
	last audit.Link // Seq 0 if nothing came after it yet
}
