// Command record runs containers with known workloads, as root with runc,
// busybox and ip, and writes what internal/monitor/watch/sample reads of them
// every second: the series in internal/monitor/watch/normal/testdata, by which
// the false alarms of the learned normal are counted.
//
//	go run ./test/watch/record DIR 15m 3m 1
//
// The arguments are the directory to write to, how long all is as it always is,
// how long after that anomalies last, and the seed of what is random.
package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "record:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 4 {
		return errors.New("want a directory, two durations and a seed")
	}
	normal, err := time.ParseDuration(args[1])
	if err != nil {
		return err
	}
	anomaly, err := time.ParseDuration(args[2])
	if err != nil {
		return err
	}
	seed, err := strconv.ParseInt(args[3], 10, 64)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(args[0], 0o755); err != nil {
		return err
	}
	work, err := os.MkdirTemp("", "record")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(work) }() // it is below the system's directory for such
	var wait sync.WaitGroup
	errs := make([]error, len(workloads))
	for i, w := range workloads {
		c := &container{workload: w, number: int(seed)*16 + i, dir: filepath.Join(work, w.name), random: newRandom(seed, i)}
		wait.Go(func() {
			if err := c.record(filepath.Join(args[0], w.name+"-"+args[3]+".txt"), normal, anomaly); err != nil {
				errs[i] = fmt.Errorf("%s: %w", w.name, err)
			}
		})
	}
	wait.Wait()
	return errors.Join(errs...)
}

// command runs a program, and has what it says in its error.
func command(name string, args ...string) error {
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, strings.TrimSpace(string(out)))
	}
	return nil
}
