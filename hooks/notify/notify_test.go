package notify

import (
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/runward/runward/hooks"
	"github.com/runward/runward/internal/config"
)

const state = `{"ociVersion":"1.0.2-dev","id":"c","status":"creating","pid":42,"bundle":"/b","annotations":{"a":"b"}}`

const sent = `{"ociVersion":"1.0.2-dev","id":"c","status":"creating","pid":42,"bundle":"/b"}`

var (
	plain    = hooks.Call{Stage: hooks.CreateRuntime}
	required = hooks.Call{Stage: hooks.CreateRuntime, Required: true, Timeout: 1}
)

// socket puts the monitor's socket in a place of the test's own, where nobody listens.
func socket(t *testing.T) string {
	t.Helper()
	was, who := Socket, listener
	t.Cleanup(func() { Socket, listener = was, who })
	Socket, listener = filepath.Join(t.TempDir(), "monitor.sock"), uint32(os.Geteuid())
	return Socket
}

// listen listens there, and accepts nothing.
func listen(t *testing.T) *net.UnixListener {
	t.Helper()
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: socket(t), Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}

// serve accepts one connection, reads what is asked, and hands it to answer.
func serve(t *testing.T, answer func(c net.Conn)) (asked chan string) {
	t.Helper()
	l := listen(t)
	asked = make(chan string, 1)
	go func() {
		c, err := l.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		asked <- readRequest(c)
		answer(c)
	}()
	return asked
}

func readRequest(c net.Conn) string {
	text := make([]byte, 0, 4096)
	for !strings.HasSuffix(string(text), sent) {
		n, err := c.Read(text[len(text):cap(text)])
		if text = text[:len(text)+n]; err != nil {
			break
		}
	}
	return string(text)
}

// stdin is a descriptor from which the runtime's words are read.
func stdin(t *testing.T, words string) int {
	t.Helper()
	f, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	if _, err := f.WriteString(words); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		t.Fatal(err)
	}
	return int(f.Fd())
}

// tell is Tell, and holds it to its bound, and to what it is to say.
func tell(t *testing.T, call hooks.Call, want string) {
	t.Helper()
	tellOf(t, call, stdin(t, state), want)
}

func tellOf(t *testing.T, call hooks.Call, fd int, want string) {
	t.Helper()
	began := time.Now()
	err := Tell(call, fd)
	if took, most := time.Since(began), time.Duration(call.Limit())*time.Second; took > most {
		t.Errorf("took %v, the runtime would have killed it after %v", took, most)
	}
	got := ""
	if err != nil {
		got = err.Error()
	}
	if got != want {
		t.Errorf("%+v: %q, want %q", call, got, want)
	}
}

func TestSocketIsTheMonitors(t *testing.T) {
	if Socket != config.MonitorSocket() {
		t.Errorf("%s, want %s", Socket, config.MonitorSocket())
	}
}

func TestTell(t *testing.T) {
	for _, call := range []hooks.Call{plain, required} {
		asked := serve(t, func(c net.Conn) { _, _ = c.Write([]byte("HTTP/1.1 204 No Content\r\n\r\n")) })
		tell(t, call, "")
		want := "POST /v1/hooks/createRuntime HTTP/1.1\r\nHost: runward\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: " +
			strconv.Itoa(len(sent)) + "\r\n\r\n" + sent
		if got := <-asked; got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// The words of poststart and poststop lie in the socket also where the monitor
// looks for them only when the hook is gone.
func TestTellWithoutWaiting(t *testing.T) {
	for _, stage := range []string{hooks.Poststart, hooks.Poststop} {
		l := listen(t)
		tell(t, hooks.Call{Stage: stage}, "")
		c, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		if got := readRequest(c); !strings.HasPrefix(got, "POST /v1/hooks/"+stage+" ") || !strings.HasSuffix(got, "\r\n\r\n"+sent) {
			t.Errorf("%q", got)
		}
		_ = c.Close()
	}
}

func TestAbsent(t *testing.T) {
	path := socket(t)
	tell(t, plain, "nothing listens on "+path)
	began := time.Now()
	tell(t, required, "nothing listens on "+path)
	if took := time.Since(began); took < 900*time.Millisecond {
		t.Errorf("it was tried again for %v only", took)
	}
	tell(t, hooks.Call{Stage: hooks.Poststop}, "nothing listens on "+path)
}

// A monitor that is just being restarted is waited for where it is required.
func TestComesLate(t *testing.T) {
	path := socket(t)
	// What a monitor leaves that was killed: the socket, on which nobody listens.
	left, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	left.SetUnlinkOnClose(false)
	if err := left.Close(); err != nil {
		t.Fatal(err)
	}
	tell(t, plain, "nothing listens on "+path)
	told := make(chan error, 1)
	fd := stdin(t, state)
	go func() {
		told <- Tell(hooks.Call{Stage: hooks.CreateRuntime, Required: true, Timeout: hooks.MostTimeout}, fd)
	}()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	c, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_, _ = c.Write([]byte("HTTP/1.1 204 \r\n")) // it is said before it is asked, which is the hook's to bear
	if err := <-told; err != nil {
		t.Error(err)
	}
}

func TestHangs(t *testing.T) {
	ended := make(chan struct{})
	defer close(ended)
	for _, call := range []hooks.Call{plain, required} {
		serve(t, func(net.Conn) { <-ended })
		tell(t, call, "the monitor did not answer in time")
		listen(t) // and one that does not even accept
		tell(t, call, "the monitor did not answer in time")
	}
}

// A monitor with more in its queue than it may have.
func TestQueueIsFull(t *testing.T) {
	l := listen(t)
	raw, err := l.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	if err := raw.Control(func(fd uintptr) { err = syscall.Listen(int(fd), 0) }); err != nil {
		t.Fatal(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	for {
		fd, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_NONBLOCK, 0)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = syscall.Close(fd) })
		if err := syscall.Connect(fd, &syscall.SockaddrUnix{Name: Socket}); errors.Is(err, syscall.EAGAIN) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
	for _, call := range []hooks.Call{plain, required, {Stage: hooks.Poststop}} {
		tell(t, call, "the monitor did not answer in time")
	}
}

func TestAnswers(t *testing.T) {
	for answer, want := range map[string]string{
		"":                         "the monitor hung up",
		"HTTP/1.1 204 ":            "",
		"HTTP/1.1 204\r\n":         "",
		"HTTP/1.1 204":             "the monitor refused it: 204",
		"HTTP/1.1 2041 No\r\n\r\n": "the monitor refused it: 2041 No",
		"HTTP/1.1 200 OK\r\n\r\n":  "the monitor refused it: 200 OK",
		"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 9\r\n\r\nno ledger\nmore": "the monitor refused it: no ledger",
		"HTTP/1.1 403 Forbidden\r\n\r\n\x1b[31mno\x00":                                   "the monitor refused it: [31mno",
		"HTTP/1.0 204 No Content\r\n\r\n":                                                "what listens there is no monitor",
		"SSH-2.0":                                                                        "what listens there is no monitor",
	} {
		serve(t, func(c net.Conn) { _, _ = io.WriteString(c, answer) })
		tell(t, required, want)
	}
}

// One that never stops talking is not listened to for ever.
func TestFloods(t *testing.T) {
	for start, want := range map[string]string{
		"x":                           "what listens there is no monitor",
		"HTTP/1.1 500 x\r\n\r\n":      "the monitor refused it: " + strings.Repeat("z", 300),
		"HTTP/1.1 500 No\r\nheader: ": "the monitor refused it: 500 No",
	} {
		serve(t, func(c net.Conn) {
			_, err := io.WriteString(c, start)
			for err == nil {
				_, err = io.WriteString(c, strings.Repeat("z", 4096))
			}
		})
		tell(t, required, want)
	}
}

func TestHangsUpFirst(t *testing.T) {
	l := listen(t)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_ = c.Close() // what was sent is thrown away, or there is nobody to send it to
		}
	}()
	for range 50 {
		tell(t, required, "the monitor hung up")
	}
}

// Whoever can make the socket's directory theirs is not the monitor for that.
func TestOthersListen(t *testing.T) {
	listen(t)
	listener++
	tell(t, required, "user "+strconv.Itoa(os.Geteuid())+" listens on "+Socket+", not root")
}

func TestNoState(t *testing.T) {
	socket(t)
	tellOf(t, required, stdin(t, ""), "what the runtime says of the container is no OCI state")
	tellOf(t, required, stdin(t, strings.Repeat(" ", hooks.MostState+1)), "what the runtime says of the container is over 1048576 bytes: it has too many annotations")
	tellOf(t, required, -1, "the runtime did not say in time which container it is")
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	tellOf(t, plain, int(r.Fd()), "the runtime did not say in time which container it is")
}

// A state with as many annotations as Kubernetes lets a pod have.
func TestLargeState(t *testing.T) {
	serve(t, func(c net.Conn) { _, _ = c.Write([]byte("HTTP/1.1 204 No Content\r\n\r\n")) })
	tellOf(t, required, stdin(t, strings.Replace(state, `"b"}`, `"`+strings.Repeat("b", 300<<10)+`"}`, 1)), "")
}

func FuzzAnswer(f *testing.F) {
	for _, seed := range []string{"", "HTTP/1.1 204 No Content\r\n\r\n", "HTTP/1.1 500 x\r\n\r\nwhy\n", "HTTP/1.1 \r\n\r\n\x00"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if noted(text) != (len(text) > 12 && string(text[:12]) == "HTTP/1.1 204" && (text[12] == ' ' || text[12] == '\r')) {
			t.Fatalf("%q", text)
		}
		for _, c := range []byte(refusal(text).Error()) {
			if c < ' ' || c > '~' {
				t.Fatalf("%q", refusal(text))
			}
		}
	})
}
