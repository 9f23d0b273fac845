package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// profile shows where the time of one create goes, of the wrapper alone: the
// real runtime is a program that only exits.
func (l *lab) profile() error {
	if err := l.use("5, stub"); err != nil {
		return err
	}
	shown := 0
	for _, p := range []struct {
		tool string
		show func(create []string) error
	}{{"strace", l.systemCalls}, {"valgrind", l.instructions}} {
		if _, err := exec.LookPath(p.tool); err != nil {
			fmt.Printf("no %s here: install it to see more\n", p.tool)
			continue
		}
		c, err := l.container(allowed, "25 KB")
		if err != nil {
			return err
		}
		if err := p.show([]string{l.binary(runward), "--root", l.stateRoot(), "create", "--bundle", c.bundle, c.id}); err != nil {
			return err
		}
		shown++
	}
	if shown == 0 {
		return errors.New("neither strace nor valgrind is installed: run test/setup test")
	}
	return nil
}

// systemCalls shows how many of each there are, and the pauses between them.
func (l *lab) systemCalls(create []string) error {
	counts, steps := l.path("strace.counts"), l.path("strace.steps")
	if err := l.command("strace", append([]string{"-f", "-c", "-S", "calls", "-o", counts}, create...)...); err != nil {
		return err
	}
	if err := l.command("strace", append([]string{"-f", "-r", "-s", "60", "-o", steps}, create...)...); err != nil {
		return err
	}
	fmt.Println("system calls of one create, 25 KB config, 5 policies:")
	if err := show(counts, 30); err != nil {
		return err
	}
	fmt.Println("\nin order, with the seconds since the one before (under strace, so only their proportions count):")
	return show(steps, 400)
}

// instructions shows which functions execute most instructions: a count that
// does not drift from run to run.
func (l *lab) instructions(create []string) error {
	out := l.path("callgrind.out")
	if err := l.command("valgrind", append([]string{"--tool=callgrind", "--callgrind-out-file=" + out}, create...)...); err != nil {
		return err
	}
	files, err := filepath.Glob(out + "*")
	if err != nil || len(files) == 0 {
		return errors.Join(err, errors.New("callgrind left no counts"))
	}
	text, err := exec.CommandContext(l.ctx, "callgrind_annotate", "--auto=no", "--threshold=80", files[0]).Output()
	if err != nil {
		return fmt.Errorf("callgrind_annotate: %w", err)
	}
	fmt.Println("\ninstructions of one create, by function:")
	return printHead(string(text), 60)
}

func show(file string, lines int) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	return printHead(string(text), lines)
}

func printHead(text string, lines int) error {
	all := strings.SplitAfter(text, "\n")
	if len(all) > lines {
		all = append(all[:lines], fmt.Sprintf("... and %d lines more\n", len(all)-lines))
	}
	_, err := fmt.Print(strings.Join(all, ""))
	return err
}
