package main

import (
	"errors"
	"os"
	"strconv"
	"strings"

	"github.com/runward/runward/internal/audit"
	"github.com/runward/runward/internal/audit/journal"
	"github.com/runward/runward/policy"
)

// find tells what is to be explained: a path, or a container that runs.
func (e *explanation) find(word string) error {
	e.path = word
	if _, err := os.Lstat(word); err == nil || word == "" || strings.ContainsRune(word, '/') {
		return nil // whoever reads it says what is wrong
	}
	var states []string
	if e.flags.root != "" {
		states = append(states, e.flags.root)
	}
	n, err := findRunning(states)
	if err != nil {
		return configuration(err)
	}
	var all []*live
	for _, i := range n.match(word) {
		all = append(all, &n.containers[i])
	}
	if len(all) == 0 {
		if all, err = n.byReceipt(word); err != nil {
			return err
		}
	}
	switch {
	case len(all) == 0:
		hint := "name a directory with a config.json in it, or a config.json itself, or a container that runwardctl replay --running shows"
		if len(n.notes) > 0 {
			hint = strings.Join(n.notes, "\n") + "\n" + hint
		}
		return usage("no file here and no container that runs is called "+quoted(word), hint)
	case len(all) > 1:
		var lines []string
		for _, l := range all {
			lines = append(lines, l.String())
		}
		return usage(quoted(word)+" may be any of "+counted(len(all), "container")+"; give one's whole id, or its bundle", strings.Join(lines, "\n"))
	case all[0].Problem != "":
		return configuration(errors.New(all[0].Problem))
	}
	e.live, e.path = all[0], all[0].Bundle
	return nil
}

// match gives the places of those containers that word may mean.
func (n *inventory) match(word string) []int {
	for _, is := range []func(l *live) bool{
		func(l *live) bool { return l.ID == word },
		func(l *live) bool { return l.Name == word },
		func(l *live) bool { return len(word) >= 3 && strings.HasPrefix(l.ID, word) },
	} {
		var all []int
		for i := range n.containers {
			if is(&n.containers[i]) {
				all = append(all, i)
			}
		}
		if len(all) > 0 {
			return all
		}
	}
	return nil
}

// byReceipt gives the container that the receipt with this id is about.
func (n *inventory) byReceipt(id string) ([]*live, error) {
	if len(id) < journal.ShortestID {
		return nil, nil
	}
	_, inputs, _, done, err := openReceipts()
	if err != nil {
		return nil, err
	}
	defer done()
	r, err := journal.Find(inputs, id)
	switch {
	case errors.Is(err, journal.ErrNotFound):
		return nil, nil
	case errors.Is(err, journal.ErrAmbiguous):
		return nil, usage(err.Error(), "give more of the id")
	case err != nil:
		return nil, configuration(err)
	}
	if l := n.about(r); l != nil {
		return []*live{l}, nil
	}
	return nil, usage("receipt "+r.ID+" is of container "+r.Container+", which does not run, and receipts do not hold config.json",
		"runwardctl receipts show "+r.ID+" says what was decided then")
}

// about gives the container that a receipt of any verb is about.
func (n *inventory) about(r *audit.Receipt) *live {
	for i := range n.containers {
		if c := &n.containers[i]; c.ID == r.Container && (c.Bundle == r.Bundle || c.entry != nil && c.entry.Bundle == r.Bundle) {
			return c
		}
	}
	return nil
}

// String names a container so that no other is meant.
func (l *live) String() string {
	s := l.ID
	if l.Name != "" && l.Name != l.ID {
		s += " (" + l.Name + ")"
	}
	return s + ", bundle " + l.Bundle
}

// liveFacts is facts for a container that runs.
func (e *explanation) liveFacts() *policy.Facts {
	e.live.Bundle = e.Bundle
	facts, notes := e.live.facts(e.cfg, e.spec)
	e.Engine, e.Identity, e.Handler = facts.Engine, facts.Identity, facts.Handler
	runtime, err := e.live.ask(facts, e.cfg, living())
	if err != nil {
		e.note("a container like it would not start: " + err.Error())
	}
	e.Runtime = runtime
	e.note("a container that runs: decided anew by its config.json as it is now")
	if e.live.entry != nil {
		e.note("runward created it (receipt " + e.live.entry.Receipt + "): what it took away then is not in config.json any more; runwardctl receipts show has it")
	} else {
		e.note("no decision is kept about it: runward did not create it, or has lost what it kept; the handler is assumed")
	}
	for _, note := range notes {
		e.note(note)
	}
	return facts
}

func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return strconv.Itoa(n) + " " + what + "s"
}
