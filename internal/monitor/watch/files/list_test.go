package files

import (
	"path/filepath"
	"slices"
	"testing"

	"github.com/runward/runward/internal/config"
	"github.com/runward/runward/internal/engine"
	"github.com/runward/runward/internal/monitor/watch/alert"
)

func TestList(t *testing.T) {
	cfg := config.Default()
	cfg.Runtime.Handlers = map[string]string{"x": "/opt/x/runtime"}
	list := List(&engine.System{State: "/nonexistent"}, cfg)
	for path, severity := range map[string]alert.Severity{
		"/etc/runward": alert.Critical, "/run/runward/policy.d": alert.Critical, "/usr/bin/runward": alert.Critical, "/usr/lib/runward/profiles": alert.Critical,
		"/usr/sbin/runc": alert.Critical, "/usr/bin/crun": alert.Critical, "/opt/x/runtime": alert.Critical, "/usr/bin/containerd": alert.Critical,
		"/etc/containerd": alert.Warning, "/etc/docker": alert.Warning, "/etc/crio/crio.conf.d": alert.Warning, "/etc/containers": alert.Warning,
		"/etc/systemd/system/docker.service.d": alert.Warning, "/etc/systemd/system/runwardd.service.d": alert.Critical,
		"/var/lib/kubelet/config.yaml": alert.Warning, "/etc/kubernetes": alert.Warning, "/etc/cni/net.d": alert.Warning, "/opt/cni/bin": alert.Critical,
		"/etc/cdi": alert.Warning, "/etc/nri": alert.Critical, "/etc/containers/oci/hooks.d": alert.Critical,
	} {
		if !slices.ContainsFunc(list, func(w Watched) bool { return w.Path == path && w.Severity == severity }) {
			t.Errorf("%s is not there as %s", path, severity)
		}
	}
	var seen []string
	for _, w := range list {
		if !filepath.IsAbs(w.Path) || w.What == "" || slices.Contains(seen, w.Path) {
			t.Errorf("%+v", w)
		}
		seen = append(seen, w.Path)
	}
}
