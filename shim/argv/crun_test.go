package argv

import "testing"

// Command lines as engines write them for crun, and odd ones; each as crun
// 1.8.1 reads it, tried on the real one, except for what later ones have.
func TestCrun(t *testing.T) {
	type want struct{ verb, id, bundle, config, root, err string }
	for _, c := range []struct {
		args string
		want want
	}{
		{"--root R --log F --log-format json create --bundle B --pid-file P ID", want{"create", "ID", "B", "", "R", ""}},
		{"--root=R --cgroup-manager=disabled run -d --config /c.json ID", want{"run", "ID", "", "/c.json", "R", ""}},
		{"--debug --system --root R -- create -b B ID", want{"create", "ID", "B", "", "R", ""}},
		{"create -b=/x ID", want{"create", "ID", "=/x", "", "", ""}},
		{"create -bundle ID", want{"create", "ID", "undle", "", "", ""}},
		{"create --bu=/x ID", want{"create", "ID", "/x", "", "", ""}},
		{"create --bu /x ID", want{"create", "ID", "/x", "", "", ""}},
		{"create --b= ID", want{"create", "ID", "", "", "", ""}},
		{"create -b -- ID", want{"create", "ID", "--", "", "", ""}},
		{"create -b B -- -ID", want{"create", "-ID", "B", "", "", ""}},
		{"create --conf=/y -f /z -b B ID", want{"create", "ID", "B", "/z", "", ""}},
		{"run -db/x ID", want{"run", "ID", "/x", "", "", ""}},
		{"run -dfx ID", want{"run", "ID", "", "x", "", ""}},
		{"restore -b B --network-lock skip ID", want{"restore", "ID", "B", "", "", ""}},
		{"update -r - ID", want{"update", "ID", "", "", "", ""}},
		{"mounts add ID FILE", want{"mounts", "ID", "", "", "", ""}},
		{"exec ID -- sh", want{"exec", "ID", "", "", "", ""}},
		{"delete -f ID", want{"delete", "ID", "", "", "", ""}},
		{"delete -rf ID", want{"delete", "", "", "", "", ""}},
		{"kill --frobnicate", want{"kill", "", "", "", "", ""}},
		{"delete --frobnicate ID", want{"delete", "", "", "", "", ""}},

		{"", want{}},
		{"--version create ID", want{}},
		{"--ver create ID", want{}},
		{"-V create ID", want{}},
		{"-? create ID", want{}},
		{"--usage create ID", want{}},
		{"create --help ID", want{}},
		{"create -b B -? ID", want{}},
		{"create -bB? ID", want{"create", "ID", "B?", "", "", ""}},

		{"create --bundle B ID --bundle C", want{"create", "", "", "", "", `an argument too many, "--bundle", among those of create; see crun create --help`}},
		{"update ID --memory 1", want{"update", "", "", "", "", `an argument too many, "--memory", among those of update; see crun update --help`}}, // later ones read it
		{"create --con=/y ID", want{"create", "", "", "", "", `flag "--con=/y" may be --config or --console-socket: write it out, as one of create; see crun create --help`}},
		{"create --no-pivot=true ID", want{"create", "", "", "", "", `flag "--no-pivot=true" takes no value after "=", as one of create; see crun create --help`}},
		{"restore --network-lock=skip ID", want{"restore", "", "", "", "", `flag "--network-lock=skip" takes no value after "=", as one of restore; see crun restore --help`}},
		{"create -b", want{"create", "", "", "", "", `flag "-b" lacks its value, as one of create; see crun create --help`}},
		{"create -xb B ID", want{"create", "", "", "", "", `flag "-xb" is not one of create; see crun create --help`}},
		{"create --program-name=x ID", want{"create", "", "", "", "", `flag "--program-name=x" is not one of create; see crun create --help`}},
		{"create --= ID", want{"create", "", "", "", "", `flag "--=" may be --bundle or --config: write it out, as one of create; see crun create --help`}},
		{"create --preserve-fds 0x2 ID", want{"create", "ID", "", "", "", `flag --preserve-fds wants a number, not "0x2", as one of create; see crun create --help`}},
		{"mounts move ID FILE", want{"mounts", "", "", "", "", `not add or remove, a container and a file, but 3 arguments, among those of mounts; see crun mounts --help`}},
		{"--frobnicate mounts add ID FILE", want{"mounts", "", "", "", "", `flag "--frobnicate" is not one before the verb; see crun --help`}},
		{"--frobnicate state ID", want{}},
		{"--roo=R create ID", want{"create", "", "", "", "", `flag "--roo=R" may be --root or --rootless: write it out, as one before the verb; see crun --help`}},
		{"--rootless=false --root=R create ID", want{"create", "ID", "", "", "R", ""}},
		{"--root=R --rootless=false state ID", want{"state", "", "", "", "R", ""}},
		{"--root=R --rootless=false create ID", want{"create", "", "", "", "R", `flag "--rootless=false", which crun 1.8 takes for --root and later ones ignore: leave it out, or put it before --root`}},
	} {
		inv, err := Parse(Crun, fields(c.args))
		got := want{inv.Verb, inv.ID, inv.Bundle, inv.Config, inv.Root, ""}
		if err != nil {
			got.err = err.Error()
		}
		if got != c.want {
			t.Errorf("%s\n got %+v\nwant %+v", c.args, got, c.want)
		}
	}
}

func TestLogFile(t *testing.T) {
	for _, c := range []struct {
		grammar   Grammar
		log, want string
	}{
		{Crun, "/l", "/l"},
		{Crun, "file:/l:x", "/l:x"},
		{Crun, "journald:x", ""},
		{Crun, "syslog:x", ""},
		{Crun, "/a:b", ""}, // crun refuses it
		{Crun, "", ""},
		{RuncV1, "file:/l", "file:/l"},
	} {
		inv, err := Parse(c.grammar, []string{"--log", c.log, "state", "ID"})
		if err != nil || inv.LogFile() != c.want {
			t.Errorf("--log %s: %q, %v; want %q", c.log, inv.LogFile(), err, c.want)
		}
	}
}
