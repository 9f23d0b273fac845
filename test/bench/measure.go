package main

import (
	"bytes"
	"encoding/json"
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

// measure does a case's work in turns: every variant once, then again.
func (l *lab) measure(c testCase, o options) (result, error) {
	samples := make([][]float64, len(c.variants))
	rounds, warmUp := o.rounds, o.warmUp
	var once func(variant) (float64, error)
	unit := "ms"
	switch c.do {
	case state:
		standing, err := l.standing(c)
		if err != nil {
			return result{}, err
		}
		defer func() { _ = standing.remove() }() // close would do it too
		once = func(v variant) (float64, error) {
			asked := *standing
			asked.argv = l.argv(v.program)
			return millis(asked.state())
		}
	case join:
		once = func(v variant) (float64, error) { return l.joinOne(c, v) }
	case parallel:
		const batch = 64
		rounds, warmUp, unit = (o.creates+batch-1)/batch, min(warmUp, 1), "creates/s"
		once = func(v variant) (float64, error) { return l.createMany(c, v, batch) }
	case told:
		once = func(v variant) (float64, error) { return millis(l.tell(v)) }
	case memory:
		rounds, warmUp, unit = min(rounds, 20), min(warmUp, 1), "KiB"
		once = func(v variant) (float64, error) { return l.peak(c, v) }
	default:
		once = func(v variant) (float64, error) { return l.createOne(c, v) }
	}
	for round := -warmUp; round < rounds; round++ {
		for i, v := range c.variants {
			if err := l.ctx.Err(); err != nil {
				return result{}, errors.New("interrupted")
			}
			if err := l.use(v.node); err != nil {
				return result{}, err
			}
			x, err := once(v)
			if err != nil {
				return result{}, fmt.Errorf("%s: %w", v.name, err)
			}
			if round == -warmUp {
				if err := l.checkVerdict(v); err != nil {
					return result{}, fmt.Errorf("%s: %w", v.name, err)
				}
			}
			if round >= 0 {
				samples[i] = append(samples[i], x)
			}
		}
	}
	return summarise(c, unit, len(l.configs[c.config]), samples), nil
}

func millis(d time.Duration, err error) (float64, error) {
	return float64(d.Nanoseconds()) / 1e6, err
}

// standing is a container for others to ask about, made by plain runc.
func (l *lab) standing(c testCase) (*container, error) {
	standing, err := l.container(plain, c.config)
	if err != nil {
		return nil, err
	}
	_, err = standing.create()
	return standing, err
}

// createOne measures one create or one whole life.
func (l *lab) createOne(c testCase, v variant) (float64, error) {
	made, err := l.container(v, c.config)
	if err != nil {
		return 0, err
	}
	took, err := made.create()
	if err != nil || c.do == create {
		return millis(took, errors.Join(err, made.remove()))
	}
	rest, err := made.live()
	return millis(took+rest, err)
}

// createMany creates containers 8 at a time and returns how many that made a
// second; their end is out of the clock.
func (l *lab) createMany(c testCase, v variant, n int) (float64, error) {
	all := make([]*container, n)
	for i := range all {
		made, err := l.container(v, c.config)
		if err != nil {
			return 0, err
		}
		all[i] = made
	}
	began := time.Now()
	err := eightAtATime(all, func(made *container) error { _, err := made.create(); return err })
	took := time.Since(began)
	err = errors.Join(err, eightAtATime(all, (*container).remove))
	return float64(n) / took.Seconds(), err
}

func eightAtATime(all []*container, do func(*container) error) error {
	queue := make(chan *container)
	errs := make([]error, 8)
	var workers sync.WaitGroup
	for i := range errs {
		workers.Go(func() {
			for c := range queue {
				if err := do(c); err != nil {
					errs[i] = err
				}
			}
		})
	}
	for _, c := range all {
		queue <- c
	}
	close(queue)
	workers.Wait()
	return errors.Join(errs...)
}

// peak is the wrapper's peak memory in KiB.
func (l *lab) peak(c testCase, v variant) (float64, error) {
	made, err := l.container(v, c.config)
	if err != nil {
		return 0, err
	}
	out, err := exec.Command(l.path("peak"), made.argv[0], "--root", l.stateRoot(), "create", "--bundle", made.bundle, made.id).Output()
	if err != nil {
		return 0, fmt.Errorf("create with a real runtime that only exits: %w: %s", err, out)
	}
	lines := strings.Fields(string(out))
	kib, err := strconv.ParseFloat(lines[len(lines)-1], 64)
	return kib, errors.Join(err, made.remove())
}

// checkVerdict says that the last receipt is not what the variant is meant to
// measure: figures under a wrong name would be worse than none.
func (l *lab) checkVerdict(v variant) error {
	if v.verdict == "" {
		return nil
	}
	text, err := os.ReadFile(l.receipts())
	if err != nil {
		return err
	}
	lines := bytes.Split(bytes.TrimSpace(text), []byte("\n"))
	last := lines[len(lines)-1]
	var receipt struct {
		Verdict  string          `json:"verdict"`
		Findings json.RawMessage `json:"findings"`
	}
	if err := json.Unmarshal(last, &receipt); err != nil {
		return fmt.Errorf("decode receipt %s: %w", last, err)
	}
	if receipt.Verdict != v.verdict {
		return fmt.Errorf("the decision was %s, and this measures %s; findings: %s", receipt.Verdict, v.verdict, receipt.Findings)
	}
	return nil
}

// joinOne executes a process, as engines hand it over, in a container that the
// variant has created.
func (l *lab) joinOne(c testCase, v variant) (float64, error) {
	b, err := l.container(v, c.config)
	if err != nil {
		return 0, err
	}
	if _, err := b.create(); err != nil {
		return 0, err
	}
	file := filepath.Join(b.bundle, "process.json")
	if err := os.WriteFile(file, []byte(process), 0o600); err != nil {
		return 0, err
	}
	took, err := b.run("exec", "--process", file, b.id)
	if err != nil {
		return 0, err
	}
	return millis(took, b.remove())
}

// process is one as containerd's CRI writes it for a probe.
const process = `{"user":{"uid":0,"gid":0,"additionalGids":[0]},"args":["/bin/true"],"env":["PATH=/usr/bin:/bin","HOSTNAME=bench"],"cwd":"/",` +
	`"capabilities":{"bounding":["CAP_CHOWN","CAP_KILL"],"effective":["CAP_CHOWN","CAP_KILL"],"permitted":["CAP_CHOWN","CAP_KILL"]},"noNewPrivileges":true,"oomScoreAdj":0}`
