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
	"syscall"

	"github.com/runward/runward/internal/nearest"
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

	// Cache is the file in which Open keeps the decoded set for the next
	// process; empty: nowhere. It must be in a directory that only root writes.
	Cache string

	// BuiltIn gives a built-in profile already decoded, without the profiles
	// that it extends, and their names; nil: it is decoded from its text.
	BuiltIn func(name string) (p *policy.Policy, extends []string)

	// Compile compiles custom rules; nil: they stay text, and refuse every
	// container that they judge.
	Compile Compile
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
	trail    *trail // nil: nobody asks
	listed   []listing
}

// A listing is a directory as it was before it was read.
type listing struct {
	dir  string
	info fs.FileInfo
}

// Load reads the node's policies. Every file must decode, and it and all
// directories above it must be root's and not writable by others: otherwise
// the error names the first that is not, and there is no set.
func Load(src Sources, rules []policy.Rule) (policy.Set, error) {
	return newLoader(src, rules).load()
}

// load reads the set, anew where its directories were changed meanwhile: half of
// what was there and half of what is may be less than either.
func (l *loader) load() (policy.Set, error) {
	for range 5 {
		set, err := l.once()
		moved := l.moved()
		if moved == "" {
			return set, err
		}
		*l = loader{Sources: l.Sources, rules: l.rules, profiles: map[string]*policy.Policy{}, dirs: owner.Dirs{}, anyOwner: l.anyOwner, trail: l.trail.anew()}
	}
	return policy.Set{}, errors.New("the policy directories change while they are read; try again when they do not")
}

// moved names a directory that is not as it was listed; empty: all are.
func (l *loader) moved() string {
	for _, was := range l.listed {
		now, err := os.Stat(was.dir)
		if err != nil || !os.SameFile(was.info, now) || !was.info.ModTime().Equal(now.ModTime()) {
			return was.dir
		}
	}
	return ""
}

func (l *loader) once() (policy.Set, error) {
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
		p, err := ParseCompile(file, text, l.rules, l.profile, l.Compile)
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
		entries, err := l.list(dir)
		if err != nil {
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

// list returns what is in a directory, in no order, after checking whose it
// is; nothing where it is absent.
func (l *loader) list(dir string) ([]fs.DirEntry, error) {
	f, err := os.OpenFile(dir, os.O_RDONLY|syscall.O_DIRECTORY, 0)
	if errors.Is(err, fs.ErrNotExist) {
		l.trail.noDir(dir)
		return nil, nil
	}
	var entries []fs.DirEntry
	if err == nil {
		defer f.Close()
		l.trail.list(dir, f)
		var info fs.FileInfo
		if info, err = f.Stat(); err == nil {
			l.listed = append(l.listed, listing{dir, info})
			entries, err = f.ReadDir(-1)
		}
	}
	if err != nil {
		return nil, errors.New("policy directory " + dir + " cannot be read: " + owner.Reason(err))
	}
	if err := l.dirs.Check(dir); err != nil {
		return nil, err
	}
	real, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return nil, errors.New("policy directory " + dir + " cannot be read: " + owner.Reason(err))
	}
	return entries, l.dirs.Check(real) // where a symbolic link leads, other directories guard it
}

// read returns a policy file's text after checking whose it is.
func (l *loader) read(path string) ([]byte, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0) // a FIFO is refused below, not waited for
	if err != nil {
		return nil, errors.New("policy file " + path + " cannot be read: " + owner.Reason(err))
	}
	defer f.Close()
	l.trail.read(path, f)
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
	p, err := l.decodeProfile(name, file, text)
	l.loading = l.loading[:len(l.loading)-1]
	if err != nil {
		return nil, err
	}
	l.profiles[name] = p
	return p, nil
}

func (l *loader) decodeProfile(name, file string, text []byte) (*policy.Policy, error) {
	if l.BuiltIn == nil || file != builtInFile(name) {
		return ParseCompile(file, text, l.rules, l.profile, l.Compile)
	}
	p, extends := l.BuiltIn(name)
	if p == nil {
		return ParseCompile(file, text, l.rules, l.profile, l.Compile)
	}
	for _, other := range extends {
		base, err := l.profile(other)
		if err != nil {
			return nil, errors.New(file + ": extends: " + err.Error())
		}
		p.Extend(base, l.rules)
	}
	return p, nil
}

// builtInFile stands where people look for the file of a built-in profile.
func builtInFile(name string) string { return "built-in:" + name }

func (l *loader) profileText(name string) (text []byte, file string, err error) {
	if name == "" || strings.ContainsAny(name, "/\x00") {
		return nil, "", errors.New("profile " + strconv.Quote(name) + ": want a name such as baseline")
	}
	for _, dir := range l.Profiles {
		file = filepath.Join(dir, name+".toml")
		_, err := os.Lstat(file)
		if errors.Is(err, fs.ErrNotExist) {
			l.trail.nothing(file)
			continue
		}
		// Also where it cannot be looked at: one in a later directory may be weaker.
		text, err := l.read(file)
		return text, file, err
	}
	if text, ok := profiles.Text(name); ok {
		return text, builtInFile(name), nil
	}
	msg := "no profile is called " + strconv.Quote(name)
	if near := nearest.Word(name, profiles.Names()); near != "" {
		return nil, "", errors.New(msg + "; did you mean " + strconv.Quote(near) + "?")
	}
	return nil, "", errors.New(msg + "; built in are " + strings.Join(profiles.Names(), ", "))
}

// BuiltIn returns a built-in profile.
func BuiltIn(name string, rules []policy.Rule) (*policy.Policy, error) {
	l := newLoader(Sources{}, rules)
	return l.profile(name)
}

// BuiltInAlone returns a built-in profile without those that it extends, and
// their names.
func BuiltInAlone(name string, rules []policy.Rule) (p *policy.Policy, extends []string, err error) {
	text, ok := profiles.Text(name)
	if !ok {
		return nil, nil, errors.New("no built-in profile is called " + strconv.Quote(name))
	}
	p, err = Parse(builtInFile(name), text, rules, func(other string) (*policy.Policy, error) {
		extends = append(extends, other)
		return &policy.Policy{}, nil
	})
	return p, extends, err
}

// BuiltInExtend finds built-in profiles for Parse, and no others.
func BuiltInExtend(rules []policy.Rule) func(name string) (*policy.Policy, error) {
	return func(name string) (*policy.Policy, error) { return BuiltIn(name, rules) }
}
