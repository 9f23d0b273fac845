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
	"time"
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
// our direction; when the other side ends it too, it has read everything. That
// it has stored it, nobody says. Over TLS its end must be a TLS one, so that
// nobody between can feign it.
func newSyslog(cfg *Config, d Destination) (sender, error) {
	u, err := url.Parse(d.Address)
	if err != nil {
		return nil, err
	}
	dial := (&net.Dialer{}).DialContext
	if u.Scheme == "tls" {
		c, err := d.TLS.config(u.Hostname())
		if err != nil {
			return nil, err
		}
		dial = (&tls.Dialer{Config: c}).DialContext
	}
	node, pid := headerField(cfg.Node, 255), strconv.Itoa(os.Getpid())
	return func(ctx context.Context, batch []item) error {
		conn, err := dial(ctx, "tcp", u.Host)
		if err != nil {
			return err
		}
		defer conn.Close() // what matters was read or not by then
		if deadline, ok := ctx.Deadline(); ok {
			if err := conn.SetDeadline(deadline); err != nil {
				return err
			}
		}
		stop := context.AfterFunc(ctx, func() { conn.Close() })
		defer stop()
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
		return readToEnd(conn)
	}, nil
}

// readToEnd ends our direction and waits until the other side ends its own.
func readToEnd(conn net.Conn) error {
	half, ok := conn.(interface{ CloseWrite() error })
	if !ok {
		return errors.New("the connection cannot be ended in one direction")
	}
	if err := half.CloseWrite(); err != nil {
		return err
	}
	n, err := io.Copy(io.Discard, io.LimitReader(conn, 1<<20))
	if err == nil && n == 1<<20 {
		err = errors.New("the other side sends what no syslog receiver does")
	}
	if err != nil {
		return fmt.Errorf("the other side did not end the connection after it was sent everything: %w", err)
	}
	return nil
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
