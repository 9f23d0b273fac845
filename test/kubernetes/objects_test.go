package kubernetes

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	nodev1 "k8s.io/api/node/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	psaapi "k8s.io/pod-security-admission/api"
	psa "k8s.io/pod-security-admission/policy"

	"github.com/runward/runward/internal/config"
	"github.com/runward/runward/internal/nodeinstall"
)

// RuntimeClasses lead to the handler, on nodes where it was proven, and cost nothing.
func TestRuntimeClasses(t *testing.T) {
	manifests, _ := render(t, everything, "v1.34.0")
	var names []string
	for _, class := range find[*nodev1.RuntimeClass](t, manifests) {
		names = append(names, class.Name)
		selector := class.Scheduling.NodeSelector
		if class.Handler != "runward" || class.Overhead != nil || len(selector) != 1 || selector[nodeinstall.LabelReady] != "true" || class.Scheduling.Tolerations != nil {
			t.Errorf("%+v", class)
		}
	}
	if !slices.Equal(names, []string{"runward", "strict"}) {
		t.Errorf("found %v", names)
	}
}

// The privileges of the installer are these and no more: each is needed, see
// packaging/kubernetes/README.md.
func TestPrivileges(t *testing.T) {
	manifests, hooks := render(t, "", "v1.34.0")
	installer := one[*appsv1.DaemonSet](t, manifests).Spec.Template
	job := one[*batchv1.Job](t, hooks).Spec.Template

	if got := violations(t, job, psaapi.LevelRestricted); got != "" {
		t.Errorf("the pod that uninstalls is not restricted: %s", got)
	}
	want := "forbidden AppArmor profile, host namespaces, non-default capabilities, seLinuxOptions"
	if got := violations(t, installer, psaapi.LevelBaseline); got != want {
		t.Errorf("the installer is held up by\n %s\nwant\n %s", got, want)
	}
	spec, security := installer.Spec, installer.Spec.Containers[0].SecurityContext
	if !spec.HostPID || spec.HostNetwork || spec.HostIPC || security.Privileged != nil || len(spec.Containers) != 1 || len(spec.InitContainers) != 0 {
		t.Errorf("%+v", spec)
	}
	if !slices.Equal(security.Capabilities.Add, []corev1.Capability{"SYS_PTRACE", "SYS_ADMIN", "SYS_CHROOT"}) || !slices.Equal(security.Capabilities.Drop, []corev1.Capability{"ALL"}) {
		t.Errorf("%+v", security.Capabilities)
	}
	for _, v := range spec.Volumes {
		if v.HostPath != nil {
			t.Errorf("a directory of the node is mounted: %s", v.HostPath.Path)
		}
	}
}

// violations says what the Pod Security Standards, as Kubernetes judges them,
// have against a pod.
func violations(t *testing.T, pod corev1.PodTemplateSpec, level psaapi.Level) string {
	t.Helper()
	judge, err := psa.NewEvaluator(psa.DefaultChecks(), nil)
	if err != nil {
		t.Fatal(err)
	}
	var reasons []string
	for _, result := range judge.EvaluatePod(psaapi.LevelVersion{Level: level, Version: psaapi.LatestVersion()}, &pod.ObjectMeta, &pod.Spec) {
		if !result.Allowed {
			reasons = append(reasons, result.ForbiddenReason)
		}
	}
	slices.Sort(reasons)
	return strings.Join(reasons, ", ")
}

// Who runs is there, and may what it calls, and no more.
func TestRights(t *testing.T) {
	manifests, hooks := render(t, "", "v1.34.0")
	accounts := map[string]bool{}
	for _, account := range find[*corev1.ServiceAccount](t, manifests) {
		accounts[account.Name] = true
	}
	for _, pod := range []corev1.PodTemplateSpec{one[*appsv1.DaemonSet](t, manifests).Spec.Template, one[*batchv1.Job](t, hooks).Spec.Template} {
		if !accounts[pod.Spec.ServiceAccountName] || pod.Spec.AutomountServiceAccountToken == nil || !*pod.Spec.AutomountServiceAccountToken {
			t.Errorf("the account %s is not there, or its token is not", pod.Spec.ServiceAccountName)
		}
	}
	rules := map[string][]rbacv1.PolicyRule{}
	for _, role := range find[*rbacv1.ClusterRole](t, manifests) {
		rules[role.Name] = role.Rules
	}
	for _, role := range find[*rbacv1.Role](t, manifests) {
		rules[role.Name+" in "+role.Namespace] = role.Rules
	}
	rights := map[string][]string{}
	grant := func(subjects []rbacv1.Subject, role string) {
		for _, s := range subjects {
			for _, r := range rules[role] {
				rights[s.Namespace+"/"+s.Name] = append(rights[s.Namespace+"/"+s.Name], strings.Join(r.Verbs, ",")+" "+strings.Join(r.Resources, ","))
			}
		}
	}
	for _, b := range find[*rbacv1.ClusterRoleBinding](t, manifests) {
		grant(b.Subjects, b.RoleRef.Name)
	}
	for _, b := range find[*rbacv1.RoleBinding](t, manifests) {
		grant(b.Subjects, b.RoleRef.Name+" in "+b.Namespace)
	}
	for account, want := range map[string]string{
		"runward-system/runward-installer": "get,patch nodes; list pods; create events",
		"runward-system/runward-uninstall": "list,patch nodes",
	} {
		if got := strings.Join(rights[account], "; "); got != want {
			t.Errorf("%s may %s, want %s", account, got, want)
		}
	}
}

// The programs understand what the chart calls them with: outside of a cluster
// they get as far as to look for it.
func TestCommandLines(t *testing.T) {
	installer := build(t, "runward-installer")
	for _, values := range []string{"", everything} {
		manifests, hooks := render(t, values, "v1.34.0")
		for _, c := range []corev1.Container{
			one[*appsv1.DaemonSet](t, manifests).Spec.Template.Spec.Containers[0], one[*batchv1.Job](t, hooks).Spec.Template.Spec.Containers[0],
		} {
			cmd := exec.Command(installer, append(slices.Clone(c.Command[1:]), c.Args...)...)
			cmd.Env = []string{"NODE_NAME=n1"}
			out, err := cmd.CombinedOutput()
			if want := "error: KUBERNETES_SERVICE_HOST is not set: run this as a pod\n"; err == nil || string(out) != want {
				t.Errorf("%s %s: %v, %s", c.Command, c.Args, err, out)
			}
		}
	}
	container := one[*appsv1.DaemonSet](t, func() string { m, _ := render(t, "", "v1.34.0"); return m }()).Spec.Template.Spec.Containers[0]
	err := exec.Command(installer, append(container.ReadinessProbe.Exec.Command[1:], filepath.Join(t.TempDir(), "no"))...).Run()
	if err == nil {
		t.Error("a node that is not ready is taken for ready")
	}
	if err := exec.Command(installer, append(container.ReadinessProbe.Exec.Command[1:], installer)...).Run(); err != nil {
		t.Errorf("a node that is ready: %v", err)
	}
}

// build builds a program of the module above this one.
func build(t *testing.T, name string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	cmd := exec.Command("go", "build", "-o", path, "./cmd/"+name)
	cmd.Dir = "../.."
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return path
}

// What the chart puts into the ConfigMap is what the installer takes for
// settings and policies.
func TestConfigMap(t *testing.T) {
	for _, c := range []struct{ values, mode, sync, policies string }{
		{"", "audit", "none", ""},
		{everything, "enforce", "data", "50-site.toml 60-shop.toml"},
	} {
		manifests, _ := render(t, c.values, "v1.34.0")
		dir := t.TempDir()
		for key, text := range one[*corev1.ConfigMap](t, manifests).Data {
			if err := os.WriteFile(filepath.Join(dir, key), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := nodeinstall.ReadConfigMap(dir)
		if err != nil {
			t.Fatal(err)
		}
		settings, err := config.Parse("runward.toml", []byte(want.Settings))
		if err != nil || settings.Mode != c.mode || settings.Audit.Sync != c.sync {
			t.Errorf("%+v, %v", settings, err)
		}
		var names []string
		for name := range want.Policies {
			names = append(names, filepath.Join(dir, name))
		}
		slices.Sort(names)
		if got := strings.ReplaceAll(strings.Join(names, " "), dir+"/", ""); got != c.policies {
			t.Errorf("policies %s, want %s", got, c.policies)
		}
		if len(names) == 0 {
			continue
		}
		out, err := exec.Command(build(t, "runwardctl"), append([]string{"policy", "check"}, names...)...).CombinedOutput()
		if err != nil {
			t.Errorf("%v\n%s", err, out)
		}
	}
	manifests, _ := render(t, "configMap: mine", "v1.34.0")
	if len(find[*corev1.ConfigMap](t, manifests)) != 0 || one[*appsv1.DaemonSet](t, manifests).Spec.Template.Spec.Volumes[0].ConfigMap.Name != "mine" {
		t.Error("a ConfigMap of one's own is not the one that is mounted")
	}
}
