// Package watch is what the daemon calls on its ticks: one pass over all
// containers, and the settings of all parts of the watch.
package watch

import (
	"strings"
	"time"

	"github.com/runward/runward/internal/monitor/watch/alert"
	"github.com/runward/runward/internal/monitor/watch/census"
	"github.com/runward/runward/internal/monitor/watch/files"
	"github.com/runward/runward/internal/monitor/watch/normal"
	"github.com/runward/runward/internal/monitor/watch/restart"
	"github.com/runward/runward/internal/monitor/watch/threshold"
	"github.com/runward/runward/internal/tomlfile"
)

// Settings are what [monitor] of runward.toml has for the watch.
type Settings struct {
	Every      alert.Duration     `toml:"every" doc:"how often samples are taken of every container"`
	Thresholds threshold.Settings `toml:"thresholds" doc:"bounds that an administrator sets"`
	Normal     normal.Settings    `toml:"normal" doc:"what is learned of every workload"`
	Restarts   restart.Settings   `toml:"restarts" doc:"workloads that start over and over"`
	Files      files.Settings     `toml:"files" doc:"the files that configure the node's containers"`
	Census     census.Settings    `toml:"census" doc:"containers that run without a receipt"`
}

// Default is what holds without settings.
func Default() Settings {
	return Settings{
		Every: alert.Duration(10 * time.Second), Thresholds: threshold.Default(), Normal: normal.Default(), Restarts: restart.Default(),
		Files: files.Default(), Census: census.Default(),
	}
}

// Check says what is wrong with the settings, which were decoded from the table
// at path, as an error at its place in the file.
func (s *Settings) Check(doc *tomlfile.Doc, path ...any) error {
	if s.Every < alert.Duration(time.Second) || s.Normal.Enabled && s.Every > s.Normal.Window {
		return doc.Errorf(append(path, "every"), "every: want at least 1s, and at most normal.window, which is "+s.Normal.Window.String())
	}
	for _, part := range []struct {
		table string
		check func() (string, error)
	}{
		{"thresholds", s.Thresholds.Check},
		{"normal", s.Normal.Check},
		{"restarts", s.Restarts.Check},
		{"files", s.Files.Check},
	} {
		key, err := part.check()
		if err == nil {
			continue
		}
		at := append(append([]any{}, path...), part.table)
		for _, name := range strings.Split(key, ".") {
			at = append(at, name)
		}
		return doc.Errorf(at, err.Error())
	}
	return nil
}
