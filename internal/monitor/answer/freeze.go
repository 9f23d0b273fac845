package answer

import (
	"errors"
	"time"

	"github.com/runward/runward/internal/owner"
)

// Freeze stops every process of the container where it is, and returns when the
// kernel says that all of them are stopped. Where that does not happen within
// the limit, none of them stays stopped by it.
func Freeze(t *Target, limit time.Duration) error {
	if err := t.alive(); err != nil {
		return err
	}
	dir, v2, err := t.group()
	if err != nil {
		return err
	}
	if err := self(dir); err != nil {
		return err
	}
	if err := freeze(dir, v2, limit); err != nil {
		if errors.Is(err, ErrGone) {
			return err
		}
		reason := owner.Reason(err)
		if undo := thaw(dir, v2, limit); undo != nil {
			return errors.New("freeze " + dir + ": " + reason + "; and it could not be undone: " + owner.Reason(undo))
		}
		return errors.New("freeze " + dir + ": " + reason + "; it runs as before")
	}
	return nil
}

func freeze(dir string, v2 bool, limit time.Duration) error {
	file, text := dir+"/freezer.state", "FROZEN"
	if v2 {
		file, text = dir+"/cgroup.freeze", "1"
	}
	if err := put(file, text); err != nil {
		if vanished(err) {
			return ErrGone
		}
		return err
	}
	return until(limit, func() (bool, error) {
		done, err := frozen(dir, v2)
		if err == nil && !done && !v2 {
			// A process that was being forked is only caught by being told again.
			err = put(file, text)
		}
		return done, err
	})
}

// Thaw lets a frozen container go on: also the cgroups below its own.
func Thaw(t *Target, limit time.Duration) error {
	dir, v2, err := t.group()
	if err != nil {
		return err
	}
	if err := thaw(dir, v2, limit); err != nil {
		return errors.New("thaw " + dir + ": " + owner.Reason(err))
	}
	return nil
}

// thaw goes from the outside in: a cgroup of v1 stays frozen while one above it
// is.
func thaw(dir string, v2 bool, limit time.Duration) error {
	name, text := "/freezer.state", "THAWED"
	if v2 {
		name, text = "/cgroup.freeze", "0"
	}
	if err := walk(dir, func(dir string) error { return put(dir+name, text) }); err != nil {
		return err
	}
	return until(limit, func() (bool, error) {
		if v2 {
			still, err := frozen(dir, v2)
			return !still, err
		}
		now, err := value(dir+name, "")
		if vanished(err) {
			return true, nil
		}
		return now == text, err
	})
}

// frozen tells whether every process of a cgroup and of those below it is.
func frozen(dir string, v2 bool) (bool, error) {
	var now string
	var err error
	if v2 {
		now, err = value(dir+"/cgroup.events", "frozen")
	} else {
		now, err = value(dir+"/freezer.state", "")
	}
	if vanished(err) {
		return false, nil
	}
	return now == "1" || now == "FROZEN", err
}
