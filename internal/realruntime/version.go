package realruntime

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/runward/runward/internal/config"
	"github.com/runward/runward/internal/owner"
	"github.com/runward/runward/policy"
)

// versionLimit is how long a runtime may take to say its version: runc takes
// 4 ms.
const versionLimit = 2 * time.Second

// maxVersion is how much of what it says is read, in bytes.
const maxVersion = 4 << 10

// Version tells what the runtime at path says of itself. That takes a process
// of it, so the answer is kept for as long as its file stays what it is. Who
// calls must know that the file is root's: see Safe.
func Version(path string) policy.RuntimeVersion { return versionAt(path, time.Now()) }

func versionAt(path string, now time.Time) policy.RuntimeVersion {
	key, settled, err := identify(path, now)
	if err != nil {
		return policy.RuntimeVersion{Err: owner.Reason(err)}
	}
	kept := filepath.Join(config.RunDir, "versions", strings.ReplaceAll(strings.Trim(path, "/"), "/", "-"))
	if v, ok := recall(kept, key); ok {
		return v
	}
	text, err := ask(path, versionLimit)
	if err != nil {
		return policy.RuntimeVersion{Err: err.Error()}
	}
	v, ok := parseVersion(text)
	if !ok {
		return policy.RuntimeVersion{Err: "it does not say one that runward knows how to read"}
	}
	if again, _, err := identify(path, now); settled && err == nil && again == key {
		remember(kept, key, v)
	}
	return v
}

// identify tells a program's file from every other, and from what it was. A
// file that has just been changed could change again and look the same.
func identify(path string, now time.Time) (key string, settled bool, err error) {
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		return "", false, err
	}
	for _, n := range [...]int64{int64(st.Dev), int64(st.Ino), st.Size, st.Mtim.Nano(), st.Ctim.Nano()} {
		key += strconv.FormatInt(n, 10) + " "
	}
	return key + path, st.Ctim.Nano() < now.Add(-3*time.Second).UnixNano(), nil
}

const versionMagic = "runward version 1"

// recall reads what remember wrote. What is not root's is not believed.
func recall(file, key string) (v policy.RuntimeVersion, ok bool) {
	if (owner.Dirs{}).Check(filepath.Dir(file)) != nil {
		return v, false
	}
	raw, err := owner.Read(file, maxVersion)
	if err != nil {
		return v, false
	}
	lines := strings.Split(string(raw), "\n")
	if len(lines) != 6 || lines[0] != versionMagic || lines[1] != key || lines[5] != "" {
		return v, false
	}
	return policy.RuntimeVersion{Name: lines[2], Version: lines[3], Build: lines[4]}, true
}

// remember keeps a version. It may fail: the next process asks again.
func remember(file, key string, v policy.RuntimeVersion) {
	if os.MkdirAll(filepath.Dir(file), 0o700) != nil || (owner.Dirs{}).Check(filepath.Dir(file)) != nil {
		return
	}
	temp := file + "." + strconv.Itoa(os.Getpid())
	f, err := os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return
	}
	_, err = f.WriteString(strings.Join([]string{versionMagic, key, v.Name, v.Version, v.Build, ""}, "\n"))
	if closed := f.Close(); err == nil {
		err = closed
	}
	if err == nil {
		err = os.Rename(temp, file)
	}
	if err != nil {
		_ = os.Remove(temp) // the next process of this pid would find it in its way, no other
	}
}

// parseVersion reads "runc version 1.1.5+ds1" and, on a later line, "commit:
// 1.1.5+ds1-1+deb12u1", in which distributions say their own version.
func parseVersion(text string) (v policy.RuntimeVersion, ok bool) {
	for _, line := range strings.Split(text, "\n") {
		words := strings.Fields(line)
		switch {
		case v.Name == "" && len(words) == 3 && words[1] == "version" && isRuntime(words[0]) && plain(words[2]):
			v.Name, v.Version = words[0], words[2]
		case v.Name != "" && v.Build == "" && len(words) == 2 && words[0] == "commit:" && plain(words[1]):
			v.Build = words[1]
		}
	}
	return v, v.Name != ""
}

// plain tells whether a word is fit for a receipt.
func plain(word string) bool {
	return len(word) <= 100 && !strings.ContainsFunc(word, func(r rune) bool { return r <= ' ' || r > '~' })
}

func isRuntime(name string) bool {
	return name == "runc" || name == "crun" || name == "youki" || name == "runsc"
}

// ask runs the program with --version and returns what it prints. It is the
// only child that the wrapper ever has, and is gone when ask returns: it gets
// no file of the engine's and no environment, and is ended when it takes longer
// than limit.
func ask(path string, limit time.Duration) (string, error) {
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
	pid, err := spawn(path, null.Fd(), uintptr(pipe[1]))
	_ = unix.Close(pipe[1]) // the child has its own
	if err != nil {
		return "", errors.New("it cannot be executed: " + owner.Reason(err))
	}
	text, err := readUntil(pipe[0], time.Now().Add(limit))
	_ = unix.Kill(-pid, unix.SIGKILL) // it has said what it had to say, or too late
	for {
		if _, gone := unix.Wait4(pid, nil, 0, nil); !errors.Is(gone, unix.EINTR) {
			return text, err
		}
	}
}

// spawn starts path --version in a process group of its own.
func spawn(path string, null, out uintptr) (int, error) {
	open, err := hide()
	defer func() {
		for _, fd := range open {
			_, _ = unix.FcntlInt(uintptr(fd), unix.F_SETFD, 0) // as it was
		}
	}()
	if err != nil {
		return 0, err
	}
	return syscall.ForkExec(path, []string{path, "--version"}, &syscall.ProcAttr{
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
func readUntil(fd int, end time.Time) (string, error) {
	text := make([]byte, 0, maxVersion)
	for len(text) < cap(text) {
		left := time.Until(end).Milliseconds()
		if left <= 0 {
			return "", errors.New("it did not say its version in time")
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
