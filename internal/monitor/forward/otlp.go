package forward

import (
	"context"
	"strconv"
	"time"

	collector "go.opentelemetry.io/proto/slim/otlp/collector/logs/v1"
	common "go.opentelemetry.io/proto/slim/otlp/common/v1"
	logs "go.opentelemetry.io/proto/slim/otlp/logs/v1"
	resource "go.opentelemetry.io/proto/slim/otlp/resource/v1"
	"google.golang.org/protobuf/proto"
)

// newOTLP posts batches as protobuf. Of a batch that is accepted in part, it is
// not said which part: it is sent again in halves until what is refused stands
// alone. The specification wants no second attempt after most statuses; here a
// 5xx is one, since evidence must not be lost to a server's fault.
func newOTLP(cfg *Config, d Destination) (sender, error) {
	p, err := newPoster(cfg, d)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, batch []item) error {
		body, err := proto.Marshal(otlpRequest(cfg, batch, time.Now()))
		if err != nil {
			return err
		}
		answer, err := p.post(ctx, "application/x-protobuf", body, nil)
		if err != nil {
			return err
		}
		var resp collector.ExportLogsServiceResponse
		if err := proto.Unmarshal(answer, &resp); err != nil {
			return &failure{text: "answered with what is no OTLP; is the address right?"}
		}
		if part := resp.GetPartialSuccess(); part.GetRejectedLogRecords() > 0 {
			return &failure{
				refused: true,
				text:    "rejected " + strconv.FormatInt(part.GetRejectedLogRecords(), 10) + " of " + strconv.Itoa(len(batch)) + " records: " + strconv.Quote(part.GetErrorMessage()),
			}
		}
		return nil
	}, nil
}

func otlpRequest(cfg *Config, batch []item, now time.Time) *collector.ExportLogsServiceRequest {
	records := make([]*logs.LogRecord, len(batch))
	for i := range batch {
		records[i] = otlpRecord(&batch[i], now)
	}
	return &collector.ExportLogsServiceRequest{ResourceLogs: []*logs.ResourceLogs{{
		Resource: &resource.Resource{Attributes: attributes("service.name", "runward", "service.version", cfg.Version, "host.name", cfg.Node)},
		ScopeLogs: []*logs.ScopeLogs{{
			Scope:      &common.InstrumentationScope{Name: "github.com/runward/runward", Version: cfg.Version},
			LogRecords: records,
		}},
	}}}
}

// otlpRecord has the record as its body, byte for byte, and as attributes what
// one looks for, by the names of the semantic conventions where they have one.
func otlpRecord(it *item, now time.Time) *logs.LogRecord {
	r := &logs.LogRecord{
		TimeUnixNano: uint64(it.when().UnixNano()), ObservedTimeUnixNano: uint64(now.UnixNano()),
		SeverityText: it.severity(), EventName: "runward." + it.kind(),
	}
	switch it.severity() {
	case "critical":
		r.SeverityNumber = logs.SeverityNumber_SEVERITY_NUMBER_ERROR
	case "warning":
		r.SeverityNumber = logs.SeverityNumber_SEVERITY_NUMBER_WARN
	default:
		r.SeverityNumber = logs.SeverityNumber_SEVERITY_NUMBER_INFO
	}
	body := it.gap
	if body == "" {
		body = string(it.line.Text)
	}
	r.Body = text(body)
	container, engine, id := it.identity()
	r.Attributes = attributes(
		"runward.kind", it.kind(), "runward.hash", it.line.Hash, "container.id", container, "container.runtime.name", engine,
		"k8s.namespace.name", id.Namespace, "k8s.pod.name", id.Pod, "k8s.pod.uid", id.PodUID, "k8s.container.name", id.Container,
		"container.image.name", id.Image,
	)
	switch {
	case it.record.Event != nil:
		r.Attributes = append(r.Attributes, attributes("runward.id", it.record.Event.ID, "runward.name", it.record.Event.Name)...)
	case it.record.Receipt != nil:
		r.Attributes = append(r.Attributes, attributes("runward.id", it.record.Receipt.ID, "runward.verdict", it.record.Receipt.Verdict.String())...)
	}
	r.Attributes = append(r.Attributes, number("runward.seq", it.line.Seq), number("runward.attempt", uint64(it.attempt)))
	if it.attempt > 1 {
		r.Attributes = append(r.Attributes, &common.KeyValue{Key: "runward.resent", Value: &common.AnyValue{Value: &common.AnyValue_BoolValue{BoolValue: true}}})
	}
	if h := it.line.Hole; it.gap != "" && h != nil {
		r.Attributes = append(r.Attributes, number("runward.missing_from", h.From), number("runward.missing_to", h.To))
	}
	return r
}

// attributes makes them of names and values in turn; empty values have none.
func attributes(pairs ...string) []*common.KeyValue {
	var all []*common.KeyValue
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			all = append(all, &common.KeyValue{Key: pairs[i], Value: text(pairs[i+1])})
		}
	}
	return all
}

func text(s string) *common.AnyValue {
	return &common.AnyValue{Value: &common.AnyValue_StringValue{StringValue: valid(s)}}
}

func number(name string, n uint64) *common.KeyValue {
	return &common.KeyValue{Key: name, Value: &common.AnyValue{Value: &common.AnyValue_IntValue{IntValue: int64(n)}}}
}
