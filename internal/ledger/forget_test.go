package ledger

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/runward/runward/internal/state"
)

// runtime is the real runc, on a root of its own.
type runtime struct {
	t            testing.TB
	bundle, root string
}

func newRunc(t *testing.T) *runtime {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("not root: no container can be started")
	}
	if _, err := exec.LookPath("runc"); err != nil {
		t.Skip("no runc in PATH: install runc")
	}
	if _, err := os.Stat("/bin/busybox"); err != nil {
		t.Skip("no /bin/busybox: install busybox-static")
	}
	r := &runtime{t: t, bundle: t.TempDir(), root: t.TempDir()}
	bin := filepath.Join(r.bundle, "rootfs", "bin")
	must(t, os.MkdirAll(bin, 0o755))
	busybox, err := os.ReadFile("/bin/busybox")
	must(t, err)
	must(t, os.WriteFile(filepath.Join(bin, "busybox"), busybox, 0o755))
	if out, err := exec.Command("runc", "spec", "--bundle", r.bundle).CombinedOutput(); err != nil {
		t.Fatal(err, string(out))
	}
	path := filepath.Join(r.bundle, "config.json")
	data, err := os.ReadFile(path)
	must(t, err)
	var config map[string]any
	must(t, json.Unmarshal(data, &config))
	process := config["process"].(map[string]any)
	process["terminal"], process["args"] = false, []string{"/bin/busybox", "sleep", "1000"}
	data, err = json.Marshal(config)
	must(t, err)
	must(t, os.WriteFile(path, data, 0o600))
	return r
}

// try runs runc and tells whether it succeeded.
func (r *runtime) try(args ...string) bool {
	r.t.Helper()
	return exec.Command("runc", append([]string{"--root", r.root}, args...)...).Run() == nil
}

func (r *runtime) run(args ...string) {
	r.t.Helper()
	if !r.try(args...) {
		out, err := exec.Command("runc", append([]string{"--root", r.root}, args...)...).CombinedOutput()
		r.t.Fatalf("runc %v: %v, %s", args, err, out)
	}
}

func (r *runtime) create(id string) {
	r.t.Helper()
	r.run("create", "--bundle", r.bundle, id)
	r.t.Cleanup(func() { r.try("delete", "--force", id) })
}

func (r *runtime) initPid(id string) int {
	r.t.Helper()
	data, err := os.ReadFile(filepath.Join(r.root, id, "state.json"))
	must(r.t, err)
	var s struct {
		Pid int `json:"init_process_pid"`
	}
	must(r.t, json.Unmarshal(data, &s))
	return s.Pid
}

// In every state of a container, Forget drops the entry exactly if runc's
// delete then succeeds.
func TestForgetAgreesWithRunc(t *testing.T) {
	r := newRunc(t)
	dir, _ := dirs(t)
	for _, tt := range []struct {
		name  string
		reach func(id string)
		force bool
		want  bool // forgotten, and deleted by runc
	}{
		{"created", func(string) {}, false, true},
		{"running", func(id string) { r.run("start", id) }, false, false},
		{"running, forced", func(id string) { r.run("start", id) }, true, true},
		{"stopped", func(id string) {
			r.run("start", id)
			pid := r.initPid(id)
			r.run("kill", id, "KILL")
			awaitEnd(t, pid)
		}, false, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			id := "runward-test-" + strconv.Itoa(os.Getpid()) + "-" + strconv.Itoa(len(tt.name))
			must(t, Put(dir, entry(r.root, id)))
			r.create(id)
			tt.reach(id)
			must(t, Forget(dir, r.root, id, tt.force))
			if forgotten := !has(t, dir, r.root, id); forgotten != tt.want {
				t.Errorf("forgotten %v, want %v", forgotten, tt.want)
			}
			args := []string{"delete", id}
			if tt.force {
				args = []string{"delete", "--force", id}
			}
			if deleted := r.try(args...); deleted != tt.want {
				t.Errorf("runc deleted it %v, want %v", deleted, tt.want)
			}
			r.try("delete", "--force", id)
			must(t, Delete(dir, r.root, id))
		})
	}
}

// awaitEnd waits until the process has ended, for 10 s at most.
func awaitEnd(t *testing.T, pid int) {
	t.Helper()
	fd, err := unix.PidfdOpen(pid, 0)
	if err == unix.ESRCH {
		return
	}
	must(t, err)
	defer unix.Close(fd)
	if n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 10000); n != 1 {
		t.Fatal("the process does not end", err)
	}
}

func TestForgetByState(t *testing.T) {
	self, err := state.ReadStat(os.Getpid())
	must(t, err)
	me, start := strconv.Itoa(os.Getpid()), strconv.FormatUint(self.Start, 10)
	runc := func(pid, start string) string {
		return `{"id":"a","init_process_pid":` + pid + `,"init_process_start":` + start + `,"created":"x","config":{}}`
	}
	for _, tt := range []struct {
		name        string
		file, state string
		fifo        bool
		creator     int
		want        bool // forgotten
	}{
		{name: "no container, creator gone", want: true},
		{name: "no container, creator at it", creator: os.Getpid()},
		{name: "running", file: "state.json", state: runc(me, start)},
		{name: "created", file: "state.json", state: runc(me, start), fifo: true, want: true},
		{name: "gone", file: "state.json", state: runc("536870912", "5"), want: true},
		{name: "its pid is another's now", file: "state.json", state: runc(me, start+"0"), want: true},
		{name: "written in another order", file: "state.json", state: `{"created": 1, "init_process_start": ` + start + `, "init_process_pid": 536870912}`, want: true},
		{name: "of another id", file: "state.json", state: `{"id":"b","init_process_pid":` + me + `,"init_process_start":` + start + `,"x":1}`},
		{name: "cut short", file: "state.json", state: `{"id":"a","init_process_pid":53687`},
		{name: "says it twice", file: "state.json", state: `{"init_process_pid":536870912,"init_process_start":1,"init_process_pid":` + me + `}`},
		{name: "no pid", file: "state.json", state: runc("0", start)},
		{name: "empty", file: "state.json"},
		{name: "no state", file: "other"},
		{name: "crun, running", file: "status", state: `{"pid": ` + me + `, "process-start-time": ` + start + `}`},
		{name: "crun, created: only with force", file: "status", state: `{"pid": ` + me + `, "process-start-time": ` + start + `}`, fifo: true},
		{name: "crun, gone", file: "status", state: `{"pid": 536870912, "process-start-time": 7}`, want: true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir, root := dirs(t)
			e := entry(root, "a")
			must(t, Put(dir, e))
			if e.Creator = tt.creator; e.Creator == 0 {
				e.Creator = 1 << 29 // no such process
			}
			name, err := fileName(root, "a")
			must(t, err)
			data, err := encode(e)
			must(t, err)
			must(t, os.WriteFile(filepath.Join(dir, name), data, 0o600))
			if tt.file != "" {
				must(t, os.Mkdir(filepath.Join(root, "a"), 0o711))
				must(t, os.WriteFile(filepath.Join(root, "a", tt.file), []byte(tt.state), 0o600))
			}
			if tt.fifo {
				must(t, os.WriteFile(filepath.Join(root, "a", "exec.fifo"), nil, 0o600))
			}
			must(t, Forget(dir, root, "a", false))
			if forgotten := !has(t, dir, root, "a"); forgotten != tt.want {
				t.Errorf("forgotten %v, want %v", forgotten, tt.want)
			}
			must(t, Forget(dir, root, "a", true))
			if has(t, dir, root, "a") {
				t.Error("not forgotten by force")
			}
			must(t, Forget(dir, root, "a", false)) // absent is fine
		})
	}
}
