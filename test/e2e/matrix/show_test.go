package matrix

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

func held(columns ...string) []Check {
	var checks []Check
	for _, c := range columns {
		checks = append(checks, Check{Column: c, Result: Held})
	}
	return checks
}

func cells() []Cell {
	ran := Cell{Row: "ctr", Engine: "2.1", Runtime: "runc 1", Cgroup: "v2", Driver: "systemd", AppArmor: "p (enforce)", Checks: held("allowed", "rewritten", "denied", "exec'd", "deleted")}
	ran.Checks = append(ran.Checks, Check{Column: "updated", Result: None, Says: "No help topic for 'update'"})
	ran.Checks[2].Says = "runward: host_paths | `x`\nreceipt"
	failed := Cell{Row: "docker", Engine: "28", Runtime: "runc 1", Cgroup: "v2", Driver: "systemd", AppArmor: "off", Checks: held("allowed")}
	return []Cell{
		ran, failed,
		{Row: "ctr", Engine: "2.1", Runtime: "crun 1", Cgroup: "v2", Driver: "systemd", NotRun: "crun says no"},
		{Row: "docker", Engine: "28", Runtime: "crun 1", Cgroup: "v2", Driver: "systemd", NotRun: "crun says no"},
		{Row: "build", Engine: "28", Runtime: "runc 1", Cgroup: "v2", Driver: "cgroupfs", AppArmor: "off", Around: "no receipt"},
	}
}

func TestText(t *testing.T) {
	const want = `engine  version  runtime  cgroup  driver    AppArmor     allowed  rewritten  denied  exec'd  updated   deleted
ctr     2.1      runc 1   v2      systemd   p (enforce)  yes      yes        yes     yes     none (1)  yes
ctr     2.1      crun 1   v2      systemd                not run: (2)
docker  28       runc 1   v2      systemd   off          yes      FAILED     FAILED  FAILED  FAILED    FAILED
docker  28       crun 1   v2      systemd                not run: (2)
build   28       runc 1   v2      cgroupfs  off          goes around runward (3)

(1) No help topic for 'update'
(2) crun says no
(3) no receipt
2 cells ran, 1 of them failed; 6 checks held; 1 go around runward as shown; 2 were not run.
`
	if got := Text(cells(), false); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	coloured := Text(cells(), true)
	for _, part := range []string{"\x1b[32myes\x1b[0m", "\x1b[31mFAILED\x1b[0m", "\x1b[33mnone (1)\x1b[0m"} {
		if !strings.Contains(coloured, part) {
			t.Errorf("%q is missing in %q", part, coloured)
		}
	}
}

func TestMarkdown(t *testing.T) {
	got := Markdown(cells())
	for _, part := range []string{
		"| ctr | 2.1 | runc 1 | v2 | systemd | p (enforce) | yes | yes | yes | yes | none (1) | yes |\n",
		"| ctr | 2.1 | crun 1 | v2 | systemd |  | not run: (2) |  |  |  |  |  |\n",
		"- denied: held; says `runward: host_paths ¦ 'x' / receipt`\n",
	} {
		if !strings.Contains(got, part) {
			t.Errorf("%q is missing in\n%s", part, got)
		}
	}
}

func TestAppendRead(t *testing.T) {
	file := filepath.Join(t.TempDir(), "cells")
	want := cells()
	for i := range want {
		if err := Append(file, &want[i]); err != nil {
			t.Fatal(err)
		}
	}
	got, err := Read(file)
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%v\n%+v\nwant\n%+v", err, got, want)
	}
	if err := os.WriteFile(file, []byte(`{"row":`), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Read(file); err == nil || !strings.Contains(err.Error(), "read "+file) {
		t.Errorf("half a cell: %v", err)
	}
}
