package rotation

import (
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/runward/runward/internal/audit"
)

const packed = ".gz"

// Compress packs what Rotate put aside, and gives the new paths. Where the
// current file holds no record yet it waits: writers may still need the end of
// the one before. Killed half-way it leaves the old file, and the next call
// does it again.
func Compress(cfg audit.Config) ([]string, error) {
	log, err := audit.Lock(cfg)
	if err != nil {
		return nil, err
	}
	settled, err := log.Settled()
	log.Close()
	if err != nil || !settled {
		return nil, err
	}
	files, err := old(cfg.Path)
	if err != nil {
		return nil, err
	}
	var made []string
	for _, f := range files {
		if strings.HasSuffix(f.Path, packed) {
			continue
		}
		if err := compress(f.Path); err != nil {
			return made, err
		}
		made = append(made, f.Path+packed)
	}
	return made, nil
}

// compress makes the packed file under a name that no reader looks at, puts it
// on the disk, renames it, and only then removes the old one.
func compress(path string) error {
	temp := filepath.Join(filepath.Dir(path), ".packing-"+filepath.Base(path))
	if err := os.Remove(temp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("compress old records: %w", err)
	}
	err := pack(path, temp)
	if err == nil {
		err = os.Rename(temp, path+packed)
	}
	if err != nil {
		_ = os.Remove(temp) // it is in nobody's way
		return fmt.Errorf("compress old records %s: %w", path, err)
	}
	if err := os.Remove(path); err != nil {
		return fmt.Errorf("compress old records: %w", err)
	}
	return nil
}

func pack(path, to string) error {
	in, err := os.Open(path)
	if err != nil {
		return err
	}
	defer in.Close() // only read
	info, err := in.Stat()
	if err != nil {
		return err
	}
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	z, err := gzip.NewWriterLevel(out, gzip.BestSpeed)
	if err == nil {
		_, err = io.Copy(z, in)
	}
	if err == nil {
		err = z.Close()
	}
	if err == nil {
		err = out.Sync()
	}
	if closed := out.Close(); err == nil {
		err = closed
	}
	if err == nil { // its age is that of its last record
		err = os.Chtimes(to, info.ModTime(), info.ModTime())
	}
	return err
}
