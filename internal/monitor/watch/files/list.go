package files

import (
	"maps"
	"path/filepath"
	"slices"

	"github.com/runward/runward/internal/config"
	"github.com/runward/runward/internal/engine"
	"github.com/runward/runward/internal/monitor/watch/alert"
)

// List is what configures the containers of this node, whether it is there yet
// or not: the engines' files as internal/engine knows them, runward's own, the
// programs that run containers, and what gives them networks, devices and hooks.
func List(sys *engine.System, cfg *config.Config) []Watched {
	var all []Watched
	add := func(what string, severity alert.Severity, paths ...string) {
		for _, path := range paths {
			if path != "" && !slices.ContainsFunc(all, func(w Watched) bool { return w.Path == path }) {
				all = append(all, Watched{filepath.Join(sys.Root, path), what, severity})
			}
		}
	}
	add("runward's settings, policies and profiles", alert.Critical, filepath.Dir(config.File()))
	add("runward's policies", alert.Critical, config.PolicyDirs()...)
	add("runward's profiles", alert.Critical, config.ProfileDirs()...)
	add("runward itself", alert.Critical, config.Wrapper(), config.RulesProgram(), config.LinksDir(),
		filepath.Join(config.BinDir, "runwardctl"), filepath.Join(config.BinDir, "runwardd"), filepath.Join(config.LibExecDir, "runward"))
	add("the real runtime", alert.Critical, runtimes(cfg)...)
	for _, e := range engine.All() {
		add(e.Name+"'s configuration", alert.Warning, e.Sources(sys)...)
		add("how systemd starts "+e.Name, alert.Warning, units(e.Units())...)
		add(e.Name+"'s program", alert.Critical, programs(sys, e.Executables())...)
	}
	add("how systemd starts runwardd", alert.Critical, units([]string{"runwardd.service", "runwardd.socket"})...)
	add("the kubelet's configuration", alert.Warning,
		"/etc/kubernetes", "/var/lib/kubelet/config.yaml", "/var/lib/kubelet/kubeadm-flags.env", "/etc/default/kubelet", "/etc/sysconfig/kubelet",
		"/etc/rancher")
	add("how systemd starts the kubelet", alert.Warning, units([]string{"kubelet.service", "k3s.service", "rke2-agent.service", "rke2-server.service"})...)
	add("the kubelet's program", alert.Critical, programs(sys, []string{"kubelet", "k3s", "rke2"})...)
	add("container networks", alert.Warning, "/etc/cni/net.d")
	add("a network plugin's program", alert.Critical, "/opt/cni/bin", "/usr/lib/cni", "/usr/libexec/cni")
	add("OCI hooks", alert.Critical, "/etc/containers/oci/hooks.d", "/usr/share/containers/oci/hooks.d")
	add("devices for containers (CDI)", alert.Warning, "/etc/cdi", "/var/run/cdi")
	add("plugins of the engines (NRI)", alert.Critical, "/etc/nri", "/opt/nri/plugins")
	return all
}

// runtimes are the programs that runward executes, or could.
func runtimes(cfg *config.Config) []string {
	all := append([]string{cfg.Runtime.Path}, config.RuntimePaths...)
	for _, handler := range slices.Sorted(maps.Keys(cfg.Runtime.Handlers)) {
		all = append(all, cfg.Runtime.Handlers[handler])
	}
	return all
}

// units are where systemd looks for a unit and for what is added to it.
func units(names []string) []string {
	var all []string
	for _, name := range names {
		for _, dir := range []string{"/etc/systemd/system", "/run/systemd/system", "/usr/lib/systemd/system", "/usr/local/lib/systemd/system"} {
			all = append(all, filepath.Join(dir, name), filepath.Join(dir, name+".d"))
		}
	}
	return all
}

// programs are where programs of these names are, or could be put before them.
func programs(sys *engine.System, names []string) []string {
	dirs := sys.Programs
	if len(dirs) == 0 {
		dirs = engine.ProgramDirs()
	}
	var all []string
	for _, name := range names {
		for _, dir := range dirs {
			all = append(all, filepath.Join(dir, name))
		}
	}
	return all
}
