package normal

import (
	"encoding/json"
	"errors"
	"io/fs"
	"strconv"

	"github.com/runward/runward/internal/owner"
)

// keptVersion is the form of the file; maxKept bounds it, in bytes.
const (
	keptVersion = 1
	maxKept     = 64 << 20
)

type kept struct {
	Version   int               `json:"version"`
	Window    string            `json:"window"` // what was learned with another one is of no use
	Workloads map[string]*model `json:"workloads"`
}

// Save writes what was learned to a file that only this user may read.
func (l *Learner) Save(path string) error {
	text, err := json.Marshal(kept{keptVersion, l.settings.Window.String(), l.models})
	if err == nil && len(text) > maxKept {
		err = errors.New(strconv.Itoa(len(text)) + " bytes are over the limit: lower monitor.normal.workloads")
	}
	if err == nil {
		err = owner.Keep(path, text)
	}
	if err != nil {
		return errors.New(path + " cannot be written, and what was learned would be lost with runwardd: " + owner.Reason(err))
	}
	return nil
}

// Load reads it; absent, nothing was learned. After an error nothing was
// learned either: it is to be said, and no reason not to go on.
func (l *Learner) Load(path string) error {
	text, err := owner.Read(path, maxKept)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = l.decode(text)
	}
	if err != nil {
		return errors.New(path + " cannot be used, and what is normal is learned anew: " + owner.Reason(err))
	}
	return nil
}

func (l *Learner) decode(text []byte) error {
	var k kept
	if err := json.Unmarshal(text, &k); err != nil {
		return err
	}
	switch {
	case k.Version != keptVersion:
		return errors.New("it has version " + strconv.Itoa(k.Version) + ", and " + strconv.Itoa(keptVersion) + " is known here")
	case k.Window != l.settings.Window.String():
		return errors.New("it was learned with a window of " + k.Window)
	case int64(len(k.Workloads)) > l.settings.Workloads:
		return errors.New("it has more than " + strconv.FormatInt(l.settings.Workloads, 10) + " workloads")
	}
	for name, m := range k.Workloads {
		if !m.valid() {
			return errors.New("workload " + strconv.Quote(name) + " is damaged")
		}
	}
	if k.Workloads != nil {
		l.models = k.Workloads
	}
	return nil
}

func (w *model) valid() bool {
	if w == nil || w.Metrics == nil || w.Seen < 0 {
		return false
	}
	for name, h := range w.Metrics {
		if !isKind(name) || h == nil || !h.valid() {
			return false
		}
	}
	for name, all := range w.Hours {
		if !isKind(name) || all == nil {
			return false
		}
		for _, h := range all {
			if h != nil && !h.valid() {
				return false
			}
		}
	}
	return true
}
