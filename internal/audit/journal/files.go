package journal

import (
	"bufio"
	"bytes"
	"cmp"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/runward/runward/internal/audit"
)

// Files opens a file of receipts and what rotation left of earlier ones beside
// it (any name that begins with the path and ".", or "-"; gzip too), oldest
// first, and reads the head, nil if there is none. The caller closes.
//
// Writers go on meanwhile: the head is read first, so that it is never ahead of
// the files.
func Files(path string) (inputs []Input, head *audit.Head, close func(), err error) {
	head, err = readHead(path + audit.HeadSuffix)
	if err != nil {
		return nil, nil, nil, err
	}
	names, err := rotated(path)
	if err != nil {
		return nil, nil, nil, err
	}
	var opened []*source
	close = func() { closeAll(opened) }
	for _, name := range names {
		s, err := open(name)
		if err != nil {
			close()
			return nil, nil, nil, err
		}
		opened = append(opened, s)
	}
	slices.SortStableFunc(opened, func(a, b *source) int { return a.compare(b, path) })
	for _, s := range opened {
		inputs = append(inputs, Input{Name: s.file.Name(), Reader: s.reader})
	}
	return inputs, head, close, nil
}

func readHead(path string) (*audit.Head, error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) || len(data) == 0 {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the receipts' head: %w", err)
	}
	h, ok := audit.ParseHead(data)
	if !ok {
		return nil, fmt.Errorf("read the receipts' head %s: it is damaged; the next receipt replaces it", path)
	}
	return &h, nil
}

func rotated(path string) ([]string, error) {
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		return nil, fmt.Errorf("find receipts: %w", err)
	}
	var names []string
	base := filepath.Base(path)
	for _, entry := range entries {
		rest, ours := strings.CutPrefix(entry.Name(), base)
		if ours && entry.Type().IsRegular() && rest != audit.HeadSuffix && (rest == "" || rest[0] == '.' || rest[0] == '-') {
			names = append(names, filepath.Join(filepath.Dir(path), entry.Name()))
		}
	}
	// Who compresses makes the new file before it removes the old one.
	all := slices.Clone(names)
	return slices.DeleteFunc(names, func(name string) bool {
		plain, packed := strings.CutSuffix(name, ".gz")
		return packed && slices.Contains(all, plain)
	}), nil
}

// A File is one file of the chain as it lies on the disk.
type File struct {
	Path     string
	First    audit.Link // its first record; Seq 0 if there is none near the start
	Bytes    int64      // on the disk
	Modified time.Time
}

// List gives the file of records and what rotation left of earlier ones, oldest
// first, as Files does. It holds little in memory.
func List(path string) ([]File, error) {
	names, err := rotated(path)
	if err != nil {
		return nil, err
	}
	var files []File
	for _, name := range names {
		f, err := look(name)
		if err != nil {
			return nil, err
		}
		files = append(files, f)
	}
	slices.SortStableFunc(files, func(a, b File) int {
		return order(a.First.Seq, b.First.Seq, a.Path == path, b.Path == path)
	})
	return files, nil
}

func look(name string) (File, error) {
	info, err := os.Stat(name)
	if err != nil {
		return File{}, fmt.Errorf("find receipts: %w", err)
	}
	file := File{Path: name, Bytes: info.Size(), Modified: info.ModTime()}
	line, err := FirstLine(name)
	if err == nil && line != nil {
		file.First, err = audit.ParseLink(line)
	}
	return file, err
}

// FirstLine gives the first record of a file as it stands there, without its
// newline; nil if there is none near the start.
func FirstLine(name string) ([]byte, error) {
	r, err := OpenFile(name)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	lines := bufio.NewReader(io.LimitReader(r, 2*audit.MaxBytes))
	for {
		line, err := lines.ReadBytes('\n')
		line = bytes.TrimSuffix(line, []byte{'\n'})
		if _, bad := audit.ParseLink(line); bad == nil {
			return line, nil
		}
		if errors.Is(err, io.EOF) {
			return nil, nil
		}
		if err != nil {
			return nil, fmt.Errorf("read receipts %s: %w", name, err)
		}
	}
}

// OpenFile opens one file of the chain, compressed or not, to read its lines.
func OpenFile(name string) (io.ReadCloser, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("open receipts: %w", err)
	}
	r, err := unzipped(bufio.NewReader(f))
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("open receipts %s: %w", name, err)
	}
	return struct {
		io.Reader
		io.Closer
	}{r, f}, nil
}

// unzipped gives what is in r, which may be compressed.
func unzipped(r *bufio.Reader) (io.Reader, error) {
	if magic, err := r.Peek(2); err == nil && magic[0] == 0x1f && magic[1] == 0x8b {
		return gzip.NewReader(r)
	}
	return r, nil
}

func closeAll(opened []*source) {
	for _, s := range opened {
		s.file.Close() // only read
	}
}

type source struct {
	file   *os.File
	reader *bufio.Reader
	first  audit.Link // the first record, Seq 0 if there is none near the start
}

func open(name string) (*source, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("open receipts: %w", err)
	}
	plain, err := unzipped(bufio.NewReader(f))
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("open receipts %s: %w", name, err)
	}
	s := &source{file: f, reader: bufio.NewReaderSize(plain, 2*audit.MaxBytes)}
	start, err := s.reader.Peek(2 * audit.MaxBytes)
	if err != nil && !errors.Is(err, io.EOF) {
		f.Close()
		return nil, fmt.Errorf("read receipts %s: %w", name, err)
	}
	for line := range bytes.Lines(start) {
		if l, err := audit.ParseLink(bytes.TrimSuffix(line, []byte{'\n'})); err == nil {
			s.first = l
			break
		}
	}
	return s, nil
}

func (s *source) compare(other *source, current string) int {
	return order(s.first.Seq, other.first.Seq, s.file.Name() == current, other.file.Name() == current)
}

// order sorts files by their first records. A file without any is put last if
// it is the current one, else first.
func order(a, b uint64, aCurrent, bCurrent bool) int {
	switch {
	case a == 0 && aCurrent:
		return 1
	case b == 0 && bCurrent:
		return -1
	}
	return cmp.Compare(a, b)
}
