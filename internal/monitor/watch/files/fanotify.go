package files

import (
	"bytes"
	"encoding/binary"
	"errors"
	"strconv"

	"golang.org/x/sys/unix"
)

// fanotify tells which names in marked directories were touched, and by which
// process. It needs CAP_SYS_ADMIN; directories are told apart by file handles,
// from Linux 5.9 on.
type fanotify struct {
	file  int
	pidfd bool // events have one: from Linux 5.15 on
}

// newFanotify makes one, with process descriptors where the kernel has them.
func newFanotify() (*fanotify, error) {
	flags := uint(unix.FAN_CLASS_NOTIF | unix.FAN_CLOEXEC | unix.FAN_NONBLOCK | unix.FAN_REPORT_DFID_NAME)
	file, err := unix.FanotifyInit(flags|unix.FAN_REPORT_PIDFD, 0)
	if err == nil {
		return &fanotify{file, true}, nil
	}
	if file, err = unix.FanotifyInit(flags, 0); err != nil {
		return nil, err
	}
	return &fanotify{file, false}, nil
}

const (
	nameEvents = unix.FAN_CREATE | unix.FAN_DELETE | unix.FAN_MOVED_FROM | unix.FAN_MOVED_TO | unix.FAN_ONDIR
	leafEvents = nameEvents | unix.FAN_MODIFY | unix.FAN_CLOSE_WRITE | unix.FAN_ATTRIB | unix.FAN_EVENT_ON_CHILD
)

// mark asks for events of a directory, and returns how it is called in them.
func (f *fanotify) mark(dir string, leaf bool) (key string, err error) {
	events := uint64(nameEvents)
	if leaf {
		events = leafEvents
	}
	if err := unix.FanotifyMark(f.file, unix.FAN_MARK_ADD|unix.FAN_MARK_ONLYDIR, events, unix.AT_FDCWD, dir); err != nil {
		return "", err
	}
	handle, _, err := unix.NameToHandleAt(unix.AT_FDCWD, dir, unix.AT_SYMLINK_FOLLOW)
	if errors.Is(err, unix.EOPNOTSUPP) { // a file system that cannot open by them still has them (Linux 6.5)
		handle, _, err = unix.NameToHandleAt(unix.AT_FDCWD, dir, unix.AT_SYMLINK_FOLLOW|atHandleFID)
	}
	if err != nil {
		return "", err
	}
	var fs unix.Statfs_t
	if err := unix.Statfs(dir, &fs); err != nil {
		return "", err
	}
	return handleKey(uint32(fs.Fsid.Val[0]), uint32(fs.Fsid.Val[1]), handle.Type(), handle.Bytes()), nil
}

const atHandleFID = 0x200

func handleKey(fs0, fs1 uint32, kind int32, handle []byte) string {
	return "f" + strconv.FormatUint(uint64(fs0), 36) + "." + strconv.FormatUint(uint64(fs1), 36) + "." + strconv.Itoa(int(kind)) + "." + string(handle)
}

func (f *fanotify) fd() int { return f.file }

// An event is one touch of a name, as the kernel tells it.
type event struct {
	key      string // of the directory
	name     string // "." is the directory itself
	pid      int    // 0: not known
	pidfd    int    // -1: none; whoever takes the event closes it
	overflow bool   // some were lost
}

var errEvent = errors.New("the kernel's event is in a form that is not known here")

// parse reads what one read of the descriptor gave (fanotify(7)).
func (f *fanotify) parse(b []byte) (all []event, err error) {
	const head = 24
	for len(b) > 0 {
		if len(b) < head {
			return all, errEvent
		}
		length, version, metadata := binary.NativeEndian.Uint32(b), b[4], int(binary.NativeEndian.Uint16(b[6:]))
		if version != unix.FANOTIFY_METADATA_VERSION || metadata < head || int64(length) < int64(metadata) || int64(length) > int64(len(b)) {
			return all, errEvent
		}
		mask := binary.NativeEndian.Uint64(b[8:])
		e := event{pid: int(int32(binary.NativeEndian.Uint32(b[20:]))), pidfd: -1}
		e.overflow = mask&unix.FAN_Q_OVERFLOW != 0
		records := b[metadata:length]
		b = b[length:]
		if err := e.records(records); err != nil {
			if e.pidfd >= 0 {
				_ = unix.Close(e.pidfd) // it is of no use
			}
			return all, err
		}
		all = append(all, e)
	}
	return all, nil
}

// records reads what follows an event's head.
func (e *event) records(b []byte) error {
	for len(b) > 0 {
		if len(b) < 4 {
			return errEvent
		}
		kind, length := b[0], int(binary.NativeEndian.Uint16(b[2:]))
		if length < 4 || length > len(b) {
			return errEvent
		}
		body := b[4:length]
		b = b[length:]
		switch kind {
		case unix.FAN_EVENT_INFO_TYPE_PIDFD:
			if len(body) < 4 {
				return errEvent
			}
			e.pidfd = int(int32(binary.NativeEndian.Uint32(body)))
		case unix.FAN_EVENT_INFO_TYPE_DFID_NAME, unix.FAN_EVENT_INFO_TYPE_DFID:
			if len(body) < 16 {
				return errEvent
			}
			size := binary.NativeEndian.Uint32(body[8:])
			if int64(size) > int64(len(body)-16) {
				return errEvent
			}
			rest := body[16+size:]
			e.key = handleKey(binary.NativeEndian.Uint32(body), binary.NativeEndian.Uint32(body[4:]), int32(binary.NativeEndian.Uint32(body[12:])), body[16:16+size])
			name, _, _ := bytes.Cut(rest, []byte{0})
			e.name = string(name)
		}
	}
	return nil
}
