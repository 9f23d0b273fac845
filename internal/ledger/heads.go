package ledger

import (
	"encoding/binary"
	"errors"

	"golang.org/x/sys/unix"

	"github.com/runward/runward/internal/owner"
	"github.com/runward/runward/policy"
)

// A Head is what quotas ask of an entry.
type Head struct {
	ID, Root, Runtime       string
	Engine, Namespace, User string
	Claim                   policy.Claim
	Creator                 Process

	file     dirent // where it was read
	updating bool
}

// Head returns the entry's.
func (e *Entry) Head() Head {
	return Head{
		ID: e.ID, Root: e.Root, Runtime: e.Runtime,
		Engine: e.Engine, Namespace: e.Identity.Namespace, User: e.Identity.User,
		Claim: e.Claim, Creator: Process{e.Creator, e.CreatorStart, e.CreatorNS}, updating: e.Updater != nil,
	}
}

// The heads are kept in a file of their own, so that adding up a thousand
// containers does not open a thousand files. A head is believed for the file of
// that name and inode number: entries are never written in place, and a tmpfs,
// as /run is, gives no number twice. On another file system there is no such
// file. Whoever holds the ledger reads and writes it; what is wrong with it
// only makes it be written anew.
const (
	headsFile = ".heads"
	headsForm = "runward heads 1\n"
	maxHeads  = 16 << 20
)

// rewriteAt is how many entries may be missing in the file before it is
// written anew.
const rewriteAt = 16

// heads returns the head of every entry among the directory's files.
func (h *Held) heads(files []dirent) ([]Head, error) {
	var fs unix.Statfs_t
	keeps := unix.Fstatfs(h.fd, &fs) == nil && fs.Type == unix.TMPFS_MAGIC
	var kept map[dirent]Head
	if keeps {
		kept = h.readHeads()
	}
	all, missing := make([]Head, 0, len(files)), 0
	for _, f := range files {
		if !isEntry(f.name) {
			continue
		}
		head, ok := kept[f]
		if !ok {
			e, err := load(h.fd, f.name)
			if errors.Is(err, unix.ENOENT) { // deleted meanwhile
				continue
			}
			if err != nil {
				return nil, errors.New(f.name + ": " + err.Error())
			}
			head = e.Head()
			missing++
		}
		head.file = f
		all = append(all, head)
	}
	if keeps && missing >= rewriteAt {
		_ = h.writeHeads(all) // else they are read one by one the next time
	}
	return all, nil
}

// readHeads returns what is kept, by file; nothing where that is not sound.
func (h *Held) readHeads() map[dirent]Head {
	data, err := owner.ReadAt(h.fd, headsFile, maxHeads, maxHeads, private)
	if err != nil {
		return nil
	}
	r := headReader{text: string(data)}
	if r.take(len(headsForm)) != headsForm {
		return nil
	}
	n := r.number()
	if n > uint64(len(data)) {
		return nil
	}
	kept := make(map[dirent]Head, n)
	for range n {
		f := dirent{name: r.string(), ino: r.number()}
		kept[f] = Head{
			ID: r.string(), Root: r.string(), Runtime: r.string(), Engine: r.string(), Namespace: r.string(), User: r.string(),
			Claim:   policy.Claim{Memory: int64(r.number()), CPU: int64(r.number()), Pids: int64(r.number())},
			Creator: Process{PID: int(r.number()), Start: r.number(), NS: r.number()},
		}
	}
	if r.bad || r.text != "" {
		return nil
	}
	return kept
}

// writeHeads keeps the heads, but for those of containers that are being
// updated: how that ends is not in their file.
func (h *Held) writeHeads(all []Head) error {
	count := uint64(0)
	var body []byte
	for _, head := range all {
		if head.updating {
			continue
		}
		count++
		body = binary.AppendUvarint(appendText(body, head.file.name), head.file.ino)
		for _, s := range [...]string{head.ID, head.Root, head.Runtime, head.Engine, head.Namespace, head.User} {
			body = appendText(body, s)
		}
		for _, n := range [...]uint64{
			uint64(head.Claim.Memory), uint64(head.Claim.CPU), uint64(head.Claim.Pids),
			uint64(head.Creator.PID), head.Creator.Start, head.Creator.NS,
		} {
			body = binary.AppendUvarint(body, n)
		}
	}
	data := append(binary.AppendUvarint([]byte(headsForm), count), body...)
	return write(h.fd, headsFile, data)
}

func appendText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// A headReader reads what writeHeads wrote. After anything that cannot be it is
// bad and reads nothing more.
type headReader struct {
	text string
	bad  bool
}

func (r *headReader) take(n int) string {
	if n > len(r.text) {
		r.text, r.bad = "", true
		return ""
	}
	s := r.text[:n]
	r.text = r.text[n:]
	return s
}

func (r *headReader) number() uint64 {
	var n uint64
	for shift := 0; shift < 64; shift += 7 {
		c := r.take(1)
		if c == "" {
			return 0
		}
		n |= uint64(c[0]&0x7f) << shift
		if c[0] < 0x80 {
			return n
		}
	}
	r.text, r.bad = "", true
	return 0
}

func (r *headReader) string() string {
	n := r.number()
	if n > uint64(len(r.text)) {
		r.text, r.bad = "", true
		return ""
	}
	return r.take(int(n))
}

// A dirent is a file in a directory.
type dirent struct {
	name string
	ino  uint64
}

// readDir lists an open directory, from its beginning.
func readDir(fd int) ([]dirent, error) {
	if _, err := unix.Seek(fd, 0, unix.SEEK_SET); err != nil {
		return nil, err
	}
	var all []dirent
	buf := make([]byte, 64<<10)
	for {
		n, err := unix.ReadDirent(fd, buf)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil:
			return nil, err
		case n <= 0:
			return all, nil
		}
		all = appendDirents(all, string(buf[:n]))
	}
}

// appendDirents reads what getdents64 gave: for each file its inode number, an
// offset, the length of the record, a type, and the name, which a NUL ends.
func appendDirents(all []dirent, records string) []dirent {
	const ino, reclen, name = 0, 16, 19
	for len(records) > name {
		size := int(binary.NativeEndian.Uint16([]byte(records[reclen : reclen+2])))
		if size <= name || size > len(records) {
			return all // no kernel does that
		}
		text := records[name:size]
		for i := range len(text) {
			if text[i] == 0 {
				text = text[:i]
				break
			}
		}
		all = append(all, dirent{text, binary.NativeEndian.Uint64([]byte(records[ino : ino+8]))})
		records = records[size:]
	}
	return all
}
