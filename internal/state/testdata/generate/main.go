// Command generate prints state.json as one version of runc writes it, from
// libcontainer's own structs. For each version, in an empty directory:
//
//	go mod init generate && cp .../main.go . && go get github.com/opencontainers/runc@VERSION && go mod tidy
//	GOFLAGS=-mod=mod go build && mkdir -p /tmp/bundle && (cd /tmp/bundle && .../generate > .../runc-VERSION.json)
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"time"

	"github.com/opencontainers/runc/libcontainer"
	"github.com/opencontainers/runc/libcontainer/specconv"
	specs "github.com/opencontainers/runtime-spec/specs-go"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run() error {
	caps := []string{"CAP_CHOWN", "CAP_KILL"}
	memory, quota, period, errno := int64(64<<20), int64(50000), uint64(200000), uint(1)
	score := 100
	limit := int64(77)
	spec := &specs.Spec{
		Version: "1.0.2", Root: &specs.Root{Path: "rootfs"},
		Process: &specs.Process{
			Args: []string{"sh"}, Cwd: "/", User: specs.User{UID: 1000, GID: 1000}, NoNewPrivileges: true, OOMScoreAdj: &score,
			ApparmorProfile: "test-profile", SelinuxLabel: "system_u:system_r:container_t:s0:c1,c2",
			Capabilities: &specs.LinuxCapabilities{Bounding: append(caps, "CAP_SETPCAP"), Effective: caps, Permitted: caps, Ambient: []string{"CAP_NET_RAW"}},
		},
		Annotations: map[string]string{"io.kubernetes.cri.sandbox-namespace": "default", "note": "a=b", "html": "<&>"},
		Linux: &specs.Linux{
			CgroupsPath: "/runward-no-such-cgroup",
			Namespaces:  []specs.LinuxNamespace{{Type: specs.PIDNamespace}, {Type: specs.MountNamespace}, {Type: specs.UserNamespace}},
			UIDMappings: []specs.LinuxIDMapping{{ContainerID: 0, HostID: 100000, Size: 65536}},
			GIDMappings: []specs.LinuxIDMapping{{ContainerID: 0, HostID: 100000, Size: 65536}},
			Resources: &specs.LinuxResources{
				Memory: &specs.LinuxMemory{Limit: &memory}, CPU: &specs.LinuxCPU{Quota: &quota, Period: &period}, Pids: newPids(limit),
			},
			Seccomp: &specs.LinuxSeccomp{
				DefaultAction: specs.ActErrno, DefaultErrnoRet: &errno, Architectures: []specs.Arch{specs.ArchX86_64},
				Syscalls: []specs.LinuxSyscall{{Names: []string{"read", "write", "exit_group"}, Action: specs.ActAllow}},
			},
		},
	}
	config, err := specconv.CreateLibcontainerConfig(&specconv.CreateOpts{CgroupName: "c1", Spec: spec})
	if err != nil {
		return err
	}
	base := "/sys/fs/cgroup/"
	state := libcontainer.State{
		BaseState: libcontainer.BaseState{ID: "c1", InitProcessPid: 1 << 29, InitProcessStartTime: 5, Created: time.Unix(1700000000, 0).UTC(), Config: *config},
		CgroupPaths: map[string]string{
			"memory": base + "memory/runward-no-such-cgroup", "cpu": base + "cpu/runward-no-such-cgroup", "pids": base + "pids/runward-no-such-cgroup",
		},
	}
	out, err := json.Marshal(state)
	if err == nil {
		_, err = os.Stdout.Write(out)
	}
	return err
}
