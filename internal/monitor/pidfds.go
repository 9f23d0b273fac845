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
	fds   map[int]key // by pidfd
	of    map[key]int
}

func newExits() (*exits, error) {
	epoll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, err
	}
	return &exits{epoll: epoll, fds: map[int]key{}, of: map[key]int{}}, nil
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
	if err := unix.EpollCtl(x.epoll, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(fd)}); err != nil {
		return errors.Join(err, unix.Close(fd))
	}
	x.fds[fd], x.of[k] = k, fd
	return nil
}

// leave ends it.
func (x *exits) leave(k key) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.drop(k)
}

func (x *exits) drop(k key) {
	fd, ok := x.of[k]
	if !ok {
		return
	}
	delete(x.of, k)
	delete(x.fds, fd)
	unix.Close(fd) // which takes it out of the epoll
}

// run calls ended for each process that ends, until the context does.
func (x *exits) run(ctx context.Context, ended func(key)) error {
	stop, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		return err
	}
	defer unix.Close(stop)
	if err := unix.EpollCtl(x.epoll, unix.EPOLL_CTL_ADD, stop, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(stop)}); err != nil {
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
		for _, e := range events[:n] {
			if int(e.Fd) == stop {
				return nil
			}
			x.mu.Lock()
			k, ok := x.fds[int(e.Fd)]
			if ok {
				x.drop(k)
			}
			x.mu.Unlock()
			if ok {
				ended(k)
			}
		}
	}
}

func (x *exits) close() {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, fd := range x.of {
		unix.Close(fd)
	}
	unix.Close(x.epoll)
}
