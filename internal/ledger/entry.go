package ledger

import (
	"errors"
	"strconv"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/runward/runward/internal/jsondoc"
	"github.com/runward/runward/policy"
)

// Version is the form of the entries that this package writes and reads.
const Version = 1

// ErrNotFound is what Get returns if there is no entry.
var ErrNotFound = errors.New("no decision is kept for this container")

// ErrExists is what Put returns if the container exists already, or if another
// create of the same container is under way. The runtime refuses such a create
// too; its ceiling must not replace that of the container that lives.
var ErrExists = errors.New("a container with this id exists already")

// An Entry is the decision about one container.
type Entry struct {
	Version int    `json:"version"`
	ID      string `json:"id"`     // the container's
	Root    string `json:"root"`   // the runtime's state directory (--root), absolute; two engines may use the same id
	Bundle  string `json:"bundle"` // absolute

	Runtime  string          `json:"runtime"` // the real runtime's kind, as in policy.Facts
	Engine   string          `json:"engine,omitempty"`
	Handler  string          `json:"handler,omitempty"`
	Identity policy.Identity `json:"identity"`

	Created  int64          `json:"created"` // Unix seconds
	Receipt  string         `json:"receipt"` // id
	Policy   string         `json:"policy"`  // digest of the set of policies
	Config   string         `json:"config"`  // sha256:... of config.json as the runtime reads it
	Enforced bool           `json:"enforced"`
	Ceiling  policy.Ceiling `json:"ceiling"`

	// Claim is what the container counts for in quotas. While Updater is set
	// it is the larger of what the container had and what it was to get.
	Claim   policy.Claim `json:"claim"`
	Updater *Process     `json:"updater,omitempty"`

	// Asked is what updates asked for last, by limit. Whether they succeeded is
	// not known.
	Asked *specs.LinuxResources `json:"asked,omitempty"`

	// Of the process that creates the container: this one, which becomes the
	// runtime. Put fills them in. While it lives and the runtime has not made
	// the container's directory, the entry is not abandoned.
	Creator      int    `json:"creator"`
	CreatorStart uint64 `json:"creator_start"` // clock ticks since boot
	CreatorNS    uint64 `json:"creator_ns"`    // inode of its PID namespace, in which Creator is its number
}

// A Process is one that later processes are told from.
type Process struct {
	PID   int    `json:"pid"`
	Start uint64 `json:"start"` // clock ticks since boot
	NS    uint64 `json:"ns"`    // inode of its PID namespace, in which PID is its number
}

// maxEntry bounds an entry: what is larger is not ours.
const maxEntry = 1 << 20

func encode(e *Entry) ([]byte, error) {
	b, err := jsondoc.Encode(make([]byte, 0, 2048), e)
	if err == nil && len(b) > maxEntry {
		err = errors.New(strconv.Itoa(len(b)) + " bytes are over the limit")
	}
	return append(b, '\n'), err
}

func decode(data []byte) (*Entry, error) {
	doc, err := jsondoc.Parse(data, jsondoc.Limits{Bytes: maxEntry + 1, Depth: 8})
	if err != nil {
		return nil, err
	}
	e := new(Entry)
	if err := jsondoc.Decode(doc.Root(), e); err != nil {
		return nil, err
	}
	if e.Version != Version {
		return nil, errors.New("version " + strconv.Itoa(e.Version) + " is not known here")
	}
	return e, nil
}
