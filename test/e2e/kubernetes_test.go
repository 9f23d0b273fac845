//go:build e2e

package e2e

import (
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/runward/runward/internal/kubeapi"
	"github.com/runward/runward/internal/kubeapi/kubeapitest"
	"github.com/runward/runward/internal/nodeinstall"
	"github.com/runward/runward/test/e2e/lab"
)

// A node is a container with a first process and files of its own, and CRI-O's
// configuration. The installer is the image that users get, beside it as
// hostPID puts it there, with what the chart grants it and no more.
func TestKubernetesInstaller(t *testing.T) {
	if lab.Built() != "" {
		t.Skip("the programs of " + lab.Built() + " are for another layout, and there is no Go to build the installer's")
	}
	p := lab.Podman(t, lab.Runc(t))
	dir := lab.Dir(t)
	result := lab.Try(t, "../..", nil, lab.Tool(t, "make"), "--no-print-directory", "runward-installer", "KUBEDIR="+dir)
	if result.Code != 0 {
		t.Fatal(result.Stderr)
	}
	if result := p.Try("build", "--quiet", "--tag", "installer", "--file", "../../packaging/kubernetes/Containerfile", dir); result.Code != 0 {
		t.Fatal(result.Stderr)
	}

	node := strings.TrimSpace(p.Run("--detach", lab.Image, "sh", "-c", "exec sleep 600"))
	inNode := func(script string) string {
		t.Helper()
		r := p.Try("exec", node, "sh", "-c", script)
		if r.Code != 0 {
			t.Fatalf("%s: %s", script, r.Stderr)
		}
		return r.Stdout
	}
	inNode(`mkdir -p /opt /var/lib /var/log /usr/bin /etc/crio/crio.conf.d && cp /bin/busybox /usr/bin/crio && cp /bin/busybox /usr/bin/runc &&
		printf '[crio.runtime]\ndefault_runtime = "runc"\n\n[crio.runtime.runtimes.runc]\nruntime_path = "/usr/bin/runc"\n' > /etc/crio/crio.conf`)
	before := inNode("cat /etc/crio/crio.conf; ls /etc/crio /etc/crio/crio.conf.d")

	api := kubeapitest.New(t, "n1")
	api.Node("n1", func(n *kubeapi.Node) { n.Status.NodeInfo.ContainerRuntimeVersion = "cri-o://1.34.0" })
	at, err := url.Parse(api.URL)
	if err != nil {
		t.Fatal(err)
	}
	config := filepath.Join(dir, "config")
	put := func(name, text string) {
		t.Helper()
		err := os.MkdirAll(config, 0o755)
		if err == nil {
			err = os.WriteFile(filepath.Join(config, name), []byte(text), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	put("runward.toml", "mode = \"audit\"\n")
	put("50-site.toml", "version = 1\nname = \"site\"\nextends = [\"baseline\"]\n[pids]\nmax = 100\n")
	run := []string{
		"run", "--detach", "--network", "host", "--ulimit", "nofile=1024:1024", "--ulimit", "nproc=4096:4096",
		"--pid", "container:" + node, "--cap-drop", "ALL", "--read-only", "--tmpfs", "/run/runward-installer",
		"--volume", config + ":/config:ro", "--volume", api.Credentials + ":" + kubeapi.ServiceAccount + ":ro",
		"--env", "NODE_NAME=n1", "--env", "KUBERNETES_SERVICE_HOST=" + at.Hostname(), "--env", "KUBERNETES_SERVICE_PORT=" + at.Port(),
	}
	for _, name := range grants(t) {
		run = append(run, "--cap-add", name)
	}
	started := p.Try(append(run, "installer", "node", "--every=200ms", "--restart=false")...)
	if started.Code != 0 {
		t.Fatal(started.Stderr)
	}
	installer := strings.TrimSpace(started.Stdout)
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(p.Try("logs", installer))
		}
		p.Try("rm", "--force", "--time", "0", installer) // before the node that it is in
	})

	api.Await("n1", nodeinstall.NoteState, "ready")
	if api.Label("n1", nodeinstall.LabelReady) != "true" {
		t.Error("the node has no label")
	}
	if r := p.Try("exec", installer, "/runward-installer", "ready"); r.Code != 0 {
		t.Errorf("the pod is not ready: %s", r.Stderr)
	}
	if got := inNode("cat /etc/crio/crio.conf.d/*"); !strings.Contains(got, `runtime_path = "/opt/runward/current/bin/runward"`) {
		t.Errorf("CRI-O is told\n%s", got)
	}
	if got := inNode("/opt/runward/current/bin/runwardctl policy check; /opt/runward/current/bin/runward --version; tail -n1 /etc/runward/runward.toml"); !strings.Contains(got, "site") || !strings.HasSuffix(got, "mode = \"audit\"\n") {
		t.Errorf("the node has\n%s", got)
	}

	// A ConfigMap that is refused, and one that is not.
	put("50-site.toml", "version = 1\nname = \"site\"\n[pids]\nmaxx = 100\n")
	api.Await("n1", nodeinstall.NoteState, "failed")
	want := `the ConfigMap's policies are refused, and those before them stay: 50-site.toml:4:1: unknown key "maxx"; did you mean "max"?`
	if got := api.Annotation("n1", nodeinstall.NoteMessage); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if got := inNode("cat /etc/runward/policy.d/50-site.toml"); !strings.Contains(got, "max = 100") {
		t.Errorf("the node's policy is\n%s", got)
	}
	put("50-site.toml", "version = 1\nname = \"site\"\n[pids]\nmax = 200\n")
	api.Await("n1", nodeinstall.NoteState, "ready")
	if got := inNode("cat /etc/runward/policy.d/50-site.toml"); !strings.Contains(got, "max = 200") {
		t.Errorf("the node's policy is\n%s", got)
	}

	// Taken away, and nothing is left but what containers left.
	api.Annotate("n1", nodeinstall.AskUninstall, "true")
	api.Await("n1", nodeinstall.NoteState, "removed")
	if got := inNode("cat /etc/crio/crio.conf; ls /etc/crio /etc/crio/crio.conf.d"); got != before {
		t.Errorf("CRI-O's files were\n%s\nand are\n%s", before, got)
	}
	if got := inNode("ls /opt; ls -A /etc/runward/policy.d; ls -A /etc/runward"); got != "policy.d\n" {
		t.Errorf("left is %s", got)
	}
}

// grants are the capabilities that the chart adds.
func grants(t *testing.T) []string {
	t.Helper()
	text, err := os.ReadFile("../../packaging/kubernetes/runward.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for part := range strings.SplitSeq(string(text), "\n---\n") {
		var o struct {
			Kind string
			Spec struct {
				Template struct {
					Spec struct {
						Containers []struct {
							SecurityContext struct {
								Capabilities struct{ Add []string }
							} `yaml:"securityContext"`
						}
					}
				}
			}
		}
		if err := yaml.Unmarshal([]byte(part), &o); err != nil || o.Kind != "DaemonSet" {
			continue
		}
		return o.Spec.Template.Spec.Containers[0].SecurityContext.Capabilities.Add
	}
	t.Fatal("there is no DaemonSet")
	return nil
}
