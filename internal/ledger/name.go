package ledger

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"path/filepath"
	"strings"
)

const suffix = ".json"

// fileName gives the entry's file: 16 hexadecimal digits for the root, then the
// id. Bytes outside of runc's grammar for ids are escaped as %XX, and an id
// that would make the name too long is replaced by its hash.
func fileName(root, id string) (string, error) {
	switch {
	case !filepath.IsAbs(root):
		return "", errors.New("root " + root + " is not an absolute path")
	case id == "" || id == "." || id == ".." || strings.ContainsAny(id, "/\x00"):
		return "", errors.New("not a container id")
	}
	const hexDigits = "0123456789ABCDEF"
	sum := sha256.Sum256([]byte(root))
	name := append(hex.AppendEncode(nil, sum[:8]), '.')
	for _, c := range []byte(id) {
		if plain(c) {
			name = append(name, c)
		} else {
			name = append(name, '%', hexDigits[c>>4], hexDigits[c&15])
		}
	}
	if len(name) > 200 {
		long := sha256.Sum256([]byte(id))
		name = append(append(name[:17], '%', '='), hex.EncodeToString(long[:])...) // %= is no escape
	}
	return string(append(name, suffix...)), nil
}

// plain tells the bytes of runc's grammar, [\w+-\.]+.
func plain(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '+' || c == ',' || c == '-' || c == '.'
}

func isEntry(name string) bool {
	return len(name) > 17+len(suffix) && name[16] == '.' && name[0] != '.' && strings.HasSuffix(name, suffix)
}

// canonical gives the root without symbolic links, so that /var/run/x and
// /run/x are the same. What does not exist yet stays as it is written.
func canonical(root string) string {
	root = filepath.Clean(root)
	if !filepath.IsAbs(root) {
		return root
	}
	real, err := filepath.EvalSymlinks(root)
	switch {
	case err == nil:
		return real
	case errors.Is(err, fs.ErrNotExist) && root != "/":
		return filepath.Join(canonical(filepath.Dir(root)), filepath.Base(root))
	default:
		return root
	}
}
