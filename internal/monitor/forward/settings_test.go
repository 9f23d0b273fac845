package forward

import (
	"reflect"
	"strings"
	"testing"

	"github.com/runward/runward/internal/tomlfile"
)

func parse(t *testing.T, text string) ([]Destination, error) {
	t.Helper()
	doc, err := tomlfile.Parse("runward.toml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return Parse(doc)
}

func TestParse(t *testing.T) {
	got, err := parse(t, `
[[monitor.forward]]
name = "siem"
type = "syslog"
address = "tls://siem.example:6514"
kinds = ["receipt", "alert"]
batch = 100
timeout = "30s"
tls = { ca = "/etc/ca.pem", cert = "/etc/c.pem", key = "/etc/k.pem", server_name = "siem" }
[[monitor.forward]]
name = "hook"
type = "webhook"
address = "https://hook.example/x?y"
headers_file = "/etc/runward/hook.headers"
[[monitor.forward]]
name = "otel"
type = "otlp"
address = "http://127.0.0.1:4318"
headers_file = "/etc/runward/otel.headers"
`)
	want := []Destination{
		{
			Name: "siem", Type: Syslog, Address: "tls://siem.example:6514", Kinds: []string{"receipt", "alert"}, Batch: 100, Timeout: "30s", MaxMessage: 8192,
			TLS: TLS{CA: "/etc/ca.pem", Cert: "/etc/c.pem", Key: "/etc/k.pem", ServerName: "siem"},
		},
		{Name: "hook", Type: Webhook, Address: "https://hook.example/x?y", Format: "json", Batch: 500, Timeout: "10s", MaxMessage: 8192, HeadersFile: "/etc/runward/hook.headers"},
		{Name: "otel", Type: OTLP, Address: "http://127.0.0.1:4318", Batch: 500, Timeout: "10s", MaxMessage: 8192, HeadersFile: "/etc/runward/otel.headers"},
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v, %v\nwant %+v", got, err, want)
	}
	for _, text := range []string{"", "[monitor]\nother = 1", "version = 1"} {
		if got, err := parse(t, text); err != nil || got != nil {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	const hook = "type = \"webhook\"\naddress = \"https://h\"\n"
	for text, want := range map[string]string{
		"monitor.forward = 1":           "1:9: forward: want tables [[monitor.forward]]",
		hook:                            "1:11: name: want small letters, digits and -, found \"\"",
		"name = \"../x\"\n" + hook:      `2:1: name: want small letters, digits and -, found "../x"`,
		"name = \"x\"\ntype = \"mail\"": `3:1: type: want syslog, otlp or webhook, found "mail"`,
		"nam = \"x\"\n" + hook:          `2:1: unknown key "nam"; did you mean "name"?`,
		"name = \"x\"\nkinds = [\"all\"]\n" + hook:                                        `3:1: kinds: want receipt, alert, lifecycle, answer, found "all"`,
		"name = \"x\"\nformat = \"xml\"\n" + hook:                                         `3:1: format: want, of a webhook, json, ndjson, ocsf, found "xml"`,
		"name = \"x\"\nbatch = 0\n" + hook:                                                "3:1: batch: want 1 to 10000, found 0",
		"name = \"x\"\ntimeout = \"0s\"\n" + hook:                                         `3:1: timeout: want a duration such as 10s, found "0s"`,
		"name = \"x\"\nmax_message = 5\n" + hook:                                          "3:1: max_message: want 1024 or more, found 5",
		"name = \"x\"\nheaders_file = \"x\"\n" + hook:                                     `3:1: headers_file: want an absolute path, found "x"`,
		"name = \"x\"\ntls = { cert = \"/x\" }\n" + hook:                                  "3:1: tls: cert and key: want both or none",
		"name = \"x\"\ntls = { ca = \"x\" }\n" + hook:                                     `3:1: tls: want absolute paths, found "x"`,
		"name = \"x\"\n" + hook + "[[monitor.forward]]\nname = \"x\"\n" + hook:            `6:1: name: another destination is called "x" too`,
		"name = \"x\"\ntype = \"webhook\"\naddress = \"https://a:b@h\"":                   "4:1: address: a URL with a user or a fragment: put secrets into headers_file",
		"name = \"x\"\ntype = \"webhook\"\naddress = \"tcp://h:1\"":                       `4:1: address: want https:// or http://, found "tcp://h:1"`,
		"name = \"x\"\ntype = \"webhook\"\naddress = \"http://h\"\nheaders_file = \"/x\"": "5:1: headers_file: its secrets would cross the network in the clear: use https://",
		"name = \"x\"\ntype = \"webhook\"\naddress = \"http://h\"\ntls = { ca = \"/x\" }": "5:1: tls: the address is not one of TLS: use https:// or tls://",
		"name = \"x\"\ntype = \"syslog\"\naddress = \"tls://h\"":                          `4:1: address: want tls://host:port or tcp://host:port, found "tls://h"`,
		"name = \"x\"\ntype = \"syslog\"\naddress = \"udp://h:514\"":                      `4:1: address: want tls:// or tcp://, found "udp://h:514"`,
		"name = \"x\"\ntype = \"syslog\"\naddress = \"tls://h:1\"\nheaders_file = \"/x\"": "5:1: headers_file: syslog has no headers",
		"name = \"x\"\ntype = \"syslog\"\naddress = \"h:514\"":                            `4:1: address: want a URL, found "h:514"`,
		"name = \"x\"\ntype = \"otlp\"\naddress = \"https://h\"\nformat = \"json\"":       `5:1: format: want, of a webhook, json, ndjson, ocsf, found "json"`,
	} {
		if !strings.HasPrefix(text, "monitor") {
			text = "[[monitor.forward]]\n" + text
		}
		_, err := parse(t, text)
		if err == nil || err.Error() != "runward.toml:"+want {
			t.Errorf("%q\ngot  %v\nwant runward.toml:%s", text, err, want)
		}
	}
}

// A destination's keys are what its documentation names.
func TestEveryKeyIsDocumented(t *testing.T) {
	for _, typ := range []reflect.Type{reflect.TypeFor[Destination](), reflect.TypeFor[TLS]()} {
		for f := range typ.Fields() {
			if f.Tag.Get("toml") == "" || f.Tag.Get("doc") == "" {
				t.Errorf("%s has no key or no documentation", f.Name)
			}
		}
	}
}
