package forward

import (
	"bytes"
	"context"
	"encoding/json"
	"strconv"

	"github.com/runward/runward/internal/monitor/ocsf"
)

// The forms of a webhook's body.
const (
	formatJSON   = "json"
	formatNDJSON = "ndjson"
	formatOCSF   = "ocsf"
)

var formats = []string{formatJSON, formatNDJSON, formatOCSF}

// newWebhook posts batches as JSON. The other side has them when it answers
// 2xx. Idempotency-Key is the last record's hash and how many there are.
func newWebhook(cfg *Config, d Destination) (sender, error) {
	p, err := newPoster(cfg, d)
	if err != nil {
		return nil, err
	}
	kind := "application/json"
	if d.Format == formatNDJSON {
		kind = "application/x-ndjson"
	}
	return func(ctx context.Context, batch []item) error {
		body, err := encodeJSON(cfg, d.Format, batch)
		if err != nil {
			return err
		}
		key := batch[len(batch)-1].line.Hash + "-" + strconv.Itoa(len(batch))
		_, err = p.post(ctx, kind, body, map[string]string{"Idempotency-Key": key})
		return err
	}, nil
}

func encodeJSON(cfg *Config, format string, batch []item) ([]byte, error) {
	var b bytes.Buffer
	array := format != formatNDJSON
	for i := range batch {
		switch {
		case array && i == 0:
			b.WriteByte('[')
		case array:
			b.WriteByte(',')
		}
		one, err := encodeOne(cfg, format, &batch[i])
		if err != nil {
			return nil, err
		}
		b.Write(one)
	}
	if array {
		b.WriteByte(']')
	}
	return b.Bytes(), nil
}

func encodeOne(cfg *Config, format string, it *item) ([]byte, error) {
	if format != formatOCSF {
		return spliced(it.envelope(cfg.Node), it.text())
	}
	from := ocsf.Source{Node: cfg.Node, Version: cfg.Version}
	var e ocsf.Event
	if it.gap != "" {
		e = from.Missing(it.line.Seq, it.found, it.gap)
	} else {
		e = from.Record(it.record, it.line.Text)
	}
	e.Unmapped.Attempt, e.Unmapped.Resent = it.attempt, it.attempt > 1
	return spliced(e, nil)
}

func (it *item) envelope(node string) envelope {
	e := envelope{
		Node: node, Seq: it.line.Seq, Hash: it.line.Hash, Kind: it.kind(), Resent: it.attempt > 1, Attempt: it.attempt, Gap: it.gapJSON(),
	}
	if it.gap != "" {
		e.Hash = ""
	}
	return e
}

// text is the record as the chain has it; nil of a gap.
func (it *item) text() []byte {
	if it.gap != "" {
		return nil
	}
	return it.line.Text
}

// spliced encodes an object and puts the record into it as it is: an encoder
// would spell some characters in another way, and the hash is of the bytes.
func spliced(object any, record []byte) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(object); err != nil {
		return nil, err
	}
	if record != nil {
		b.Truncate(b.Len() - len("}\n"))
		b.WriteString(`,"record":`)
		b.Write(record)
		b.WriteString("}\n")
	}
	return b.Bytes(), nil
}
