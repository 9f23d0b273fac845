//go:build e2e

package compare

import (
	"io"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// A terminal is a pseudoterminal, of which the test has the master.
type terminal struct {
	master, slave *os.File
	out           *watched
	ended         chan struct{} // closed when nobody has the slave any more
}

// newTerminal makes one of 33 columns and 11 rows.
func newTerminal(t testing.TB) *terminal {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	must(t, err)
	must(t, unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0))
	slave, _, errno := syscall.Syscall(syscall.SYS_IOCTL, master.Fd(), unix.TIOCGPTPEER, unix.O_RDWR|unix.O_NOCTTY)
	if errno != 0 {
		t.Fatalf("open a terminal: %v", errno)
	}
	term := watchTerminal(master)
	term.slave = os.NewFile(slave, "slave")
	term.size(t, 33, 11)
	return term
}

func watchTerminal(master *os.File) *terminal {
	term := &terminal{master: master, out: newWatched(), ended: make(chan struct{})}
	go func() {
		_, _ = io.Copy(term.out, master) // ends with EIO when the slave is closed
		close(term.ended)
	}()
	return term
}

func (term *terminal) size(t testing.TB, columns, rows uint16) {
	t.Helper()
	must(t, unix.IoctlSetWinsize(int(term.master.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Col: columns, Row: rows}))
}

func (term *terminal) write(t testing.TB, text string) {
	t.Helper()
	_, err := term.master.WriteString(text)
	must(t, err)
}

// console is the receiving end of a --console-socket.
type console struct {
	path string
	got  chan received
	stop func()
}

type received struct {
	term *terminal
	name string // the message that comes with the descriptor
}

func (s *sitting) console() *console {
	s.Helper()
	path := filepath.Join(s.dir, "console.sock")
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	must(s, err)
	c := &console{path: path, got: make(chan received, 1), stop: func() { _ = listener.Close() }}
	s.Cleanup(c.stop)
	go func() {
		defer close(c.got)
		connection, err := listener.AcceptUnix()
		if err != nil {
			return // closed: nobody came
		}
		defer connection.Close()
		name, oob := make([]byte, 4096), make([]byte, 4096)
		n, oobn, _, _, err := connection.ReadMsgUnix(name, oob)
		if err != nil {
			return
		}
		messages, err := syscall.ParseSocketControlMessage(oob[:oobn])
		if err != nil || len(messages) != 1 {
			return
		}
		fds, err := syscall.ParseUnixRights(&messages[0])
		if err != nil || len(fds) != 1 {
			return
		}
		c.got <- received{watchTerminal(os.NewFile(uintptr(fds[0]), "master")), string(name[:n])}
	}()
	return c
}

// terminal waits for the descriptor, and takes down the message.
func (c *console) terminal(s *sitting) *terminal {
	s.Helper()
	r, ok := <-c.got
	c.stop()
	if !ok {
		s.Fatal("no terminal came over the console socket")
	}
	s.last().see("console message", r.name)
	return r.term
}

// finish takes down what the terminal showed, to its end.
func (term *terminal) finish(s *sitting) {
	s.Helper()
	<-term.ended
	s.last().see("terminal", term.out.String())
	_ = term.master.Close()
}
