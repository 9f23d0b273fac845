package pretend

import (
	"fmt"
	"path"
	"strconv"
	"strings"

	"github.com/runward/runward/policy"
)

// An ImageFile is one file of a container's root file system. Directories that
// are not named are root's, with mode 0755.
type ImageFile struct {
	Type   string `json:"type"` // dir or file; empty: file
	Link   string `json:"link"` // a symbolic link's target
	UID    uint32 `json:"uid"`
	GID    uint32 `json:"gid"`
	Mode   string `json:"mode"` // in octal; 755 unless said
	ACL    bool   `json:"acl"`
	NoSuid bool   `json:"nosuid"`
	Head   string `json:"head"` // the first bytes; those of an ELF program unless said

	Caps struct {
		Permitted   uint64 `json:"permitted"` // bits by number
		Inheritable uint64 `json:"inheritable"`
		Effective   bool   `json:"effective"`
	} `json:"caps"`
}

// An image is the root file system of a container.
type image map[string]ImageFile

func newImage(files map[string]ImageFile) (image, error) {
	im := image{}
	for p, f := range files {
		if !path.IsAbs(p) || path.Clean(p) != p {
			return nil, fmt.Errorf(`path %q: want an absolute path without "." and ".." in it`, p)
		}
		if f.Type != "" && f.Type != "dir" && f.Type != "file" {
			return nil, fmt.Errorf("path %q: unknown type %q", p, f.Type)
		}
		if _, err := strconv.ParseUint(or(f.Mode, "755"), 8, 12); err != nil {
			return nil, fmt.Errorf("path %q: mode: %w", p, err)
		}
		im[p] = f
		for dir := path.Dir(p); ; dir = path.Dir(dir) {
			if _, ok := files[dir]; !ok {
				im[dir] = ImageFile{Type: "dir"}
			}
			if dir == "/" {
				break
			}
		}
	}
	return im, nil
}

// look resolves a path as policy.Facts.Inside says.
func (im image) look(p string) policy.InnerFile {
	out := policy.InnerFile{Path: p}
	at, todo, links := "/", strings.Split(p, "/"), 0
	for len(todo) > 0 {
		name := todo[0]
		todo = todo[1:]
		if name == "" || name == "." {
			continue
		}
		next := path.Join(at, name) // ".." as well: at has no links
		f, ok := im[next]
		switch {
		case !ok || im[at].Type != "dir":
			return out
		case f.Link == "":
			at = next
		default:
			out.Links = true
			if links++; links > 40 {
				out.Err = "too many symbolic links"
				return out
			}
			if path.IsAbs(f.Link) {
				at = "/"
			}
			todo = append(strings.Split(f.Link, "/"), todo...)
		}
	}
	im.describe(at, &out)
	return out
}

func (im image) describe(at string, out *policy.InnerFile) {
	f := im[at]
	mode := func(f ImageFile) uint32 {
		n, _ := strconv.ParseUint(or(f.Mode, "755"), 8, 12) // newImage has checked it
		return uint32(n)
	}
	out.Path, out.UID, out.GID, out.Mode, out.ACL = at, f.UID, f.GID, mode(f), f.ACL
	out.Type = policy.Directory
	if f.Type != "dir" {
		out.Type, out.NoSuid, out.Head = policy.Regular, f.NoSuid, or(f.Head, "\x7fELF")
		out.Caps = policy.FileCaps(f.Caps)
	}
	for dir := at; dir != "/"; {
		dir = path.Dir(dir)
		d := im[dir]
		out.ACL = out.ACL || d.ACL
		out.Parents = append([]policy.Dir{{UID: d.UID, GID: d.GID, Mode: mode(d)}}, out.Parents...)
	}
}
