package monitor

import (
	"context"
	"errors"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/runward/runward/internal/state"
)

// exits tells when processes end, by their pidfds: one descriptor a container,
// and no thread or question that grows with their number.
type exits struct {
	epoll int
	mu    sync.Mutex
	last  uint64
	by    map[uint64]followed // by a number that never comes back, as those of descriptors do
	of    map[key]uint64
}

type followed struct {
	key
	fd int
}

func newExits() (*exits, error) {
	epoll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, err
	}
	return &exits{epoll: epoll, by: map[uint64]followed{}, of: map[key]uint64{}}, nil
}

// errEnded is what follow returns for a process that is no more.
var errEnded = errors.New("it has ended")

// follow begins to follow a process, which is the one that started then.
func (x *exits) follow(k key, pid int, start uint64) error {
	fd, err := unix.PidfdOpen(pid, 0)
	if errors.Is(err, unix.ESRCH) {
		return errEnded
	}
	if err != nil {
		return err
	}
	// After the descriptor is open, the number can be no other's.
	if !state.Alive(pid, start) {
		return errors.Join(errEnded, unix.Close(fd))
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.drop(k)
	x.last++
	e := unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(uint32(x.last)), Pad: int32(uint32(x.last >> 32))} // 64 bits that are ours
	if err := unix.EpollCtl(x.epoll, unix.EPOLL_CTL_ADD, fd, &e); err != nil {
		return errors.Join(err, unix.Close(fd))
	}
	x.by[x.last], x.of[k] = followed{k, fd}, x.last
	return nil
}

// take ends it for the process that an event is about, unless it was left since
// the kernel said so: then its descriptor may be another's already.
func (x *exits) take(e *unix.EpollEvent) (key, bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	f, ok := x.by[number(e)]
	if ok {
		x.drop(f.key)
	}
	return f.key, ok
}

func number(e *unix.EpollEvent) uint64 { return uint64(uint32(e.Fd)) | uint64(uint32(e.Pad))<<32 }

// leave ends it.
func (x *exits) leave(k key) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.drop(k)
}

func (x *exits) drop(k key) {
	n, ok := x.of[k]
	if !ok {
		return
	}
	fd := x.by[n].fd
	delete(x.of, k)
	delete(x.by, n)
	unix.Close(fd) // which takes it out of the epoll
}

// run calls ended for each process that ends, until the context does.
func (x *exits) run(ctx context.Context, ended func(key)) error {
	stop, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		return err
	}
	defer unix.Close(stop)
	if err := unix.EpollCtl(x.epoll, unix.EPOLL_CTL_ADD, stop, &unix.EpollEvent{Events: unix.EPOLLIN}); err != nil {
		return err
	}
	defer context.AfterFunc(ctx, func() { _, _ = unix.Write(stop, []byte{1, 0, 0, 0, 0, 0, 0, 0}) })()
	events := make([]unix.EpollEvent, 64)
	for {
		n, err := unix.EpollWait(x.epoll, events, -1)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return err
		}
		for i := range events[:n] {
			if number(&events[i]) == 0 { // stop's
				return nil
			}
			if k, ok := x.take(&events[i]); ok {
				ended(k)
			}
		}
	}
}

func (x *exits) close() {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, f := range x.by {
		unix.Close(f.fd)
	}
	unix.Close(x.epoll)
}
