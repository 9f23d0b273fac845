package sample

import (
	"bytes"
	"math"
	"time"
)

// The parsers take a file as the kernel writes it, and tell whether it is in
// the form they know. They allocate nothing.

// number reads digits; "max" is none, as cgroup v2 writes no limit.
func number(b []byte) (n uint64, ok bool) {
	b = bytes.TrimSpace(b)
	if string(b) == "max" {
		return 0, true
	}
	if len(b) == 0 {
		return 0, false
	}
	for _, c := range b {
		if c < '0' || c > '9' || n > (math.MaxUint64-9)/10 {
			return 0, false
		}
		n = n*10 + uint64(c-'0')
	}
	return n, true
}

// unlimited is how cgroup v1 writes no limit: the largest number of whole pages,
// of 64 KiB at most.
const unlimited = math.MaxInt64 >> 16 << 16

// limit reads a limit of either version; 0: none.
func limit(b []byte) (n uint64, ok bool) {
	b = bytes.TrimSpace(b)
	if len(b) > 0 && b[0] == '-' { // -1: a quota of version 1
		_, ok := number(b[1:])
		return 0, ok
	}
	n, ok = number(b)
	if n >= unlimited {
		n = 0
	}
	return n, ok
}

// keyed calls each with every line of a file of "key value" lines.
func keyed(text []byte, each func(key []byte, value uint64)) bool {
	for len(text) > 0 {
		var line []byte
		line, text, _ = bytes.Cut(text, []byte{'\n'})
		key, rest, found := bytes.Cut(line, []byte{' '})
		value, ok := number(rest)
		if !found || !ok {
			return false
		}
		each(key, value)
	}
	return true
}

// pair reads cpu.max: a quota and its period, in microseconds.
func pair(text []byte) (quota, period uint64, ok bool) {
	first, second, found := bytes.Cut(bytes.TrimSpace(text), []byte{' '})
	quota, ok1 := limit(first)
	period, ok2 := number(second)
	return quota, period, found && ok1 && ok2
}

// thousandths is how much of a processor a quota allows; 0: no limit.
func thousandths(quota, period uint64) uint64 {
	if quota == 0 || period == 0 || quota > math.MaxUint64/1000 {
		return 0
	}
	return max(quota*1000/period, 1)
}

// pressure reads a file of PSI. Before Linux 5.13 cpu.pressure has no full line.
func pressure(text []byte) (p Pressure, ok bool) {
	for len(text) > 0 {
		var line []byte
		line, text, _ = bytes.Cut(text, []byte{'\n'})
		kind, rest, _ := bytes.Cut(line, []byte{' '})
		s, good := stall(rest)
		switch {
		case !good:
			return Pressure{}, false
		case string(kind) == "some":
			p.Some, ok = s, true
		case string(kind) == "full":
			p.Full = s
		}
	}
	return p, ok
}

func stall(line []byte) (s Stall, ok bool) {
	for len(line) > 0 {
		var field []byte
		field, line, _ = bytes.Cut(line, []byte{' '})
		key, value, _ := bytes.Cut(field, []byte{'='})
		if string(key) == "total" {
			micros, good := number(value)
			if !good || micros > math.MaxInt64/1000 {
				return Stall{}, false
			}
			s.Total, ok = time.Duration(micros)*time.Microsecond, true
			continue
		}
		percent, good := hundredths(value)
		switch {
		case !good:
			return Stall{}, false
		case string(key) == "avg10":
			s.Avg10 = percent
		case string(key) == "avg60":
			s.Avg60 = percent
		case string(key) == "avg300":
			s.Avg300 = percent
		}
	}
	return s, ok
}

// hundredths reads "12.34".
func hundredths(b []byte) (float64, bool) {
	whole, rest, found := bytes.Cut(b, []byte{'.'})
	w, ok1 := number(whole)
	r, ok2 := number(rest)
	if !found || !ok1 || !ok2 || len(rest) != 2 || w > 100 || !digit(whole[0]) || !digit(rest[0]) {
		return 0, false
	}
	return float64(w) + float64(r)/100, true
}

func digit(c byte) bool { return c >= '0' && c <= '9' }

// ioStat reads io.stat of cgroup v2: "8:0 rbytes=1 wbytes=2 rios=3 wios=4 ...".
// Fields that later kernels and policies add are passed over.
func ioStat(text []byte) (d Disk, ok bool) {
	for len(text) > 0 {
		var line []byte
		line, text, _ = bytes.Cut(text, []byte{'\n'})
		device, fields, _ := bytes.Cut(line, []byte{' '})
		if bytes.IndexByte(device, ':') < 1 {
			return Disk{}, false
		}
		for len(fields) > 0 {
			var field []byte
			field, fields, _ = bytes.Cut(fields, []byte{' '})
			key, value, _ := bytes.Cut(field, []byte{'='})
			n, good := number(value)
			switch string(key) {
			case "rbytes":
				d.ReadBytes += n
			case "wbytes":
				d.WrittenBytes += n
			case "rios":
				d.Reads += n
			case "wios":
				d.Writes += n
			default:
				good = true
			}
			if !good {
				return Disk{}, false
			}
		}
	}
	return d, true
}

// throttle reads blkio.throttle.* of cgroup v1: "8:0 Read 1", and "Total 2" at
// the end, which is not needed.
func throttle(text []byte) (read, written uint64, ok bool) {
	for len(text) > 0 {
		var line []byte
		line, text, _ = bytes.Cut(text, []byte{'\n'})
		_, rest, _ := bytes.Cut(line, []byte{' '})
		kind, value, found := bytes.Cut(rest, []byte{' '})
		if !found { // Total
			continue
		}
		n, good := number(value)
		switch {
		case !good:
			return 0, 0, false
		case string(kind) == "Read":
			read += n
		case string(kind) == "Write":
			written += n
		}
	}
	return read, written, true
}

// interfaces reads net/dev of a process, and appends to all what is not lo.
func interfaces(text []byte, all []Interface) ([]Interface, bool) {
	for row := 0; len(text) > 0; row++ {
		var line []byte
		line, text, _ = bytes.Cut(text, []byte{'\n'})
		if row < 2 { // the heading
			if bytes.IndexByte(line, '|') < 0 {
				return all, false
			}
			continue
		}
		// A name may hold a colon (an alias), and no white space.
		colon := bytes.LastIndexByte(line, ':')
		if colon < 0 {
			return all, false
		}
		var n [16]uint64
		rest := line[colon+1:]
		for i := range n {
			rest = bytes.TrimLeft(rest, " ")
			var field []byte
			field, rest, _ = bytes.Cut(rest, []byte{' '})
			var ok bool
			if n[i], ok = number(field); !ok {
				return all, false
			}
		}
		if name := bytes.TrimSpace(line[:colon]); string(name) != "lo" {
			all = append(all, Interface{string(name), Traffic{n[0], n[1], n[2], n[3], n[8], n[9], n[10], n[11]}})
		}
	}
	return all, true
}
