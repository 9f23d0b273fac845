package shim

import (
	"syscall"
	"unsafe"
)

// Exec puts another program in this process's place: same pid, same open
// files, same environment, working directory and umask. argv[0] is its name. It returns only on
// failure. ignored has a bit for each signal, from bit 0 for signal 1, that
// was ignored when this process started: Go's runtime has put its handlers
// there, and execve would leave the default action instead.
func Exec(path string, argv, env []string, ignored uint64) error {
	for sig := 1; sig <= 64; sig++ {
		if ignored&(1<<(sig-1)) != 0 {
			if err := ignore(sig); err != nil {
				return err
			}
		}
	}
	return syscall.Exec(path, argv, env)
}

// ignore sets SIG_IGN, without the goroutine that os/signal would start.
func ignore(sig int) error {
	act := [4]uintptr{sigIgn} // handler, flags, restorer or mask, mask
	_, _, errno := syscall.RawSyscall6(syscall.SYS_RT_SIGACTION, uintptr(sig), uintptr(unsafe.Pointer(&act)), 0, 8, 0, 0)
	if errno != 0 && errno != syscall.EINVAL { // KILL and STOP, which cannot be ignored
		return errno
	}
	return nil
}

const sigIgn = 1
