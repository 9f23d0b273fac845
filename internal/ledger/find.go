package ledger

import (
	"errors"
	"strings"

	"golang.org/x/sys/unix"
)

// A File is an entry with the name of its file in the ledger's directory.
type File struct {
	Name  string
	Entry *Entry
}

// ReadFile returns the entry in a file of the ledger, by its name there, or
// ErrNotFound: it is gone, or is no entry's.
func ReadFile(dir, name string) (*Entry, error) {
	if !isEntry(name) {
		return nil, ErrNotFound
	}
	fd, err := openDir(dir)
	if errors.Is(err, unix.ENOENT) {
		return nil, ErrNotFound
	}
	if err != nil {
		return nil, &opError{"read", "", dir, err}
	}
	defer unix.Close(fd)
	e, err := load(fd, name)
	if errors.Is(err, unix.ENOENT) {
		return nil, ErrNotFound
	}
	if err != nil {
		return nil, &opError{"read", name, dir, err}
	}
	return e, nil
}

// WithID returns the entries of every container with the id; of several engines
// each may have one.
func WithID(dir, id string) ([]File, error) {
	name, err := fileName("/", id)
	if err != nil {
		return nil, &opError{"find", id, dir, err}
	}
	return files(dir, id, func(file string) bool { return strings.HasSuffix(file, name[16:]) })
}

// Files returns all entries. Those that cannot be read are in errs.
func Files(dir string) (all []File, errs error) {
	return files(dir, "", func(string) bool { return true })
}

func files(dir, id string, wanted func(name string) bool) (found []File, errs error) {
	fd, err := openDir(dir)
	if errors.Is(err, unix.ENOENT) {
		return nil, nil
	}
	if err != nil {
		return nil, &opError{"find", id, dir, err}
	}
	defer unix.Close(fd)
	names, err := readDir(fd)
	if err != nil {
		return nil, &opError{"find", id, dir, err}
	}
	for _, f := range names {
		if !isEntry(f.name) || !wanted(f.name) {
			continue
		}
		e, err := load(fd, f.name)
		switch {
		case errors.Is(err, unix.ENOENT): // deleted meanwhile
		case err != nil:
			errs = errors.Join(errs, &opError{"read", f.name, dir, err})
		case id == "" || e.ID == id:
			found = append(found, File{f.name, e})
		}
	}
	return found, errs
}
