package settings

import (
	"strings"
	"testing"
	"time"
)

func TestParse(t *testing.T) {
	m, err := Parse("runward.toml", []byte("version = 1\n[monitor]\nviewers = ['@staff']\nattest_every = '90s'\nmetrics = '[::1]:9569'\nlifecycle = false\nanswers_per_minute = 0\n"))
	if err != nil || m.Attest() != 90*time.Second || m.Lifecycle || m.AnswersPerMinute != 0 || m.Viewers[0] != "@staff" {
		t.Errorf("%+v, %v", m, err)
	}
	if m, err := Parse("runward.toml", []byte("version = 1\n")); err != nil || m.Attest() != 5*time.Minute || !m.Lifecycle {
		t.Errorf("without a table: %+v, %v", m, err)
	}
}

func TestParseRefuses(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"monitor = 1\n", "runward.toml:1:1: monitor: want a table, [monitor]"},
		{"[monitor]\nviewer = ['a']\n", `runward.toml:2:1: unknown key "viewer"`},
		{"[monitor]\nattest_every = '5'\n", `runward.toml:2:1: attest_every: want a duration of at least 1s, as in 90s, 5m or 1h, found "5"`},
		{"[monitor]\nattest_every = '10ms'\n", `runward.toml:2:1: attest_every: want a duration of at least 1s, as in 90s, 5m or 1h, found "10ms"`},
		{"[monitor]\nmetrics = '0.0.0.0:9569'\n", `runward.toml:2:1: metrics: want a loopback address and port, as in 127.0.0.1:9569, found "0.0.0.0:9569"`},
		{"[monitor]\nmetrics = ':9569'\n", `runward.toml:2:1: metrics: want a loopback`},
		{"[monitor]\nanswers_per_minute = -1\n", `runward.toml:2:1: answers_per_minute: want 0 or more, found "-1"`},
	} {
		if _, err := Parse("runward.toml", []byte(c.text)); err == nil || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%q: %v, want %s", c.text, err, c.want)
		}
	}
}
