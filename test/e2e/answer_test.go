//go:build e2e

package e2e

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/runward/runward/internal/monitor/answer"
	"github.com/runward/runward/internal/state"
	"github.com/runward/runward/test/e2e/lab"
)

const soon = 10 * time.Second

// target is the subject as the answers take it.
func (s *subject) target() *answer.Target {
	s.t.Helper()
	freezer, unified := s.node.Groups(s.observe(), s.want)
	return &answer.Target{PID: s.pid, Start: s.start, Freezer: freezer, Unified: unified}
}

// inForce fails the test unless the kernel says so.
func inForce(t *testing.T, target *answer.Target, frozen bool, network answer.Network) {
	t.Helper()
	want := answer.State{Frozen: frozen, Network: network}
	if got, err := answer.StateOf(target); err != nil || got != want {
		t.Errorf("in force: %+v, %v, want %+v", got, err, want)
	}
}

// counting is a container that writes how far it has come.
const counting = "i=0; while :; do i=$((i+1)); echo $i > /data/n; done"

func counter(t *testing.T, n *lab.Node, edits ...func(*specs.Spec)) (*lab.Container, *subject, func() string) {
	t.Helper()
	b := lab.Bundle(t, counting, edits...)
	do(t, b, n.Runward, "create", "--bundle", b.Dir, b.ID)
	do(t, b, n.Runward, "start", b.ID)
	all := subjects(t, n)
	s := all[len(all)-1]
	file := filepath.Join(b.Dir, "rootfs/data/n")
	lab.Await(t, "it counts", func() bool { _, err := os.Stat(file); return err == nil })
	return b, s, func() string { return readFile(t, file) }
}

// stands tells whether the count is the same after a hundred processes of the
// host's have come and gone.
func stands(t *testing.T, count func() string) bool {
	t.Helper()
	before := count()
	for range 100 {
		lab.Try(t, "", nil, lab.Tool(t, "true"))
	}
	return count() == before
}

func goesOn(t *testing.T, count func() string) {
	t.Helper()
	before := count()
	lab.Await(t, "it goes on", func() bool { now := count(); return now != before && now != "" })
}

func TestAnswerFreezes(t *testing.T) {
	n := lab.NewNode(t)
	n.Policy("10-free.toml", free)
	b, s, count := counter(t, n)
	target := s.target()
	for range 3 { // each twice: what is in force stays
		began := time.Now()
		must(t, answer.Freeze(target, soon))
		took := time.Since(began)
		must(t, answer.Freeze(target, soon))
		inForce(t, target, true, answer.NetworkOpen)
		if !stands(t, count) {
			t.Error("it goes on while frozen")
		}
		began = time.Now()
		must(t, answer.Thaw(target, soon))
		t.Logf("frozen in %v, thawed in %v", took, time.Since(began))
		must(t, answer.Thaw(target, soon))
		inForce(t, target, false, answer.NetworkOpen)
		goesOn(t, count)
	}
	// What the runtime froze is thawed, and the other way round.
	do(t, b, n.Runward, "pause", b.ID)
	inForce(t, target, true, answer.NetworkOpen)
	must(t, answer.Thaw(target, soon))
	goesOn(t, count)
	must(t, answer.Freeze(target, soon))
	if out := b.Do(n.Runward, "state", b.ID); !strings.Contains(out.Stdout, `"paused"`) {
		t.Errorf("the runtime does not see that it is frozen: %s", out.Stdout)
	}
	do(t, b, n.Runward, "resume", b.ID)
	inForce(t, target, false, answer.NetworkOpen)
	if err := answer.Freeze(&answer.Target{PID: s.pid, Start: s.start + 1, Freezer: target.Freezer, Unified: target.Unified}, soon); !errors.Is(err, answer.ErrGone) {
		t.Errorf("another process of the same number: %v", err)
	}
	own := *target
	if unified() {
		own.Unified = filepath.Dir(groupDir(t, os.Getpid(), "pids"))
	} else {
		own.Freezer = "/sys/fs/cgroup/freezer"
	}
	if err := answer.Freeze(&own, soon); err == nil || !strings.Contains(err.Error(), "nothing is done to it") && !strings.Contains(err.Error(), "is no cgroup") {
		t.Errorf("the cgroup of this process: %v", err)
	}
}

// All processes end: those in cgroups below, those that ignore signals, and those
// that are frozen, by whomever.
func TestAnswerKills(t *testing.T) {
	n := lab.NewNode(t)
	n.Policy("10-free.toml", free)
	for _, frozen := range []string{"", "frozen", "frozen below"} {
		b, s, _ := counter(t, n)
		target := s.target()
		group := target.Freezer
		file, text := "freezer.state", "FROZEN"
		if unified() {
			group, file, text = target.Unified, "cgroup.freeze", "1"
		}
		do(t, b, n.Runward, "exec", "--detach", b.ID, "sh", "-c", "trap '' TERM INT; while :; do sleep 997; done")
		nested := group + "/nested"
		must(t, os.MkdirAll(nested, 0o755))
		overwrite(t, nested+"/cgroup.procs", strconv.Itoa(s.joined("997")))
		switch frozen {
		case "frozen":
			must(t, answer.Freeze(target, soon))
		case "frozen below":
			overwrite(t, nested+"/"+file, text)
		}
		began := time.Now()
		must(t, answer.Kill(target, soon))
		t.Logf("%q: killed in %v", frozen, time.Since(began))
		if state.Alive(s.pid, s.start) {
			t.Errorf("%q: the first process lives", frozen)
		}
		must(t, answer.Kill(target, soon))
		for _, dir := range []string{nested, group} {
			if text, err := os.ReadFile(dir + "/cgroup.procs"); err == nil && len(text) > 0 {
				t.Errorf("%q: in %s: %s", frozen, dir, text)
			}
		}
		_ = os.Remove(nested)
		do(t, b, n.Runward, "delete", "--force", b.ID)
	}
}

// wire gives a container's network namespace a device, and returns the address
// at the host's end of it, and the container's.
func wire(t *testing.T, s *subject) (host, inside string) {
	t.Helper()
	ip := func(args ...string) {
		if out := lab.Try(t, "", nil, lab.Tool(t, "ip"), args...); out.Code != 0 {
			t.Fatalf("ip %v: %s", args, out.Stderr)
		}
	}
	pid := strconv.Itoa(s.pid)
	name := "rw" + pid
	ip("link", "add", name, "type", "veth", "peer", "name", "eth0", "netns", pid)
	t.Cleanup(func() { lab.Try(t, "", nil, lab.Tool(t, "ip"), "link", "delete", name) })
	ip("address", "add", "198.51.100.1/30", "dev", name)
	ip("link", "set", name, "up")
	for _, args := range [][]string{
		{"ip", "link", "set", "lo", "up"},
		{"ip", "address", "add", "198.51.100.2/30", "dev", "eth0"},
		{"ip", "link", "set", "eth0", "up"},
	} {
		all := append([]string{"--target", pid, "--net", "--", lab.Tool(t, "busybox")}, args...)
		if out := lab.Try(t, "", nil, lab.Tool(t, "nsenter"), all...); out.Code != 0 {
			t.Fatalf("%v: %s", args, out.Stderr)
		}
	}
	return "198.51.100.1", "198.51.100.2"
}

// The network is read from inside: what goes out, what comes in, what stays in
// the container, and frames that a process makes itself.
func TestAnswerCutsTheNetwork(t *testing.T) {
	n := lab.NewNode(t)
	n.Policy("10-free.toml", free)
	b := lasting(t, n)
	s := subjects(t, n)[0]
	host, inside := wire(t, s)
	target := s.target()
	do(t, b, n.Runward, "exec", "--detach", b.ID, "httpd", "-f", "-p", "80", "-h", "/etc")
	ping := func(address string) bool {
		return b.Do(n.Runward, "exec", b.ID, "ping", "-c", "1", "-W", "1", address).Code == 0
	}
	// arping sends by AF_PACKET, around what concerns IP.
	arping := func() bool {
		return b.Do(n.Runward, "exec", b.ID, "arping", "-c", "1", "-w", "1", "-I", "eth0", host).Code == 0
	}
	get := func() bool {
		conn, err := net.DialTimeout("tcp", inside+":80", time.Second)
		if err != nil {
			return false
		}
		must(t, conn.Close())
		return true
	}
	// A DHCP client without an address sends UDP by AF_PACKET; what comes out of
	// the other end is counted.
	dhcp := func() bool {
		counter := "/sys/class/net/rw" + strconv.Itoa(s.pid) + "/statistics/rx_packets"
		before := readFile(t, counter)
		b.Do(n.Runward, "exec", b.ID, "udhcpc", "-i", "eth0", "-n", "-q", "-t", "1", "-T", "1", "-s", "/bin/true")
		return readFile(t, counter) != before
	}
	check := func(what string, out, raw, in, self bool) {
		t.Helper()
		if passed := dhcp(); passed != out {
			t.Errorf("%s: UDP in raw frames: %v, want %v", what, passed, out)
		}
		if a, b, c, d := ping(host), arping(), get(), ping("127.0.0.1"); a != out || b != raw || c != in || d != self {
			t.Errorf("%s: out %v, raw frames out %v, in %v, to itself %v, want %v %v %v %v", what, a, b, c, d, out, raw, in, self)
		}
	}
	lab.Await(t, "the web server answers", get)
	check("before", true, true, true, true)
	inForce(t, target, false, answer.NetworkOpen)

	for range 2 {
		began := time.Now()
		reach, err := answer.CutNetwork(target, false)
		must(t, err)
		t.Logf("cut in %v, stays open: %q", time.Since(began), reach.Open)
		inForce(t, target, false, answer.NetworkCut)
		check("cut", false, false, false, false)
	}
	_, err := answer.CutEgress(target, false) // one takes the place of the other
	must(t, err)
	inForce(t, target, false, answer.NetworkEgress)
	check("egress cut", false, true, true, true)
	for range 2 {
		must(t, answer.Restore(target))
		inForce(t, target, false, answer.NetworkOpen)
	}
	check("restored", true, true, true, true)

	// A device that comes later is seen; so is a part that was taken away.
	_, err = answer.CutNetwork(target, false)
	must(t, err)
	enterNet := func(args ...string) {
		all := append([]string{"--target", strconv.Itoa(s.pid), "--net", "--"}, args...)
		if out := lab.Try(t, "", nil, lab.Tool(t, "nsenter"), all...); out.Code != 0 {
			t.Fatalf("%v: %s", args, out.Stderr)
		}
	}
	enterNet(lab.Tool(t, "ip"), "link", "add", "more0", "type", "veth", "peer", "name", "more1")
	inForce(t, target, false, answer.NetworkPartly)
	_, err = answer.CutNetwork(target, false)
	must(t, err)
	inForce(t, target, false, answer.NetworkCut)
	must(t, answer.Restore(target))
	inForce(t, target, false, answer.NetworkOpen)
}

// What is not the container's alone is refused, with words.
func TestAnswerRefusesWhatIsShared(t *testing.T) {
	n := lab.NewNode(t)
	n.Policy("10-free.toml", free)
	lasting(t, n, without(specs.NetworkNamespace))
	s := subjects(t, n)[0]
	if _, err := answer.CutNetwork(s.target(), true); err == nil || !strings.Contains(err.Error(), "the container is in the host's network namespace") {
		t.Errorf("of the host: %v", err)
	}
	inForce(t, s.target(), false, answer.NetworkOpen)

	n = lab.NewNode(t)
	n.Policy("10-free.toml", free)
	lasting(t, n)
	first := subjects(t, n)[0]
	lasting(t, n, func(sp *specs.Spec) {
		for i := range sp.Linux.Namespaces {
			if sp.Linux.Namespaces[i].Type == specs.NetworkNamespace {
				sp.Linux.Namespaces[i].Path = "/proc/" + strconv.Itoa(first.pid) + "/ns/net"
			}
		}
	})
	for _, s := range subjects(t, n) {
		s.clean("sharing")
		_, err := answer.CutEgress(s.target(), false)
		if err == nil || !strings.Contains(err.Error(), "shares its network namespace with 1 processes of others, such as process ") &&
			!strings.Contains(err.Error(), "shares its network namespace with 2 processes of others, such as process ") {
			t.Errorf("shared: %v", err)
		}
		inForce(t, s.target(), false, answer.NetworkOpen)
	}
	reach, err := answer.CutEgress(first.target(), true)
	must(t, err)
	if len(reach.Sharing) == 0 {
		t.Error("nobody shares it")
	}
	for _, s := range subjects(t, n) {
		inForce(t, s.target(), false, answer.NetworkEgress)
	}
	must(t, syscall.Kill(first.pid, syscall.SIGKILL))
	lab.Await(t, "it has ended", func() bool { return !state.Alive(first.pid, first.start) })
	if _, err := answer.CutNetwork(first.target2(), false); !errors.Is(err, answer.ErrGone) {
		t.Errorf("ended: %v", err)
	}
}

// target2 is the target without a look at the container, which has ended.
func (s *subject) target2() *answer.Target { return &answer.Target{PID: s.pid, Start: s.start} }
