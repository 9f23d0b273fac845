package pretend

import (
	"fmt"
	"hash/fnv"
	"path"
	"strings"

	"github.com/runward/runward/policy"
)

// NamespaceFS is the statfs type of a namespace file.
const NamespaceFS = 0x6e736673

// A Node is one file of a Tree.
type Node struct {
	Type string `json:"type"` // dir, file, socket, char, block, fifo, other, missing; empty: dir
	Link string `json:"link"` // a symbolic link's target, relative or absolute

	// SameAs is the path of what is mounted here as well: the same device and
	// inode, and so everything below it.
	SameAs string `json:"same_as"`

	Ino  uint64  `json:"ino"` // made from the path unless said
	Dev  uint64  `json:"dev"` // the directory's unless said
	Rdev uint64  `json:"rdev"`
	UID  uint32  `json:"uid"`
	GID  uint32  `json:"gid"`
	Mode *uint32 `json:"mode"` // in decimal; 0755 for a directory, 0644 for others
	FS   int64   `json:"fs"`

	Magic bool `json:"magic"` // as policy.File has it
}

// A Tree is a pretended host file system.
type Tree struct {
	cwd   string
	nodes map[string]Node
}

// NewTree returns the default tree: see defaults.go. Relative paths start at cwd.
func NewTree(cwd string) *Tree {
	t := &Tree{cwd: cwd, nodes: map[string]Node{"/": {Dev: 1}}}
	t.addDefaults()
	t.add(cwd, Node{})
	return t
}

// Add puts a node into the tree, in place of one that is there, and the
// directories above it where they are missing.
func (t *Tree) Add(p string, n Node) error {
	if !path.IsAbs(p) || path.Clean(p) != p {
		return fmt.Errorf("path %q: want an absolute path without \".\" and \"..\" in it", p)
	}
	if _, ok := fileTypes[n.Type]; !ok {
		return fmt.Errorf("path %q: unknown type %q", p, n.Type)
	}
	t.add(p, n)
	return nil
}

func (t *Tree) add(p string, n Node) {
	t.nodes[p] = n
	for dir := path.Dir(p); ; dir = path.Dir(dir) {
		if _, ok := t.nodes[dir]; !ok {
			t.nodes[dir] = Node{}
		}
		if dir == "/" {
			return
		}
	}
}

// AddNamespaces adds a namespace of its own for every path that a captured
// config.json joins and the tree does not have: another container's.
func (t *Tree) AddNamespaces(paths ...string) {
	for _, p := range paths {
		if f := t.Lookup(p); f.Type == policy.Missing && f.Err == "" {
			t.add(f.Path, Node{Type: "other", Dev: 4, FS: NamespaceFS})
		}
	}
}

var fileTypes = map[string]policy.FileType{
	"": policy.Directory, "dir": policy.Directory, "file": policy.Regular, "socket": policy.Socket,
	"char": policy.CharDevice, "block": policy.BlockDevice, "fifo": policy.Fifo, "other": policy.Other,
	"missing": policy.Missing,
}

// Lookup resolves a path as policy.Facts.Lookup says.
func (t *Tree) Lookup(p string) policy.File {
	if !path.IsAbs(p) {
		p = t.cwd + "/" + p
	}
	at, todo, links := "/", strings.Split(p, "/"), 0
	for len(todo) > 0 {
		name := todo[0]
		todo = todo[1:]
		switch name {
		case "", ".":
			continue
		case "..":
			at = path.Dir(at)
			continue
		}
		if dir, _ := t.node(at); fileTypes[dir.Type] != policy.Directory {
			return policy.File{Path: path.Join(at, name), Err: at + " is not a directory"}
		}
		next := path.Join(at, name)
		n, ok := t.node(next)
		switch {
		case !ok || n.Type == "missing":
			return t.missing(next, todo)
		case n.Link == "":
			at = next
		default:
			if links++; links > 40 {
				return policy.File{Path: next, Err: "too many symbolic links"}
			}
			if path.IsAbs(n.Link) {
				at = "/"
			}
			todo = append(strings.Split(n.Link, "/"), todo...)
		}
	}
	return t.file(at)
}

func (t *Tree) missing(p string, rest []string) policy.File {
	for _, name := range rest {
		if name == ".." {
			return policy.File{Path: p, Err: `".." after something that is missing`}
		}
	}
	return policy.File{Path: path.Join(p, path.Join(rest...)), Parents: t.parents(path.Dir(p))}
}

// node finds what is at a canonical path, through bind mounts above it.
func (t *Tree) node(p string) (Node, bool) {
	if n, ok := t.nodes[p]; ok {
		if n.SameAs == "" {
			return t.filled(p, n), true
		}
		return t.node(n.SameAs)
	}
	for dir := path.Dir(p); dir != "/"; dir = path.Dir(dir) {
		if n, ok := t.nodes[dir]; ok && n.SameAs != "" {
			return t.node(path.Join(n.SameAs, p[len(dir):]))
		}
	}
	return Node{}, false
}

func (t *Tree) filled(p string, n Node) Node {
	if n.Ino == 0 {
		h := fnv.New32a()
		h.Write([]byte(p)) // never fails
		n.Ino = uint64(h.Sum32())
	}
	for dir := p; n.Dev == 0; dir = path.Dir(dir) {
		n.Dev = t.nodes[dir].Dev
	}
	if n.Mode == nil {
		mode := uint32(0o644)
		if fileTypes[n.Type] == policy.Directory {
			mode = 0o755
		}
		n.Mode = &mode
	}
	return n
}

func (t *Tree) file(p string) policy.File {
	n, _ := t.node(p)
	f := policy.File{
		Path: p, Type: fileTypes[n.Type], Dev: n.Dev, Ino: n.Ino, Rdev: n.Rdev,
		UID: n.UID, GID: n.GID, Mode: *n.Mode, FS: n.FS, Magic: n.Magic,
	}
	if p != "/" {
		f.Parents = t.parents(path.Dir(p))
	}
	return f
}

// parents are the directories from "/" down to p.
func (t *Tree) parents(p string) []policy.Dir {
	var dirs []policy.Dir
	if p != "/" {
		dirs = t.parents(path.Dir(p))
	}
	n, _ := t.node(p)
	return append(dirs, policy.Dir{Path: p, Dev: n.Dev, Ino: n.Ino, UID: n.UID, GID: n.GID, Mode: *n.Mode})
}
