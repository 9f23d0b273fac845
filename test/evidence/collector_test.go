package evidence

import (
	"context"
	"net"
	"testing"

	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/receiver"
	"go.opentelemetry.io/collector/receiver/otlpreceiver"
	"go.opentelemetry.io/collector/receiver/receivertest"

	"github.com/runward/runward/internal/monitor/forward"
)

// collector starts the OpenTelemetry collector's own OTLP receiver.
func collector(t *testing.T, address string, sink *consumertest.LogsSink) receiver.Logs {
	t.Helper()
	factory := otlpreceiver.NewFactory()
	cfg := factory.CreateDefaultConfig()
	settings := confmap.NewFromStringMap(map[string]any{"protocols": map[string]any{"http": map[string]any{"endpoint": address}}})
	if err := settings.Unmarshal(cfg); err != nil {
		t.Fatal(err)
	}
	r, err := factory.CreateLogs(context.Background(), receivertest.NewNopSettings(factory.Type()), cfg, sink)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Start(context.Background(), componenttest.NewNopHost()); err != nil {
		t.Fatal(err)
	}
	return r
}

func TestCollector(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	l.Close() // nobody is there at first
	sink := new(consumertest.LogsSink)
	cfg := config(t, forward.Destination{Type: forward.OTLP, Address: "http://" + address})
	write(t, cfg.Receipts, 300)
	f, stop := start(t, cfg)
	until(t, "a refused connection", func() bool { return f.Status()[0].Error != "" })
	for range 3 { // it comes, and goes, and comes again
		r := collector(t, address, sink)
		write(t, cfg.Receipts, 700)
		until(t, "some records", func() bool { return f.Status()[0].Lag < 300 })
		if err := r.Shutdown(context.Background()); err != nil {
			t.Fatal(err)
		}
		write(t, cfg.Receipts, 100)
	}
	r := collector(t, address, sink)
	until(t, "all records", func() bool { return f.Status()[0].Seq == 300+3*800 })
	stop()
	if err := r.Shutdown(context.Background()); err != nil {
		t.Fatal(err)
	}
	var got []copied
	for _, logs := range sink.AllLogs() {
		res := logs.ResourceLogs().At(0)
		if v, _ := res.Resource().Attributes().Get("host.name"); v.Str() != "node1" {
			t.Fatal("host.name is " + v.Str())
		}
		records := res.ScopeLogs().At(0).LogRecords()
		for i := range records.Len() {
			rec := records.At(i)
			c := copied{text: rec.Body().Str()}
			if v, ok := rec.Attributes().Get("runward.seq"); ok {
				c.seq = uint64(v.Int())
			}
			if v, ok := rec.Attributes().Get("runward.resent"); ok {
				c.resent = v.Bool()
			}
			if pod, _ := rec.Attributes().Get("k8s.pod.name"); rec.EventName() == "runward.receipt" && pod.Str() != "web-0" {
				t.Fatal("k8s.pod.name is " + pod.Str())
			}
			got = append(got, c)
		}
	}
	came(t, texts(t, cfg.Receipts), got)
}
