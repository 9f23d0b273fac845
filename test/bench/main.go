// Command bench measures what runward costs over plain runc, on real
// containers, in turns, and prints what it found beside what it should be. It
// is started by test/bench/run, in the repository's root.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
)

// Options of the command line.
type options struct {
	rounds  int    // of each case
	warmUp  int    // rounds before, which do not count
	creates int    // in parallel
	only    string // cases whose name has this
	json    bool
	profile bool
}

func main() {
	var o options
	flag.IntVar(&o.rounds, "rounds", 60, "how often each variant of a case is measured")
	flag.IntVar(&o.warmUp, "warm-up", 5, "rounds before that do not count")
	flag.IntVar(&o.creates, "creates", 1000, "how many containers are created 8 at a time, of each variant")
	flag.StringVar(&o.only, "only", "", "measure only cases whose name has this `text`; \"list\" lists them")
	flag.BoolVar(&o.json, "json", false, "print JSON")
	flag.BoolVar(&o.profile, "profile", false, "instead show where the time of one create goes: system calls, instructions")
	flag.Parse()
	if flag.NArg() > 0 || o.rounds < 1 || o.creates < 8 || o.warmUp < 0 {
		flag.Usage()
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	err := bench(ctx, o)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench: "+err.Error())
		os.Exit(1)
	}
}

func bench(ctx context.Context, o options) (err error) {
	if o.only == "list" {
		for _, c := range cases() {
			fmt.Println(c.name)
		}
		return nil
	}
	l, err := newLab(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.close()) }()
	if o.profile {
		return l.profile()
	}
	r := report{Machine: l.machine(), Rounds: o.rounds, quiet: o.json}
	r.start()
	for _, c := range cases() {
		if !strings.Contains(c.name, o.only) {
			continue
		}
		result, err := l.measure(c, o)
		if err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
		r.add(result)
	}
	if len(r.Cases) == 0 {
		return errors.New("no case has " + o.only + " in its name: " + strings.Join(names(cases()), "; "))
	}
	return r.end()
}

func names(all []testCase) []string {
	var list []string
	for _, c := range all {
		list = append(list, c.name)
	}
	slices.Sort(list)
	return list
}
