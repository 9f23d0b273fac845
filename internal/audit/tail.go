package audit

import (
	"bytes"
	"errors"
	"strconv"

	"golang.org/x/sys/unix"
)

const (
	firstWindow = 16 << 10
	lastWindow  = 8 << 20
)

// An end is what a file of receipts ends in.
type end struct {
	last  Link   // the last whole receipt; none if Seq is 0
	loose []byte // what follows it
	torn  bool   // loose ends as a write that was cut short
	open  bool   // the file does not end in a newline
}

// readEnd looks for the last whole receipt in size bytes of fd, from the end.
func readEnd(fd int, size int64) (end, error) {
	for window := int64(firstWindow); ; window *= 4 {
		from := max(size-window, 0)
		buf, err := readAt(fd, from, size)
		if err != nil {
			return end{}, err
		}
		if from > 0 {
			_, buf, _ = bytes.Cut(buf, []byte{'\n'}) // the first line is not whole
		}
		e := parseEnd(buf)
		if e.last.Seq > 0 || from == 0 {
			return e, nil
		}
		if window >= lastWindow {
			return end{}, errors.New("no receipt in its last " + strconv.Itoa(lastWindow>>20) + " MiB; move the file away if it is not runward's")
		}
	}
}

func readAt(fd int, from, to int64) ([]byte, error) {
	buf := make([]byte, to-from)
	for n := 0; n < len(buf); {
		k, err := unix.Pread(fd, buf[n:], from+int64(n))
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if k == 0 {
			return buf[:n], nil
		}
		n += k
	}
	return buf, nil
}

// parseEnd is readEnd on lines; the first begins at the start of buf.
func parseEnd(buf []byte) end {
	stop := len(buf)
	for stop > 0 {
		start := bytes.LastIndexByte(buf[:stop], '\n') + 1
		if l, err := ParseLink(buf[start:stop]); err == nil {
			return newEnd(l, buf[min(stop+1, len(buf)):], stop == len(buf))
		}
		stop = start - 1
	}
	return newEnd(Link{}, buf, false)
}

func newEnd(last Link, loose []byte, open bool) end {
	torn := len(loose) > 0 && loose[len(loose)-1] != '\n'
	return end{last: last, loose: loose, torn: torn, open: open || torn}
}

// after is e as the end of a file that follows one that ends in old.
func (e end) after(old end) end {
	if e.last.Seq > 0 {
		return e
	}
	if len(e.loose) == 0 {
		e.torn = old.torn
	}
	e.last, e.loose = old.last, append(old.loose[:len(old.loose):len(old.loose)], e.loose...)
	return e
}

// A place is where the next receipt goes.
type place struct {
	seq  uint64
	prev string
	gap  *Gap
	lead string // a newline, if the file does not end in one
}

// next joins what the file ends in with what the head knows. Without a head
// the file is believed, and in a file without receipts the head is.
func next(e end, h Head, known bool) place {
	base := e.last
	if firstTorn := e.torn && h.Seq == 1; base.Seq == 0 && known && !firstTorn {
		base = Link{Seq: h.Seq, Hash: h.Hash}
	}
	p := place{prev: base.Hash}
	var gap Gap
	count := base.Seq
	if e.torn {
		gap.Torn = true
		count++
	}
	if e.open {
		p.lead = "\n"
	}
	if known && h.Seq > count {
		gap.Lost = h.Seq - count
		count = h.Seq
	}
	if known && h.Seq == e.last.Seq && h.Hash != e.last.Hash {
		p.prev = h.Hash // the last receipt was replaced: link to the true one, which shows it
	}
	if len(e.loose) > 0 {
		loose := bytes.TrimSuffix(e.loose, []byte{'\n'})
		gap.Bytes, gap.Digest = int64(len(loose)), Digest(loose)
	}
	if gap != (Gap{}) {
		p.gap = &gap
	}
	p.seq = count + 1
	return p
}
