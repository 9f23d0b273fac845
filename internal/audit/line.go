package audit

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"strconv"
)

const (
	digestPrefix = "sha256:"
	digestLen    = len(digestPrefix) + 2*sha256.Size
	hashKey      = `,"hash":"`
	hashEnd      = "\"}\n"
	seqKey       = `,"seq":`
	prevKey      = `,"prev":"`

	// sealMax bounds what seal and a Gap add to a receipt.
	sealMax = 512
)

// Digest gives the SHA-256 of data as receipts spell it.
func Digest(data []byte) string {
	sum := sha256.Sum256(data)
	return digestPrefix + hex.EncodeToString(sum[:])
}

// A Link is a receipt's place in the chain.
type Link struct {
	Seq        uint64
	Prev, Hash string
}

// seal ends the line at from (an object that lacks its brace) with its link and
// a newline.
func seal(line []byte, from int, seq uint64, prev string) ([]byte, Link) {
	line = strconv.AppendUint(append(line, seqKey...), seq, 10)
	line = append(append(append(line, prevKey...), prev...), '"')
	hash := Digest(line[from:])
	line = append(append(append(line, hashKey...), hash...), hashEnd...)
	return line, Link{Seq: seq, Prev: prev, Hash: hash}
}

// ParseLink checks a line, without its newline, against its own hash and gives
// its place in the chain.
func ParseLink(line []byte) (Link, error) {
	at := len(line) - len(hashKey) - digestLen - len(`"}`)
	if at < 0 || line[0] != '{' || !bytes.HasPrefix(line[at:], []byte(hashKey)) || !bytes.HasSuffix(line, []byte(`"}`)) {
		return Link{}, errors.New("not a whole receipt: it does not end in a hash")
	}
	body := line[:at]
	l := Link{Hash: string(line[at+len(hashKey) : len(line)-len(`"}`)])}
	if Digest(body) != l.Hash {
		return Link{}, errors.New("does not match its own hash")
	}
	from := bytes.LastIndex(body, []byte(seqKey))
	if from < 0 {
		return Link{}, errors.New("has no number")
	}
	seq, rest, _ := bytes.Cut(body[from+len(seqKey):], []byte(prevKey))
	n, err := strconv.ParseUint(string(seq), 10, 64)
	prev, ended := bytes.CutSuffix(rest, []byte{'"'})
	if err != nil || n == 0 || !ended || !validPrev(string(prev)) {
		return Link{}, errors.New("has no number or no link to the receipt before")
	}
	l.Seq, l.Prev = n, string(prev)
	return l, nil
}

func validPrev(s string) bool { return s == "" || validDigest(s) }

func validDigest(s string) bool {
	if len(s) != digestLen || s[:len(digestPrefix)] != digestPrefix {
		return false
	}
	for _, c := range []byte(s[len(digestPrefix):]) {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}
