package realruntime

import (
	"errors"
	"os"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/runward/runward/internal/owner"
)

// askLimit is how long a runtime may take to answer: runc takes 4 ms.
const askLimit = 2 * time.Second

// ask runs the program with one argument and returns what it prints, at most so many bytes. It is the
// only child that the wrapper ever has, and is gone when ask returns: it gets
// no file of the engine's and no environment, and is ended when it takes longer
// than limit.
func ask(path, question string, most int, limit time.Duration) (string, error) {
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return "", errors.New(os.DevNull + ": " + owner.Reason(err))
	}
	defer func() { _ = null.Close() }() // nothing was written
	var pipe [2]int
	if err := unix.Pipe2(pipe[:], unix.O_CLOEXEC|unix.O_NONBLOCK); err != nil {
		return "", errors.New("a pipe: " + owner.Reason(err))
	}
	defer func() { _ = unix.Close(pipe[0]) }() // it is only read from
	pid, err := spawn(path, question, null.Fd(), uintptr(pipe[1]))
	_ = unix.Close(pipe[1]) // the child has its own
	if err != nil {
		return "", errors.New("it cannot be executed: " + owner.Reason(err))
	}
	text, err := readUntil(pipe[0], most, time.Now().Add(limit))
	_ = unix.Kill(-pid, unix.SIGKILL) // it has said what it had to say, or too late
	for {
		if _, gone := unix.Wait4(pid, nil, 0, nil); !errors.Is(gone, unix.EINTR) {
			return text, err
		}
	}
}

// spawn starts the program in a process group of its own.
func spawn(path, question string, null, out uintptr) (int, error) {
	open, err := hide()
	defer func() {
		for _, fd := range open {
			_, _ = unix.FcntlInt(uintptr(fd), unix.F_SETFD, 0) // as it was
		}
	}()
	if err != nil {
		return 0, err
	}
	return syscall.ForkExec(path, []string{path, question}, &syscall.ProcAttr{
		Dir: "/", Env: []string{}, Files: []uintptr{null, out, null},
		Sys: &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL},
	})
}

// hide marks the files that the engine has left open for the real runtime, so
// that no child gets them, and returns them.
func hide() (open []int, err error) {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		fd, err := strconv.Atoi(e.Name())
		if err != nil || fd < 3 {
			continue
		}
		flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0)
		if err != nil || flags&unix.FD_CLOEXEC != 0 {
			continue // it was the directory itself, or is hidden already
		}
		if _, err := unix.FcntlInt(uintptr(fd), unix.F_SETFD, unix.FD_CLOEXEC); err != nil {
			return open, err
		}
		open = append(open, fd)
	}
	return open, nil
}

// readUntil reads all there is to read before a moment.
func readUntil(fd, most int, end time.Time) (string, error) {
	text := make([]byte, 0, most)
	for len(text) < cap(text) {
		left := time.Until(end).Milliseconds()
		if left <= 0 {
			return "", errors.New("it did not answer in time")
		}
		ready := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
		if _, err := unix.Poll(ready, int(left)); err != nil && !errors.Is(err, unix.EINTR) {
			return "", errors.New("its answer cannot be waited for: " + owner.Reason(err))
		}
		n, err := unix.Read(fd, text[len(text):cap(text)])
		switch {
		case errors.Is(err, unix.EAGAIN), errors.Is(err, unix.EINTR):
		case err != nil:
			return "", errors.New("its answer cannot be read: " + owner.Reason(err))
		case n == 0:
			return string(text), nil
		default:
			text = text[:len(text)+n]
		}
	}
	return string(text), nil
}
