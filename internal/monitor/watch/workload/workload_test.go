package workload

import (
	"testing"

	"github.com/runward/runward/policy"
)

func TestOwner(t *testing.T) {
	for pod, want := range map[string]string{
		"web-6d4cf56db6-x2x7k":         "web",
		"my-web-app-7c9d8f6b5d-zzzzz":  "my-web-app",
		"node-exporter-b4xk9":          "node-exporter",
		"postgres-0":                   "postgres",
		"backup-28391040-lq2vd":        "backup",
		"coredns":                      "coredns",
		"kube-proxy-node":              "kube-proxy-node",
		"etcd-control-plane":           "etcd-control-plane",
		"api-server":                   "api-server", // five letters would need to be drawn without vowels
		"-":                            "-",
		"static-web-worker1.cluster.x": "static-web-worker1.cluster.x",
	} {
		if got := Owner(pod); got != want {
			t.Errorf("%s: %s, want %s", pod, got, want)
		}
	}
}

func TestOf(t *testing.T) {
	for _, c := range []struct {
		engine, name, want string
		id                 policy.Identity
	}{
		{"containerd", "", "pod/shop/web/nginx", policy.Identity{Namespace: "shop", Pod: "web-6d4cf56db6-x2x7k", Container: "nginx"}},
		{"containerd", "", "pod/shop/web/(sandbox)", policy.Identity{Kind: "sandbox", Namespace: "shop", Pod: "web-6d4cf56db6-x2x7k"}},
		{"docker", "db", "docker/db", policy.Identity{Image: "postgres:16"}},
		{"docker", "", "docker/image/registry:5000/postgres", policy.Identity{Image: "registry:5000/postgres:16@sha256:1"}},
		{"podman", "db", "podman(anna)/db", policy.Identity{User: "anna"}},
		{"", "x", "runtime/x", policy.Identity{}},
		{"", "", "", policy.Identity{}},
	} {
		if got := Of(c.engine, c.id, c.name); got != c.want {
			t.Errorf("%+v: %q, want %q", c, got, c.want)
		}
	}
}
