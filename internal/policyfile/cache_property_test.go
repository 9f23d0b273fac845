package policyfile

import (
	"reflect"
	"slices"
	"strconv"
	"testing"

	"pgregory.net/rapid"

	"github.com/runward/runward/policy"
	"github.com/runward/runward/policy/rules"
)

var words = rapid.SampledFrom([]string{"", "a", "b", "prod-1", "!a", "!prod-*", "*", "prod-*", "**", "?", "a/b", "ä", "CAP_KILL", "!"})

// fill sets every field of a value to something, or to nothing, or to nil.
func fill(t *rapid.T, v reflect.Value) {
	switch v.Kind() {
	case reflect.String:
		v.SetString(words.Draw(t, "string"))
	case reflect.Bool:
		v.SetBool(rapid.Bool().Draw(t, "bool"))
	case reflect.Int64:
		v.SetInt(rapid.SampledFrom([]int64{0, 1, -1, 1 << 40, -1 << 62}).Draw(t, "int"))
	case reflect.Struct:
		for i := range v.NumField() {
			fill(t, v.Field(i))
		}
	case reflect.Slice:
		if n := rapid.IntRange(-2, 2).Draw(t, "length"); n >= 0 {
			v.Set(reflect.MakeSlice(v.Type(), n, n))
			for i := range n {
				fill(t, v.Index(i))
			}
		}
	case reflect.Map:
		n := rapid.IntRange(-2, 2).Draw(t, "length")
		if n >= 0 {
			v.Set(reflect.MakeMap(v.Type()))
		}
		for range n {
			e := reflect.New(v.Type().Elem()).Elem()
			fill(t, e)
			v.SetMapIndex(reflect.ValueOf(words.Draw(t, "key")), e)
		}
	default:
		t.Fatalf("a value of type %s: teach fill, and look whether the cache keeps it", v.Type())
	}
}

func drawPolicy(t *rapid.T, name string) *policy.Policy {
	p := &policy.Policy{
		Name: name, File: words.Draw(t, "file"), Mode: rapid.SampledFrom([]policy.Mode{policy.Enforce, policy.Audit, policy.Off}).Draw(t, "mode"),
		Rules: map[string]policy.Setting{},
	}
	fill(t, reflect.ValueOf(&p.Select).Elem())
	for i := range p.Select {
		p.Select[i].Missing = rapid.SampledFrom([]string{"", "match"}).Draw(t, "missing")
	}
	for i := range rules.All {
		if rapid.Bool().Draw(t, rules.All[i].ID) {
			s := rules.All[i].NewSettings()
			fill(t, reflect.ValueOf(s).Elem())
			p.Rules[rules.All[i].ID] = policy.Setting{Action: policy.Action(rapid.IntRange(0, 3).Draw(t, "action")), Settings: s}
		}
	}
	for range rapid.IntRange(0, 2).Draw(t, "exceptions") {
		x := policy.Exception{Rules: []string{rules.All[0].ID}, Reason: words.Draw(t, "reason"), Expires: rapid.Int64().Draw(t, "expires")}
		fill(t, reflect.ValueOf(&x.Match).Elem())
		fill(t, reflect.ValueOf(&x.Policies).Elem())
		if rapid.Bool().Draw(t, "allow") {
			x.Allow = map[string]any{}
			for _, r := range rules.All[2:4] {
				s := r.NewSettings()
				fill(t, reflect.ValueOf(s).Elem())
				x.Allow[r.ID] = s
			}
		}
		p.Exceptions = append(p.Exceptions, x)
	}
	for range rapid.IntRange(0, 2).Draw(t, "custom") {
		c := policy.Custom{
			ID: words.Draw(t, "id"), When: words.Draw(t, "when"), Message: words.Draw(t, "message"), Hint: words.Draw(t, "hint"),
			Action: rapid.SampledFrom([]policy.Action{policy.ActionDeny, policy.ActionAudit}).Draw(t, "action"), Policy: name,
		}
		fill(t, reflect.ValueOf(&c.On).Elem())
		fill(t, reflect.ValueOf(&c.Refs).Elem())
		p.Custom = append(p.Custom, c)
	}
	return p
}

func drawFacts(t *rapid.T) *policy.Facts {
	f := &policy.Facts{Now: 1, Engine: words.Draw(t, "engine"), Handler: words.Draw(t, "handler")}
	fill(t, reflect.ValueOf(&f.Identity).Elem())
	return f
}

func drawSet(t *rapid.T) policy.Set {
	set := policy.Set{Digest: words.Draw(t, "digest")}
	for i := range rapid.IntRange(0, 4).Draw(t, "policies") {
		set.Policies = append(set.Policies, drawPolicy(t, "p"+strconv.Itoa(i)))
	}
	if rapid.Bool().Draw(t, "fallback") {
		set.Fallback = drawPolicy(t, "fallback")
	}
	return set
}

// compiled gives the set as it comes out of the cache.
func compiled(t *rapid.T, set *policy.Set) *cache {
	l := &loader{rules: rules.All, trail: &trail{}}
	b, err := encodeCache(l, nil, set)
	if err != nil {
		t.Fatal(err)
	}
	c := &cache{file: b}
	if !c.read(key(l.Sources, l.rules)) {
		t.Fatal("it cannot be read")
	}
	return c
}

func TestCompiledIsParsed(t *testing.T) {
	spec, err := policy.ParseSpec([]byte(`{"ociVersion": "1.2.0", "process": {"cwd": "/", "args": ["sh"], "capabilities": {"bounding": ["CAP_KILL", "CAP_SYS_ADMIN"]}}, "root": {"path": "rootfs"}, "linux": {}}`))
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		set, facts := drawSet(t), drawFacts(t)
		c := compiled(t, &set)
		if c.advises != set.Advises() {
			t.Fatalf("Advises: got %v", c.advises)
		}
		if c.custom != set.Custom() {
			t.Fatalf("Custom: got %v", c.custom)
		}
		got, ok := c.decode(facts, rules.All)
		if !ok {
			t.Fatal("it cannot be decoded")
		}
		sameFor(t, facts, got, set)
		if a, b := policy.Evaluate(got, rules.All, spec, facts), policy.Evaluate(set, rules.All, spec, facts); !reflect.DeepEqual(a, b) {
			t.Fatalf("got the decision %+v, want %+v", a, b)
		}
		if a, b := policy.Evaluate(got.OnlyAudit(), rules.All, spec, facts), policy.Evaluate(set.OnlyAudit(), rules.All, spec, facts); !reflect.DeepEqual(a, b) {
			t.Fatalf("on a node that only audits: got %+v, want %+v", a, b)
		}
	})
}

// A field that the compiled selectors leave out would select too much.
func TestEveryFieldOfASelectorCounts(t *testing.T) {
	typ := reflect.TypeFor[policy.Selector]()
	for i := range typ.NumField() {
		var s policy.Selector
		switch f := reflect.ValueOf(&s).Elem().Field(i); f.Kind() {
		case reflect.Slice:
			f.Set(reflect.ValueOf([]string{"x"}))
		case reflect.Map:
			f.Set(reflect.ValueOf(map[string][]string{"k": {"x"}}))
		default:
			continue // missing
		}
		if selects, ok := newSubject(&policy.Facts{}).selected(appendSelectors(nil, []policy.Selector{s})); selects || !ok {
			t.Errorf("%s: selects %v, readable %v", typ.Field(i).Name, selects, ok)
		}
	}
}

// long is longer than what the index looks at of a glob.
const long = "a-name-that-is-longer-than-what-is-hashed"

// The index may bring too many, never too few.
func TestIndexBringsWhatSelects(t *testing.T) {
	simple := rapid.Custom(func(t *rapid.T) policy.Selector {
		var s policy.Selector
		value := rapid.SampledFrom([]string{"a", "b", "a*", "ab*", "ab?", "a**c", "?b", "*c", "!ab", "!b*", "", long, long + "*", long + "x*"})
		for range rapid.IntRange(0, 2).Draw(t, "lists") {
			field := rapid.SampledFrom([]*[]string{&s.Namespace, &s.Engine, &s.Digest}).Draw(t, "field")
			*field = rapid.SliceOfN(value, 1, 3).Draw(t, "globs")
		}
		s.Missing = rapid.SampledFrom([]string{"", "match"}).Draw(t, "missing")
		return s
	})
	rapid.Check(t, func(t *rapid.T) {
		var policies []*policy.Policy
		for range rapid.IntRange(0, 5).Draw(t, "policies") {
			policies = append(policies, &policy.Policy{Select: rapid.SliceOfN(simple, 0, 3).Draw(t, "select")})
		}
		value := rapid.SampledFrom([]string{"", "a", "b", "c", "ab", "abc", "abbc", "bc", long, long + "x", long[:maxPrefix]})
		f := &policy.Facts{Engine: value.Draw(t, "engine"), Identity: policy.Identity{Namespace: value.Draw(t, "namespace"), Digest: value.Draw(t, "digest")}}
		r := &reader{b: appendIndex(nil, policies)}
		i := r.index()
		found := i.candidates(newSubject(f))
		if r.bad || len(r.b) > 0 || !slices.IsSorted(found) {
			t.Fatalf("bad %v, left %d, found %v", r.bad, len(r.b), found)
		}
		for n, p := range policies {
			if p.Selects(f) && !slices.Contains(found, uint32(n)) {
				t.Errorf("policy %d selects, and is not among %v", n, found)
			}
			if selects, ok := newSubject(f).selected(appendSelectors(nil, p.Select)); selects != p.Selects(f) || !ok {
				t.Errorf("policy %d: selected %v", n, selects)
			}
		}
	})
}

// Settings that cannot be kept would make every create read the files.
func TestEverySettingCanBeKept(t *testing.T) {
	for i := range rules.All {
		if _, err := appendValue(nil, reflect.ValueOf(rules.All[i].NewSettings()).Elem()); err != nil {
			t.Errorf("%s: %v", rules.All[i].ID, err)
		}
	}
	if _, err := appendValue(nil, reflect.ValueOf(struct{ hidden int }{1})); err == nil {
		t.Error("a field that cannot be set again was taken")
	}
}
