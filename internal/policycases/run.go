package policycases

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/runward/runward/internal/owner"
	"github.com/runward/runward/internal/policyfile"
	"github.com/runward/runward/internal/pretend"
	"github.com/runward/runward/policy"
)

// Run judges every case of the file. An error is about a case that cannot be
// judged at all, or its policies. compile compiles their custom rules.
func (f *File) Run(rules []policy.Rule, compile policyfile.Compile) ([]Result, error) {
	var all []Result
	for i := range f.Cases {
		c := &f.Cases[i]
		began := time.Now()
		d, err := f.judge(c, rules, compile)
		if err != nil {
			return nil, f.wrap(i, err)
		}
		line, _ := f.doc.Locate("case", i)
		r := Result{File: f.path, Line: line, Name: c.Name, Verdict: d.Verdict.String(), Problems: c.compare(d), Took: time.Since(began)}
		r.OK = len(r.Problems) == 0
		all = append(all, r)
	}
	return all, nil
}

// wrap says which case an error is about, where the error has no place itself.
func (f *File) wrap(i int, err error) error {
	if strings.Contains(err.Error(), ".toml:") {
		return err
	}
	return f.doc.Errorf([]any{"case", i}, f.Cases[i].Name+": "+err.Error())
}

func (f *File) judge(c *Case, rules []policy.Rule, compile policyfile.Compile) (d policy.Decision, err error) {
	src := policyfile.Sources{Unselected: f.Unselected, Compile: compile}
	if f.Profiles != "" {
		src.Profiles = []string{f.beside(f.Profiles)}
	}
	var names []string
	for _, name := range c.Policies {
		if strings.Contains(name, "/") || strings.HasSuffix(name, ".toml") {
			name = f.beside(name)
		}
		names = append(names, name)
	}
	set, err := policyfile.LoadNamed(src, names, rules)
	if err != nil {
		return d, err
	}
	raw, captured, err := f.config(c)
	if err != nil {
		return d, err
	}
	facts, tree, err := pretend.FactsAndTree(c.Facts.text)
	if err != nil {
		return d, err
	}
	if facts.Verb == "exec" {
		spec, err := policy.ParseProcess(raw, facts.Ceiling)
		if err != nil {
			return d, err
		}
		return policy.EvaluateExec(set, rules, spec, facts, facts.Ceiling), nil
	}
	spec, err := policy.ParseSpec(raw)
	if err != nil {
		// The wrapper refuses what it cannot read.
		return unread("config.json", err), nil
	}
	if len(c.Facts.text) == 0 && captured != nil {
		call, err := pretend.ParseCall(captured)
		if err != nil {
			return d, err
		}
		if facts, tree, err = pretend.CallFacts(call, spec.View()); err != nil {
			return d, err
		}
	}
	tree.AddContainer(spec.View())
	d = policy.Evaluate(set, rules, spec, facts)
	if c.Exec.given() || c.Update.given() {
		return c.later(f, set, rules, spec, facts, d)
	}
	return d, nil
}

func (f *File) beside(name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(filepath.Dir(f.path), name)
}

// config reads the case's config.json and, where it is in a directory with
// one, its facts.json.
func (f *File) config(c *Case) (raw, captured []byte, err error) {
	path := f.beside(c.Config)
	info, err := os.Stat(path)
	if err == nil && info.IsDir() {
		if captured, err = os.ReadFile(filepath.Join(path, "facts.json")); err != nil {
			captured, err = nil, nil // it is not one of a capture
		}
		path = filepath.Join(path, "config.json")
	}
	if err == nil {
		raw, err = os.ReadFile(path)
	}
	if err != nil {
		return nil, nil, errors.New("config " + path + " cannot be read: " + owner.Reason(err))
	}
	return raw, captured, nil
}

// compare says how a decision is not as the case wants.
func (c *Case) compare(d policy.Decision) []string {
	var wrong []string
	if d.Verdict.String() != c.Verdict {
		wrong = append(wrong, "the verdict is "+d.Verdict.String()+", not "+c.Verdict)
	}
	met := make([]bool, len(d.Findings))
	for _, w := range c.Findings {
		at := slices.IndexFunc(d.Findings, w.is)
		for at >= 0 && met[at] {
			next := slices.IndexFunc(d.Findings[at+1:], w.is)
			if next < 0 {
				break
			}
			at += next + 1
		}
		if at < 0 {
			wrong = append(wrong, "there is no finding: "+w.String())
			continue
		}
		met[at] = true
	}
	for i, found := range d.Findings {
		acted := found.Done == policy.Denied || found.Done == policy.Rewritten
		if acted && !met[i] && (len(c.Findings) > 0 || len(wrong) > 0) {
			wrong = append(wrong, "not expected: "+string(found.Done)+" "+found.Rule+" "+found.Pointer+": "+found.Found)
		}
	}
	if c.Patch != "" {
		if got, same := samePatch(c.Patch, d); !same {
			wrong = append(wrong, "the patch is "+got)
		}
	}
	return wrong
}

func (w Want) is(f policy.Finding) bool {
	return f.Rule == w.Rule && (w.Pointer == "" || f.Pointer == w.Pointer) && (w.Done == "" || string(f.Done) == w.Done) &&
		strings.Contains(f.Found, w.Found)
}

func (w Want) String() string {
	s := strings.TrimSpace(w.Done + " " + w.Rule)
	if w.Pointer != "" {
		s += " " + w.Pointer
	}
	if w.Found != "" {
		s += ": " + w.Found
	}
	return s
}

// samePatch compares patches as JSON values.
func samePatch(want string, d policy.Decision) (got string, same bool) {
	text := []byte("[]")
	if len(d.Patch) > 0 {
		var err error
		if text, err = json.Marshal(d.Patch); err != nil {
			return err.Error(), false
		}
	}
	var a, b any
	if json.Unmarshal([]byte(want), &a) != nil || json.Unmarshal(text, &b) != nil {
		return string(text), false
	}
	return string(text), reflect.DeepEqual(a, b)
}
