package oci

import (
	"runtime"
	"testing"

	"golang.org/x/sys/unix"
)

// inMounts runs f on a thread with a mount namespace of its own, which ends
// with the thread: nothing stays mounted.
func inMounts(t *testing.T, f func()) {
	t.Helper()
	onThread(t, func() {
		must(t, unix.Unshare(unix.CLONE_FS|unix.CLONE_NEWNS))
		must(t, unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""))
		f()
	})
}

// asUser runs f on a thread that acts as uid.
func asUser(t *testing.T, uid int, f func()) {
	t.Helper()
	onThread(t, func() {
		_, _, errno := unix.RawSyscall(unix.SYS_SETRESGID, uintptr(uid), uintptr(uid), uintptr(uid))
		if errno == 0 {
			_, _, errno = unix.RawSyscall(unix.SYS_SETGROUPS, 0, 0, 0)
		}
		if errno == 0 { // The file system's user alone, as glibc's setresuid would set all threads'.
			_, _, errno = unix.RawSyscall(unix.SYS_SETRESUID, uintptr(uid), uintptr(uid), uintptr(uid))
		}
		if errno != 0 {
			t.Fatal(errno)
		}
		f()
	})
}

// onThread runs f on a thread that is thrown away after it. That cannot be the
// process's first thread, which Go keeps, and which /proc/self speaks of.
func onThread(t *testing.T, f func()) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread()
		if unix.Gettid() == unix.Getpid() {
			defer runtime.UnlockOSThread()
			onThread(t, f) // While we hold the first, it is another.
			return
		}
		f() // Not unlocked: the thread dies with the goroutine.
	}()
	<-done
}
