package main

import (
	"bytes"
	"os"
	"testing"
)

// The committed data is what the module in go.mod gives.
func TestCurrent(t *testing.T) {
	want, err := generate()
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile("../../../policy/rules/seccomp_data.go")
	if err != nil {
		t.Fatal(err)
	}
	// A test binary knows no module versions: the first line is left out.
	_, want, _ = bytes.Cut(want, []byte("\n"))
	_, got, _ = bytes.Cut(got, []byte("\n"))
	if !bytes.Equal(got, want) {
		t.Error("policy/rules/seccomp_data.go is stale: run go generate ./policy/rules")
	}
}
