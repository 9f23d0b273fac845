package argv

import (
	"reflect"
	"strings"
	"testing"
)

// fields splits a command line at blanks; ” is an empty argument.
func fields(line string) []string {
	args := strings.Fields(line)
	for i, arg := range args {
		if arg == "''" {
			args[i] = ""
		}
	}
	return args
}

// Command lines as engines write them, and odd ones; each as runc 1.1.5 reads
// it, tried on the real one.
func TestRuncV1(t *testing.T) {
	type want struct{ verb, id, bundle, root, log, format, err string }
	for _, c := range []struct {
		args string
		want want
	}{
		// containerd's shim, conmon, BuildKit, by hand.
		{"--root R --log F --log-format json create --bundle B --pid-file P ID", want{"create", "ID", "B", "R", "F", "json", ""}},
		{"--systemd-cgroup --root=R create --bundle=B ID", want{"create", "ID", "B", "R", "", "", ""}},
		{"--log-format=json --log=F run --bundle B --keep ID", want{"run", "ID", "B", "", "F", "json", ""}},
		{"create ID --bundle B", want{"create", "ID", "B", "", "", "", ""}},
		{"create -b B ID", want{"create", "ID", "B", "", "", "", ""}},
		{"create ID", want{"create", "ID", "", "", "", "", ""}},
		{"run -d --no-pivot=true -b=B ID", want{"run", "ID", "B", "", "", "", ""}},
		{"create --bundle B --bundle C ID", want{"create", "ID", "C", "", "", "", ""}},
		{"create --bundle B -- ID", want{"create", "ID", "B", "", "", "", ""}},
		{"create --no-pivot --bundle B ID", want{"create", "ID", "B", "", "", "", ""}},
		{"-debug -root R create -bundle B ID", want{"create", "ID", "B", "R", "", "", ""}},
		{"-- create ID", want{"create", "ID", "", "", "", "", ""}},
		{"create a ID --bundle", want{"create", "ID", "a", "", "", "", ""}},
		{"update --resources=- ID", want{"update", "ID", "", "", "", "", ""}},
		{"update -r - ID", want{"update", "ID", "", "", "", "", ""}},
		{"--root R restore --image-path I --work-path W -no-subreaper --bundle B ID", want{"restore", "ID", "B", "R", "", "", ""}},
		{"checkpoint --image-path I --leave-running ID", want{"checkpoint", "ID", "", "", "", "", ""}},
		{"--root R exec --process P --detach --pid-file F ID", want{"exec", "ID", "", "R", "", "", ""}},
		{"exec ID sh -c --bundle", want{"exec", "ID", "", "", "", "", ""}},
		{"delete --force ID", want{"delete", "ID", "", "", "", "", ""}},
		{"delete ID -f", want{"delete", "ID", "", "", "", "", ""}},

		// A value that looks like the verb.
		{"--root create state x", want{"state", "", "", "create", "", "", ""}},
		{"--log run kill x", want{"kill", "", "", "", "run", "", ""}},
		{"state create", want{"state", "", "", "", "", "", ""}},

		// Does nothing, or is not for policy.
		{"", want{}},
		{"--version", want{}},
		{"--help create ID", want{}},
		{"-v create ID", want{}},
		{"create --help", want{}},
		{"create ID -h", want{}},
		{"exec -h", want{}},
		{"crate ID", want{"crate", "", "", "", "", "", ""}},
		{"--frobnicate delete ID", want{}},
		{"delete --frobnicate ID", want{"delete", "", "", "", "", "", ""}},
		{"delete a b", want{"delete", "", "", "", "", "", ""}},
		{"kill --frobnicate", want{"kill", "", "", "", "", "", ""}},

		// Cannot be placed.
		{"--frobnicate create ID", want{"create", "", "", "", "", "", `flag "--frobnicate" is not one before the verb; see runc --help`}},
		{"--frobnicate exec ID", want{"exec", "", "", "", "", "", `flag "--frobnicate" is not one before the verb; see runc --help`}},
		{"--root", want{}},
		{"--systemd-cgroup=perhaps run ID", want{"run", "", "", "", "", "", `flag "--systemd-cgroup=perhaps" wants true or false, as one before the verb; see runc --help`}},
		{"create --frobnicate ID", want{"create", "", "", "", "", "", `flag "--frobnicate" is not one of create; see runc create --help`}},
		{"create --bundle", want{"create", "", "", "", "", "", `flag "--bundle" lacks its value, as one of create; see runc create --help`}},
		{"create", want{"create", "", "", "", "", "", `no container id among the arguments of create; see runc create --help`}},
		{"create ''", want{"create", "", "", "", "", "", `no container id among the arguments of create; see runc create --help`}},
		{"exec -d", want{"exec", "", "", "", "", "", `no container id among the arguments of exec; see runc exec --help`}},
		{"create a b", want{"create", "", "", "", "", "", `an argument too many, "b", among those of create; see runc create --help`}},
		{"create ---bundle B ID", want{"create", "", "", "", "", "", `bad flag "---bundle" of create; see runc create --help`}},
		{"run ID --bundle -- B", want{"run", "", "", "", "", "", `versions of runc read these arguments in different ways: put every flag of run before the container's id`}},
		{"update ID -r -", want{"update", "", "", "", "", "", `versions of runc read these arguments in different ways: put every flag of update before the container's id`}}, // 1.1 takes ID for the file
		{"create --bundle B -b C ID", want{"create", "", "", "", "", "", `flags "--bundle" and "-b" are the same, and only one may be there, as one of create; see runc create --help`}},
		{"create --preserve-fds many ID", want{"create", "ID", "", "", "", "", `flag --preserve-fds wants a number, not "many", as one of create; see runc create --help`}},
		{"exec -g 4294967296 ID sh", want{"exec", "ID", "", "", "", "", `flag --additional-gids wants a group's number, not "4294967296", as one of exec; see runc exec --help`}},
		{"exec --cgroup= --cgroup c ID sh", want{"exec", "", "", "", "", "", `flag "--cgroup=", empty beside others, which versions of runc read in different ways, is not one of exec; see runc exec --help`}},
		{"exec --cgroup= ID sh", want{"exec", "ID", "", "", "", "", ""}},
		{"exec --rm ID sh", want{"exec", "", "", "", "", "", `flag "--rm" is not one of exec; see runc exec --help`}},
	} {
		inv, err := Parse(RuncV1, fields(c.args))
		got := want{inv.Verb, inv.ID, inv.Bundle, inv.Root, inv.Log, inv.LogFormat, ""}
		if err != nil {
			got.err = err.Error()
		}
		if got != c.want {
			t.Errorf("%s\n got %+v\nwant %+v", c.args, got, c.want)
		}
		if !reflect.DeepEqual(inv.Argv, fields(c.args)) {
			t.Errorf("%s: the arguments changed: %q", c.args, inv.Argv)
		}
	}
}

// runc 1.6, and what is accepted of a runc of unknown version; each line as
// runc 1.6.0-rc.1 reads it, tried on the real one.
func TestRuncV3(t *testing.T) {
	const differs = `runc 1.1 to 1.5 and runc 1.6 read these arguments of %s in different ways: set runtime.grammar in runward.toml to "runc-v1" or to "runc-v3", as is installed`
	type want struct{ verb, id, bundle, root, err string }
	for _, c := range []struct {
		args   string
		want   want
		either bool // 1.1 to 1.5 read it in the same way
	}{
		{"--root R --log F --log-format json create --bundle B --pid-file P ID", want{"create", "ID", "B", "R", ""}, true},
		{"create ID --bundle B", want{"create", "ID", "B", "", ""}, true},
		{"create -b=/x ID", want{"create", "ID", "/x", "", ""}, true},
		{"create --bundle B -- ID", want{"create", "ID", "B", "", ""}, true},
		{"create ID --bundle -- B", want{"create", "", "", "", `an argument too many, "B", among those of create; see runc create --help`}, false},
		{"restore --image-path I --work-path W -no-subreaper --bundle B ID", want{"restore", "ID", "B", "", ""}, true},
		{"update --resources=- ID", want{"update", "ID", "", "", ""}, true},
		{"update ID -r -", want{"update", "ID", "", "", ""}, false},
		{"create --root R ID", want{"create", "ID", "", "R", ""}, false},
		{"--root Q create --root R ID", want{"create", "ID", "", "R", ""}, false},
		{"exec --root R ID sh", want{"exec", "ID", "", "R", ""}, false},
		{"exec ID sh --root R", want{"exec", "ID", "", "", ""}, true},
		{"exec ID -- sh", want{"exec", "ID", "", "", ""}, false},
		{"exec -- ID sh", want{"exec", "ID", "", "", ""}, true},
		{"exec ID '' -u 0", want{"exec", "ID", "", "", `flag "-u" after the container's id, where it is not one of exec; see runc exec --help`}, false},
		{"exec -e A=1 --env B=2 ID sh", want{"exec", "ID", "", "", ""}, false},
		{"exec -t= ID sh", want{"exec", "ID", "", "", ""}, false},
		{"exec -g 010 ID sh", want{"exec", "ID", "", "", `flag --additional-gids wants a group's number, not "010", as one of exec; see runc exec --help`}, true},
		{"create -b B --bundle C ID", want{"create", "ID", "C", "", ""}, false},
		{"create --bundle -- ID", want{"create", "ID", "--", "", ""}, true},
		{"create help", want{}, false},
		{"exec h sh", want{}, false},
		{"exec ID help", want{"exec", "ID", "", "", ""}, true},
		{"create --help", want{}, true},
		{"--version create ID", want{}, true},
		{"delete ID --force", want{"delete", "ID", "", "", ""}, true},
		{"foo create ID", want{"foo", "", "", "", ""}, true},
		{"state --root R create", want{"state", "", "", "", ""}, true},
		{"create -1 ID", want{"create", "", "", "", `an argument too many, "ID", among those of create; see runc create --help`}, false},
		{"--frobnicate kill x", want{}, true},
		{"--frobnicate run x", want{"run", "", "", "", `flag "--frobnicate" is not one before the verb; see runc --help`}, true},
		{"create --frobnicate x", want{"create", "", "", "", `flag "--frobnicate" is not one of create; see runc create --help`}, true},
		{"create --bundle", want{"create", "", "", "", `flag "--bundle" lacks its value, as one of create; see runc create --help`}, true},
		{"create _--bundle B ID", want{"create", "", "", "", `white space around " --bundle", which versions of runc read in different ways, among the arguments of create; see runc create --help`}, false},
		{"--help _--help=false create ID", want{"create", "", "", "", `white space around " --help=false", which versions of runc read in different ways, among the arguments before the verb; see runc --help`}, false},
		{"create --help _--help=false ID", want{"create", "", "", "", `white space around " --help=false", which versions of runc read in different ways, among the arguments of create; see runc create --help`}, false},
		{"create --help --frobnicate", want{}, false},
		{"_create ID", want{"create", "", "", "", `white space around " create", which versions of runc read in different ways, among the arguments before the verb; see runc --help`}, false},
	} {
		args := fields(c.args)
		for i := range args {
			args[i] = strings.ReplaceAll(args[i], "_", " ")
		}
		got := func(g Grammar) want {
			inv, err := Parse(g, args)
			w := want{inv.Verb, inv.ID, inv.Bundle, inv.Root, ""}
			if err != nil {
				w.err = err.Error()
			}
			return w
		}
		if w := got(RuncV3); w != c.want {
			t.Errorf("%s\n got %+v\nwant %+v", c.args, w, c.want)
		}
		w := got(Runc)
		switch {
		case c.either && w != c.want:
			t.Errorf("of unknown version: %s\n got %+v\nwant %+v", c.args, w, c.want)
		case !c.either && w.err != strings.ReplaceAll(differs, "%s", w.verb):
			t.Errorf("of unknown version: %s\n got %+v", c.args, w)
		}
	}
}
