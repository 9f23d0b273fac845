package policyfile

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"

	"github.com/runward/runward/internal/owner"
	"github.com/runward/runward/policy"
	"github.com/runward/runward/policy/profiles"
)

// Sources says where a node's policies are.
type Sources struct {
	// Dirs hold the policy files, as systemd does it: a file in an earlier
	// directory masks one of the same name in a later one, and what is left
	// sorts by file name. An absent directory is empty.
	Dirs []string

	// Profiles hold profiles that `extends` may name, besides the built-in ones.
	Profiles []string

	// Unselected is what holds for a container that no policy selects: the
	// name of a profile, "allow" or "deny".
	Unselected string
}

// maxFile is the size in bytes that a policy file may have.
const maxFile = 1 << 20

// loader loads one set.
type loader struct {
	Sources
	rules    []policy.Rule
	profiles map[string]*policy.Policy
	loading  []string // the profiles that extend each other just now
	dirs     owner.Dirs
	anyOwner bool // for what is only looked at: files need not be root's
	digest   []byte
}

// Load reads the node's policies. Every file must decode, and it and all
// directories above it must be root's and not writable by others: otherwise
// the error names the first that is not, and there is no set.
func Load(src Sources, rules []policy.Rule) (policy.Set, error) {
	l := newLoader(src, rules)
	files, err := l.find()
	if err != nil {
		return policy.Set{}, err
	}
	var set policy.Set
	for _, file := range files {
		text, err := l.read(file)
		if err != nil {
			return policy.Set{}, err
		}
		l.note(file, text)
		p, err := Parse(file, text, rules, l.profile)
		if err != nil {
			return policy.Set{}, err
		}
		if other := named(set.Policies, p.Name); other != nil {
			return policy.Set{}, sameName(file, p.Name, other.File)
		}
		set.Policies = append(set.Policies, p)
	}
	if set.Fallback, err = l.fallback(); err != nil {
		return policy.Set{}, err
	}
	sum := sha256.Sum256(l.digest)
	set.Digest = "sha256:" + hex.EncodeToString(sum[:])
	return set, nil
}

// note adds a file to the set's digest.
func (l *loader) note(file string, text []byte) {
	sum := sha256.Sum256(text)
	l.digest = append(append(append(l.digest, file...), 0), sum[:]...)
}

func named(policies []*policy.Policy, name string) *policy.Policy {
	for _, p := range policies {
		if p.Name == name {
			return p
		}
	}
	return nil
}

// fallback returns what holds for a container that no policy selects.
func (l *loader) fallback() (*policy.Policy, error) {
	l.digest = append(append(l.digest, l.Unselected...), 0)
	switch l.Unselected {
	case "deny":
		return nil, nil
	case "allow":
		return &policy.Policy{Name: "unselected"}, nil
	}
	p, err := l.profile(l.Unselected)
	if err != nil {
		return nil, errors.New("policy.unselected: " + err.Error())
	}
	return p, nil
}

// find returns the paths of the policy files in order.
func (l *loader) find() ([]string, error) {
	paths := map[string]string{}
	for _, dir := range l.Dirs {
		entries, err := os.ReadDir(dir)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			continue
		case err != nil:
			return nil, errors.New("policy directory " + dir + " cannot be read: " + owner.Reason(err))
		}
		if err := l.dirs.Check(dir); err != nil {
			return nil, err
		}
		for _, e := range entries {
			name := e.Name()
			if !strings.HasSuffix(name, ".toml") || strings.HasPrefix(name, ".") {
				continue
			}
			if _, masked := paths[name]; !masked {
				paths[name] = filepath.Join(dir, name)
			}
		}
	}
	names := make([]string, 0, len(paths))
	for name, path := range paths {
		if target, err := os.Readlink(path); err == nil && target == "/dev/null" {
			continue // masks the file in later directories, and is nothing itself
		}
		names = append(names, name)
	}
	sort.Strings(names)
	files := make([]string, len(names))
	for i, name := range names {
		files[i] = paths[name]
	}
	return files, nil
}

// read returns a policy file's text after checking whose it is.
func (l *loader) read(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, errors.New("policy file " + path + " cannot be read: " + owner.Reason(err))
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, errors.New("policy file " + path + " cannot be read: " + owner.Reason(err))
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("policy file " + path + " is not a regular file")
	}
	if err := l.owned(path, info); err != nil {
		return nil, err
	}
	if info.Size() > maxFile {
		return nil, errors.New("policy file " + path + " is larger than 1 MiB; split it")
	}
	text := make([]byte, info.Size())
	for n := 0; n < len(text); {
		more, err := f.Read(text[n:])
		if err != nil {
			return nil, errors.New("policy file " + path + " changed while it was read; try again")
		}
		n += more
	}
	return text, nil
}

// owned says whether nobody but root can change the file, or put another in
// its place.
func (l *loader) owned(path string, info fs.FileInfo) error {
	if l.anyOwner {
		return nil
	}
	if err := owner.Check("policy file "+path, info); err != nil {
		return err
	}
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return errors.New("policy file " + path + " cannot be read: " + owner.Reason(err))
	}
	return l.dirs.Check(filepath.Dir(real))
}

// profile returns a profile by name: one installed on the node, or built in.
func (l *loader) profile(name string) (*policy.Policy, error) {
	if p, ok := l.profiles[name]; ok {
		return p, nil
	}
	if contains(l.loading, name) {
		return nil, errors.New("profile " + strconv.Quote(name) + " extends itself")
	}
	text, file, err := l.profileText(name)
	if err != nil {
		return nil, err
	}
	l.note(file, text)
	l.loading = append(l.loading, name)
	p, err := Parse(file, text, l.rules, l.profile)
	l.loading = l.loading[:len(l.loading)-1]
	if err != nil {
		return nil, err
	}
	l.profiles[name] = p
	return p, nil
}

func (l *loader) profileText(name string) (text []byte, file string, err error) {
	if name == "" || strings.ContainsAny(name, "/\x00") {
		return nil, "", errors.New("profile " + strconv.Quote(name) + ": want a name such as baseline")
	}
	for _, dir := range l.Profiles {
		file = filepath.Join(dir, name+".toml")
		if _, err := os.Lstat(file); err == nil {
			text, err := l.read(file)
			return text, file, err
		}
	}
	if text, ok := profiles.Text(name); ok {
		return text, "built-in:" + name, nil
	}
	return nil, "", errors.New("no profile is called " + strconv.Quote(name) + "; built in are " + strings.Join(profiles.Names(), ", "))
}

// BuiltIn returns a built-in profile.
func BuiltIn(name string, rules []policy.Rule) (*policy.Policy, error) {
	l := newLoader(Sources{}, rules)
	return l.profile(name)
}
