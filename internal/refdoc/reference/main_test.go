package main

import (
	"bytes"
	"os"
	"testing"
)

func TestReferenceIsCurrent(t *testing.T) {
	want, err := reference("../../../policy/rules")
	if err != nil {
		t.Fatal(err)
	}
	have, err := os.ReadFile("../../../packaging/doc/reference.md")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(have, want) {
		t.Error("packaging/doc/reference.md is not as the code would make it: run make generate and read the diff")
	}
}
