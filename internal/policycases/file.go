// Package policycases runs cases of policies: a config.json, the facts of a
// node, and what is to be decided about it, written down in a file.
package policycases

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/runward/runward/internal/owner"
	"github.com/runward/runward/internal/tomlfile"
	"github.com/runward/runward/policy"
)

// Suffix is what the names of case files end in.
const Suffix = "_test.toml"

// A File is a file of cases.
type File struct {
	Policies   []string `toml:"policies" doc:"policy files, relative to this one, and profiles; for cases that have none of their own"`
	Profiles   string   `toml:"profiles" doc:"a directory of profiles that policies extend, relative to this file"`
	Unselected string   `toml:"unselected" doc:"as in runward.toml: what holds where no policy selects; baseline unless said"`
	Cases      []Case   `toml:"case" doc:"the cases"`

	path string
	doc  *tomlfile.Doc
}

// A Case is one container and what is to be decided about it.
type Case struct {
	Name     string   `toml:"name" doc:"what is tested"`
	Policies []string `toml:"policies" doc:"instead of the file's"`
	Config   string   `toml:"config" doc:"a config.json, or a directory with one and, where it was captured, a facts.json"`
	Exec     Input    `toml:"exec" doc:"decide about a process that joins the container which the policies left of config: a process.json, or a table of what differs from the container's own process"`
	Update   Input    `toml:"update" doc:"decide about new limits for that container: a resources.json, or its members as a table"`
	Facts    Facts    `toml:"facts" doc:"the node and the container: engine, handler, identity, rootless, cgroup_v2, arch, kernel, now, apparmor, selinux, hook, paths, verb, flags"`
	Verdict  string   `toml:"verdict" doc:"allow, rewrite or deny"`
	Findings []Want   `toml:"finding" doc:"findings that there must be; where there are any, nothing else may be denied or rewritten"`
	Patch    string   `toml:"patch" doc:"the JSON Patch that there must be"`
}

// A Want is a finding that there must be. What is left out may be anything.
type Want struct {
	Rule    string `toml:"rule" doc:"the rule"`
	Pointer string `toml:"pointer" doc:"into config.json"`
	Done    string `toml:"done" doc:"denied, rewritten, would-deny, would-rewrite, excepted, expired or reported"`
	Found   string `toml:"found" doc:"words that its found has"`
}

// Facts are those of internal/pretend, as JSON.
type Facts struct{ text []byte }

// UnmarshalTOML reads a table.
func (f *Facts) UnmarshalTOML(v any) error {
	if _, ok := v.(map[string]any); !ok {
		return errors.New("want a table")
	}
	var err error
	f.text, err = json.Marshal(v)
	return err
}

// Find gives the case files that a person names: files, and those in
// directories, at any depth.
func Find(names []string) ([]string, error) {
	var all []string
	for _, name := range names {
		info, err := os.Stat(name)
		if err != nil {
			return nil, errors.New(name + " cannot be read: " + owner.Reason(err))
		}
		if !info.IsDir() {
			all = append(all, name)
			continue
		}
		before := len(all)
		err = filepath.WalkDir(name, func(path string, d os.DirEntry, err error) error {
			if err == nil && !d.IsDir() && strings.HasSuffix(path, Suffix) {
				all = append(all, path)
			}
			return err
		})
		if err != nil {
			return nil, errors.New(name + " cannot be read: " + owner.Reason(err))
		}
		if len(all) == before {
			return nil, errors.New("directory " + name + " has no cases (*" + Suffix + ")")
		}
	}
	sort.Strings(all)
	return all, nil
}

// Read decodes a case file.
func Read(path string) (*File, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, errors.New(path + " cannot be read: " + owner.Reason(err))
	}
	doc, err := tomlfile.Parse(path, text)
	if err != nil {
		return nil, err
	}
	f := &File{path: path, doc: doc, Unselected: "baseline"}
	if err := doc.Decode(doc.Root, nil, f); err != nil {
		return nil, err
	}
	if len(f.Cases) == 0 {
		return nil, doc.Errorf(nil, "no cases: write [[case]]")
	}
	for i := range f.Cases {
		if err := f.check(i, &f.Cases[i]); err != nil {
			return nil, err
		}
	}
	return f, nil
}

var verdicts = []string{"allow", "rewrite", "deny"}

var dones = []policy.Done{
	policy.Denied, policy.Rewritten, policy.WouldDeny, policy.WouldRewrite, policy.Excepted, policy.Expired, policy.Reported,
}

func (f *File) check(i int, c *Case) error {
	at := func(msg string, path ...any) error { return f.doc.Errorf(append([]any{"case", i}, path...), msg) }
	if c.Name == "" {
		c.Name = "case " + strconv.Itoa(i+1)
	}
	if c.Policies == nil {
		c.Policies = f.Policies
	}
	known := false
	for _, v := range verdicts {
		known = known || c.Verdict == v
	}
	switch {
	case len(c.Policies) == 0:
		return at("no policies: write policies = [...], in the case or at the top of the file")
	case c.Config == "":
		return at("no config: name a config.json, or a directory with one")
	case c.Exec.given() && c.Update.given():
		return at("exec and update: a case is about one of them", "update")
	case c.Verdict == "":
		return at("no verdict: write verdict = \"allow\", \"rewrite\" or \"deny\"")
	case !known:
		return at("verdict: want allow, rewrite or deny, found "+strconv.Quote(c.Verdict), "verdict")
	}
	if c.Patch != "" && !json.Valid([]byte(c.Patch)) {
		return at("patch: want a JSON Patch (an array of operations)", "patch")
	}
	for j, w := range c.Findings {
		if w.Rule == "" {
			return at("finding: it names no rule", "finding", j)
		}
		fine := w.Done == ""
		for _, d := range dones {
			fine = fine || w.Done == string(d)
		}
		if !fine {
			return at("done: unknown word "+strconv.Quote(w.Done), "finding", j, "done")
		}
	}
	return nil
}

// A Result is what became of one case.
type Result struct {
	File     string        `json:"file"`
	Line     int           `json:"line"` // of the case, from 1
	Name     string        `json:"name"`
	Verdict  string        `json:"verdict"`
	OK       bool          `json:"ok"`
	Problems []string      `json:"problems,omitempty"` // how it is not as wanted
	Took     time.Duration `json:"-"`
}
