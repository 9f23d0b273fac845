package policytest

import (
	"slices"
	"strconv"
	"strings"

	"github.com/runward/runward/internal/jsondoc"
	"github.com/runward/runward/policy"
)

// Fatal is what tests and property tests have in common.
type Fatal interface {
	Helper()
	Fatalf(format string, args ...any)
}

// CheckRewrite holds what every decision keeps to. A patch comes with the
// verdict rewrite and with no other; the document with it applied decodes, is
// allowed with nothing more to do, and keeps every value that no pointer of
// the patch names, byte for byte and in its order.
func CheckRewrite(t Fatal, set policy.Set, rules []policy.Rule, spec *policy.Spec, facts *policy.Facts, d policy.Decision) {
	t.Helper()
	if (d.Verdict == policy.Rewrite) != (len(d.Patch) > 0) {
		t.Fatalf("verdict %v with a patch of %d operations", d.Verdict, len(d.Patch))
	}
	if d.Verdict == policy.Allow && rewritten(d) {
		t.Fatalf("allowed with findings that speak of a rewrite: %+v", d.Findings)
	}
	if d.Verdict != policy.Rewrite {
		return
	}
	raw, err := spec.Apply(d.Patch)
	if err != nil {
		t.Fatalf("apply: %v", err)
	}
	patched, err := policy.ParseSpec(raw)
	if err != nil {
		t.Fatalf("patched config.json: %v", err)
	}
	if again := policy.Evaluate(set, rules, patched, facts); again.Verdict != policy.Allow || len(again.Patch) > 0 || rewritten(again) {
		t.Fatalf("not a fixpoint: the patched config.json gives %v, findings %+v, patch %v\n%s", again.Verdict, again.Findings, again.Patch, raw)
	}
	if err := untouched(spec.Raw(), raw, d); err != "" {
		t.Fatalf("%s\nbefore %s\nafter %s", err, spec.Raw(), raw)
	}
}

func rewritten(d policy.Decision) bool {
	return slices.ContainsFunc(d.Findings, func(f policy.Finding) bool { return f.Done == policy.Rewritten })
}

// untouched says what changed outside of the patch's pointers.
func untouched(before, after []byte, d policy.Decision) string {
	var pointers []string
	for _, op := range d.Patch {
		pointers = append(pointers, op.Path)
	}
	old, err := jsondoc.Parse(before, jsondoc.DefaultLimits())
	if err != nil {
		return err.Error()
	}
	now, err := jsondoc.Parse(after, jsondoc.DefaultLimits())
	if err != nil {
		return err.Error()
	}
	return sameBut(old.Root(), now.Root(), "", pointers)
}

// sameBut compares two values and says what differs that no pointer is for.
// Where elements of an array come and go, indexes move: there what is before
// the first of them is compared.
func sameBut(old, now jsondoc.Value, at string, pointers []string) string {
	var inside []string
	for _, p := range pointers {
		if p == at {
			return ""
		}
		if strings.HasPrefix(p, at+"/") {
			inside = append(inside, p)
		}
	}
	switch {
	case len(inside) == 0:
		if string(old.Raw()) != string(now.Raw()) {
			return "changed without a pointer to it: " + at
		}
		return ""
	case old.Kind() != now.Kind():
		return "changed without a pointer to it: " + at
	case old.Kind() == jsondoc.Object:
		return sameMembers(old, now, at, inside)
	}
	for i := range old.Len() {
		child := at + "/" + strconv.Itoa(i)
		if slices.Contains(inside, child) || i >= now.Len() {
			return ""
		}
		if err := sameBut(old.Index(i), now.Index(i), child, inside); err != "" {
			return err
		}
	}
	return ""
}

// sameMembers compares two objects: what neither has been added nor removed
// stays, in its order.
func sameMembers(old, now jsondoc.Value, at string, pointers []string) string {
	o, n := old.First(), now.First()
	for o.Exists() || n.Exists() {
		switch {
		case o.Exists() && n.Exists() && o.Key() == n.Key():
			if err := sameBut(o, n, at+"/"+jsondoc.EscapePointer(o.Key()), pointers); err != "" {
				return err
			}
			o, n = o.Next(), n.Next()
		case o.Exists() && slices.Contains(pointers, at+"/"+jsondoc.EscapePointer(o.Key())):
			o = o.Next()
		case n.Exists() && slices.Contains(pointers, at+"/"+jsondoc.EscapePointer(n.Key())):
			n = n.Next()
		default:
			return "a member of " + at + " came, went or moved without a pointer to it"
		}
	}
	return ""
}
