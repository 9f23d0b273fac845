// Package prove compares containers with their decisions, and keeps what that
// takes from one time to the next.
package prove

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/runward/runward/internal/ledger"
	"github.com/runward/runward/internal/monitor/api"
	"github.com/runward/runward/internal/monitor/attest"
	"github.com/runward/runward/internal/owner"
)

// A Prover attests the containers of one node.
type Prover struct {
	dir     string   // of what is kept, root's own
	runtime []string // real runtimes that are configured

	mu        sync.Mutex
	node      *attest.Node
	nodeAt    time.Time
	entered   attest.Entered
	enteredAt time.Time
	known     map[key]*proof
}

type key struct{ root, id string }

// A proof is what one container is compared with.
type proof struct {
	mu     sync.Mutex // one look at a time
	entry  *ledger.Entry
	want   *attest.Expected
	base   *attest.Baseline
	asking time.Time // since when its own program was to be running
}

// kept is a container on the disk.
type kept struct {
	Entry    *ledger.Entry    `json:"entry"` // as of when it was kept
	Baseline *attest.Baseline `json:"baseline"`
}

const (
	nodeFor    = time.Minute // what is the same for all containers is read as often
	enteredFor = time.Second
	// startTakes is how long after its start a container's program may take to
	// run. One that is in memory alone never looks so.
	startTakes = 3 * time.Second
	lookTakes  = 2 * time.Second
)

// New makes a Prover that keeps what it must not forget in dir, which is made.
func New(dir string, runtimes ...string) (*Prover, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	return &Prover{dir: dir, runtime: runtimes, known: map[key]*proof{}}, nil
}

// Attest compares a container with its decision. ready is false while its own
// program does not run yet.
func (p *Prover) Attest(entry *ledger.Entry, pid int, start uint64) (ready bool, found []api.Difference, err error) {
	pr := p.of(entry)
	pr.mu.Lock()
	defer pr.mu.Unlock()
	ready, err = attest.Ready(pid, start)
	if err != nil {
		return false, nil, err
	}
	if !ready && !pr.overdue(entry, time.Now()) {
		return false, nil, nil
	}
	node, entered, err := p.around()
	if err != nil {
		return true, nil, err
	}
	if pr.entry != entry { // the first time, or it was updated
		if pr.want, err = expect(entry); err != nil {
			return true, nil, err
		}
		pr.entry = entry
	}
	if pr.base == nil {
		pr.base = p.read(entry)
	}
	got, err := node.Observe(pid, start, pr.want, entered, attest.Bounds{Until: time.Now().Add(lookTakes)})
	if err != nil {
		return true, nil, err
	}
	for _, d := range node.Compare(pr.want, got, pr.base) {
		found = append(found, api.Difference{Field: d.Field, PID: d.PID, Got: d.Got, Want: d.Want, Severity: string(d.Severity), Unread: d.Unread})
	}
	if pr.base == nil {
		pr.base = got.Baseline()
		err = p.keep(entry, pr.base)
	}
	return true, found, err
}

func expect(entry *ledger.Entry) (*attest.Expected, error) {
	config, err := attest.Config(entry)
	if err != nil {
		config = nil // Expect says so
	}
	return attest.Expect(config, entry)
}

// overdue tells whether a container was started so long ago that its program
// would run, and merely does not look so.
func (pr *proof) overdue(entry *ledger.Entry, now time.Time) bool {
	// runc and crun keep this fifo as long as a container waits for its start.
	if _, err := os.Lstat(filepath.Join(entry.Root, entry.ID, "exec.fifo")); !errors.Is(err, fs.ErrNotExist) {
		pr.asking = time.Time{}
		return false
	}
	if pr.asking.IsZero() {
		pr.asking = now
	}
	return now.Sub(pr.asking) >= startTakes
}

// of returns what is known of a container.
func (p *Prover) of(entry *ledger.Entry) *proof {
	p.mu.Lock()
	defer p.mu.Unlock()
	k := key{entry.Root, entry.ID}
	pr := p.known[k]
	if pr == nil || pr.entry != nil && pr.entry.Receipt != entry.Receipt {
		pr = &proof{}
		p.known[k] = pr
	}
	return pr
}

// Forget drops what is kept of a container that is gone.
func (p *Prover) Forget(entry *ledger.Entry) error {
	p.mu.Lock()
	delete(p.known, key{entry.Root, entry.ID})
	p.mu.Unlock()
	err := os.Remove(p.path(entry))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// Left drops what is kept of containers that are no longer among those of the
// ledger, and returns them: they ended while nobody looked.
func (p *Prover) Left(living []ledger.File) (gone []*ledger.Entry, errs error) {
	receipts := map[string]bool{}
	for _, f := range living {
		receipts[f.Entry.Receipt] = true
	}
	files, err := os.ReadDir(p.dir)
	if err != nil {
		return nil, err
	}
	for _, f := range files {
		path := filepath.Join(p.dir, f.Name())
		k, err := readKept(path)
		if err == nil && receipts[k.Entry.Receipt] {
			continue
		}
		if err == nil {
			gone = append(gone, k.Entry)
		}
		errs = errors.Join(errs, os.Remove(path)) // also one that cannot be read: it is made anew
	}
	return gone, errs
}

// around reads what is the same for all containers, if that is old.
func (p *Prover) around() (*attest.Node, attest.Entered, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	if p.node == nil || now.Sub(p.nodeAt) >= nodeFor {
		node, err := attest.ReadNode(p.runtime...)
		if err != nil {
			return nil, nil, err
		}
		p.node, p.nodeAt = node, now
	}
	if now.Sub(p.enteredAt) >= enteredFor {
		entered, err := attest.ReadEntered()
		if err != nil {
			return nil, nil, err
		}
		p.entered, p.enteredAt = entered, now
	}
	return p.node, p.entered, nil
}

func (p *Prover) path(entry *ledger.Entry) string {
	sum := sha256.Sum256([]byte(entry.Root + "\x00" + entry.ID))
	return filepath.Join(p.dir, hex.EncodeToString(sum[:16])+".json")
}

// read returns the baseline that an earlier daemon kept; nil: there is none.
func (p *Prover) read(entry *ledger.Entry) *attest.Baseline {
	if k := p.kept(entry); k != nil {
		return k.Baseline
	}
	return nil
}

// Known tells whether the container was attested at some time, also by an
// earlier daemon.
func (p *Prover) Known(entry *ledger.Entry) bool { return p.kept(entry) != nil }

func (p *Prover) kept(entry *ledger.Entry) *kept {
	k, err := readKept(p.path(entry))
	if err != nil || k.Entry.Receipt != entry.Receipt { // ids come back
		return nil
	}
	return k
}

func readKept(path string) (*kept, error) {
	text, err := owner.Read(path, 16<<20)
	if err != nil {
		return nil, err
	}
	k := new(kept)
	if err := json.Unmarshal(text, k); err != nil {
		return nil, err
	}
	if k.Entry == nil {
		return nil, errors.New("it is about no container")
	}
	return k, nil
}

func (p *Prover) keep(entry *ledger.Entry, b *attest.Baseline) error {
	text, err := json.Marshal(kept{entry, b})
	if err != nil {
		return err
	}
	if err := owner.Keep(p.path(entry), text); err != nil {
		return errors.New("how it was at its start cannot be kept: " + owner.Reason(err))
	}
	return nil
}
