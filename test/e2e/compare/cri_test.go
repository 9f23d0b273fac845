//go:build e2e

package compare

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/runward/runward/test/e2e/lab"
)

// compareCRI runs pods as a kubelet would, on one daemon.
func compareCRI(t *testing.T, r *rig) {
	d := lab.Containerd(t, r.runtime)
	client := d.PodClient()
	r.compare(t, audits, "CRI", func(*sitting) {}, []session{{"pods", func(s *sitting) {
		privileged := false
		pod := func(change func(security map[string]any, container map[string]any), argv ...string) {
			request := d.PodRequest(argv...)
			meta := map[string]any{"name": "pod", "namespace": "default", "uid": "pod"}
			sandbox := request["sandbox"].(map[string]any)
			sandbox["metadata"] = meta
			sandbox["linux"].(map[string]any)["security_context"].(map[string]any)["privileged"] = privileged
			if change != nil {
				container := request["container"].(map[string]any)
				security := map[string]any{"namespace_options": map[string]any{"network": "NODE", "pid": "CONTAINER"}}
				container["linux"] = map[string]any{"security_context": security}
				change(security, container)
			}
			raw, err := json.Marshal(request)
			must(s, err)
			file := filepath.Join(s.dir, fmt.Sprintf("pod%d.json", len(s.steps)))
			must(s, os.WriteFile(file, raw, 0o600))
			s.do(call{verb: "pod", argv: []string{client, "-socket", d.Socket, "-handler", lab.Handler, file}, piped: true})
		}
		pod(nil, "sh", "-c", view)
		pod(nil, "sh", "-c", "echo out; echo err >&2; exit 7")
		pod(nil, "nonexistent")
		pod(nil, "sh", "-c", "kill -KILL $$")
		pod(nil, "sh", "-c", "yes | head -c 100000")
		privileged = true
		pod(func(security, _ map[string]any) { security["privileged"] = true }, "sh", "-c", view)
		privileged = false
		pod(func(security, _ map[string]any) { security["run_as_user"] = map[string]any{"value": 1000} }, "sh", "-c", view)
		pod(func(security, _ map[string]any) { security["no_new_privs"] = true }, "sh", "-c", view)
		pod(func(security, _ map[string]any) {
			security["capabilities"] = map[string]any{"add_capabilities": []string{"SYS_ADMIN"}, "drop_capabilities": []string{"CHOWN"}}
		}, "sh", "-c", view)
		pod(func(_, container map[string]any) { container["command"] = []string{"nonexistent"} }, "true")
		pod(func(_, container map[string]any) { container["command"] = []string{"/etc/passwd"} }, "true")
		pod(func(_, container map[string]any) { container["working_dir"] = "/etc/passwd" }, "true")
		pod(func(_, container map[string]any) {
			container["mounts"] = []any{map[string]any{"host_path": "/etc", "container_path": "/data", "readonly": true}}
		}, "sh", "-c", view)
		pod(func(_, container map[string]any) {
			container["linux"].(map[string]any)["resources"] = map[string]any{"memory_limit_in_bytes": 1}
		}, "true")
		s.do(call{verb: "status", argv: []string{client, "-socket", d.Socket, "-status"}, piped: true})
	}}})
}
