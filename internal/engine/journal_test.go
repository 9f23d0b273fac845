package engine

import (
	"errors"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// site is a node with three engines, and files of each that hold other things.
func site(t *testing.T) *System {
	return under(t, map[string]string{
		"/etc/docker/daemon.json":     "{\n  \"runtimes\": {\"crun\": {\"path\": \"/usr/bin/crun\"}}\n}\n",
		"/etc/containerd/config.toml": "version = 2\n# by hand\n[plugins.\"io.containerd.grpc.v1.cri\"]\n  sandbox_image = \"pause:1\"\n",
		"/etc/runward/runward.toml":   "mode = \"audit\"\n\n[runtime.handlers] # ours\nmine = \"/usr/bin/crun\"\n",
	}, "dockerd", "containerd", "podman", "runc", "crun")
}

// walkThrough registers, changes the mode and takes back; the process may end anywhere in it.
func walkThrough(s *System) error {
	for _, mode := range []Mode{Register, Interpose, Default} {
		for _, e := range []*Engine{dockerEngine(), containerdEngine(), podmanEngine()} {
			plan, err := e.Configure(s, &Request{Mode: mode, Names: []string{"runward", "runward-x"}})
			if err == nil {
				_, err = plan.Apply(false)
			}
			if err != nil {
				return err
			}
		}
	}
	for _, e := range []*Engine{dockerEngine(), containerdEngine(), podmanEngine()} {
		plan, err := e.Unconfigure(s, false)
		if err == nil {
			_, err = plan.Apply(false)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// A process is killed before every single change of the disk. What is left is
// taken back by the next one, to a state that holds together, and from there to what
// was before all.
func TestKilledAnywhere(t *testing.T) {
	if at := os.Getenv("ENGINE_TEST_KILL_AT"); at != "" {
		left, err := strconv.Atoi(at)
		if err != nil {
			t.Fatal(err)
		}
		s := paths(os.Getenv("ENGINE_TEST_ROOT"))
		s.fault = func() error {
			if left--; left < 0 {
				return syscall.Kill(os.Getpid(), syscall.SIGKILL)
			}
			return nil
		}
		if err := walkThrough(s); err != nil {
			t.Fatal(err)
		}
		return
	}
	killed := 0
	for at := 0; ; at++ {
		s := site(t)
		first := tree(t, s)
		command := exec.Command(os.Args[0], "-test.run=^TestKilledAnywhere$")
		command.Env = append(os.Environ(), "ENGINE_TEST_KILL_AT="+strconv.Itoa(at), "ENGINE_TEST_ROOT="+s.Root)
		said, err := command.CombinedOutput()
		var exit *exec.ExitError
		if err == nil {
			break // it came to its end
		}
		if !errors.As(err, &exit) || !exit.Sys().(syscall.WaitStatus).Signaled() {
			t.Fatalf("%v\n%s", err, said)
		}
		killed++
		recovered(t, s)
		for _, name := range []string{"podman", "docker", "containerd"} {
			plan, err := Find(name).Unconfigure(s, false)
			apply(t, plan, err)
		}
		last := tree(t, s)
		delete(last, "/var/lib/runward/engines/")
		delete(last, "/var/lib/runward/")
		equalTrees(t, last, first)
		if t.Failed() {
			t.Fatalf("killed before change %d", at)
		}
	}
	if killed < 90 {
		t.Errorf("killed %d times: the walk has more changes than that", killed)
	}
}

// recovered takes back what was interrupted, and holds each engine's files
// against its record.
func recovered(t *testing.T, s *System) {
	t.Helper()
	for _, e := range All() {
		if _, err := s.Recover(e.Name); err != nil {
			t.Fatal(err)
		}
		r, err := s.Recorded(e.Name)
		if err != nil {
			t.Fatal(err)
		}
		if r == nil {
			continue
		}
		if problems := edited(s, r); len(problems) > 0 {
			t.Errorf("%s: %q", e.Name, problems)
		}
	}
	for name := range tree(t, s) {
		if strings.Contains(name, ".runward-new") && !strings.HasPrefix(name, s.State) {
			t.Errorf("%s is left", name)
		}
	}
}

// A write that does not succeed, as on a full disk, leaves everything as it was,
// with the reason.
func TestChangeIsTakenBack(t *testing.T) {
	for at := 1; ; at++ {
		s := site(t)
		first := tree(t, s)
		left := at
		s.fault = func() error {
			if left--; left == 0 {
				return errors.New("the disk is full")
			}
			return nil
		}
		plan, err := dockerEngine().Configure(s, &Request{Mode: Interpose, Names: []string{"runward", "runward-x"}})
		if err == nil {
			_, err = plan.Apply(false)
		}
		if left > 0 {
			break
		}
		if err == nil || !strings.Contains(err.Error(), "the disk is full") {
			t.Fatalf("at %d: %v", at, err)
		}
		last := tree(t, s)
		for name := range last {
			if strings.HasPrefix(name, "/var/lib/runward") {
				delete(last, name)
			}
		}
		equalTrees(t, last, first)
		if t.Failed() {
			t.Fatalf("at change %d", at)
		}
	}
}

// An engine that does not come up takes its files back.
func TestEngineDoesNotComeUp(t *testing.T) {
	s := site(t)
	first := tree(t, s)
	e, calls := dockerEngine(), 0
	e.reload = func(_ *System, again bool) (string, error) {
		if calls++; again != (calls == 2) {
			t.Errorf("call %d: again is %v", calls, again)
		}
		if calls == 1 {
			return "", errors.New("no answer")
		}
		return "well", nil
	}
	plan, err := e.Configure(s, &Request{Mode: Default, Names: []string{"runward"}})
	if err != nil {
		t.Fatal(err)
	}
	_, err = plan.Apply(true)
	want := "docker does not come up with the new files: no answer; they were taken back"
	if err == nil || err.Error() != want || calls != 2 {
		t.Errorf("%v after %d reloads, want %s", err, calls, want)
	}
	last := tree(t, s)
	delete(last, "/var/lib/runward/engines/")
	delete(last, "/var/lib/runward/")
	equalTrees(t, last, first)
}

// The process ends while a file stands that only leads the engine over.
func TestKilledOnTheWayOver(t *testing.T) {
	s := under(t, map[string]string{"/etc/docker/daemon.json": "{}\n"}, "dockerd", "runc")
	plan, err := dockerEngine().Configure(s, &Request{Mode: Default, Names: []string{"runward"}})
	apply(t, plan, err)
	configured := tree(t, s)
	plan, err = dockerEngine().Unconfigure(s, false)
	if err != nil {
		t.Fatal(err)
	}
	via := plan.Steps[0].Via
	if want := "{\n  \"runtimes\": {},\n  \"default-runtime\": \"runc\"\n}\n"; via == nil || via.Text != want {
		t.Fatalf("over leads %+v, want %s", via, want)
	}
	if got, want := plan.ReadAnew(), "systemctl restart docker (a reload leaves it what the file has no more, and 20.10 ends over a default runtime that is gone)"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	killed := errors.New("killed")
	plan.engine.reload = func(s *System, _ bool) (string, error) {
		if err := s.write("/etc/docker/daemon.json", via); err != nil {
			return "", err
		}
		s.fault = func() error { return killed }
		return "", killed
	}
	if _, err := plan.Apply(true); err == nil {
		t.Fatal("it was not killed")
	}
	s.fault = nil
	if was, err := s.Recover("docker"); err != nil || !was {
		t.Fatal(was, err)
	}
	equalTrees(t, tree(t, s), configured)
}
