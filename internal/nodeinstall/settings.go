package nodeinstall

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/runward/runward/internal/config"
)

const settingsFile = confDir + "/runward.toml"

// mark begins the first line of a runward.toml that is the ConfigMap's; the
// digest of what follows ends it.
const mark = "# From the ConfigMap of runward's installer, and replaced by it. "

// settings makes the node's runward.toml that of the ConfigMap. One that
// somebody else wrote, or edited since, stays and is an error: it may be that the
// node was set to enforce there, which no older ConfigMap takes back.
func (h Host) settings(want string) (changed bool, err error) {
	if want == "" {
		return false, nil
	}
	if _, err := config.Parse("runward.toml", []byte(want)); err != nil {
		return false, fmt.Errorf("the ConfigMap's settings are refused, and those before them stay: %w", err)
	}
	have, err := h.Root.ReadFile(settingsFile)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return false, onNode(settingsFile, err)
	}
	next := mark + digest(want) + "\n" + want
	switch {
	case string(have) == next:
		return false, nil
	case err == nil && !isOurs(string(have)):
		return false, fmt.Errorf("/%s on the node is not as the ConfigMap made it: remove it there, or say what it says in the chart's values", settingsFile)
	}
	if err := h.Root.MkdirAll(confDir, 0o755); err != nil {
		return false, onNode(confDir, err)
	}
	staged := settingsFile + ".next"
	if err := h.Root.RemoveAll(staged); err != nil {
		return false, onNode(staged, err)
	}
	if err := h.write(staged, next); err != nil {
		return false, err
	}
	if err := h.Root.Rename(staged, settingsFile); err != nil {
		return false, onNode(settingsFile, err)
	}
	return true, h.sync(confDir)
}

// isOurs tells whether a file is as settings wrote it.
func isOurs(text string) bool {
	first, rest, ok := strings.Cut(text, "\n")
	sum, marked := strings.CutPrefix(first, mark)
	return ok && marked && sum == digest(rest)
}

// forgetSettings removes runward.toml if it is as settings wrote it.
func (h Host) forgetSettings() error {
	have, err := h.Root.ReadFile(settingsFile)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return onNode(settingsFile, err)
	case !isOurs(string(have)):
		return nil
	}
	if err := h.Root.Remove(settingsFile); err != nil {
		return onNode(settingsFile, err)
	}
	return nil
}
