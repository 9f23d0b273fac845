package shim

import (
	"syscall"
	"unsafe"
)

// A Start is how this process was started, as far as another program in its
// place must find it so and Go's runtime changes or forgets it.
type Start struct {
	Args, Env   []string // Args[0] is the name that it was called by
	Ignored     uint64   // a bit for each signal, from bit 0 for signal 1, that was ignored
	DeathSignal int32    // comes when the parent dies; 0: none does
}

// Exec puts another program in this process's place: same pid, same open
// files, same working directory and umask, and all of Start but the arguments,
// of which the first is the program's name. It returns only on failure.
func (s *Start) Exec(path string, argv []string) error {
	for sig := 1; sig <= 64; sig++ {
		if s.Ignored&(1<<(sig-1)) != 0 { // Go's handler is there, and execve would leave the default action
			if err := ignore(sig); err != nil {
				return err
			}
		}
	}
	// It is kept by thread, and this may not be the first one. To stay there all
	// along costs a thread more: runtime.LockOSThread starts one.
	if _, _, errno := syscall.RawSyscall(syscall.SYS_PRCTL, syscall.PR_SET_PDEATHSIG, uintptr(s.DeathSignal), 0); errno != 0 {
		return errno
	}
	return syscall.Exec(path, argv, s.Env)
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
