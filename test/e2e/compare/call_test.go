//go:build e2e

package compare

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/runward/runward/test/e2e/lab"
)

// A call is one command line, with what it runs under.
type call struct {
	verb   string
	argv   []string
	env    []string
	cwd    string           // empty: the session's directory
	before string           // shell that the process runs before it becomes the command
	stdin  string           // through a pipe; empty: /dev/null
	typed  bool             // stdin is a pipe that stays open: see write
	files  []*os.File       // from descriptor 3 on
	piped  bool             // output through pipes, to their end, and not to files
	tty    *terminal        // all of stdio
	during func(r *running) // while it runs; wants piped or tty
	mask   func(string) string
}

// running is a call on its way.
type running struct {
	s   *sitting
	in  io.WriteCloser
	cmd *exec.Cmd
	out *watched
}

// await waits until the call has printed a text.
func (r *running) await(text string) { r.s.Helper(); r.out.await(r.s, text) }

// write writes to the call's open standard input.
func (r *running) write(text string) {
	r.s.Helper()
	_, err := io.WriteString(r.in, text)
	must(r.s, err)
}

func (r *running) signal(sig os.Signal) {
	r.s.Helper()
	must(r.s, r.cmd.Process.Signal(sig))
}

// opens waits until the call's process has one of the files open.
func (r *running) opens(names ...string) {
	r.s.Helper()
	if !lab.Within(20*time.Second, 2*time.Millisecond, func() bool {
		fds, err := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", r.cmd.Process.Pid))
		must(r.s, err)
		return slices.ContainsFunc(fds, func(fd string) bool {
			target, _ := os.Readlink(fd) // it may be closed by now
			return slices.ContainsFunc(names, func(name string) bool { return strings.Contains(target, name) })
		})
	}) {
		r.s.Fatalf("%v never opened %v", r.cmd.Args, names)
	}
}

// runc calls the runtime in place, with the session's global flags.
func (s *sitting) runc(verb string, args ...string) *step {
	s.Helper()
	return s.do(call{verb: verb, argv: s.argv(append([]string{verb}, args...)...)})
}

// argv is the runtime in place with the session's global flags.
func (s *sitting) argv(args ...string) []string {
	return append(append([]string{s.rig.runtime}, s.global...), args...)
}

// do makes a call and takes down what can be seen of it.
func (s *sitting) do(c call) *step {
	s.Helper()
	n := len(s.steps)
	st := &step{verb: c.verb, title: fmt.Sprintf("%d. %s", n+1, s.title(c))}
	s.steps = append(s.steps, st)
	cmd := exec.Command(c.argv[0], c.argv[1:]...)
	if c.before != "" {
		cmd = exec.Command("/bin/sh", append([]string{"-c", c.before + `; exec "$0" "$@"`}, c.argv...)...)
	}
	cmd.Dir = s.dir
	if c.cwd != "" {
		cmd.Dir = c.cwd
	}
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "XDG_RUNTIME_DIR=" + s.out}, c.env...)
	cmd.ExtraFiles = c.files
	if c.stdin != "" {
		cmd.Stdin = strings.NewReader(c.stdin)
	}
	r := &running{s: s, cmd: cmd, out: newWatched()}
	if c.typed {
		in, err := cmd.StdinPipe()
		must(s, err)
		r.in = in
	}
	var stderr bytes.Buffer
	switch {
	case c.tty != nil:
		r.out = c.tty.out
		cmd.Stdin, cmd.Stdout, cmd.Stderr = c.tty.slave, c.tty.slave, c.tty.slave
		cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	case c.piped:
		cmd.Stdout, cmd.Stderr = r.out, &stderr
	default:
		for _, f := range []struct {
			name string
			to   *io.Writer
		}{{"stdout", &cmd.Stdout}, {"stderr", &cmd.Stderr}} {
			file, err := os.OpenFile(filepath.Join(s.out, fmt.Sprintf("%d.%s", n, f.name)), os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o644)
			must(s, err)
			defer file.Close()
			*f.to = file
			st.see(f.name, "")
			index := len(st.seen) - 1
			s.later = append(s.later, func() {
				raw, err := os.ReadFile(file.Name())
				must(s, err)
				st.seen[index].text = masked(c.mask, short(raw))
			})
		}
	}
	began := time.Now()
	code := s.wait(r, c.during)
	if took := time.Since(began); took > time.Second {
		s.Logf("%s took %s", st.title, took.Round(time.Millisecond))
	}
	if c.piped {
		st.see("stdout", masked(c.mask, short(r.out.bytes())))
		st.see("stderr", masked(c.mask, short(stderr.Bytes())))
	}
	st.see("exit", code)
	s.look(st, s.dir)
	return st
}

// title is a call's command line, as short as can be.
func (s *sitting) title(c call) string {
	words := []string{c.before}
	for _, arg := range c.argv {
		if arg = strings.ReplaceAll(arg, s.rig.node.Dir+"/", ""); len(arg) > 60 || strings.ContainsAny(arg, " \n") {
			arg = strconv.Quote(arg[:min(len(arg), 60)])
		}
		words = append(words, arg)
	}
	return strings.TrimSpace(strings.Join(words, " "))
}

func masked(mask func(string) string, text string) string {
	if mask == nil {
		return text
	}
	return mask(text)
}

// callLimit is how long one call may take.
const callLimit = 60 * time.Second

// wait runs the command to its end and says how it ended.
func (s *sitting) wait(r *running, during func(*running)) string {
	s.Helper()
	must(s, r.cmd.Start())
	stop := time.AfterFunc(callLimit, func() {
		s.Errorf("%s: still running after %s", strings.Join(r.cmd.Args, " "), callLimit)
		_ = r.cmd.Process.Kill() // it may have ended just now
	})
	defer stop.Stop()
	if during != nil {
		during(r)
	}
	err := r.cmd.Wait()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		s.Fatalf("%s: %v", strings.Join(r.cmd.Args, " "), err)
	}
	status, ok := r.cmd.ProcessState.Sys().(syscall.WaitStatus)
	if ok && status.Signaled() {
		return "signal " + status.Signal().String()
	}
	return fmt.Sprint(r.cmd.ProcessState.ExitCode())
}

// watched is a writer that can be waited on.
type watched struct {
	mu   sync.Mutex
	buf  bytes.Buffer
	grew chan struct{}
}

func newWatched() *watched { return &watched{grew: make(chan struct{})} }

func (w *watched) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	close(w.grew)
	w.grew = make(chan struct{})
	return w.buf.Write(p)
}

func (w *watched) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.buf.String()
}

func (w *watched) bytes() []byte { return []byte(w.String()) }

func (w *watched) await(t testing.TB, text string) {
	t.Helper()
	if !w.comes(text) {
		t.Fatalf("%q was not printed, but %.200q", text, w.String())
	}
}

// comes waits until a text is there, and tells whether it came in time.
func (w *watched) comes(text string) bool {
	for end := time.After(20 * time.Second); ; {
		w.mu.Lock()
		there, grew := bytes.Contains(w.buf.Bytes(), []byte(text)), w.grew
		w.mu.Unlock()
		if there {
			return true
		}
		select {
		case <-grew:
		case <-end:
			return false
		}
	}
}
