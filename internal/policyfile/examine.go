package policyfile

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"

	"github.com/runward/runward/internal/owner"
	"github.com/runward/runward/policy"
)

// An Examined is one policy file or profile, by itself.
type Examined struct {
	File   string // or built-in:NAME
	Text   []byte
	Policy *policy.Policy // nil where the file is refused
	Err    error          // why it is refused
	Owner  error          // of a file that was named: why it would be refused where policies are installed
}

// Examine reads every policy file of the node, also after one that is refused.
// An error is about a directory.
func Examine(src Sources, rules []policy.Rule) ([]Examined, error) {
	l := newLoader(src, rules)
	files, err := l.find()
	if err != nil {
		return nil, err
	}
	var all []Examined
	for _, file := range files {
		all = append(all, l.examine(file))
	}
	return all, nil
}

// ExamineNamed reads what a person names: files, directories of files and
// profiles. Files may be anybody's; an error says that there is no such thing.
func ExamineNamed(src Sources, names []string, rules []policy.Rule) ([]Examined, error) {
	l := newLoader(src, rules)
	l.anyOwner = true
	var all []Examined
	for _, name := range names {
		files, err := l.filesOf(name)
		if err != nil {
			return nil, err
		}
		if files == nil {
			text, file, err := l.profileText(name)
			if err != nil {
				return nil, err
			}
			all = append(all, l.decode(file, text))
			continue
		}
		for _, file := range files {
			x := l.examine(file)
			if info, err := os.Stat(file); err == nil && x.Err == nil {
				x.Owner = newLoader(src, rules).owned(file, info)
			}
			all = append(all, x)
		}
	}
	return all, nil
}

// LoadNamed makes a set of what a person names, as ExamineNamed finds it.
func LoadNamed(src Sources, names []string, rules []policy.Rule) (policy.Set, error) {
	all, err := ExamineNamed(src, names, rules)
	if err != nil {
		return policy.Set{}, err
	}
	l := newLoader(src, rules)
	var set policy.Set
	for _, x := range all {
		if x.Err != nil {
			return policy.Set{}, x.Err
		}
		l.note(x.File, x.Text)
		if other := named(set.Policies, x.Policy.Name); other != nil {
			return policy.Set{}, sameName(x.File, x.Policy.Name, other.File)
		}
		set.Policies = append(set.Policies, x.Policy)
	}
	if set.Fallback, err = l.fallback(); err != nil {
		return policy.Set{}, err
	}
	sum := sha256.Sum256(l.digest)
	set.Digest = "sha256:" + hex.EncodeToString(sum[:])
	return set, nil
}

func newLoader(src Sources, rules []policy.Rule) *loader {
	return &loader{Sources: src, rules: rules, profiles: map[string]*policy.Policy{}, dirs: owner.Dirs{}}
}

func (l *loader) examine(file string) Examined {
	text, err := l.read(file)
	if err != nil {
		return Examined{File: file, Err: err}
	}
	return l.decode(file, text)
}

func (l *loader) decode(file string, text []byte) Examined {
	p, err := ParseCompile(file, text, l.rules, l.profile, l.Compile)
	return Examined{File: file, Text: text, Policy: p, Err: err}
}

// filesOf gives the absolute paths of the files that a name stands for; none
// where it can only be a profile.
func (l *loader) filesOf(name string) ([]string, error) {
	path, err := filepath.Abs(name)
	if err != nil {
		return nil, errors.New(strconv.Quote(name) + ": " + err.Error())
	}
	info, err := os.Stat(path)
	switch {
	case err != nil && (strings.Contains(name, "/") || strings.HasSuffix(name, ".toml")):
		return nil, errors.New("policy file " + name + " cannot be read: " + owner.Reason(err))
	case err != nil:
		return nil, nil
	case !info.IsDir():
		return []string{path}, nil
	}
	files, err := filepath.Glob(filepath.Join(globQuote(path), "*.toml"))
	if err != nil || len(files) == 0 {
		return nil, errors.New("directory " + name + " has no policy files (*.toml)")
	}
	sort.Strings(files)
	return files, nil
}

func globQuote(path string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(path)
}

func sameName(file, name, other string) error {
	return errors.New(file + ": the name " + strconv.Quote(name) + " is also that of " + other + "; rename one of them")
}
