package forward

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// syslogID names the structured data. 32473 is the enterprise number for
// examples (RFC 5612): runward has none of its own.
const syslogID = "runward@32473"

// facility is "log audit" of RFC 5424.
const facility = 13

// newSyslog sends RFC 5424 messages with octet counting over TCP (RFC 6587) or
// TLS (RFC 5425).
//
// Syslog has no answers. A batch is therefore one connection, which is ended in
// our direction; when the other side ends it too, and not before it had all of
// it, it has read everything. That it has stored it, nobody says. Over TLS its
// end must be a TLS one, so that nobody between can feign it.
func newSyslog(cfg *Config, d Destination) (sender, error) {
	u, err := url.Parse(d.Address)
	if err != nil {
		return nil, err
	}
	var secure *tls.Config
	if u.Scheme == "tls" {
		if secure, err = d.TLS.config(u.Hostname()); err != nil {
			return nil, err
		}
	}
	node, pid := headerField(cfg.Node, 255), strconv.Itoa(os.Getpid())
	return func(ctx context.Context, batch []item) error {
		dialed, err := (&net.Dialer{}).DialContext(ctx, "tcp", u.Host)
		if err != nil {
			return err
		}
		defer dialed.Close() // what matters was read or not by then
		below, ok := dialed.(*net.TCPConn)
		if !ok {
			return errors.New("the connection cannot be ended in one direction")
		}
		if deadline, ok := ctx.Deadline(); ok {
			if err := below.SetDeadline(deadline); err != nil {
				return err
			}
		}
		stop := context.AfterFunc(ctx, func() { below.Close() })
		defer stop()
		var conn halfConn = below
		if secure != nil {
			conn = tls.Client(below, secure)
		}
		out := bufio.NewWriterSize(conn, 64<<10)
		var msg []byte
		for i := range batch {
			msg = appendSyslog(msg[:0], &batch[i], node, pid, int(d.MaxMessage))
			out.WriteString(strconv.Itoa(len(msg)) + " ") // its error comes again with Flush
			out.Write(msg)
		}
		if err := out.Flush(); err != nil {
			return err
		}
		if err := readToEnd(ctx, conn, below); err != nil {
			return fmt.Errorf("the other side did not end the connection after it was sent everything: %w", err)
		}
		return nil
	}, nil
}

// A halfConn can be ended in our direction, and be read from then.
type halfConn interface {
	net.Conn
	CloseWrite() error
}

// readToEnd ends our direction and waits until the other side ends its own,
// having had all of ours. A receiver that is told to stop ends its direction at
// any time, also as TLS does, with records that it has not read: then the kernel
// below it answers what is left with a reset.
func readToEnd(ctx context.Context, conn halfConn, below *net.TCPConn) error {
	for _, c := range []halfConn{conn, below} { // the same, without TLS
		if err := c.CloseWrite(); err != nil && !errors.Is(err, syscall.ENOTCONN) {
			return err
		}
	}
	for _, c := range []halfConn{conn, below} {
		n, err := io.Copy(io.Discard, io.LimitReader(c, 1<<20))
		if err == nil && n == 1<<20 {
			err = errors.New("it sends what no syslog receiver does")
		}
		if err != nil {
			return err
		}
	}
	for pause := 50 * time.Microsecond; ; pause = min(2*pause, 20*time.Millisecond) {
		if done, err := closed(below); done || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
		}
	}
}

// closed tells whether both directions have ended, and each side's kernel has
// said so of all that came before; an error is the other side's reset.
func closed(conn *net.TCPConn) (done bool, err error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return false, err
	}
	if e := raw.Control(func(fd uintptr) {
		var info *unix.TCPInfo
		if info, err = unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO); err != nil {
			return
		}
		done = info.State == unix.BPF_TCP_CLOSE || info.State == unix.BPF_TCP_TIME_WAIT
		var reset int
		if reset, err = unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_ERROR); err == nil && reset != 0 {
			err = syscall.Errno(reset)
		}
	}); e != nil {
		return false, e
	}
	return done, err
}

// appendSyslog appends one message, RFC 5424 section 6.
func appendSyslog(b []byte, it *item, node, pid string, most int) []byte {
	b = strconv.AppendInt(append(b, '<'), int64(facility*8+syslogSeverity(it)), 10)
	b = append(append(b, ">1 "...), it.when().UTC().Format("2006-01-02T15:04:05.000000Z07:00")...)
	b = append(b, " "+node+" runward "+pid+" "+headerField(it.kind(), 32)+" ["+syslogID...)
	b = param(b, "seq", strconv.FormatUint(it.line.Seq, 10))
	b = param(b, "hash", it.line.Hash)
	b = param(b, "severity", it.severity())
	b = param(b, "attempt", strconv.Itoa(it.attempt))
	if it.attempt > 1 {
		b = param(b, "resent", "true")
	}
	switch r := it.record; {
	case it.gap != "":
		if h := it.line.Hole; h != nil {
			b = param(param(b, "missing_from", strconv.FormatUint(h.From, 10)), "missing_to", strconv.FormatUint(h.To, 10))
		}
		return append(append(b, "] "...), it.gap...)
	case r.Event != nil:
		b = param(param(b, "id", r.Event.ID), "name", r.Event.Name)
	default:
		b = param(param(b, "id", r.Receipt.ID), "verdict", r.Receipt.Verdict.String())
	}
	container, _, _ := it.identity()
	head := len(b)
	b = append(append(param(b, "container", container), "] "...), it.line.Text...)
	if len(b) <= most {
		return b
	}
	// Its name, its hash and its size: the record itself is on the node.
	short, err := json.Marshal(map[string]any{"seq": it.line.Seq, "hash": it.line.Hash, "bytes": len(it.line.Text), "cut": true})
	if err != nil {
		return b
	}
	b = param(b[:head], "cut", strconv.Itoa(len(it.line.Text)))
	return append(append(b, "] "...), short...)
}

// param appends one parameter of structured data, section 6.3.3.
func param(b []byte, name, value string) []byte {
	if value == "" {
		return b
	}
	if len(value) > 256 {
		value = value[:256]
	}
	value = valid(value)
	return append(append(b, " "+name+`="`+strings.NewReplacer(`\`, `\\`, `"`, `\"`, `]`, `\]`).Replace(value)...), '"')
}

// headerField is a value as the header may have it: printable ASCII.
func headerField(s string, most int) string {
	s = strings.Map(func(r rune) rune {
		if r <= ' ' || r > '~' {
			return '_'
		}
		return r
	}, s)
	if s == "" {
		return "-"
	}
	return s[:min(len(s), most)]
}

// syslogSeverity is that of RFC 5424, table 2.
func syslogSeverity(it *item) int {
	switch it.severity() {
	case "critical":
		return 2
	case "warning":
		return 4
	}
	if r := it.record.Receipt; r != nil && r.Verdict.String() == "rewrite" {
		return 5
	}
	return 6
}

// when is the record's own time; of a gap when it was found.
func (it *item) when() time.Time {
	switch r := it.record; {
	case r.Event != nil:
		return r.Event.Time
	case r.Receipt != nil:
		return r.Receipt.Time
	default:
		return it.found
	}
}
