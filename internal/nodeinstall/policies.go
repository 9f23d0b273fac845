package nodeinstall

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// Where the node's policies are, and where the next ones are made ready.
const (
	confDir  = "etc/runward"
	policyD  = confDir + "/policy.d"
	stagedD  = confDir + "/policy.d.next"
	formerD  = confDir + "/policy.d.previous"
	listName = ".kubernetes" // in policy.d: which of its files are the ConfigMap's
)

// Wanted is what a ConfigMap says.
type Wanted struct {
	Policies map[string]string // text by file name
	Settings string            // runward.toml; empty: the node's own stays
}

// ReadConfigMap reads a ConfigMap that is mounted at a directory. The kubelet
// replaces all keys at once, by a link; so they are read behind it.
func ReadConfigMap(mount string) (Wanted, error) {
	want := Wanted{Policies: map[string]string{}}
	root, err := os.OpenRoot(mount + "/..data")
	if errors.Is(err, fs.ErrNotExist) {
		root, err = os.OpenRoot(mount)
	}
	if err != nil {
		return want, fmt.Errorf("the ConfigMap: %w", err)
	}
	defer func() { _ = root.Close() }() // nothing was written
	entries, err := fs.ReadDir(root.FS(), ".")
	if err != nil {
		return want, fmt.Errorf("the ConfigMap: %w", err)
	}
	for _, e := range entries {
		name := e.Name()
		if strings.HasPrefix(name, ".") || !strings.HasSuffix(name, ".toml") {
			return want, fmt.Errorf("the ConfigMap's key %s: want NAME.toml for a policy, or runward.toml for the node's settings", name)
		}
		text, err := root.ReadFile(name)
		if err != nil {
			return want, fmt.Errorf("the ConfigMap's key %s: %w", name, err)
		}
		if name == "runward.toml" {
			want.Settings = string(text)
		} else {
			want.Policies[name] = string(text)
		}
	}
	return want, nil
}

// policies makes the node's policies those of the ConfigMap, all at once, and
// tells whether that changed anything. Files that others put into policy.d stay.
// What `runwardctl policy check` refuses never takes effect, and what was stays.
func (h Host) policies(ctx context.Context, want map[string]string) (changed bool, err error) {
	ours, err := h.ours()
	if err != nil {
		return false, err
	}
	if same, err := h.same(ours, want); same || err != nil {
		return false, err
	}
	if err := h.stage(ours, want); err != nil {
		return false, err
	}
	files, err := h.stagedFiles()
	if err != nil {
		return false, err
	}
	if len(files) > 0 {
		if err := h.check(ctx, files...); err != nil {
			return false, fmt.Errorf("the ConfigMap's policies are refused, and those before them stay: %w", err)
		}
	}
	if err := h.exchange(); err != nil {
		return false, err
	}
	// With what is in other directories, and with owners and modes.
	if err := h.check(ctx); err != nil {
		if back := h.exchange(); back != nil {
			return true, errors.Join(err, back)
		}
		return false, fmt.Errorf("the ConfigMap's policies do not go with what else is on the node, and those before them stay: %w", err)
	}
	return true, h.keepFormer()
}

// check runs `runwardctl policy check`; warnings are no error.
func (h Host) check(ctx context.Context, what ...string) error {
	result, err := h.Run(ctx, append([]string{ctl, "policy", "check"}, what...)...)
	if err != nil {
		return err
	}
	if result.Code > 1 {
		return errors.New(errorsOf(result))
	}
	return nil
}

// errorsOf are the lines of `policy check` that say error, else all that it said.
func errorsOf(r Result) string {
	var lines []string
	for line := range strings.Lines(string(r.Out)) {
		if text, ok := strings.CutPrefix(strings.TrimSpace(line), "error: "); ok {
			lines = append(lines, text)
		}
	}
	if len(lines) == 0 {
		return r.Said()
	}
	return short(strings.ReplaceAll(strings.Join(lines, "; "), "/"+stagedD+"/", ""))
}

// ours are the digests of the files in policy.d that an earlier call wrote, by
// name.
func (h Host) ours() (map[string]string, error) {
	const list = policyD + "/" + listName
	text, err := h.Root.ReadFile(list)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var ours map[string]string
	if err == nil {
		err = json.Unmarshal(text, &ours)
	}
	if err != nil {
		return nil, onNode(list, err)
	}
	return ours, nil
}

// same tells whether the node's files are as they are wanted already.
func (h Host) same(ours, want map[string]string) (bool, error) {
	if ours == nil || len(ours) != len(want) {
		return len(ours) == len(want), nil // without a list and with nothing wanted, nothing is touched
	}
	for name, text := range want {
		have, err := h.Root.ReadFile(policyD + "/" + name)
		if errors.Is(err, fs.ErrNotExist) {
			return false, nil
		}
		if err != nil {
			return false, onNode(policyD+"/"+name, err)
		}
		if ours[name] != digest(text) || string(have) != text {
			return false, nil
		}
	}
	return true, nil
}

// stage makes the next policy.d ready: what is others' as it is, by a second
// name, and what is wanted.
func (h Host) stage(ours, want map[string]string) error {
	if err := h.Root.RemoveAll(stagedD); err != nil {
		return onNode(stagedD, err)
	}
	if err := h.Root.MkdirAll(stagedD, 0o755); err != nil {
		return onNode(stagedD, err)
	}
	entries, err := fs.ReadDir(h.Root.FS(), policyD)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return onNode(policyD, err)
	}
	for _, e := range entries {
		name := e.Name()
		if _, mine := ours[name]; mine || name == listName {
			continue
		}
		if _, taken := want[name]; taken {
			return fmt.Errorf("/%s/%s is on the node already and not the ConfigMap's: rename the ConfigMap's key, or remove the file", policyD, name)
		}
		if e.IsDir() {
			return fmt.Errorf("/%s/%s is a directory, which holds no policy: move it elsewhere", policyD, name)
		}
		if err := h.Root.Link(policyD+"/"+name, stagedD+"/"+name); err != nil {
			return onNode(policyD+"/"+name, err)
		}
	}
	list := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(want)) {
		list[name] = digest(want[name])
		if err := h.write(stagedD+"/"+name, want[name]); err != nil {
			return err
		}
	}
	text, err := json.MarshalIndent(list, "", "  ")
	if err != nil {
		return err
	}
	if err := h.write(stagedD+"/"+listName, string(text)+"\n"); err != nil {
		return err
	}
	return h.sync(stagedD)
}

// stagedFiles are the policies of the next policy.d; a link to /dev/null masks
// one of another directory and is none.
func (h Host) stagedFiles() ([]string, error) {
	entries, err := fs.ReadDir(h.Root.FS(), stagedD)
	if err != nil {
		return nil, onNode(stagedD, err)
	}
	var files []string
	for _, e := range entries {
		name := stagedD + "/" + e.Name()
		if !strings.HasSuffix(name, ".toml") || strings.HasPrefix(e.Name(), ".") {
			continue
		}
		if target, err := h.Root.Readlink(name); err == nil && target == "/dev/null" {
			continue
		}
		files = append(files, "/"+name)
	}
	return files, nil
}

// exchange puts the staged directory in the place of policy.d and the other way
// round, in one step: a container that is created meanwhile is held to one or
// the other.
func (h Host) exchange() error {
	parent, err := h.Root.Open(confDir)
	if err != nil {
		return onNode(confDir, err)
	}
	defer func() { _ = parent.Close() }() // nothing was written to it
	if err := h.Root.Mkdir(policyD, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return onNode(policyD, err)
	}
	fd := int(parent.Fd())
	if err := unix.Renameat2(fd, "policy.d.next", fd, "policy.d", unix.RENAME_EXCHANGE); err != nil {
		return fmt.Errorf("/%s on the node: its file system cannot exchange two directories (%w): install the policies in another way", confDir, err)
	}
	if err := parent.Sync(); err != nil {
		return onNode(confDir, err)
	}
	return nil
}

// keepFormer keeps what policy.d was until now: who reads it just now reads it
// to its end, and what somebody edited by hand is not lost.
func (h Host) keepFormer() error {
	if err := h.Root.RemoveAll(formerD); err != nil {
		return onNode(formerD, err)
	}
	if err := h.Root.Rename(stagedD, formerD); err != nil {
		return onNode(formerD, err)
	}
	return nil
}

// write writes a new file, durably.
func (h Host) write(name, text string) error {
	f, err := h.Root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return onNode(name, err)
	}
	_, err = f.WriteString(text)
	if err == nil {
		err = f.Sync()
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return onNode(name, err)
	}
	return nil
}

func digest(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "sha256:" + hex.EncodeToString(sum[:])
}
