package policy

import (
	"errors"
	"reflect"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/runward/runward/internal/jsondoc"
	"github.com/runward/runward/internal/patch"
)

// A Spec is one config.json, read strictly: every runtime that reads these
// bytes sees the same document. It does not change.
type Spec struct {
	doc   *jsondoc.Doc
	typed *specs.Spec
}

// ParseSpec scans and decodes a config.json. It refuses what runtimes read
// differently (duplicate keys, case variants of known keys, trailing data,
// invalid UTF-8, NUL), what is too deep (64) or too large (8 MiB), and what
// lacks the process or the linux section, without which there is nothing to
// decide about.
//
// The result is normalised: sections that are absent and mean the same empty
// are present and empty (root, process.capabilities, hooks, linux.resources
// and in it memory, cpu and pids).
func ParseSpec(raw []byte) (*Spec, error) {
	doc, err := jsondoc.Parse(raw, jsondoc.DefaultLimits())
	if err != nil {
		return nil, err
	}
	s := &Spec{doc: doc, typed: new(specs.Spec)}
	root := doc.Root()
	if root.Kind() != jsondoc.Object {
		return nil, errors.New("want a JSON object")
	}
	if err := jsondoc.Decode(root, s.typed); err != nil {
		return nil, err
	}
	switch {
	case s.typed.Process == nil:
		return nil, errors.New(`no "process" section: there is nothing to start`)
	case s.typed.Linux == nil:
		return nil, errors.New(`no "linux" section: without it the container would share everything with the host`)
	}
	normalise(s.typed)
	return s, nil
}

// Raw returns the document's bytes. They must not be changed.
func (s *Spec) Raw() []byte { return s.doc.Raw() }

// View returns what was read, for looking only.
func (s *Spec) View() *specs.Spec { return s.typed }

// Change returns the document with what change does to it, every byte that it
// does not concern as it was.
func (s *Spec) Change(change func(*specs.Spec)) ([]byte, error) {
	typed, err := s.decode()
	if err != nil {
		return nil, err
	}
	change(typed)
	p, err := patch.Make(s.doc.Root(), typed)
	if err != nil {
		return nil, err
	}
	return s.Apply(p)
}

// Apply returns the document with the patch applied, every byte that it does
// not touch as it was.
func (s *Spec) Apply(p patch.Patch) ([]byte, error) {
	if len(p) == 0 {
		return s.Raw(), nil
	}
	return patch.ApplyDoc(s.doc, jsondoc.DefaultLimits(), p)
}

// MappedRoot returns the host users that the container's root is mapped to.
func (s *Spec) MappedRoot() []uint32 {
	var roots []uint32
	for _, m := range s.typed.Linux.UIDMappings {
		if m.ContainerID == 0 && m.Size > 0 {
			roots = append(roots, m.HostID)
		}
	}
	return roots
}

// Unknown calls yield with the key and the pointer (RFC 6901) of every member
// that runtime-spec does not know, outermost first, until it returns false. It
// walks the document anew.
func (s *Spec) Unknown(yield func(key, pointer string) bool) {
	jsondoc.Unknown(s.doc.Root(), reflect.TypeFor[specs.Spec](), func(m jsondoc.Value) bool {
		return yield(m.Key(), m.Pointer())
	})
}

// decode returns a copy that may be changed.
func (s *Spec) decode() (*specs.Spec, error) {
	typed := new(specs.Spec)
	if err := jsondoc.Decode(s.doc.Root(), typed); err != nil {
		return nil, err
	}
	normalise(typed)
	return typed, nil
}

func normalise(s *specs.Spec) {
	fill(&s.Root)
	fill(&s.Hooks)
	fill(&s.Process.Capabilities)
	fill(&s.Linux.Resources)
	r := s.Linux.Resources
	fill(&r.Memory)
	fill(&r.CPU)
	fill(&r.Pids)
}

func fill[T any](p **T) {
	if *p == nil {
		*p = new(T)
	}
}
