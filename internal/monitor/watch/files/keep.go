package files

import (
	"encoding/json"
	"errors"
	"io/fs"
	"strconv"
	"time"

	"github.com/runward/runward/internal/owner"
)

// keptVersion is the form of the file of entries.
const keptVersion = 1

// maxKept bounds it.
const maxKept = 16 << 20

type keptFile struct {
	Version int              `json:"version"`
	Since   time.Time        `json:"since"` // when the entries were looked at
	Entries map[string]Entry `json:"entries"`
}

// load reads what was kept; nil: nothing was.
func load(path string) (map[string]Entry, time.Time, error) {
	text, err := owner.Read(path, maxKept)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, time.Time{}, nil
	}
	if err != nil {
		return nil, time.Time{}, err
	}
	var k keptFile
	if err := json.Unmarshal(text, &k); err != nil {
		return nil, time.Time{}, err
	}
	if k.Version != keptVersion || k.Entries == nil {
		return nil, time.Time{}, errors.New("it has version " + strconv.Itoa(k.Version) + ", and " + strconv.Itoa(keptVersion) + " is known here")
	}
	return k.Entries, k.Since, nil
}

// keep writes the entries where they changed.
func (w *Watcher) keep(now time.Time) error {
	if !w.changed {
		return nil
	}
	text, err := json.Marshal(keptFile{keptVersion, now.UTC(), w.entries})
	if err == nil {
		err = owner.Keep(w.kept, text)
	}
	if err != nil {
		return errors.New(w.kept + " cannot be written, and what changes while runwardd is down will not be known: " + owner.Reason(err))
	}
	w.changed = false
	return nil
}
