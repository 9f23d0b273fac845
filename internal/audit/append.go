package audit

import (
	"bytes"
	"errors"
	"path/filepath"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// Config says where receipts go and how they are kept.
type Config struct {
	// Path of the file, absolute. Its directory is created if missing (0750);
	// both must belong to the user that runs (root), not be writable by
	// others and not be symbolic links.
	Path string
	Sync Sync
}

// Sync says whether a receipt is on the disk before its container starts.
type Sync uint8

const (
	SyncNone Sync = iota // the kernel writes it within about 30 s: a power cut may lose the newest, and Verify then says so
	SyncData             // fdatasync for every receipt
)

// ParseSync reads the setting: none or data.
func ParseSync(s string) (Sync, bool) {
	switch s {
	case "none":
		return SyncNone, true
	case "data":
		return SyncData, true
	default:
		return SyncNone, false
	}
}

// lockWait bounds how long a receipt waits for those of other processes. Each
// holds the lock for well under a millisecond, or for one fdatasync.
const lockWait = 10 * time.Second

// Append links the receipt to the one before and writes it as one line. It
// fills in Version, Time (if zero), ID (if empty), Gap, Seq, Prev and Hash, and
// cuts what is over MaxBytes. After an error nothing of the receipt is left in
// the file; the caller denies, unless the node's configuration says otherwise.
func Append(cfg Config, r *Receipt) error {
	r.Version = Version
	if r.Time.IsZero() {
		r.Time = time.Now()
	}
	r.Time = r.Time.UTC()
	if r.ID == "" {
		r.ID = NewID(r.Time)
	}
	link, gap, err := AppendBody(cfg, bounded(r))
	if err != nil {
		return err
	}
	r.Gap, r.Seq, r.Prev, r.Hash = gap, link.Seq, link.Prev, link.Hash
	return nil
}

// MaxBody bounds the body of a record.
const MaxBody = MaxBytes - sealMax

// AppendBody links a record of any kind to the one before and writes it as one
// line. The body is a JSON object on one line, without its closing brace and
// without gap, seq, prev and hash, of at most MaxBody bytes. Errors as of Append.
func AppendBody(cfg Config, body []byte) (Link, *Gap, error) {
	l, err := Lock(cfg)
	if err != nil {
		return Link{}, nil, err
	}
	defer l.Close()
	return l.AppendBody(body)
}

// A Log is the file of records while this process holds the writers' lock.
// Close it soon: every container that starts waits for the lock.
type Log struct {
	s    *store
	sync Sync
}

// Lock waits for the writers' lock, for at most 10 s.
func Lock(cfg Config) (*Log, error) {
	s, err := openStore(cfg.Path)
	if err != nil {
		return nil, err
	}
	return &Log{s, cfg.Sync}, nil
}

// Close gives the lock back.
func (l *Log) Close() { l.s.close() }

// Size is that of the current file, in bytes.
func (l *Log) Size() int64 { return l.s.size }

// Last is the last record, of the current file or the one before; none if its
// Seq is 0.
func (l *Log) Last() (Link, error) {
	at, err := l.s.place()
	if err != nil {
		return Link{}, l.s.fail("read the last receipt", err)
	}
	return Link{Seq: at.seq - 1, Hash: at.prev}, nil
}

// Settled tells whether the current file ends as the head says: then no older
// one is needed to go on from.
func (l *Log) Settled() (bool, error) {
	buf, err := readAt(l.s.head, 0, int64(headLen))
	if err != nil {
		return false, l.s.fail("read the head", err)
	}
	h, known := ParseHead(buf)
	return known && l.s.endsAs(h), nil
}

// AppendBody is the function of that name, under the lock that is held.
func (l *Log) AppendBody(body []byte) (Link, *Gap, error) {
	s := l.s
	if len(body) < 2 || len(body) > MaxBody || body[0] != '{' || bytes.IndexByte(body, '\n') >= 0 {
		return Link{}, nil, s.fail("write", errors.New("a record of "+strconv.Itoa(len(body))+" bytes is not one line of JSON within its bound"))
	}
	at, err := s.place()
	if err != nil {
		return Link{}, nil, s.fail("read the last receipt", err)
	}
	line, link := seal(appendGap(append([]byte(at.lead), body...), at.gap), len(at.lead), at.seq, at.prev)
	if err := s.write(line, link, l.sync); err != nil {
		return Link{}, nil, err
	}
	s.size += int64(len(line))
	return link, at.gap, nil
}

// PutAside renames the current file, to a name beside it that is not taken, and
// starts a new one. What is appended next links to the last record of the old.
func (l *Log) PutAside(name string) error {
	s := l.s
	if err := unix.Renameat2(s.dir, filepath.Base(s.path), s.dir, name, unix.RENAME_NOREPLACE); err != nil {
		return s.fail("rename it to "+name, err)
	}
	unix.Close(s.log)
	s.log = -1
	return s.openLog()
}

// place finds where the next receipt goes.
func (s *store) place() (place, error) {
	buf, err := readAt(s.head, 0, int64(headLen))
	if err != nil {
		return place{}, err
	}
	h, known := ParseHead(buf)
	if known && s.endsAs(h) {
		return place{seq: h.Seq + 1, prev: h.Hash}, nil
	}
	e, err := readEnd(s.log, s.size)
	if err != nil {
		return place{}, err
	}
	if known && e.last.Seq == 0 && h.File != s.ino {
		// Rotated. Its end may be ahead of the head, if a writer was killed.
		if old, ok := s.rotated(h.File); ok {
			e = e.after(old)
		}
	}
	return next(e, h, known), nil
}

// endsAs tells whether the file is as the head says, by its size and the last
// receipt's hash: then nothing happened since, and the receipt, which can be
// long, is not read again. What was changed inside it is for Verify to see.
func (s *store) endsAs(h Head) bool {
	if h.File != s.ino || int64(h.Size) != s.size {
		return false
	}
	end := hashKey + h.Hash + hashEnd
	buf, err := readAt(s.log, max(s.size-int64(len(end)), 0), s.size)
	return err == nil && string(buf) == end
}

// write appends the line and moves the head, or leaves the file as it was.
func (s *store) write(line []byte, link Link, sync Sync) error {
	err := writeAll(s.log, line)
	if err == nil && sync == SyncData {
		err = s.sync()
	}
	if err == nil {
		head := Head{Seq: link.Seq, File: s.ino, Size: uint64(s.size) + uint64(len(line)), Hash: link.Hash}
		_, err = unix.Pwrite(s.head, appendHead(nil, head), 0)
	}
	if err == nil {
		return nil
	}
	if undo := unix.Ftruncate(s.log, s.size); undo != nil {
		return s.fail("write (and half a line is left in it)", err)
	}
	return s.fail("write", err)
}

// writeAll is one write: a line that is cut short is not continued, it is undone.
func writeAll(fd int, line []byte) error {
	n, err := unix.Write(fd, line)
	if err == nil && n < len(line) {
		err = unix.ENOSPC
	}
	return err
}

func (s *store) sync() error {
	if err := unix.Fdatasync(s.log); err != nil {
		return err
	}
	if s.size == 0 {
		return unix.Fsync(s.dir) // the file's name
	}
	return nil
}
