package audit

import (
	"strconv"
	"strings"
)

const (
	headPrefix = "runward receipts head 1\nseq "
	headFile   = "\nfile "
	headSize   = "\nsize "
	headHash   = "\nhash "
	headLen    = len(headPrefix) + 20 + len(headFile) + 20 + len(headSize) + 20 + len(headHash) + digestLen + 1
)

// A Head is the end of the chain as its last writer left it. It always takes
// the same bytes of the same block, so that replacing it is one small write.
type Head struct {
	Seq  uint64
	File uint64 // inode of the file that holds the receipt
	Size uint64 // of that file, in bytes
	Hash string
}

func appendHead(dst []byte, h Head) []byte {
	dst = padded(append(dst, headPrefix...), h.Seq)
	dst = padded(append(dst, headFile...), h.File)
	dst = padded(append(dst, headSize...), h.Size)
	return append(append(append(dst, headHash...), h.Hash...), '\n')
}

func padded(dst []byte, n uint64) []byte {
	digits := strconv.FormatUint(n, 10)
	return append(append(dst, "00000000000000000000"[len(digits):]...), digits...)
}

// ParseHead reads the head of a chain, and tells whether it is one.
func ParseHead(data []byte) (Head, bool) {
	s := string(data)
	if len(s) != headLen || !strings.HasPrefix(s, headPrefix) || s[headLen-1] != '\n' {
		return Head{}, false
	}
	seq, rest, _ := strings.Cut(s[len(headPrefix):headLen-1], headFile)
	file, rest, _ := strings.Cut(rest, headSize)
	size, hash, _ := strings.Cut(rest, headHash)
	h := Head{Hash: hash}
	for _, n := range []struct {
		text string
		to   *uint64
	}{{seq, &h.Seq}, {file, &h.File}, {size, &h.Size}} {
		var err error
		if *n.to, err = strconv.ParseUint(n.text, 10, 64); err != nil || len(n.text) != 20 {
			return Head{}, false
		}
	}
	return h, h.Seq > 0 && validDigest(hash)
}
