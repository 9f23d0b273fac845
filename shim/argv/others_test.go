package argv

import (
	"strings"
	"testing"
)

type wantContainer struct{ verb, id, bundle, root, err string }

func testContainers(t *testing.T, g Grammar, cases []struct {
	args string
	want wantContainer
},
) {
	t.Helper()
	for _, c := range cases {
		inv, err := Parse(g, fields(c.args))
		got := wantContainer{inv.Verb, inv.ID, inv.Bundle, inv.Root, ""}
		if err != nil {
			got.err = err.Error()
		}
		if got != c.want {
			t.Errorf("%s\n got %+v\nwant %+v", c.args, got, c.want)
		}
	}
}

// youki is not packaged anywhere here: as the documents of clap 4 and the
// declarations of liboci-cli have it.
func TestYouki(t *testing.T) {
	testContainers(t, Youki, []struct {
		args string
		want wantContainer
	}{
		{"--root R --log F --log-format json create --bundle B --pid-file P ID", wantContainer{"create", "ID", "B", "R", ""}},
		{"-rR -l=F -s create ID -b B", wantContainer{"create", "ID", "B", "R", ""}},
		{"create -b=/x ID", wantContainer{"create", "ID", "/x", "", ""}},
		{"create -bundle ID", wantContainer{"create", "ID", "undle", "", ""}},
		{"run -db/x ID", wantContainer{"run", "ID", "/x", "", ""}},
		{"update -r - ID", wantContainer{"update", "ID", "", "", ""}},
		{"update --cpu-quota -1 ID", wantContainer{"update", "ID", "", "", ""}},
		{"exec ID -t sh -c -u", wantContainer{"exec", "ID", "", "", ""}},
		{"exec -- ID sh", wantContainer{"exec", "ID", "", "", ""}},
		{"delete ID --force", wantContainer{"delete", "ID", "", "", ""}},
		{"delete -x ID", wantContainer{"delete", "", "", "", ""}},

		{"--version create ID", wantContainer{}},
		{"create -h", wantContainer{}},
		{"-x state ID", wantContainer{}},

		{"create --bu B ID", wantContainer{"create", "", "", "", `flag "--bu" is not one of create; see youki create --help`}},
		{"create --b B ID", wantContainer{"create", "", "", "", `flag "--b" is not one of create; see youki create --help`}},
		{"create -b B --bundle C ID", wantContainer{"create", "", "", "", `flag "--bundle" comes twice, as one of create; see youki create --help`}},
		{"create --bundle -x ID", wantContainer{"create", "", "", "", `flag "--bundle" lacks its value, as one of create; see youki create --help`}},
		{"create --no-pivot=true ID", wantContainer{"create", "", "", "", `flag "--no-pivot=true" takes no value, as one of create; see youki create --help`}},
		{"exec -t=x ID sh", wantContainer{"exec", "", "", "", `flag "-t=x" takes no value, as one of exec; see youki exec --help`}},
		{"update --memory-swap -1 ID", wantContainer{"update", "", "", "", `flag "--memory-swap" lacks its value, as one of update; see youki update --help`}},
		{"exec ID -x sh", wantContainer{"exec", "", "", "", `flag "-x" is not one of exec; see youki exec --help`}},
		{"-- create ID", wantContainer{"create", "", "", "", `flag "--" is not one before the verb; see youki --help`}},
		{"create ID --root R", wantContainer{"create", "", "", "", `flag "--root" is not one of create; see youki create --help`}},
	})
}

// runsc is not packaged anywhere here: as its sources have it.
func TestRunsc(t *testing.T) {
	testContainers(t, Runsc, []struct {
		args string
		want wantContainer
	}{
		{"--root=R --log=F --log-format=json --platform=kvm --some-new-flag=x create --bundle B --pid-file P ID", wantContainer{"create", "ID", "B", "R", ""}},
		{"-some-new=x -root R run -detach -bundle=B ID", wantContainer{"run", "ID", "B", "R", ""}},
		{"exec --process P --detach --internal-pid-file I ID", wantContainer{"exec", "ID", "", "", ""}},
		{"delete -force ID", wantContainer{"delete", "ID", "", "", ""}},
		{"--some-new-flag state ID", wantContainer{}},
		{"state ID", wantContainer{"state", "", "", "", ""}},
		{"-version create ID", wantContainer{}},
		{"create -h", wantContainer{}},

		{"--some-new-flag create ID", wantContainer{"create", "", "", "", `flag "--some-new-flag" is not one before the verb; see runsc --help`}},
		{"--debug=perhaps create ID", wantContainer{"create", "", "", "", `flag "--debug=perhaps" wants true or false, as one before the verb; see runsc --help`}},
		{"create ID --bundle B", wantContainer{"create", "", "", "", `an argument too many, "--bundle", among those of create; see runsc create --help`}},
		{"create -b B ID", wantContainer{"create", "", "", "", `flag "-b" is not one of create; see runsc create --help`}},
		{"update ID", wantContainer{"update", "", "", "", `runsc's update is not known to this runward: it is refused, whatever it says`}},
		{"exec --detach --cwd /detach ID sh", wantContainer{"exec", "", "", "", `argument "/detach" of exec would be left out by runsc, which drops what holds "detach" when it detaches: do without one of them`}},
	})
}

// FuzzParse: never a panic; what is covered and accepted has an id; what it
// says of an exec, it says of the rewritten one.
func FuzzParse(f *testing.F) {
	for _, line := range []string{
		"create ID", "--root R create --bundle B ID", "run -d ID -b=B", "-- create - --", "run ID --bundle -- B", "update ID -r -",
		"exec -t -u 0 -e A=1 --cgroup c ID sh -c x", "exec -dtp P ID", "exec -tfalse -dc X -- ID -- ls", "exec ID '' -u 0", "exec ID -- sh",
		"create --conf=/y -bundle ID", "mounts add ID F", "delete --force ID", "restore --network-lock skip --image-path I ID",
		"exec ID -t -d --user 0 sh -d", "--new=x exec --pass-fd 3:3 --process P ID", "exec --cgroup=true -e=x --detach=false ID sh", "-v", "exec -h x",
	} {
		f.Add(strings.Join(fields(line), "\x00"))
	}
	f.Fuzz(func(t *testing.T, line string) {
		args := strings.Split(line, "\x00")
		for g := Runc; g <= Runsc; g++ {
			inv, err := Parse(g, args)
			if err != nil || !inv.Covered() {
				continue
			}
			if inv.ID == "" {
				t.Fatalf("grammar %d: %q: covered, accepted, and no id", g, args)
			}
			if inv.Verb == "exec" {
				sameAfterRewrite(t, g, inv)
			}
		}
	})
}
