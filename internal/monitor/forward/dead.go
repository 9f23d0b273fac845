package forward

import (
	"fmt"
	"os"
	"time"
)

// maxDead bounds the file of what a destination refused; then it becomes the
// one old one.
const maxDead = 16 << 20

// A dead letter is a record that a destination refuses. It is also in the
// chain: what matters here is that it was refused, and why.
type deadLetter struct {
	Time   time.Time `json:"time"`
	Seq    uint64    `json:"seq"`
	Hash   string    `json:"hash"`
	Reason string    `json:"reason"`
	Gap    *gapJSON  `json:"gap,omitempty"`
}

func bury(path string, now time.Time, it *item, reason string) error {
	letter := deadLetter{Time: now.UTC(), Seq: it.line.Seq, Hash: it.line.Hash, Reason: reason, Gap: it.gapJSON()}
	data, err := spliced(letter, it.text())
	if err == nil {
		err = appendDead(path, data)
	}
	if err != nil {
		return fmt.Errorf("keep what a destination refused: %w", err)
	}
	return nil
}

func appendDead(path string, line []byte) error {
	if info, err := os.Stat(path); err == nil && info.Size()+int64(len(line)) > maxDead {
		if err := os.Rename(path, path+".1"); err != nil {
			return err
		}
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(line)
	if err == nil {
		err = f.Sync()
	}
	if closed := f.Close(); err == nil {
		err = closed
	}
	return err
}
