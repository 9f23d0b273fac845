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
		again, err := Parse(c.grammar, got)
		if err != nil || again.ID != inv.ID || again.Detach != inv.Detach || again.PidFile != inv.PidFile ||
			again.ConsoleSocket != inv.ConsoleSocket || again.PreserveFDs != inv.PreserveFDs || again.Root != inv.Root ||
			!reflect.DeepEqual(again.Exec, Exec{ProcessFile: "P", Cgroup: inv.Exec.Cgroup, IgnorePaused: inv.Exec.IgnorePaused}) {
			t.Errorf("%s: rewritten, it says %+v, %v", c.args, again, err)
		}
	}
	if inv, _ := Parse(RuncV1, fields("create ID")); true {
		if _, err := inv.Rewrite("P"); err == nil {
			t.Error("a create is rewritten")
		}
	}
}
