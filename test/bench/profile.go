package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
)

// profile shows where the time of one create goes, of the wrapper alone.
func (l *lab) profile() error {
	shown := 0
	for _, p := range []struct {
		tool string
		show func() error
	}{{"strace", l.systemCalls}, {"valgrind", l.instructions}} {
		if _, err := exec.LookPath(p.tool); err != nil {
			fmt.Printf("no %s here: install it to see more\n", p.tool)
			continue
		}
		if err := p.show(); err != nil {
			return err
		}
		shown++
	}
	if shown == 0 {
		return errors.New("neither strace nor valgrind is installed: run test/setup test")
	}
	return nil
}

// profiled is the command line of one create on a node.
func (l *lab) profiled(bin, node string) ([]string, error) {
	if err := l.use(node); err != nil {
		return nil, err
	}
	c, err := l.container(allowed, "25 KB")
	if err != nil {
		return nil, err
	}
	return []string{l.path(bin + "/runward"), "--root", l.stateRoot(), "create", "--bundle", c.bundle, c.id}, nil
}

// systemCalls shows how many of each there are, and the pauses between them.
func (l *lab) systemCalls() error {
	create, err := l.profiled("bin", "5, stub")
	if err != nil {
		return err
	}
	counts, steps := l.path("strace.counts"), l.path("strace.steps")
	if err := l.command("strace", append([]string{"-f", "-c", "-S", "calls", "-o", counts}, create...)...); err != nil {
		return err
	}
	if create, err = l.profiled("bin", "5, stub"); err != nil {
		return err
	}
	if err := l.command("strace", append([]string{"-f", "-r", "-s", "60", "-e", "trace=!nanosleep,rt_sigaction", "-o", steps}, create...)...); err != nil {
		return err
	}
	fmt.Println("system calls of one create, 25 KB config, 5 policies:")
	if err := show(counts, 60); err != nil {
		return err
	}
	fmt.Println("\nin order, with the seconds since the one before (under strace, so only their proportions count):")
	return show(steps, 500)
}

// instructions shows which functions execute most instructions: a count that
// drifts less from run to run than time does. The create ends at execve, which
// is refused: callgrind keeps no counts of a program that another replaces.
func (l *lab) instructions() error {
	create, err := l.profiled("named", "5, broken")
	if err != nil {
		return err
	}
	out := l.path("callgrind.out")
	run := exec.CommandContext(l.ctx, "valgrind", append([]string{"--tool=callgrind", "--callgrind-out-file=" + out}, create...)...)
	printed, err := run.CombinedOutput()
	if run.ProcessState.ExitCode() != 1 || !strings.Contains(string(printed), "exec format error") {
		return fmt.Errorf("create under callgrind did not end at execve: %w: %s", err, printed)
	}
	text, err := exec.CommandContext(l.ctx, "callgrind_annotate", "--auto=no", "--threshold=80", out).CombinedOutput()
	if err != nil {
		return fmt.Errorf("callgrind_annotate: %w: %s", err, text)
	}
	fmt.Println("\ninstructions of one create, by function:")
	return printHead(string(text), 80)
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
