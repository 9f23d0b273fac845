package monitor

import (
	"encoding/json"
	"os"
	"path/filepath"
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

// Each alert that there can be says in the documentation what to do, and no other.
func TestAlertsAreDocumented(t *testing.T) {
	doc, err := os.ReadFile("../../packaging/doc/watching.md")
	if err != nil {
		t.Fatal(err)
	}
	told := map[string]bool{}
	for _, row := range regexp.MustCompile("(?m)^\\| (`[a-z_.*]+`[^|]*) \\|").FindAllStringSubmatch(string(doc), -1) {
		for _, name := range regexp.MustCompile("[a-z_]+\\.[a-z_*]+|^`(oom|restarts)`").FindAllString(row[1], -1) {
			told[strings.Trim(strings.TrimSuffix(name, "*"), "`")] = false
		}
	}
	sources := 0
	err = filepath.WalkDir(".", func(path string, _ os.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		sources++
		for _, m := range regexp.MustCompile(`"((?:answer|attest|census|evidence|file|forward|hook|ledger|monitor|normal|records|threshold)\.[a-z_]*)"|Name: "(oom|restarts)"|(?:d\.again\()("[a-z]+")`).FindAllStringSubmatch(string(text), -1) {
			name := m[1] + m[2]
			if m[3] != "" {
				name = "monitor." + strings.Trim(m[3], `"`)
			}
			if name == "forward." { // the beginning of the three
				continue
			}
			if _, ok := told[name]; !ok {
				t.Errorf("%s: packaging/doc/watching.md does not tell of %s", path, name)
			}
			told[name] = true
		}
		return nil
	})
	if err != nil || sources < 40 || len(told) < 20 {
		t.Fatal(err, sources, told)
	}
	for name, is := range told {
		if !is && !strings.HasPrefix(name, "attest.") {
			t.Errorf("there is no alert %s", name)
		}
	}
}
