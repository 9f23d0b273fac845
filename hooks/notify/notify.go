// Package notify does what a hook does when it runs: it tells the node's
// monitor of a container. Every container pays for it, so it is made of bare
// system calls: no net, no encoding/json, no os.
package notify

import (
	"errors"
	"strconv"
	"syscall"

	"github.com/runward/runward/hooks"
)

// Socket is where the monitor listens; `make build` sets it to what
// config.MonitorSocket says.
var Socket = "/run/runward/monitor.sock"

// Tell reads the container's state from the descriptor, as the runtime writes
// it there, and posts it to the monitor. It takes no longer than call.Wait.
//
// createRuntime's hook waits for the monitor's answer: then the monitor holds
// the container's process before anything of the container has run. For the
// others it is enough that the words lie in the socket, where the monitor finds
// them also once this process is gone.
func Tell(call hooks.Call, state int) error {
	t := teller{call: call, left: syscall.NsecToTimespec(int64(call.Wait()) * 1e6)}
	text, err := t.read(state)
	if err != nil {
		return err
	}
	body, err := hooks.Brief(text)
	if err != nil {
		return err
	}
	fd, err := t.connect(Socket)
	if err != nil {
		return err
	}
	defer func() { _ = syscall.Close(fd) }() // everything is said
	if err := t.send(fd, request(call.Stage, body)); err != nil {
		return err
	}
	if call.Stage != hooks.CreateRuntime {
		return nil
	}
	return t.answer(fd)
}

func request(stage string, body []byte) []byte {
	b := make([]byte, 0, 256+len(body))
	b = append(b, "POST /v1/hooks/"...)
	b = append(b, stage...)
	b = append(b, " HTTP/1.1\r\nHost: runward\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: "...)
	b = strconv.AppendInt(b, int64(len(body)), 10)
	b = append(b, "\r\n\r\n"...)
	return append(b, body...)
}

// A teller is one call on its way.
type teller struct {
	call hooks.Call
	left syscall.Timespec // the kernel takes off what was waited
}

var errLate = errors.New("the monitor did not answer in time")

// read reads the runtime's words to their end.
func (t *teller) read(fd int) ([]byte, error) {
	text := make([]byte, 0, 8<<10)
	for {
		if len(text) > hooks.MostState {
			return nil, errors.New("what the runtime says of the container is over " + strconv.Itoa(hooks.MostState) + " bytes: it has too many annotations")
		}
		if len(text) == cap(text) {
			text = append(make([]byte, 0, 4*cap(text)), text...)
		}
		if !t.wait(fd, pollIn) {
			return nil, errors.New("the runtime did not say in time which container it is")
		}
		n, err := syscall.Read(fd, text[len(text):cap(text)])
		switch {
		case errors.Is(err, syscall.EINTR), errors.Is(err, syscall.EAGAIN):
		case err != nil:
			return nil, errors.New("the runtime did not say which container it is")
		case n == 0:
			return text, nil
		default:
			text = text[:len(text)+n]
		}
	}
}

// connect opens the socket. Where the monitor is required it tries again
// while there is time, so that one that is being restarted keeps no container
// from starting; else only where the monitor has more to do than it can accept.
func (t *teller) connect(path string) (int, error) {
	for {
		fd, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_NONBLOCK|syscall.SOCK_CLOEXEC, 0)
		if err != nil {
			return -1, errors.New("no socket can be had")
		}
		err = syscall.Connect(fd, &syscall.SockaddrUnix{Name: path})
		if err == nil {
			return fd, t.trust(fd, path)
		}
		_ = syscall.Close(fd) // nothing was said
		busy := errors.Is(err, syscall.EAGAIN) || errors.Is(err, syscall.EINTR)
		switch {
		case (busy || t.call.Required) && t.pause():
		case busy:
			return -1, errLate
		default:
			return -1, errors.New("nothing listens on " + path)
		}
	}
}

// trust holds that root listens: whoever else does, is not the monitor.
func (t *teller) trust(fd int, path string) error {
	peer, err := syscall.GetsockoptUcred(fd, syscall.SOL_SOCKET, syscall.SO_PEERCRED)
	if err == nil && peer.Uid == listener {
		return nil
	}
	_ = syscall.Close(fd) // nothing was said
	if err != nil {
		return errors.New("it is not known who listens on " + path)
	}
	return errors.New("user " + strconv.FormatUint(uint64(peer.Uid), 10) + " listens on " + path + ", not root")
}

// listener is whose socket is believed; tests that are not root's change it.
var listener uint32

func (t *teller) send(fd int, text []byte) error {
	for len(text) > 0 {
		n, err := sendNoSignal(fd, text)
		switch {
		case err == 0:
			text = text[n:]
		case err == syscall.EINTR:
		case err != syscall.EAGAIN:
			return errors.New("the monitor hung up")
		case !t.wait(fd, pollOut):
			return errLate
		}
	}
	return nil
}
