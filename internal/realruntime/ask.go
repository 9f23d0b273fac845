package realruntime

import (
	"errors"
	"strconv"
	"syscall"
	"time"

	"github.com/runward/runward/internal/owner"
	"golang.org/x/sys/unix"
)

// askLimit is how long a runtime may take to answer; runc takes 5 ms.
const askLimit = 2 * time.Second

// answerMost is how long an answer may be, in bytes; that of runc is 15 KiB.
const answerMost = 1 << 20

// ask runs the runtime with one argument and returns what it prints. The child
// is the only one that runward ever has, and is waited for before anything
// else: the engine never sees it. It gets no input, no terminal and no
// environment, and writes to memory, so that nothing of it can block.
func ask(path, question string) ([]byte, error) {
	answer, err := unix.MemfdCreate("answer", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, err
	}
	defer func() { _ = unix.Close(answer) }() // only read from
	null, err := unix.Open("/dev/null", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	defer func() { _ = unix.Close(null) }() // nothing was written
	watch := -1
	pid, err := syscall.ForkExec(path, []string{path, question}, &syscall.ProcAttr{
		Dir: "/", Env: []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/"},
		Files: []uintptr{uintptr(null), uintptr(answer), uintptr(null)},
		Sys:   &syscall.SysProcAttr{PidFD: &watch, Setsid: true},
	})
	if err != nil {
		return nil, err
	}
	if watch >= 0 {
		defer func() { _ = unix.Close(watch) }() // the child is reaped by now
	}
	late := !ends(watch)
	if late {
		// Killed by a number that is still its own: it has not been waited for.
		if err := unix.Kill(pid, unix.SIGKILL); err != nil {
			return nil, err
		}
	}
	code, err := reap(pid)
	switch {
	case late:
		return nil, errors.New("it did not answer within " + askLimit.String())
	case err != nil:
		return nil, err
	case code != 0:
		return nil, errors.New("it exits with " + strconv.Itoa(code))
	}
	return answered(answer)
}

// ends waits until the process behind a pidfd has ended, and tells whether it did in time.
func ends(watch int) bool {
	if watch < 0 {
		return true // before Linux 5.3: reap waits
	}
	for end := time.Now().Add(askLimit); ; {
		left := time.Until(end).Milliseconds()
		if left <= 0 {
			return false
		}
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(watch), Events: unix.POLLIN}}, int(left))
		if n > 0 || err != nil && !errors.Is(err, unix.EINTR) {
			return n > 0
		}
	}
}

// reap waits for the child. Where the engine left SIGCHLD ignored, the kernel
// has reaped it, and how it ended is not known: what it wrote has to tell.
func reap(pid int) (code int, err error) {
	for {
		var status unix.WaitStatus
		_, err := unix.Wait4(pid, &status, 0, nil)
		switch {
		case errors.Is(err, unix.EINTR):
		case errors.Is(err, unix.ECHILD):
			return 0, nil
		case err != nil:
			return 0, err
		case status.Signaled():
			return 0, errors.New("signal " + strconv.Itoa(int(status.Signal())) + " ended it")
		default:
			return status.ExitStatus(), nil
		}
	}
}

func answered(fd int) ([]byte, error) {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return nil, err
	}
	if st.Size > answerMost {
		return nil, errors.New("its answer is longer than " + strconv.Itoa(answerMost) + " bytes")
	}
	if _, err := unix.Seek(fd, 0, unix.SEEK_SET); err != nil {
		return nil, err
	}
	return owner.ReadSome(fd, make([]byte, st.Size))
}
