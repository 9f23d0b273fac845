package answer

import (
	"errors"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"github.com/runward/runward/internal/owner"
	"github.com/runward/runward/internal/state"
)

// Kill ends every process of the container, also in the cgroups below its own
// and where it is frozen, and returns when none is left.
func Kill(t *Target, limit time.Duration) error {
	dir, v2, err := t.group()
	if errors.Is(err, ErrGone) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := self(dir); err != nil {
		return err
	}
	end := time.Now().Add(limit)
	if !v2 {
		err = killByFreezer(dir, end)
	} else if err = put(dir+"/cgroup.kill", "1"); err != nil { // before Linux 5.14 there is none
		err = killByFreezer2(dir, end)
	}
	if err == nil {
		err = until(time.Until(end), func() (bool, error) {
			left, err := living(dir)
			// A process that is ending is in no cgroup any more.
			return len(left) == 0 && !state.Alive(t.PID, t.Start), err
		})
	}
	if err != nil {
		left, _ := living(dir) // only counted
		return errors.New("kill " + dir + ": " + owner.Reason(err) + "; " + strconv.Itoa(len(left)) + " processes are left")
	}
	return nil
}

// killByFreezer signals the processes while they are stopped: none of them can
// start another meanwhile, and no number becomes another's. They end when they
// are thawed; cgroup.kill would wait for that for ever.
func killByFreezer(dir string, end time.Time) error { return killStopped(dir, false, end) }

func killByFreezer2(dir string, end time.Time) error { return killStopped(dir, true, end) }

func killStopped(dir string, v2 bool, end time.Time) error {
	for {
		// What cannot be frozen now is killed all the same, and looked at again.
		_ = freeze(dir, v2, min(time.Until(end), 500*time.Millisecond))
		pids, err := living(dir)
		for _, pid := range pids {
			if e := signal(pid, dir); e != nil && err == nil {
				err = e
			}
		}
		if e := thaw(dir, v2, time.Second); e != nil && err == nil {
			err = e
		}
		if err != nil || len(pids) == 0 {
			return err
		}
		if time.Now().After(end) {
			return errTime
		}
	}
}

// signal kills a process that is still in the cgroup once it is held by a
// descriptor, which no other process can come to be behind.
func signal(pid int, dir string) error {
	fd, err := unix.PidfdOpen(pid, 0)
	if errors.Is(err, unix.ESRCH) {
		return nil
	}
	if err != nil {
		return err
	}
	defer func() { _ = unix.Close(fd) }()
	now, err := members(dir)
	if err != nil {
		return err
	}
	for _, member := range now {
		if member == pid {
			if err := unix.PidfdSendSignal(fd, unix.SIGKILL, nil, 0); err != nil && !errors.Is(err, unix.ESRCH) {
				return err
			}
		}
	}
	return nil
}

// living are the members that are not waiting for their parent to see their end.
func living(dir string) ([]int, error) {
	pids, err := members(dir)
	var left []int
	for _, pid := range pids {
		if st, e := state.ReadStat(pid); e == nil && st.State != 'Z' && st.State != 'X' {
			left = append(left, pid)
		}
	}
	return left, err
}
