package lab

import (
	"path/filepath"
	"runtime"
)

// Pod runs one pod through the CRI with Handler, executes the case's command in it, and takes it away
// again; it returns what the command printed, or how the engine refused. A case is as test/cri
// describes it, for example {"sandbox": {...}, "container": {...}, "exec": ["id"]}.
func (d *Daemon) Pod(request map[string]any) Result {
	d.t.Helper()
	return d.pod(request)
}

// PodWith is Pod with another handler; empty: none is asked for.
func (d *Daemon) PodWith(handler string, request map[string]any) Result {
	d.t.Helper()
	return d.pod(request, "-handler", handler)
}

// KeepPod is Pod, but leaves one that started until the daemon stops.
func (d *Daemon) KeepPod(request map[string]any) Result {
	d.t.Helper()
	return d.pod(request, "-keep")
}

func (d *Daemon) pod(request map[string]any, flags ...string) Result {
	d.t.Helper()
	client := d.PodClient()
	file := filepath.Join(d.dir, Name()+".json")
	write(d.t, file, encode(d.t, request), 0o600)
	return Try(d.t, "", nil, client, append(append([]string{"-socket", d.Socket, "-handler", Handler, "-timeout", commandLimit.String()}, flags...), file)...)
}

// PodClient builds test/cri and returns the program's path.
func (d *Daemon) PodClient() string {
	d.t.Helper()
	if built := Built(); built != "" {
		return filepath.Join(built, "bin/cri")
	}
	client := filepath.Join(d.dir, "cri")
	if matches, err := filepath.Glob(client); err != nil || matches == nil {
		_, here, _, _ := runtime.Caller(0)
		source := filepath.Join(filepath.Dir(here), "../../cri")
		Try(d.t, source, []string{"CGO_ENABLED=0", "GOFLAGS="}, Tool(d.t, "go"), "build", "-o", client, ".").want(d.t, "go build", source)
	}
	return client
}

// PodRequest is a pod on the host's network (the lab installs no other) with one container
// that sleeps, and exec to run in it.
func (d *Daemon) PodRequest(exec ...string) map[string]any {
	name, host := Name(), map[string]any{"namespace_options": map[string]any{"network": "NODE", "pid": "CONTAINER"}}
	return map[string]any{
		"sandbox": map[string]any{
			"metadata": map[string]any{"name": name, "namespace": "default", "uid": name},
			"linux":    map[string]any{"security_context": host, "cgroup_parent": "/" + d.Namespace},
		},
		"container": map[string]any{
			"metadata": map[string]any{"name": "app"},
			"image":    map[string]any{"image": Image},
			"command":  []string{"sleep", "1000"},
			"linux":    map[string]any{"security_context": host},
		},
		"exec": exec,
	}
}
