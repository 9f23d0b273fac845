package files

import (
	"errors"
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

// A reader takes events from one of the kernel's descriptors as they come. Who
// did it may be gone a moment later, so it has a thread of its own, before all
// others, which waits in the kernel and not in Go's scheduler.
type reader struct {
	source source
	wake   int // an eventfd: written to, the reader ends
	ended  chan struct{}
}

// start begins to read; each is called for every event, on the reader's thread.
func start(s source, each func(touch), failed func(lost bool)) (*reader, error) {
	wake, err := unix.Eventfd(0, unix.EFD_CLOEXEC)
	if err != nil {
		return nil, err
	}
	r := &reader{s, wake, make(chan struct{})}
	go func() {
		defer close(r.ended)
		runtime.LockOSThread() // it ends with its goroutine, and its priority with it
		_ = unix.Setpriority(unix.PRIO_PROCESS, 0, -20)
		r.run(each, failed)
	}()
	return r, nil
}

// stop ends the reader, and closes its descriptors when it has.
func (r *reader) stop() error {
	_, err := unix.Write(r.wake, []byte{1, 0, 0, 0, 0, 0, 0, 0})
	if err != nil {
		return err
	}
	<-r.ended
	return errors.Join(unix.Close(r.wake), unix.Close(r.source.fd()))
}

func (r *reader) run(each func(touch), failed func(lost bool)) {
	buffer := make([]byte, 64<<10)
	who := newWhoReader("/proc")
	for {
		ready := []unix.PollFd{{Fd: int32(r.source.fd()), Events: unix.POLLIN}, {Fd: int32(r.wake), Events: unix.POLLIN}}
		_, err := unix.Poll(ready, -1)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil:
			failed(false)
			return
		case ready[1].Revents != 0:
			return
		}
		n, err := unix.Read(r.source.fd(), buffer)
		switch {
		case errors.Is(err, unix.EINTR), errors.Is(err, unix.EAGAIN):
			continue
		case err != nil || n <= 0:
			failed(false)
			return
		}
		events, err := r.source.parse(buffer[:n])
		if err != nil {
			failed(true)
		}
		for _, e := range events {
			t := touch{event: e, at: time.Now()}
			if e.pid > 0 {
				t.who = who.of(e.pid, e.pidfd, t.at)
			}
			if e.pidfd >= 0 {
				_ = unix.Close(e.pidfd) // nothing was written to it
			}
			if e.overflow {
				failed(true)
				continue
			}
			each(t)
		}
	}
}
