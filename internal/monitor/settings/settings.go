// Package settings reads what runward.toml has for the monitor: its table
// [monitor]. The wrapper, which every container pays for, does not decode it.
package settings

import (
	"errors"
	"io/fs"
	"net/netip"
	"path/filepath"
	"strconv"
	"time"

	"github.com/runward/runward/internal/audit/rotation"
	"github.com/runward/runward/internal/config"
	"github.com/runward/runward/internal/monitor/forward"
	"github.com/runward/runward/internal/monitor/watch"
	"github.com/runward/runward/internal/monitor/watch/alert"
	"github.com/runward/runward/internal/monitor/watch/census"
	"github.com/runward/runward/internal/monitor/watch/files"
	"github.com/runward/runward/internal/monitor/watch/normal"
	"github.com/runward/runward/internal/monitor/watch/restart"
	"github.com/runward/runward/internal/monitor/watch/threshold"
	"github.com/runward/runward/internal/owner"
	"github.com/runward/runward/internal/tomlfile"
)

// Monitor is the table [monitor].
type Monitor struct {
	Group          string   `toml:"group" doc:"group whose members may open the daemon's socket, besides root; what they may do there is up to the roles"`
	Viewers        []string `toml:"viewers" doc:"users, or groups as @name, that may look"`
	Operators      []string `toml:"operators" doc:"users, or groups as @name, that may also attest, freeze, quarantine and release"`
	Administrators []string `toml:"administrators" doc:"users, or groups as @name, that may also kill; root always may"`

	AttestEvery string `toml:"attest_every" doc:"how often a running container is compared with its decision, beside at its start and after each update: a duration of at least 1s, as in 90s, 5m or 1h"`
	Lifecycle   bool   `toml:"lifecycle" doc:"record when containers are created, started and stopped"`
	Metrics     string `toml:"metrics" doc:"loopback address and port for Prometheus, as in 127.0.0.1:9569; empty: only on the socket, at /metrics"`

	Every      alert.Duration     `toml:"every" doc:"how often samples are taken of every container"`
	Thresholds threshold.Settings `toml:"thresholds" doc:"bounds that an administrator sets"`
	Normal     normal.Settings    `toml:"normal" doc:"what is learned of every workload"`
	Restarts   restart.Settings   `toml:"restarts" doc:"workloads that start over and over"`
	Files      files.Settings     `toml:"files" doc:"the files that configure the node's containers"`
	Census     census.Settings    `toml:"census" doc:"containers that run without a receipt"`

	Rotation Rotation              `toml:"rotation" doc:"how much of the records is kept on this node"`
	Forward  []forward.Destination `toml:"forward" doc:"where the records are sent to"`

	AnswersPerMinute int64 `toml:"answers_per_minute" doc:"how many containers policy may freeze, kill or cut off within a minute on this node; what is over it is an alert alone, so that a rule that is wrong cannot take the node down; 0: none"`
}

// Rotation bounds what the records take on the disk.
type Rotation struct {
	Enabled   bool           `toml:"enabled" doc:"false: something else rotates them, such as logrotate"`
	MaxBytes  int64          `toml:"max_bytes" doc:"the file is put aside when it is larger; 0: however large"`
	Every     alert.Duration `toml:"every" doc:"or when its first record is older; 0s: however old"`
	MaxFiles  int64          `toml:"max_files" doc:"how many old files are kept, compressed; 0: all"`
	MaxAge    alert.Duration `toml:"max_age" doc:"old files whose last record is older are removed; 0s: none"`
	MaxUnsent int64          `toml:"max_unsent" doc:"so many files more are kept while they are not forwarded yet"`
}

// Limits are the bounds.
func (r *Rotation) Limits() rotation.Limits {
	return rotation.Limits{MaxBytes: r.MaxBytes, Every: time.Duration(r.Every), MaxFiles: int(r.MaxFiles), MaxAge: time.Duration(r.MaxAge), MaxUnsent: int(r.MaxUnsent)}
}

// Default is what holds without a file.
func Default() *Monitor {
	w := watch.Default()
	return &Monitor{
		AttestEvery: "5m", Lifecycle: true, AnswersPerMinute: 10,
		Rotation: Rotation{Enabled: true, MaxBytes: 64 << 20, Every: alert.Duration(24 * time.Hour), MaxFiles: 30, MaxUnsent: 30},
		Every:    w.Every, Thresholds: w.Thresholds, Normal: w.Normal, Restarts: w.Restarts, Files: w.Files, Census: w.Census,
	}
}

// Watch is what the watch has of it.
func (m *Monitor) Watch() watch.Settings {
	return watch.Settings{Every: m.Every, Thresholds: m.Thresholds, Normal: m.Normal, Restarts: m.Restarts, Files: m.Files, Census: m.Census}
}

// Load reads the node's runward.toml.
func Load() (*Monitor, error) {
	file := config.File()
	text, err := owner.Read(file, 1<<20)
	if errors.Is(err, fs.ErrNotExist) {
		return Default(), nil
	}
	if err != nil {
		return nil, errors.New(file + " cannot be read: " + owner.Reason(err) + "; correct that, or remove it")
	}
	if err := (owner.Dirs{}).Check(filepath.Dir(file)); err != nil {
		return nil, err
	}
	return Parse(file, text)
}

// Parse reads the settings in a text of runward.toml; file stands in messages.
func Parse(file string, text []byte) (*Monitor, error) {
	doc, err := tomlfile.Parse(file, text)
	if err != nil {
		return nil, err
	}
	m := Default()
	value, ok := doc.Root["monitor"]
	if !ok {
		return m, nil
	}
	table, ok := value.(map[string]any)
	if !ok {
		return nil, doc.Errorf([]any{"monitor"}, "monitor: want a table, [monitor]")
	}
	if err := doc.Decode(table, []any{"monitor"}, m, "forward"); err != nil {
		return nil, err
	}
	if m.Forward, err = forward.Parse(doc); err != nil {
		return nil, err
	}
	return m, m.check(doc)
}

func (m *Monitor) check(doc *tomlfile.Doc) error {
	fail := func(key, want, got string) error {
		return doc.Errorf([]any{"monitor", key}, key+": want "+want+", found "+strconv.Quote(got))
	}
	if every, err := time.ParseDuration(m.AttestEvery); err != nil || every < time.Second {
		return fail("attest_every", "a duration of at least 1s, as in 90s, 5m or 1h", m.AttestEvery)
	}
	if m.AnswersPerMinute < 0 {
		return fail("answers_per_minute", "0 or more", strconv.FormatInt(m.AnswersPerMinute, 10))
	}
	for key, n := range map[string]int64{"max_bytes": m.Rotation.MaxBytes, "max_files": m.Rotation.MaxFiles, "max_unsent": m.Rotation.MaxUnsent} {
		if n < 0 {
			return doc.Errorf([]any{"monitor", "rotation", key}, key+": want 0 or more, found "+strconv.FormatInt(n, 10))
		}
	}
	w := m.Watch()
	if err := w.Check(doc, "monitor"); err != nil {
		return err
	}
	if m.Metrics == "" {
		return nil
	}
	// Nothing of the node's is told to others without somebody who asks who they are.
	if at, err := netip.ParseAddrPort(m.Metrics); err != nil || !at.Addr().IsLoopback() {
		return fail("metrics", "a loopback address and port, as in 127.0.0.1:9569", m.Metrics)
	}
	return nil
}

// Attest is AttestEvery.
func (m *Monitor) Attest() time.Duration {
	d, err := time.ParseDuration(m.AttestEvery)
	if err != nil || d < time.Second {
		return 5 * time.Minute // of a Monitor that was not parsed
	}
	return d
}
