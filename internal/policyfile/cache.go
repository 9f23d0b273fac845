package policyfile

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"syscall"

	"github.com/runward/runward/internal/owner"
	"github.com/runward/runward/policy"
)

// The file has a head, the front and the pieces. The head says how long the
// front is, and its checksum. The front is for whom it was written, the trail,
// where each policy is, and the index. A policy and its settings are read only
// when it may select the container, and have checksums of their own.
const (
	magic    = "rwpolcy1"
	headSize = len(magic) + 4 + 4
	maxSize  = 256 << 20
)

// A cache is a cache file whose trail was found unchanged.
type cache struct {
	file     []byte // mapped: a page that is not touched costs nothing
	digest   string
	advises  bool
	custom   bool
	fallback ref // of size 0: there is none
	refs     []byte
	index    index
	pieces   []byte
}

// key names what the set depends on besides files: where they are looked for,
// by which rules they are read, and whose files are trusted.
func key(src Sources, rules []policy.Rule) []byte {
	b := make([]byte, 0, 1024)
	b = appendString(appendUint(b, uint64(os.Geteuid())), src.Unselected)
	for _, list := range [...][]string{src.Dirs, src.Profiles} {
		b = appendUint(b, uint64(len(list)))
		for _, dir := range list {
			b = appendString(b, dir)
		}
	}
	for i := range rules {
		b = appendString(b, rules[i].ID)
	}
	return b
}

// encodeCache gives the file's bytes.
func encodeCache(l *loader, guards []witness, set *policy.Set) ([]byte, error) {
	front := appendString(nil, string(key(l.Sources, l.rules)))
	front = appendTrail(front, l.trail, guards)
	front = appendString(front, set.Digest)
	front = appendBool(appendBool(front, set.Advises()), set.Custom())
	w := &piecesWriter{known: map[string]ref{}}
	var fallback ref
	if set.Fallback != nil {
		var err error
		if fallback, err = w.policy(set.Fallback); err != nil {
			return nil, err
		}
	}
	front = appendUint(appendRef(front, fallback), uint64(len(set.Policies)))
	for _, p := range set.Policies {
		at, err := w.policy(p)
		if err != nil {
			return nil, err
		}
		front = appendRef(front, at)
	}
	front = appendIndex(front, set.Policies)
	if len(front)+len(w.b) > maxSize {
		return nil, errors.New("the policies are too many to be kept")
	}
	b := make([]byte, 0, headSize+len(front)+len(w.b))
	b = append(b, magic...)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(front)))
	b = binary.LittleEndian.AppendUint32(b, crc32.ChecksumIEEE(front))
	return append(append(b, front...), w.b...), nil
}

// openCache gives the cache where it can be trusted and nothing has changed
// since it was written, else nil.
func openCache(src Sources, rules []policy.Rule) *cache {
	if (owner.Dirs{}).Check(filepath.Dir(src.Cache)) != nil {
		return nil
	}
	file := mapCache(src.Cache)
	if file == nil {
		return nil
	}
	c := &cache{file: file}
	if !unfaulted(func() bool { return c.read(key(src, rules)) }) {
		c.close()
		return nil
	}
	return c
}

// mapCache maps the file, if it is a file and nobody but root can write it.
func mapCache(path string) []byte {
	// Not blocking, as it might be a FIFO.
	fd, err := syscall.Open(path, syscall.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_CLOEXEC|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil
	}
	defer func() { _ = syscall.Close(fd) }() // it is only read from
	var st syscall.Stat_t
	if syscall.Fstat(fd, &st) != nil || st.Mode != syscall.S_IFREG|0o600 || st.Uid != 0 && int(st.Uid) != os.Geteuid() ||
		st.Size < int64(headSize) || st.Size > maxSize {
		return nil
	}
	file, err := syscall.Mmap(fd, 0, int(st.Size), syscall.PROT_READ, syscall.MAP_PRIVATE)
	if err != nil {
		return nil
	}
	return file
}

func (c *cache) close() { _ = syscall.Munmap(c.file) } // nothing decoded points there

// unfaulted is f, or false where the file is no longer there to be read: it
// was cut short, or its disk fails.
func unfaulted(f func() bool) (ok bool) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if recover() != nil {
			ok = false
		}
	}()
	return f()
}

// read reads the front, and tells whether it holds for this key and the files
// as they are.
func (c *cache) read(key []byte) bool {
	head, rest := c.file[:headSize], c.file[headSize:]
	size := binary.LittleEndian.Uint32(head[len(magic):])
	if string(head[:len(magic)]) != magic || uint64(size) > uint64(len(rest)) {
		return false
	}
	front := rest[:size]
	if crc32.ChecksumIEEE(front) != binary.LittleEndian.Uint32(head[len(magic)+4:]) {
		return false
	}
	c.pieces = rest[size:]
	r := &reader{b: front}
	if string(r.bytes(r.uint())) != string(key) || !r.unchanged() {
		return false
	}
	c.digest = strings.Clone(r.string())
	c.advises, c.custom = r.bool(), r.bool()
	c.fallback = r.ref()
	c.refs = r.array(refSize)
	c.index = r.index()
	return !r.bad && len(r.b) == 0
}

// set decodes the policies that select a container, or the fallback.
func (c *cache) set(facts *policy.Facts, rules []policy.Rule) (set policy.Set, ok bool) {
	ok = unfaulted(func() (ok bool) {
		set, ok = c.decode(facts, rules)
		return ok
	})
	return set, ok
}

func (c *cache) decode(facts *policy.Facts, rules []policy.Rule) (policy.Set, bool) {
	set := policy.Set{Digest: c.digest}
	from := &pieces{b: c.pieces, rules: rules, decoded: map[ref]any{}}
	s := newSubject(facts)
	for _, n := range c.index.candidates(s) {
		at := uint64(n) * refSize
		if at+refSize > uint64(len(c.refs)) {
			return policy.Set{}, false
		}
		p, ok := from.policy((&reader{b: c.refs[at : at+refSize]}).ref(), s)
		if !ok {
			return policy.Set{}, false
		}
		if p != nil {
			set.Policies = append(set.Policies, p)
		}
	}
	if len(set.Policies) > 0 || c.fallback.size == 0 {
		return set, true
	}
	var ok bool
	set.Fallback, ok = from.policy(c.fallback, nil)
	return set, ok
}
