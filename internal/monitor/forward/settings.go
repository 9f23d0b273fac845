// Package forward sends the records of the chain to other machines: syslog,
// OTLP or a webhook.
//
// The chain itself is the spool. Each destination has a position in it, kept on
// the disk, and a record counts as sent when the destination has answered for
// it. Before anything leaves, what is about to leave is written down, so that
// what has to be sent again, after an error, a kill or a power cut, says that it
// may be a second copy ("resent", "attempt"). So a destination that is out for
// days misses nothing as long as rotation keeps the files, and is told which
// numbers are missing where it did not.
package forward

import (
	"net"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/runward/runward/internal/tomlfile"
)

// The types of destinations.
const (
	Syslog  = "syslog"
	OTLP    = "otlp"
	Webhook = "webhook"
)

// A Destination is one [[monitor.forward]] of runward.toml.
type Destination struct {
	Name        string   `toml:"name" doc:"of the destination: small letters, digits and -; its position is kept under it"`
	Type        string   `toml:"type" doc:"syslog (RFC 5424), otlp (OTLP/HTTP logs) or webhook (HTTP POST of JSON)"`
	Address     string   `toml:"address" doc:"of syslog tls://host:6514 or tcp://host:514; else an https or http URL, of otlp without a path for /v1/logs"`
	Kinds       []string `toml:"kinds" doc:"only these: receipt, alert, lifecycle, answer; by default all"`
	Format      string   `toml:"format" doc:"of a webhook: json (one array), ndjson or ocsf (one array of OCSF events); by default json"`
	Batch       int64    `toml:"batch" doc:"most records in one request, by default 500"`
	Timeout     string   `toml:"timeout" doc:"for one request, such as 10s, the default"`
	MaxMessage  int64    `toml:"max_message" doc:"of syslog: most bytes of one message, by default 8192, what receivers take without being told; of a longer record only what names it is sent, and its hash"`
	HeadersFile string   `toml:"headers_file" doc:"absolute path of a file that only root can read, with headers such as Authorization: Bearer ..., one a line"`
	TLS         TLS      `toml:"tls" doc:"certificates"`
}

// TLS says whom to trust and who to be.
type TLS struct {
	CA         string `toml:"ca" doc:"absolute path of the authorities' certificates (PEM); by default the system's"`
	Cert       string `toml:"cert" doc:"absolute path of the own certificate (PEM)"`
	Key        string `toml:"key" doc:"absolute path of its key (PEM)"`
	ServerName string `toml:"server_name" doc:"the name that the other side's certificate is for, where it is not the address's"`
}

const (
	defaultBatch   = 500
	maxBatch       = 10000
	defaultTimeout = 10 * time.Second
	defaultMessage = 8192
	leastMessage   = 1024
)

var kinds = []string{kindReceipt, "alert", "lifecycle", "answer"}

// Parse reads the destinations from a decoded runward.toml. Errors say the
// place and what to do.
func Parse(doc *tomlfile.Doc) ([]Destination, error) {
	monitor, ok := doc.Root["monitor"].(map[string]any)
	if !ok || monitor["forward"] == nil {
		return nil, nil
	}
	tables, ok := monitor["forward"].([]map[string]any)
	if !ok {
		return nil, doc.Errorf([]any{"monitor", "forward"}, "forward: want tables [[monitor.forward]]")
	}
	var all []Destination
	for i, table := range tables {
		path := []any{"monitor", "forward", i}
		d := Destination{Batch: defaultBatch, Timeout: defaultTimeout.String(), MaxMessage: defaultMessage}
		if err := doc.Decode(table, path, &d); err != nil {
			return nil, err
		}
		if d.Type == Webhook && d.Format == "" {
			d.Format = formatJSON
		}
		if key, problem := d.problem(); problem != "" {
			if _, given := table[key]; given {
				path = append(path, key)
			}
			return nil, doc.Errorf(path, key+": "+problem)
		}
		if slices.ContainsFunc(all, func(o Destination) bool { return o.Name == d.Name }) {
			return nil, doc.Errorf(append(path, "name"), "name: another destination is called "+strconv.Quote(d.Name)+" too")
		}
		all = append(all, d)
	}
	return all, nil
}

// problem says which key is wrong, and how.
func (d *Destination) problem() (key, text string) {
	if d.Name == "" || len(d.Name) > 64 || strings.Trim(d.Name, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
		return "name", "want small letters, digits and -, found " + strconv.Quote(d.Name)
	}
	if !slices.Contains([]string{Syslog, OTLP, Webhook}, d.Type) {
		return "type", "want syslog, otlp or webhook, found " + strconv.Quote(d.Type)
	}
	for _, k := range d.Kinds {
		if !slices.Contains(kinds, k) {
			return "kinds", "want " + strings.Join(kinds, ", ") + ", found " + strconv.Quote(k)
		}
	}
	if d.Type == Webhook && !slices.Contains(formats, d.Format) || d.Type != Webhook && d.Format != "" {
		return "format", "want, of a webhook, " + strings.Join(formats, ", ") + ", found " + strconv.Quote(d.Format)
	}
	if d.Batch < 1 || d.Batch > maxBatch {
		return "batch", "want 1 to " + strconv.Itoa(maxBatch) + ", found " + strconv.FormatInt(d.Batch, 10)
	}
	if t, err := time.ParseDuration(d.Timeout); err != nil || t <= 0 {
		return "timeout", "want a duration such as 10s, found " + strconv.Quote(d.Timeout)
	}
	if d.MaxMessage < leastMessage {
		return "max_message", "want " + strconv.Itoa(leastMessage) + " or more, found " + strconv.FormatInt(d.MaxMessage, 10)
	}
	if text := d.address(); text != "" {
		return "address", text
	}
	return d.files()
}

// address says what is wrong with it.
func (d *Destination) address() string {
	u, err := url.Parse(d.Address)
	if err != nil || u.Hostname() == "" {
		return "want a URL, found " + strconv.Quote(d.Address)
	}
	if u.User != nil || u.Fragment != "" {
		return "a URL with a user or a fragment: put secrets into headers_file"
	}
	want := []string{"https", "http"}
	if d.Type == Syslog {
		want = []string{"tls", "tcp"}
		if u.Port() == "" || u.Path != "" || u.RawQuery != "" {
			return "want tls://host:port or tcp://host:port, found " + strconv.Quote(d.Address)
		}
	}
	if !slices.Contains(want, u.Scheme) {
		return "want " + want[0] + ":// or " + want[1] + "://, found " + strconv.Quote(d.Address)
	}
	return ""
}

func (d *Destination) files() (key, text string) {
	secure := strings.HasPrefix(d.Address, "https:") || strings.HasPrefix(d.Address, "tls:")
	switch {
	case d.HeadersFile == "":
	case d.Type == Syslog:
		return "headers_file", "syslog has no headers"
	case !secure && !loopback(d.Address):
		return "headers_file", "its secrets would cross the network in the clear: use https://"
	case !filepath.IsAbs(d.HeadersFile):
		return "headers_file", "want an absolute path, found " + strconv.Quote(d.HeadersFile)
	}
	if d.TLS != (TLS{}) && !secure {
		return "tls", "the address is not one of TLS: use https:// or tls://"
	}
	if (d.TLS.Cert == "") != (d.TLS.Key == "") {
		return "tls", "cert and key: want both or none"
	}
	for _, path := range []string{d.TLS.CA, d.TLS.Cert, d.TLS.Key} {
		if path != "" && !filepath.IsAbs(path) {
			return "tls", "want absolute paths, found " + strconv.Quote(path)
		}
	}
	return "", ""
}

func loopback(address string) bool {
	u, err := url.Parse(address)
	if err != nil {
		return false
	}
	ip := net.ParseIP(u.Hostname())
	return u.Hostname() == "localhost" || ip != nil && ip.IsLoopback()
}

func (d *Destination) timeout() time.Duration {
	t, err := time.ParseDuration(d.Timeout)
	if err != nil || t <= 0 {
		return defaultTimeout
	}
	return t
}
