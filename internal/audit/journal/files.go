package journal

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

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
	close = func() {
		for _, s := range opened {
			s.file.Close() // only read
		}
	}
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
	return names, nil
}

type source struct {
	file   *os.File
	reader *bufio.Reader
	first  uint64 // number of the first receipt, 0 if there is none near the start
}

func open(name string) (*source, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("open receipts: %w", err)
	}
	s := &source{file: f, reader: bufio.NewReaderSize(f, 2*audit.MaxBytes)}
	if magic, err := s.reader.Peek(2); err == nil && magic[0] == 0x1f && magic[1] == 0x8b {
		unzip, err := gzip.NewReader(s.reader)
		if err != nil {
			f.Close()
			return nil, fmt.Errorf("open receipts %s: %w", name, err)
		}
		s.reader = bufio.NewReaderSize(unzip, 2*audit.MaxBytes)
	}
	start, err := s.reader.Peek(2 * audit.MaxBytes)
	if err != nil && !errors.Is(err, io.EOF) {
		f.Close()
		return nil, fmt.Errorf("read receipts %s: %w", name, err)
	}
	for line := range bytes.Lines(start) {
		if l, err := audit.ParseLink(bytes.TrimSuffix(line, []byte{'\n'})); err == nil {
			s.first = l.Seq
			break
		}
	}
	return s, nil
}

// compare sorts by the first receipt. A file without any is put last if it is
// the current one, else first.
func (s *source) compare(other *source, current string) int {
	a, b := s.first, other.first
	if a == 0 && s.file.Name() == current {
		return 1
	}
	if b == 0 && other.file.Name() == current {
		return -1
	}
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	default:
		return 0
	}
}
