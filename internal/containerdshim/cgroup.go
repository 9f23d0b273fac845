//go:build !nocontainerd

package containerdshim

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"

	"github.com/runward/runward/internal/owner"
)

// shallow is what the shim reads of config.json.
type shallow struct {
	Annotations map[string]string `json:"annotations"`
	Linux       struct {
		CgroupsPath string `json:"cgroupsPath"`
	} `json:"linux"`
}

func readSpec(bundle string) (*shallow, error) {
	name := filepath.Join(bundle, "config.json")
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, errors.New("runward: " + name + " cannot be read: " + owner.Reason(err))
	}
	var s shallow
	if err := json.Unmarshal(text, &s); err != nil {
		return nil, errors.New("runward: " + name + " cannot be read: " + err.Error())
	}
	return &s, nil
}

// systemdCgroup tells whether systemd is to manage the container's cgroup, from
// the form of cgroupsPath: engines whose cgroup driver is systemd write
// slice:prefix:name, and runc takes that for what it is only with
// --systemd-cgroup. They hand the setting over only in options that they have
// for their own runtimes (the CRI's SystemdCgroup, Docker's and nerdctl's none),
// without which pods would not land in their slices.
func systemdCgroup(bundle string) (bool, error) {
	s, err := readSpec(bundle)
	if err != nil {
		return false, err
	}
	return systemdPath(s.Linux.CgroupsPath) && booted("/run/systemd/system"), nil
}

// systemdPath tells whether a path is of the form slice:prefix:name.
func systemdPath(path string) bool {
	parts := strings.Split(path, ":")
	return len(parts) == 3 && (parts[0] == "" || strings.HasSuffix(parts[0], ".slice")) && parts[2] != "" && !strings.Contains(path, "/")
}

// booted tells whether systemd is the init, as sd_booted(3) does.
func booted(dir string) bool {
	info, err := os.Lstat(dir)
	return err == nil && info.IsDir()
}
