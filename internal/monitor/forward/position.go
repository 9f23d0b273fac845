package forward

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/runward/runward/internal/audit"
)

// A position is how far a destination is.
type position struct {
	Version int    `json:"version"`
	Seq     uint64 `json:"seq"`  // of the last record that was answered for, or that it does not want
	Hash    string `json:"hash"` // of it
	Tried   uint64 `json:"tried"`
	Attempt int    `json:"attempt"` // up to record Tried so many attempts may have been made
}

func (p *position) link() audit.Link { return audit.Link{Seq: p.Seq, Hash: p.Hash} }

// readPosition reads a kept position. Where there is none all records count as
// never sent; where it is damaged, as perhaps sent.
func readPosition(path string) (p position, damaged bool, err error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return position{Version: 1}, false, nil
	}
	if err != nil {
		return p, false, fmt.Errorf("read the position of a destination: %w", err)
	}
	if json.Unmarshal(data, &p) != nil || p.Version != 1 || (p.Seq > 0) != (p.Hash != "") {
		return position{Version: 1}, true, nil
	}
	return p, false, nil
}

// keep puts the position in place. What is about to be sent must be on the
// disk before it is sent; that it was answered for need not be: at worst it is
// sent again, with a mark.
func (p *position) keep(path string, sync bool) error {
	data, err := json.Marshal(p)
	if err == nil {
		err = replace(path, append(data, '\n'), sync)
	}
	if err != nil {
		return fmt.Errorf("keep the position of a destination: %w", err)
	}
	return nil
}

func replace(path string, data []byte, sync bool) error {
	temp := path + ".new"
	if err := os.Remove(temp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f, err := os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil && sync {
		err = f.Sync()
	}
	if closed := f.Close(); err == nil {
		err = closed
	}
	if err == nil {
		err = os.Rename(temp, path)
	}
	if err == nil && sync {
		err = syncDir(filepath.Dir(path))
	}
	return err
}

func syncDir(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	err = dir.Sync()
	dir.Close() // only read
	return err
}
