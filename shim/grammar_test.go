package shim

import (
	"reflect"
	"strings"
	"testing"
)

// Command lines as engines write them, and odd ones; each as runc 1.1.5 reads
// it, tried on the real one.
func TestParse(t *testing.T) {
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
		{"create --bundle B -b C ID", want{"create", "ID", "C", "", "", "", ""}},
		{"create --bundle B -- ID", want{"create", "ID", "B", "", "", "", ""}},
		{"create --no-pivot --bundle B ID", want{"create", "ID", "B", "", "", "", ""}},
		{"-debug -root R create -bundle B ID", want{"create", "ID", "B", "R", "", "", ""}},
		{"-- create ID", want{"create", "ID", "", "", "", "", ""}},

		// A value that looks like the verb.
		{"--root create state x", want{"state", "", "", "create", "", "", ""}},
		{"--log run kill x", want{"kill", "", "", "", "run", "", ""}},
		{"exec x create", want{"exec", "", "", "", "", "", ""}},

		// Starts nothing, or is not for policy.
		{"", want{}},
		{"--version", want{}},
		{"--help create ID", want{}},
		{"-v create ID", want{}},
		{"create --help", want{}},
		{"create ID -h", want{}},
		{"crate ID", want{"crate", "", "", "", "", "", ""}},
		{"--frobnicate delete ID", want{}},

		// Cannot be placed.
		{"--frobnicate create ID", want{"create", "", "", "", "", "", `flag "--frobnicate" is not one before the verb; see runc --help`}},
		{"--root", want{}},
		{"--systemd-cgroup=perhaps run ID", want{"run", "", "", "", "", "", `flag "--systemd-cgroup=perhaps" wants true or false, as one before the verb; see runc --help`}},
		{"create --frobnicate ID", want{"create", "", "", "", "", "", `flag "--frobnicate" is not one of create; see runc create --help`}},
		{"create --bundle", want{"create", "", "", "", "", "", `flag "--bundle" lacks its value, as one of create; see runc create --help`}},
		{"create", want{"create", "", "", "", "", "", `no container id among the arguments of create; see runc create --help`}},
		{"create a b", want{"create", "", "", "", "", "", `an argument too many, "b", among those of create; see runc create --help`}},
		{"create ---bundle B ID", want{"create", "", "", "", "", "", `bad flag "---bundle" of create; see runc create --help`}},
		{"run ID --bundle -- B", want{"run", "", "", "", "", "", `versions of runc read these arguments in different ways: put every flag of run before the container's id`}},
	} {
		inv, err := Parse(strings.Fields(c.args))
		got := want{inv.Verb, inv.ID, inv.Bundle, inv.Root, inv.Log, inv.LogFormat, ""}
		if err != nil {
			got.err = err.Error()
		}
		if got != c.want {
			t.Errorf("%s\n got %+v\nwant %+v", c.args, got, c.want)
		}
		if !reflect.DeepEqual(inv.Argv, strings.Fields(c.args)) {
			t.Errorf("%s: the arguments changed: %q", c.args, inv.Argv)
		}
	}
}

// FuzzParse: never a panic; what is covered and accepted has an id; and no
// line with a covered verb behind understood globals slips through uncovered.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{"create\x00ID", "--root\x00R\x00create\x00--bundle\x00B\x00ID", "run\x00-d\x00ID\x00-b=B", "--\x00create\x00-\x00--"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, line string) {
		args := strings.Split(line, "\x00")
		inv, err := Parse(args)
		if err == nil && inv.Covered() && inv.ID == "" {
			t.Fatalf("%q: covered, accepted, and no id", args)
		}
		if err == nil && args[0] == "create" && len(args) == 2 && !inv.Covered() && !strings.HasPrefix(args[1], "-") && args[1] != "" {
			t.Fatalf("%q: not covered", args)
		}
	})
}
