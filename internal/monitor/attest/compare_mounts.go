package attest

import (
	"path"
	"strings"
)

// mounts compares what is mounted. A place is named once, by the first rule
// that has something against it.
func (c *comparison) mounts() {
	if c.got.Mounts == nil {
		return // which is said
	}
	if !c.got.Init.Rooted {
		c.add(Difference{Field: "mounts", Got: "not observed: the first process has changed its root directory", Want: "the container's", Severity: Info, Unread: true})
		return
	}
	if !c.want.has(nsMount) {
		return // they are the host's
	}
	v := &mountView{comparison: c, tree: newTree(c.got.Mounts), byID: map[int]*Mount{}, named: map[string]bool{}}
	for i := range c.got.Mounts {
		v.byID[c.got.Mounts[i].ID] = &c.got.Mounts[i]
	}
	v.root()
	for _, at := range c.want.Masked {
		v.masked(at)
	}
	for _, at := range c.want.ReadOnly {
		v.readOnly(at)
	}
	for i := range c.want.Mounts {
		v.mount(&c.want.Mounts[i])
	}
	if c.base != nil {
		v.since()
	}
}

type mountView struct {
	*comparison
	tree  *tree
	byID  map[int]*Mount
	named map[string]bool // by mount point
}

// differ names a place. What the container was allowed to do itself is told,
// and nothing more: it may have been the container.
func (v *mountView) differ(field, at, got, want string) {
	if v.named[at] {
		return
	}
	v.named[at] = true
	severity := Critical
	if v.want.Admin {
		severity = Info
	}
	v.add(Difference{Field: field, Got: got, Want: want, Severity: severity})
}

func (v *mountView) root() {
	m := v.tree.root
	switch {
	case m == nil:
		v.differ("rootfs", "/", "nothing is mounted", "the root file system")
	case v.want.RootReadOnly && m.Flags&readOnly == 0:
		v.differ("rootfs", "/", "writable", "read-only")
	case m.Shared && !v.want.SharedRoot:
		v.differ("rootfs", "/", "mounts in it are seen elsewhere", "mounts in it stay in it")
	}
}

// find returns the mount that a place of config.json stands for, by its path or
// by where links led from there; exists is false where there is no such place.
func (v *mountView) find(at string) (m *Mount, exists bool) {
	if m := v.tree.exactly(at); m != nil {
		return m, true
	}
	seen, ok := v.got.Paths[at]
	if !ok {
		return nil, true // it could not be walked to, which is said
	}
	if m := v.byID[seen.Mount]; m != nil && seen.Top && m != v.tree.root {
		return m, true
	}
	return nil, seen.Exists
}

func (v *mountView) unwalked(at string) bool {
	_, ok := v.got.Paths[at]
	return !ok && v.tree.exactly(at) == nil
}

// masked: runtimes lay /dev/null over a file and something empty and read-only
// over a directory.
func (v *mountView) masked(at string) {
	m, exists := v.find(at)
	switch {
	case !exists || v.unwalked(at):
	case m == nil:
		v.differ("masked:"+at, at, "open", "masked")
	case m.Flags&readOnly == 0 && path.Base(m.Root) != "null":
		v.differ("masked:"+at, at, "under "+m.FS+" that can be written", "masked")
	}
}

func (v *mountView) readOnly(at string) {
	m, exists := v.find(at)
	if m == nil && exists {
		m = v.tree.at(at)
		if seen, ok := v.got.Paths[at]; ok && v.byID[seen.Mount] != nil {
			m = v.byID[seen.Mount]
		}
	}
	if exists && m != nil && !v.unwalked(at) && m.Flags&readOnly == 0 {
		v.differ("readonly:"+at, at, "writable", "read-only")
	}
}

func (v *mountView) mount(want *WantMount) {
	field := "mounts:" + want.Point
	m, _ := v.find(want.Point)
	if v.unwalked(want.Point) {
		return
	}
	if m == nil {
		v.differ(field, want.Point, "not mounted", "mounted")
		return
	}
	flags := want.Flags
	if want.Cgroup && m.FS == "tmpfs" { // runtimes leave it writable: nothing is in it but what follows
		flags &^= readOnly
		v.controllers(want)
	}
	if missing := flags &^ m.Flags; missing != 0 {
		v.differ(field, m.Point, "without "+missing.String(), "with "+want.Flags.String())
	}
	if m.Shared && !want.Shared {
		v.differ(field, m.Point, "mounts in it are seen elsewhere", "mounts in it stay in it")
	}
}

// controllers compares the mounts of cgroup v1, one for each controller.
func (v *mountView) controllers(want *WantMount) {
	for i := range v.got.Mounts {
		m := &v.got.Mounts[i]
		if !strings.HasPrefix(m.Point, want.Point+"/") || v.tree.exactly(m.Point) != m || v.under(m.Point) != want {
			continue
		}
		if missing := want.Flags &^ m.Flags; missing != 0 {
			v.differ("mounts:"+m.Point, m.Point, "without "+missing.String(), "with "+want.Flags.String())
		}
	}
}

// under is the mount of config.json that a place is in.
func (v *mountView) under(at string) *WantMount {
	var in *WantMount
	for i := range v.want.Mounts {
		if w := &v.want.Mounts[i]; below(at, w.Point) && (in == nil || len(w.Point) >= len(in.Point)) {
			in = w
		}
	}
	return in
}

// A mountKey tells a mount from another at the same place.
type mountKey struct{ point, root, device, fs string }

func (m *Mount) key() mountKey { return mountKey{m.Point, m.Root, m.Device, m.FS} }

// since compares with how it was at the first look.
func (v *mountView) since() {
	before := map[mountKey]*Mount{}
	for i := range v.base.Mounts {
		before[v.base.Mounts[i].key()] = &v.base.Mounts[i]
	}
	now := map[mountKey]bool{}
	for i := range v.got.Mounts {
		m := &v.got.Mounts[i]
		now[m.key()] = true
		was, known := before[m.key()]
		switch {
		case !known && !v.propagated(m):
			v.differ("mount_added:"+m.Point, m.Point, m.FS+" "+m.Root+" of "+m.Device+" is mounted", "nothing that was not there at the start")
		case known && was.Flags&^m.Flags != 0:
			v.differ("mounts:"+m.Point, m.Point, "without "+(was.Flags&^m.Flags).String(), "with "+was.Flags.String()+", as at the start")
		case known && m.Shared && !was.Shared:
			v.differ("mounts:"+m.Point, m.Point, "mounts in it are seen elsewhere", "mounts in it stay in it, as at the start")
		}
	}
	for i := range v.base.Mounts {
		if m := &v.base.Mounts[i]; !now[m.key()] && !v.propagated(m) {
			v.differ("mounts:"+m.Point, m.Point, "not mounted any more", "mounted, as at the start")
		}
	}
}

// propagated tells whether a mount may have come or gone with one of the host's:
// config.json asks for that below some mounts.
func (v *mountView) propagated(m *Mount) bool {
	for i := range v.want.Mounts {
		if w := &v.want.Mounts[i]; w.Slave && strings.HasPrefix(m.Point, w.Point+"/") {
			return true
		}
	}
	return false
}
