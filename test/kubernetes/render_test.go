// Package kubernetes renders the Helm chart with Helm's own engine, and reads
// the result with Kubernetes' own types.
package kubernetes

import (
	"bytes"
	"flag"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/engine"
	"helm.sh/helm/v3/pkg/releaseutil"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/client-go/kubernetes/scheme"
)

var update = flag.Bool("update", false, "write what the chart renders to")

const (
	chartDir = "../../packaging/kubernetes/chart"
	plain    = "../../packaging/kubernetes/runward.yaml"
)

// everything is a release in which every value is another than the chart's own.
const everything = `
image: {repository: registry.example.com/runward, digest: "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef", pullPolicy: Always, pullSecrets: [{name: pull}]}
mode: enforce
settings: |
  # receipts are on the disk before containers start
  [audit]
  sync = "data"
policies:
  50-site.toml: |
    version = 1
    name = "site"
    extends = ["baseline"]

    [pids]
    max = 4096
  60-shop.toml: |
    version = 1
    name = "shop"

    [[select]]
    namespace = ["shop"]

    [no_new_privileges]
engine: {name: cri-o, restart: false}
runtimeClasses: [{name: runward}, {name: strict}]
nodeSelector: {pool: general}
affinity: {nodeAffinity: {requiredDuringSchedulingIgnoredDuringExecution: {nodeSelectorTerms: [{matchExpressions: [{key: gpu, operator: DoesNotExist}]}]}}}
tolerations: [{key: dedicated, operator: Equal, value: shop, effect: NoSchedule}]
priorityClassName: node-agents
podAnnotations: {team: nodes}
maxUnavailable: 10%
resources: {limits: {memory: 1Gi}}
uninstall: {timeout: 30m}
`

// render gives what `helm install` sends to the cluster, hooks last, as one file.
func render(t *testing.T, values, kube string) (manifests, hooks string) {
	t.Helper()
	manifests, hooks, err := tryRender(values, kube)
	if err != nil {
		t.Fatal(err)
	}
	return manifests, hooks
}

func tryRender(values, kube string) (manifests, hooks string, err error) {
	chart, err := loader.Load(chartDir)
	if err != nil {
		return "", "", err
	}
	given, err := chartutil.ReadValues([]byte(values))
	if err != nil {
		return "", "", err
	}
	version, err := chartutil.ParseKubeVersion(kube)
	if err != nil {
		return "", "", err
	}
	caps := &chartutil.Capabilities{KubeVersion: *version, APIVersions: chartutil.DefaultVersionSet}
	release := chartutil.ReleaseOptions{Name: "runward", Namespace: "runward-system", Revision: 1, IsInstall: true}
	all, err := chartutil.ToRenderValues(chart, given, release, caps)
	if err != nil {
		return "", "", err
	}
	files, err := engine.Engine{Strict: true}.Render(chart, all)
	if err != nil {
		return "", "", err
	}
	delete(files, "runward/templates/NOTES.txt")
	before, sorted, err := releaseutil.SortManifests(files, caps.APIVersions, releaseutil.InstallOrder)
	if err != nil {
		return "", "", err
	}
	var b, h strings.Builder
	for _, m := range sorted {
		b.WriteString("---\n" + strings.TrimSpace(m.Content) + "\n")
	}
	for _, m := range before {
		h.WriteString("---\n" + strings.TrimSpace(m.Manifest) + "\n")
	}
	return b.String(), h.String(), nil
}

// objects decodes as the API server does that is told fieldValidation=Strict: no
// unknown field, none twice.
func objects(t *testing.T, manifests string) []runtime.Object {
	t.Helper()
	decoder := serializer.NewCodecFactory(scheme.Scheme, serializer.EnableStrict).UniversalDeserializer()
	parts := releaseutil.SplitManifests(manifests)
	var all []runtime.Object
	for _, name := range slices.Sorted(maps.Keys(parts)) {
		object, _, err := decoder.Decode([]byte(parts[name]), nil, nil)
		if err != nil {
			t.Fatalf("%v\n%s", err, parts[name])
		}
		all = append(all, object)
	}
	return all
}

// find gives the objects of one type.
func find[T runtime.Object](t *testing.T, manifests string) []T {
	t.Helper()
	var all []T
	for _, o := range objects(t, manifests) {
		if one, ok := o.(T); ok {
			all = append(all, one)
		}
	}
	return all
}

// one gives the only object of a type.
func one[T runtime.Object](t *testing.T, manifests string) T {
	t.Helper()
	all := find[T](t, manifests)
	if len(all) != 1 {
		t.Fatalf("there are %d of %T, want 1", len(all), *new(T))
	}
	return all[0]
}

const header = `# What the chart renders to with its own values, for who has no Helm: made by
# go -C test/kubernetes test . -args -update
#
#   kubectl apply -f runward.yaml
#
# To take it away, see README.md.
`

func TestRendered(t *testing.T) {
	standard, hook := render(t, "namespace: {create: true}", "v1.34.0")
	if len(objects(t, hook)) != 1 {
		t.Error("there is more than one hook, or none")
	}
	full, fullHooks := render(t, everything, "v1.29.0")
	for path, got := range map[string]string{plain: header + standard, filepath.Join("testdata", "everything.yaml"): full + fullHooks} {
		objects(t, strings.TrimPrefix(got, header))
		if *update {
			if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if have, err := os.ReadFile(path); err != nil || !bytes.Equal(have, []byte(got)) {
			t.Errorf("%s is not as the chart renders it: run go -C test/kubernetes test . -args -update and read the diff (%v)", path, err)
		}
	}
}

// What the chart does not know is refused before anything reaches the cluster.
func TestValuesAreRefused(t *testing.T) {
	for _, c := range []struct{ values, want string }{
		{"mode: loose", "- at '/mode': value must be one of 'audit', 'enforce', 'off'"},
		{"mdoe: audit", "- at '': additional properties 'mdoe' not allowed"},
		{"engine: {name: docker}", "- at '/engine/name': value must be one of '', 'containerd', 'cri-o'"},
		{"policies: {site.yaml: x}", "invalid propertyName 'site.yaml'"},
		{"policies: {runward.toml: x}", "invalid propertyName 'runward.toml'"},
		{`settings: 'mode = "off"'`, `- at '/settings': 'mode = "off"' does not match pattern`},
		{"runtimeClasses: []", "- at '/runtimeClasses': minItems: got 0, want 1"},
		{"image: {digest: latest}", "- at '/image/digest': 'latest' does not match pattern"},
		{"maxUnavailable: 1\nnamespace: {create: maybe}", "- at '/namespace/create': got string, want boolean"},
	} {
		_, _, err := tryRender(c.values, "v1.34.0")
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s:\n got %v\nwant %s", c.values, err, c.want)
		}
	}
	if _, _, err := tryRender("settings: |\n  # why\n  [audit]\n  sync = \"data\"\n", "v1.34.0"); err != nil {
		t.Error(err)
	}
}

// The decoder finds what it is there for.
func TestStrictness(t *testing.T) {
	decoder := serializer.NewCodecFactory(scheme.Scheme, serializer.EnableStrict).UniversalDeserializer()
	_, _, err := decoder.Decode([]byte("apiVersion: node.k8s.io/v1\nkind: RuntimeClass\nhandlr: runward\n"), nil, nil)
	if err == nil || !strings.Contains(err.Error(), `unknown field "handlr"`) {
		t.Error(err)
	}
}
