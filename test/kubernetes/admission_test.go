package kubernetes

import (
	"testing"

	"cel.dev/cel-go/cel"
	admissionv1 "k8s.io/api/admissionregistration/v1"
)

// The installer of one node changes that node's marks, and nothing else: the
// policy is evaluated as the API server does.
func TestAdmission(t *testing.T) {
	manifests, _ := render(t, "", "v1.34.0")
	policy := one[*admissionv1.ValidatingAdmissionPolicy](t, manifests)
	if binding := one[*admissionv1.ValidatingAdmissionPolicyBinding](t, manifests); binding.Spec.PolicyName != policy.Name || binding.Spec.ValidationActions[0] != admissionv1.Deny {
		t.Errorf("%+v", binding)
	}
	type m = map[string]any
	node := func(name string, labels, notes, spec any) m {
		meta := m{"name": name}
		if labels != nil {
			meta["labels"] = labels
		}
		if notes != nil {
			meta["annotations"] = notes
		}
		return m{"metadata": meta, "spec": spec}
	}
	const installer = "system:serviceaccount:runward-system:runward-installer"
	own := node("n1", m{"os": "linux"}, m{"note": "x"}, m{"unschedulable": false})
	for _, c := range []struct {
		name, user string
		on         any // the node that the token's pod runs on
		old, now   m
		want       string // the message of who denies; empty: nobody
	}{
		{"its marks", installer, "n1", own, node("n1", m{"os": "linux", "runward.io/ready": "true"}, m{"note": "x", "runward.io/state": "ready"}, m{"unschedulable": false}), ""},
		{"its marks taken away", installer, "n1", node("n1", m{"runward.io/ready": "true"}, m{"runward.io/state": "ready"}, m{}), node("n1", nil, nil, m{}), ""},
		{"another node", installer, "n2", own, node("n1", m{"os": "linux", "runward.io/ready": "true"}, m{"note": "x"}, m{"unschedulable": false}), "runward's installer changes the node that it runs on, and no other"},
		{"a token of no node", installer, nil, own, own, "runward's installer changes the node that it runs on, and no other"},
		{"a label of another", installer, "n1", own, node("n1", m{"os": "linux", "pool": "gpu"}, m{"note": "x"}, m{"unschedulable": false}), "runward's installer changes no label but runward.io/ready"},
		{"a label changed", installer, "n1", own, node("n1", m{"os": "plan9"}, m{"note": "x"}, m{"unschedulable": false}), "runward's installer changes no label but runward.io/ready"},
		{"labels taken away", installer, "n1", own, node("n1", nil, m{"note": "x"}, m{"unschedulable": false}), "runward's installer changes no label but runward.io/ready"},
		{"an annotation of another", installer, "n1", own, node("n1", m{"os": "linux"}, m{"note": "y"}, m{"unschedulable": false}), "runward's installer changes no annotation but those of runward.io"},
		{"annotations taken away", installer, "n1", own, node("n1", m{"os": "linux"}, nil, m{"unschedulable": false}), "runward's installer changes no annotation but those of runward.io"},
		{"cordoned", installer, "n1", own, node("n1", m{"os": "linux"}, m{"note": "x"}, m{"unschedulable": true}), "runward's installer changes nothing of a node's spec"},
		{"somebody else", "system:node:n2", nil, own, node("n1", nil, nil, m{"unschedulable": true}), ""},
	} {
		extra := m{}
		if c.on != nil {
			extra["authentication.kubernetes.io/node-name"] = []any{c.on}
		}
		values := m{
			"request": m{"userInfo": m{"username": c.user, "extra": extra}}, "object": c.now, "oldObject": c.old,
		}
		if got := denies(t, policy, values); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

// denies gives the message of the first validation that does not hold.
func denies(t *testing.T, policy *admissionv1.ValidatingAdmissionPolicy, values map[string]any) string {
	t.Helper()
	for _, c := range policy.Spec.MatchConditions {
		if !eval(t, c.Expression, values).(bool) {
			return ""
		}
	}
	variables := map[string]any{}
	for _, v := range policy.Spec.Variables {
		variables[v.Name] = eval(t, v.Expression, values)
	}
	values["variables"] = variables
	for _, v := range policy.Spec.Validations {
		if !eval(t, v.Expression, values).(bool) {
			return v.Message
		}
	}
	return ""
}

func eval(t *testing.T, expression string, values map[string]any) any {
	t.Helper()
	var options []cel.EnvOption
	for name := range values {
		options = append(options, cel.Variable(name, cel.DynType))
	}
	env, err := cel.NewEnv(options...)
	if err != nil {
		t.Fatal(err)
	}
	ast, issues := env.Compile(expression)
	if issues.Err() != nil {
		t.Fatalf("%s: %v", expression, issues.Err())
	}
	program, err := env.Program(ast)
	if err != nil {
		t.Fatal(err)
	}
	value, _, err := program.Eval(values)
	if err != nil {
		t.Fatalf("%s: %v", expression, err)
	}
	return value.Value()
}
