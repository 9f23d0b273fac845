package journal

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"syscall"

	"github.com/runward/runward/internal/audit"
)

// A Line is a record as it stands in the chain.
type Line struct {
	audit.Link
	Text   []byte // without its newline, byte for byte
	Hole   *Hole  // records before it that are nowhere; nil: none
	Broken string // it does not link to the record given before: how; empty: it does
}

// A Hole says which numbers are in no file.
type Hole struct {
	From uint64 `json:"from"`
	To   uint64 `json:"to"`
	Why  string `json:"why"` // HoleTorn, HoleLost or HoleRemoved
}

// Why records are missing.
const (
	HoleTorn    = "torn"    // its write was cut short by a kill or a power cut: nothing started with it
	HoleLost    = "lost"    // gone when the next was written: the end was cut off, or a power cut
	HoleRemoved = "removed" // rotation, or somebody, removed the file before it was read
)

// A Follower reads the chain as it grows, through rotation and compression, in
// order and each record once. It gives only what its writer has finished: a
// record that a full disk takes back is never seen. It has no goroutine and is
// for one.
type Follower struct {
	path string
	at   audit.Link // the last record given

	file   *os.File
	reader *bufio.Reader
	plain  bool
	offset int64 // of the first byte that was not given, in a plain file
	name   string

	jump   uint64 // the record before which something seemed to be missing
	broken string // what to say with the next record
}

// Follow starts after a record that was given before; the zero Link: at the
// oldest record there is.
func Follow(path string, after audit.Link) *Follower {
	return &Follower{path: filepath.Clean(path), at: after}
}

// At is the last record given.
func (f *Follower) At() audit.Link { return f.at }

// Close ends it.
func (f *Follower) Close() {
	if f.file != nil {
		f.file.Close() // only read
		f.file = nil
	}
}

// Next gives the records that are there by now, at most so many and, except for
// one that is longer, so many bytes. None is no error.
func (f *Follower) Next(most, size int) ([]Line, error) {
	head, err := f.head()
	if err != nil {
		return nil, err
	}
	until := uint64(math.MaxUint64)
	if head != nil {
		until = head.Seq
		f.restart(head)
	}
	if until <= f.at.Seq {
		unlock, behind, err := f.behind(head)
		if err != nil || !behind {
			return nil, err
		}
		defer unlock()
		until = math.MaxUint64
	}
	var lines []Line
	for total := 0; len(lines) < most && total < size; {
		line, err := f.one(until)
		if len(lines) > 0 && line == nil {
			return lines, nil // an error comes again
		}
		if err != nil || line == nil {
			return nil, err
		}
		lines = append(lines, *line)
		total += len(line.Text)
	}
	return lines, nil
}

// restart begins with the oldest record where the chain ends before what was
// given: it was cut off, or removed with its head. A killed writer leaves the
// head one behind.
func (f *Follower) restart(h *audit.Head) {
	if f.at.Seq <= h.Seq+1 {
		return
	}
	f.broken = fmt.Sprintf("the chain ends at record %d, though %d were read before: it was cut off or begun anew", h.Seq, f.at.Seq)
	f.Close()
	f.at = audit.Link{}
}

// head reads the head until it is the same twice: a writer may be at it.
func (f *Follower) head() (*audit.Head, error) {
	var last audit.Head
	for range 100 {
		data, err := os.ReadFile(f.path + audit.HeadSuffix)
		if errors.Is(err, fs.ErrNotExist) {
			return nil, nil
		}
		if err != nil {
			return nil, fmt.Errorf("read the receipts' head: %w", err)
		}
		h, ok := audit.ParseHead(data)
		if ok && h == last {
			return &h, nil
		}
		last = h
	}
	return nil, nil // damaged: the next record replaces it
}

// behind tells whether the file has more than its head says and no writer is
// at it: one was killed between the two. It then holds the lock, which the
// caller gives back.
func (f *Follower) behind(h *audit.Head) (unlock func(), behind bool, err error) {
	more := func() bool {
		info, err := os.Stat(f.path)
		if err != nil || info.Size() == 0 {
			return false
		}
		st, ok := info.Sys().(*syscall.Stat_t)
		return ok && (st.Ino != h.File || uint64(info.Size()) > h.Size)
	}
	if !more() {
		return nil, false, nil
	}
	file, err := os.Open(f.path + audit.HeadSuffix)
	if err != nil {
		return nil, false, fmt.Errorf("read the receipts' head: %w", err)
	}
	err = syscall.Flock(int(file.Fd()), syscall.LOCK_SH|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		file.Close()
		return nil, false, nil // its head comes
	}
	now, again := f.head()
	if err != nil || again != nil || now == nil || *now != *h || !more() {
		file.Close()
		return nil, false, errors.Join(err, again)
	}
	return func() { file.Close() }, true, nil
}

// one gives the next record whose number is at most until, or nil.
func (f *Follower) one(until uint64) (*Line, error) {
	for {
		if f.file == nil {
			if found, err := f.locate(); err != nil || !found {
				return nil, err
			}
		}
		text, err := f.line()
		if errors.Is(err, io.EOF) {
			if moved, err := f.ended(until); err != nil || !moved {
				return nil, err
			}
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("read receipts %s: %w", f.name, err)
		}
		link, bad := audit.ParseLink(text)
		switch {
		case bad != nil: // the next record's gap accounts for it, or does not
		case link.Seq > until:
			return nil, f.back()
		case link.Seq == f.at.Seq && link.Hash != f.at.Hash:
			f.offset += int64(len(text)) + 1
			return f.give(Line{Link: link, Text: text, Broken: fmt.Sprintf("record %d is not the one that was read before, which had the hash %s", link.Seq, f.at.Hash)}), nil
		case link.Seq > f.at.Seq:
			line, again := f.follows(link, text)
			if again {
				f.Close()
				continue
			}
			f.offset += int64(len(text)) + 1
			return f.give(line), nil
		}
		f.offset += int64(len(text)) + 1
	}
}

func (f *Follower) give(l Line) *Line {
	if f.broken != "" {
		l.Broken, f.broken = f.broken, ""
	}
	f.at, f.jump = l.Link, 0
	return &l
}

// follows says how a record follows the last one, and whether to look through
// the files once more, since they may have changed while they were listed.
func (f *Follower) follows(link audit.Link, text []byte) (line Line, again bool) {
	line = Line{Link: link, Text: text}
	if f.at.Seq == 0 {
		return line, false
	}
	if link.Seq == f.at.Seq+1 {
		if link.Prev != f.at.Hash {
			line.Broken = fmt.Sprintf("record %d links to %s, the record before is %s", link.Seq, link.Prev, f.at.Hash)
		}
		return line, false
	}
	var r struct{ Gap *audit.Gap }
	_ = json.Unmarshal(text, &r) // its hash is right: what it lacks is the gap
	hole := &Hole{From: f.at.Seq + 1, To: link.Seq - 1, Why: HoleRemoved}
	if g := r.Gap; g != nil && link.Prev == f.at.Hash {
		switch {
		case g.Lost > 0:
			hole.Why = HoleLost
		case g.Torn:
			hole.Why = HoleTorn
		}
	}
	if hole.Why == HoleRemoved && f.jump != link.Seq {
		f.jump = link.Seq
		return line, true
	}
	line.Hole = hole
	return line, false
}

// line reads one whole line, without its newline; io.EOF where there is none yet.
func (f *Follower) line() ([]byte, error) {
	text, err := f.reader.ReadBytes('\n')
	if err == nil {
		return text[:len(text)-1], nil
	}
	if errors.Is(err, io.EOF) && len(text) > 0 {
		if back := f.back(); back != nil {
			return nil, back
		}
	}
	return nil, err
}

// back unreads what was not given.
func (f *Follower) back() error {
	if !f.plain {
		f.Close() // it does not grow: it is read again
		return nil
	}
	if _, err := f.file.Seek(f.offset, io.SeekStart); err != nil {
		return fmt.Errorf("read receipts %s: %w", f.name, err)
	}
	f.reader.Reset(f.file)
	return nil
}

// ended is what to do at the end of a file: go on to the next where there is
// one with later records.
func (f *Follower) ended(until uint64) (moved bool, err error) {
	if f.file != nil {
		held, err := f.file.Stat()
		if err != nil {
			return false, fmt.Errorf("read receipts %s: %w", f.name, err)
		}
		named, err := os.Stat(f.path)
		if err == nil && os.SameFile(held, named) {
			if held.Size() >= f.offset {
				return false, nil
			}
			f.Close() // cut short under us
		}
	}
	if until <= f.at.Seq {
		return false, nil
	}
	before := f.name
	f.Close()
	found, err := f.locate()
	if err == nil && found && f.name == before { // there is no more in it
		f.Close()
		found, err = f.later()
	}
	return found, err
}

// locate opens the file that has the record after the last one, or else the
// oldest that has later ones.
func (f *Follower) locate() (bool, error) {
	return f.openOne(func(first, best uint64) bool { return best == 0 || first <= f.at.Seq+1 })
}

// later opens the oldest file that begins after the last record.
func (f *Follower) later() (bool, error) {
	return f.openOne(func(first, best uint64) bool { return best == 0 && first > f.at.Seq })
}

// openOne opens the last file that is better than those before, by the numbers
// of their first records.
func (f *Follower) openOne(better func(first, best uint64) bool) (bool, error) {
	files, err := List(f.path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil // none yet, or renamed meanwhile
	}
	if err != nil {
		return false, err
	}
	var best File
	for _, file := range files {
		if file.First.Seq > 0 && better(file.First.Seq, best.First.Seq) {
			best = file
		}
	}
	if best.First.Seq == 0 {
		return false, nil
	}
	return f.open(best.Path)
}

func (f *Follower) open(name string) (bool, error) {
	file, err := os.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil // renamed or compressed meanwhile
	}
	if err != nil {
		return false, fmt.Errorf("open receipts: %w", err)
	}
	buffered := bufio.NewReaderSize(file, 64<<10)
	r, err := unzipped(buffered)
	if err != nil {
		file.Close()
		return false, fmt.Errorf("open receipts %s: %w", name, err)
	}
	f.file, f.reader, f.plain, f.offset, f.name = file, buffered, true, 0, name
	if r != io.Reader(buffered) {
		f.reader, f.plain = bufio.NewReaderSize(r, 64<<10), false
	}
	return true, nil
}

// Head gives the number of the last record that its writer has finished, by
// the head; 0 if there is none.
func (f *Follower) Head() (uint64, error) {
	h, err := f.head()
	if err != nil || h == nil {
		return 0, err
	}
	return h.Seq, nil
}
