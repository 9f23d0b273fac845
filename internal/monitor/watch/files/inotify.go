package files

import (
	"bytes"
	"encoding/binary"
	"strconv"

	"golang.org/x/sys/unix"
)

// inotify tells which names in directories were touched, and not by whom. It
// is for where fanotify is not to be had.
type inotify struct{ file int }

func newInotify() (*inotify, error) {
	file, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	return &inotify{file}, err
}

func (i *inotify) mark(dir string, leaf bool) (key string, err error) {
	events := uint32(unix.IN_CREATE | unix.IN_DELETE | unix.IN_MOVED_FROM | unix.IN_MOVED_TO | unix.IN_ONLYDIR | unix.IN_MASK_ADD)
	if leaf {
		events |= unix.IN_MODIFY | unix.IN_CLOSE_WRITE | unix.IN_ATTRIB
	}
	watch, err := unix.InotifyAddWatch(i.file, dir, events)
	return watchKey(watch), err
}

func watchKey(watch int) string { return "i" + strconv.Itoa(watch) }

func (i *inotify) fd() int { return i.file }

// parse reads what one read of the descriptor gave (inotify(7)).
func (i *inotify) parse(b []byte) (all []event, err error) {
	const head = 16
	for len(b) > 0 {
		if len(b) < head {
			return all, errEvent
		}
		mask, length := binary.NativeEndian.Uint32(b[4:]), binary.NativeEndian.Uint32(b[12:])
		if int64(length) > int64(len(b)-head) {
			return all, errEvent
		}
		name, _, _ := bytes.Cut(b[head:head+length], []byte{0})
		all = append(all, event{
			key: watchKey(int(int32(binary.NativeEndian.Uint32(b)))), name: string(name), pidfd: -1,
			overflow: mask&unix.IN_Q_OVERFLOW != 0,
		})
		b = b[head+length:]
	}
	return all, nil
}
