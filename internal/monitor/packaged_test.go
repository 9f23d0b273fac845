package monitor

import (
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
)

// What dashboard and rules ask for is there: a metric that was renamed leaves
// no panel empty and no alert silent.
func TestPackagedMetricsExist(t *testing.T) {
	n := newNode(t)
	d, err := New(n.config())
	if err != nil {
		t.Fatal(err)
	}
	defer d.exits.close()
	descs := make(chan *prometheus.Desc, 100)
	d.counts.registry.MustRegister(d)
	d.Describe(descs)
	for _, c := range []prometheus.Collector{d.counts.followed, d.counts.hooks, d.counts.attestations, d.counts.attesting, d.counts.alerts, d.counts.answers, d.counts.pass} {
		c.Describe(descs)
	}
	close(descs)
	known := map[string]bool{}
	name := regexp.MustCompile(`fqName: "([a-z_]+)"`)
	for desc := range descs {
		known[name.FindStringSubmatch(desc.String())[1]] = true
	}
	dashboard, err := os.ReadFile("../../packaging/monitoring/dashboard.json")
	if err != nil {
		t.Fatal(err)
	}
	if !json.Valid(dashboard) {
		t.Error("dashboard.json is no JSON")
	}
	rules, err := os.ReadFile("../../packaging/monitoring/runward.rules.yaml")
	if err != nil {
		t.Fatal(err)
	}
	used := regexp.MustCompile(`runward_[a-z_]+`).FindAllString(string(dashboard)+string(rules), -1)
	if len(used) < 15 {
		t.Errorf("only %d are used", len(used))
	}
	for _, metric := range used {
		if !known[strings.TrimSuffix(metric, "_bucket")] {
			t.Errorf("%s is asked for, and there is none", metric)
		}
	}
}
