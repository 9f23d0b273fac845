package forward

import (
	"encoding/json"
	"net/http/httptest"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
)

// BenchmarkForward sends 20,000 records from another process, whose peak of
// memory it reports.
func BenchmarkForward(b *testing.B) {
	const records = 20000
	for _, typ := range []string{Webhook, OTLP, Syslog} {
		b.Run(typ, func(b *testing.B) {
			s := newStore()
			var address string
			switch typ {
			case Syslog:
				address = "tcp://" + syslogServer(b, s, healthy).Addr().String()
			case OTLP:
				srv := httptest.NewServer(otlpServer(s, healthy))
				b.Cleanup(srv.Close)
				address = srv.URL
			default:
				srv := httptest.NewServer(webhookServer(s, healthy))
				b.Cleanup(srv.Close)
				address = srv.URL
			}
			for b.Loop() {
				b.StopTimer()
				cfg := quick(b, Destination{Name: "x", Type: typ, Address: address, Batch: defaultBatch})
				write(b, cfg.Receipts, records)
				before := len(s.all())
				job, err := json.Marshal(cfg)
				if err != nil {
					b.Fatal(err)
				}
				b.StartTimer()
				c := exec.Command("/proc/self/exe")
				c.Env = []string{"RUNWARD_TEST_FORWARD=" + string(job)}
				if err := c.Start(); err != nil {
					b.Fatal(err)
				}
				s.until(b, func(all []copied) bool { return len(all) >= before+records })
				b.ReportMetric(peak(b, c.Process.Pid), "MiB")
				if err := c.Process.Kill(); err != nil {
					b.Fatal(err)
				}
				_ = c.Wait() // killed
			}
			b.ReportMetric(float64(b.N*records)/b.Elapsed().Seconds(), "records/s")
		})
	}
}

// peak is the most memory that a process had, in MiB.
func peak(b *testing.B, pid int) float64 {
	data, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status")
	if err != nil {
		b.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(data), "VmHWM:")
	n, err := strconv.ParseFloat(strings.Fields(rest)[0], 64)
	if err != nil {
		b.Fatal(err)
	}
	return n / 1024
}
