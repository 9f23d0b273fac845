package state

import (
	"bytes"
	"strconv"

	"github.com/runward/runward/internal/jsondoc"
	"github.com/runward/runward/internal/owner"
)

// RuncInit reads the init process from state.json in a container's directory:
// its pid, and its start in clock ticks since boot. Who owns the file is not
// asked. runc writes the two numbers before all else, and the rest is long;
// only if they are not there is the whole document read.
func RuncInit(dir int, id string) (pid int, start uint64, ok bool) {
	data, err := owner.ReadAt(dir, "state.json", 512, MaxFile, anyone)
	if err != nil {
		return 0, 0, false
	}
	head := jsondoc.AppendQuote([]byte(`{"id":`), id)
	if rest, found := bytes.CutPrefix(data, append(head, `,"init_process_pid":`...)); found {
		number, rest, _ := bytes.Cut(rest, []byte(`,"init_process_start":`))
		ticks, _, found := bytes.Cut(rest, []byte{','})
		if found {
			return initProcess(string(number), string(ticks))
		}
	}
	if data, err = owner.ReadAt(dir, "state.json", MaxFile, MaxFile, anyone); err != nil {
		return 0, 0, false
	}
	return initOf(data, "init_process_pid", "init_process_start")
}

// CrunInit reads the same from crun's status.
func CrunInit(dir int) (pid int, start uint64, ok bool) {
	data, err := owner.ReadAt(dir, "status", MaxFile, MaxFile, anyone)
	if err != nil {
		return 0, 0, false
	}
	return initOf(data, "pid", "process-start-time")
}

func initOf(data []byte, pidKey, startKey string) (pid int, start uint64, ok bool) {
	doc, err := jsondoc.Parse(data, jsondoc.Limits{Bytes: MaxFile, Depth: 64})
	if err != nil || doc.Root().Kind() != jsondoc.Object {
		return 0, 0, false
	}
	p, s := doc.Root().Get(pidKey), doc.Root().Get(startKey)
	if p.Kind() != jsondoc.Number || s.Kind() != jsondoc.Number {
		return 0, 0, false
	}
	return initProcess(p.NumberText(), s.NumberText())
}

func initProcess(number, ticks string) (pid int, start uint64, ok bool) {
	pid, err1 := strconv.Atoi(number)
	start, err2 := strconv.ParseUint(ticks, 10, 64)
	return pid, start, err1 == nil && err2 == nil && pid > 0 && start > 0
}

func anyone(_, _ uint32) error { return nil }
