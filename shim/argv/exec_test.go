package argv

import (
	"reflect"
	"strings"
	"testing"
)

func TestExec(t *testing.T) {
	inv, err := Parse(RuncV1, fields("--root R exec --env A=1 --env B=2,3 -t=true --user 1:2 -g 5 -g 6 --cwd / --process-label l --apparmor a"+
		" --no-new-privs=false -c CAP_KILL -c CAP_CHOWN --preserve-fds 0x2 --cgroup x --ignore-paused -d --pid-file F --console-socket S ID sh -c -d"))
	if err != nil {
		t.Fatal(err)
	}
	want := Exec{
		Args: []string{"sh", "-c", "-d"}, Cwd: "/", Env: []string{"A=1", "B=2,3"}, TTY: true, User: "1:2", AdditionalGIDs: []uint32{5, 6},
		ProcessLabel: "l", AppArmor: "a", NoNewPrivs: Off, Caps: []string{"CAP_KILL", "CAP_CHOWN"}, Cgroup: []string{"x"}, IgnorePaused: true,
	}
	if !reflect.DeepEqual(inv.Exec, want) {
		t.Errorf("got %+v\nwant %+v", inv.Exec, want)
	}
	if inv.ID != "ID" || inv.PreserveFDs != 2 || !inv.Detach || inv.PidFile != "F" || inv.ConsoleSocket != "S" {
		t.Errorf("got %+v", inv)
	}
}

func TestRewrite(t *testing.T) {
	for _, c := range []struct {
		grammar    Grammar
		args, want string
	}{
		{RuncV1, "exec ID sh -c x", "exec --process P ID"},
		{RuncV1, "--root R --log=L exec --process Q --detach --pid-file F ID", "--root R --log=L exec --process P --detach --pid-file F ID"},
		{
			RuncV1, "exec -p Q -e A=1 -e=B=2 -t --user 0 -g 1 --cwd / --process-label l --apparmor a --no-new-privs -c CAP_KILL ID sh",
			"exec --process P ID",
		},
		{RuncV3, "exec -t ID -- sh", "exec --process P ID --"},
		{RuncV3, "exec --root R -u 0 ID sh", "exec --process P --root R ID"},
		{Crun, "--root R exec -dtu0 -eA=1 --cg c -- ID sh", "--root R exec --process P --detach --cg c -- ID"},
		{Crun, "exec -td ID sh", "exec --process P ID"}, // d is the value of -t
		{Crun, "exec -dp Q ID", "exec --process P --detach ID"},
		{Youki, "exec -dtu0 ID -e A=1 --cgroup c sh -d", "exec --process P --detach ID --cgroup c"},
		{Runsc, "exec -user 0 -pass-fd 3:3 -console-socket S ID sh", "exec --process P -pass-fd 3:3 -console-socket S ID"},
		{
			RuncV1, "exec --console-socket S -tty=false --pid-file F -u 0 -d --preserve-fds 1 --cgroup c --ignore-paused -- ID sh -p x",
			"exec --process P --console-socket S --pid-file F -d --preserve-fds 1 --cgroup c --ignore-paused -- ID",
		},
	} {
		inv, err := Parse(c.grammar, fields(c.args))
		if err != nil {
			t.Fatalf("%s: %v", c.args, err)
		}
		got, err := inv.Rewrite("P")
		if err != nil || strings.Join(got, " ") != c.want {
			t.Errorf("%s\n got %s, %v\nwant %s", c.args, strings.Join(got, " "), err, c.want)
			continue
		}
		sameAfterRewrite(t, c.grammar, inv)
	}
	if inv, _ := Parse(RuncV1, fields("create ID")); true {
		if _, err := inv.Rewrite("P"); err == nil {
			t.Error("a create is rewritten")
		}
	}
}

// sameAfterRewrite holds that a rewritten exec is the same one, with nothing
// of the process left but the file.
func sameAfterRewrite(t *testing.T, g Grammar, inv Invocation) {
	t.Helper()
	args, err := inv.Rewrite("/proc/self/fd/9")
	if err != nil {
		t.Fatalf("%q: %v", inv.Argv, err)
	}
	got, err := Parse(g, args)
	if err != nil {
		t.Fatalf("%q becomes %q: %v", inv.Argv, args, err)
	}
	type kept struct {
		verb, id, root, log, pidFile, console, pidfd string
		fds                                          int
		detach                                       bool
		exec                                         Exec
	}
	want := kept{
		inv.Verb, inv.ID, inv.Root, inv.Log, inv.PidFile, inv.ConsoleSocket, inv.PidfdSocket, inv.PreserveFDs, inv.Detach,
		Exec{ProcessFile: "/proc/self/fd/9", Cgroup: inv.Exec.Cgroup, IgnorePaused: inv.Exec.IgnorePaused, Other: values(inv.Exec.Other)},
	}
	have := kept{
		got.Verb, got.ID, got.Root, got.Log, got.PidFile, got.ConsoleSocket, got.PidfdSocket, got.PreserveFDs, got.Detach, got.Exec,
	}
	have.exec.Other = values(have.exec.Other)
	if !reflect.DeepEqual(have, want) {
		t.Fatalf("%q becomes %q\n saying %+v\n  not %+v", inv.Argv, args, have, want)
	}
}

// values is flags without where they stood.
func values(flags []Flag) []Flag {
	var out []Flag
	for _, f := range flags {
		out = append(out, Flag{Name: f.Name, Value: f.Value})
	}
	return out
}

func BenchmarkParse(b *testing.B) {
	for name, line := range map[string]string{
		"create": "--root R --log F --log-format json create --bundle B --pid-file P --console-socket S ID",
		"exec":   "--root R --log F --log-format json exec --process P --detach --pid-file F ID",
		"state":  "--root R --log F --log-format json state ID",
	} {
		for _, g := range []Grammar{Runc, RuncV1, Crun} {
			b.Run(name+"/"+g.program(), func(b *testing.B) {
				args := fields(line)
				b.ReportAllocs()
				for b.Loop() {
					if _, err := Parse(g, args); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
