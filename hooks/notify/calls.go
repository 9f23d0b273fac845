package notify

import (
	"syscall"
	"unsafe"
)

// From poll.h.
const (
	pollIn  = 0x1
	pollOut = 0x4
)

type pollFd struct {
	fd       int32
	events   int16
	happened int16
}

// wait waits until the descriptor is ready, closed or broken; false: the time
// is up.
func (t *teller) wait(fd int, events int16) bool {
	p := pollFd{fd: int32(fd), events: events}
	for {
		n, err := ppoll(&p, &t.left)
		if err != syscall.EINTR {
			return n > 0
		}
	}
}

// between is how long connect waits before it tries again.
const between = 20e6 // nanoseconds

// pause waits a little; false: there is no time for it.
func (t *teller) pause() bool {
	left := t.left.Nano() - between
	if left < 0 {
		return false
	}
	t.left = syscall.NsecToTimespec(left)
	little := syscall.NsecToTimespec(between)
	for {
		if _, err := ppoll(nil, &little); err != syscall.EINTR {
			return true
		}
	}
}

// ppoll is ppoll(2) as the kernel has it: it takes off left what it waited.
func ppoll(p *pollFd, left *syscall.Timespec) (int, syscall.Errno) {
	fds := uintptr(0)
	if p != nil {
		fds = 1
	}
	n, _, err := syscall.Syscall6(syscall.SYS_PPOLL, uintptr(unsafe.Pointer(p)), fds, uintptr(unsafe.Pointer(left)), 0, 0, 0)
	return int(n), err
}

// sendNoSignal is send(2) that raises no SIGPIPE.
func sendNoSignal(fd int, text []byte) (int, syscall.Errno) {
	n, _, err := syscall.Syscall6(syscall.SYS_SENDTO, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(text))), uintptr(len(text)), syscall.MSG_NOSIGNAL, 0, 0)
	return int(n), err
}
