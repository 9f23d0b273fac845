package monitor

import (
	"context"
	"encoding/binary"
	"errors"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/runward/runward/internal/ledger"
)

// A ledgerWatch tells which files of the ledger change. It is a quicker way to
// what reading the whole ledger finds as well.
type ledgerWatch struct {
	inotify *os.File
}

func watchLedger(dir string) (*ledgerWatch, error) {
	held, err := ledger.Hold(dir) // which makes it
	if err != nil {
		return nil, err
	}
	held.Release()
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		return nil, err
	}
	if _, err := unix.InotifyAddWatch(fd, dir, unix.IN_MOVED_TO|unix.IN_MOVED_FROM|unix.IN_DELETE|unix.IN_ONLYDIR|unix.IN_DONT_FOLLOW); err != nil {
		return nil, errors.Join(&os.PathError{Op: "watch", Path: dir, Err: err}, unix.Close(fd))
	}
	return &ledgerWatch{os.NewFile(uintptr(fd), "inotify")}, nil
}

func (w *ledgerWatch) close() { _ = w.inotify.Close() } // it may be closed already

// run calls changed with each file's name, and all where some may be missing,
// until the context ends.
func (w *ledgerWatch) run(ctx context.Context, changed func(name string), all func()) error {
	defer context.AfterFunc(ctx, w.close)()
	buf := make([]byte, 64<<10)
	for {
		n, err := w.inotify.Read(buf)
		if errors.Is(err, os.ErrClosed) {
			return nil
		}
		if err != nil {
			return err
		}
		names, whole := parseInotify(buf[:n])
		for _, name := range names {
			changed(name)
		}
		if !whole {
			all()
		}
	}
}

// parseInotify returns the names in a buffer of struct inotify_event, inotify(7),
// and whether there were all.
func parseInotify(buf []byte) (names []string, whole bool) {
	whole = true
	for len(buf) >= unix.SizeofInotifyEvent {
		mask := binary.NativeEndian.Uint32(buf[4:])
		length := int(binary.NativeEndian.Uint32(buf[12:]))
		buf = buf[unix.SizeofInotifyEvent:]
		if length < 0 || length > len(buf) {
			return names, false
		}
		if mask&(unix.IN_Q_OVERFLOW|unix.IN_IGNORED) != 0 {
			whole = false
		}
		if name := strings.TrimRight(string(buf[:length]), "\x00"); name != "" {
			names = append(names, name)
		}
		buf = buf[length:]
	}
	return names, whole && len(buf) == 0
}
