package attest

import "strings"

// A tree is a mount namespace, as the kernel walks it.
type tree struct {
	root *Mount
	on   map[int][]*Mount // what is mounted on a mount, by its id
}

func newTree(mounts []Mount) *tree {
	t := &tree{on: map[int][]*Mount{}}
	ids := make(map[int]bool, len(mounts))
	for i := range mounts {
		ids[mounts[i].ID] = true
	}
	for i := range mounts {
		m := &mounts[i]
		if m.Point == "/" && (!ids[m.Parent] || m.Parent == m.ID) {
			t.root = m
			continue
		}
		t.on[m.Parent] = append(t.on[m.Parent], m)
	}
	if t.root != nil {
		t.root = t.top(t.root, "/")
	}
	return t
}

// at returns the mount that a path without links is on; nil where there is no
// root.
func (t *tree) at(path string) *Mount {
	m := t.root
	if m == nil {
		return nil
	}
	for end := 1; end <= len(path); end++ {
		if end == len(path) || path[end] == '/' {
			m = t.top(m, path[:end])
		}
	}
	return m
}

// top goes up what is mounted at one point on m, and on that.
func (t *tree) top(m *Mount, point string) *Mount {
	for range 1000 { // stacked so high nobody does it, and a ring is no tree
		next := (*Mount)(nil)
		for _, on := range t.on[m.ID] {
			if on.Point == point {
				next = on
			}
		}
		if next == nil || next == m {
			return m
		}
		m = next
	}
	return m
}

// exactly returns the mount at a mount point, nil where there is none.
func (t *tree) exactly(path string) *Mount {
	if m := t.at(path); m != nil && m.Point == path {
		return m
	}
	return nil
}

// below tells whether path is under dir, or is it.
func below(path, dir string) bool {
	return dir == "/" || path == dir || strings.HasPrefix(path, dir+"/")
}
