package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// A container is one that a variant is about to make, or has made.
type container struct {
	lab     *lab
	id      string
	bundle  string
	program program
	argv    []string // of the program
	pid     int      // of its first process, ours to wait for; 0: not created
}

// container prepares a bundle, anew each time: a policy may rewrite it.
func (l *lab) container(v variant, config string) (*container, error) {
	l.next++
	c := &container{lab: l, id: "bench-" + strconv.Itoa(l.next), bundle: l.path("bundle-" + strconv.Itoa(l.next)), program: v.program, argv: l.argv(v.program)}
	if err := os.Mkdir(c.bundle, 0o700); err != nil {
		return nil, err
	}
	text := strings.Replace(string(l.configs[config]), `"`+l.cgroup()+`"`, `"`+l.cgroup()+"/"+c.id+`"`, 1)
	return c, os.WriteFile(filepath.Join(c.bundle, "config.json"), []byte(text), 0o644)
}

// run runs one verb to its end, and returns how long that took.
func (c *container) run(args ...string) (time.Duration, error) {
	args = append(c.argv, append([]string{"--root", c.lab.stateRoot(), "--log", filepath.Join(c.bundle, "log.json"), "--log-format", "json"}, args...)...)
	// A file, not a pipe: the container's process keeps it open.
	printed, err := os.Create(filepath.Join(c.bundle, "printed"))
	if err != nil {
		return 0, err
	}
	defer printed.Close()
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Stdout, cmd.Stderr = printed, printed
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // an interrupt is for the benchmark, which ends what it began
	began := time.Now()
	err = cmd.Run()
	took := time.Since(began)
	if err != nil {
		text, _ := os.ReadFile(printed.Name()) // err is what counts
		return 0, fmt.Errorf("%s: %w: %s", strings.Join(args, " "), err, text)
	}
	return took, nil
}

func (c *container) create() (time.Duration, error) {
	pidFile := filepath.Join(c.bundle, "pid")
	took, err := c.run("create", "--bundle", c.bundle, "--pid-file", pidFile, c.id)
	if err != nil {
		return 0, err
	}
	text, err := os.ReadFile(pidFile)
	if errors.Is(err, os.ErrNotExist) {
		return took, nil // a real runtime that only exits
	}
	if err != nil {
		return 0, err
	}
	c.pid, err = strconv.Atoi(string(text))
	return took, err
}

func (c *container) state() (time.Duration, error) { return c.run("state", c.id) }

// live is start, the end of the process, and delete.
func (c *container) live() (time.Duration, error) {
	began := time.Now()
	if _, err := c.run("start", c.id); err != nil {
		return 0, err
	}
	if err := c.wait(); err != nil {
		return 0, err
	}
	if _, err := c.run("delete", c.id); err != nil {
		return 0, err
	}
	return time.Since(began), os.RemoveAll(c.bundle)
}

// wait waits for the container's process to end.
func (c *container) wait() error {
	for c.pid != 0 {
		_, err := syscall.Wait4(c.pid, nil, 0, nil)
		if errors.Is(err, syscall.EINTR) {
			continue
		}
		if err != nil {
			return fmt.Errorf("wait for container %s: %w", c.id, err)
		}
		c.pid = 0
	}
	return nil
}

// remove deletes the container out of the clock, by the program that made it.
func (c *container) remove() error {
	if c.pid != 0 || c.program == runward { // which keeps something of it also where the real runtime only exits
		if _, err := c.run("delete", "--force", c.id); err != nil {
			return err
		}
		if err := c.wait(); err != nil {
			return err
		}
	}
	return os.RemoveAll(c.bundle)
}
