package explain

import (
	"strings"
	"testing"

	"github.com/runward/runward/internal/display"
	"github.com/runward/runward/internal/patch"
	"github.com/runward/runward/policy"
)

func TestFindings(t *testing.T) {
	var b strings.Builder
	Findings(display.New(&b), []policy.Finding{
		{Done: policy.Excepted, Rule: "mounts", Policy: "a", Pointer: "/mounts/1", Found: "x", Wanted: "y", Because: "needed\x07 here"},
		{Done: policy.Denied, Rule: "user", Policy: "a+b", Pointer: "/process/user", Found: "root", Hint: "be another"},
		{Done: policy.Rewritten, Rule: "pids", Policy: "a", Pointer: "/linux", Found: "1", Wanted: "2"},
	})
	const want = `DONE       RULE    WHERE          FOUND -> WANTED
denied     user    /process/user  root -> nothing
    hint: be another
    policy: a, b
excepted   mounts  /mounts/1      x -> y
    exception: needed\u0007 here
    policy: a
rewritten  pids    /linux         1 -> 2
    policy: a
(The container was refused, so nothing was rewritten: what says so would have been.)
`
	if b.String() != want {
		t.Errorf("got:\n%swant:\n%s", b.String(), want)
	}
}

func TestPatch(t *testing.T) {
	var b strings.Builder
	Patch(display.New(&b), patch.Patch{
		{Op: "add", Path: "/a", Value: patch.Raw(`{"b":1}`)}, {Op: "remove", Path: "/c/0"}, {Op: "move", From: "/d", Path: "/e"},
	})
	if want := "  add /a = {\"b\":1}\n  remove /c/0\n  move /d to /e\n"; b.String() != want {
		t.Errorf("got:\n%swant:\n%s", b.String(), want)
	}
}
