package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/runward/runward/internal/monitor/watch/sample"
)

// A container is one that is recorded.
type container struct {
	workload
	number int // of its network
	dir    string
	random *rand.Rand
}

func (c *container) id() string      { return "record-" + strconv.Itoa(c.number) }
func (c *container) host() string    { return fmt.Sprintf("10.231.%d.1", c.number) }
func (c *container) address() string { return fmt.Sprintf("10.231.%d.2", c.number) }

// record starts the container, writes its series and ends it.
func (c *container) record(file string, normal, anomaly time.Duration) (err error) {
	defer func() {
		// Deleting ends its network too.
		if gone := command("runc", "--root", c.dir+"/state", "delete", "--force", c.id()); err == nil {
			err = gone
		}
	}()
	pid, err := c.start()
	if err != nil {
		return err
	}
	if err := c.connect(pid); err != nil {
		return err
	}
	end := make(chan struct{})
	defer close(end)
	if c.client != nil {
		go c.client(c.random, c.address(), end)
	}
	if strings.Contains(c.anomaly, "nc ") {
		sink, err := net.Listen("tcp", c.host()+":9009")
		if err != nil {
			return err
		}
		defer func() { _ = sink.Close() }() // nothing waits to be sent
		go swallow(sink)
	}
	return c.write(file, pid, normal, anomaly)
}

// start writes the bundle and starts it.
func (c *container) start() (pid int, err error) {
	root := c.dir + "/rootfs"
	for _, dir := range []string{"bin", "proc", "dev", "tmp", "www"} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
			return 0, err
		}
	}
	if err := command("cp", "/usr/bin/busybox", root+"/bin/busybox"); err != nil {
		return 0, err
	}
	for _, name := range strings.Fields("sh sleep usleep dd httpd nc seq gzip rm true") {
		if err := os.Symlink("busybox", root+"/bin/"+name); err != nil {
			return 0, err
		}
	}
	for _, size := range []int{1, 10, 100, 1000} {
		if err := os.WriteFile(fmt.Sprintf("%s/www/%dk", root, size), make([]byte, size*1024), 0o644); err != nil {
			return 0, err
		}
	}
	text, err := json.Marshal(c.spec())
	if err == nil {
		err = os.WriteFile(c.dir+"/config.json", text, 0o644)
	}
	if err != nil {
		return 0, err
	}
	run := exec.Command("runc", "--root", c.dir+"/state", "run", "--detach", "--pid-file", c.dir+"/pid", "--bundle", c.dir, c.id())
	if err := run.Run(); err != nil {
		return 0, err
	}
	number, err := os.ReadFile(c.dir + "/pid")
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(string(number))
}

func (c *container) spec() *specs.Spec {
	memory, pids, quota, period := int64(128<<20), int64(64), c.cpu*100, uint64(100_000)
	return &specs.Spec{
		Version: "1.0.2", Root: &specs.Root{Path: "rootfs"}, Hostname: c.name,
		Process: &specs.Process{Args: []string{"sh", "-c", c.text(c.host())}, Env: []string{"PATH=/bin"}, Cwd: "/"},
		Mounts: []specs.Mount{
			{Destination: "/proc", Type: "proc", Source: "proc"},
			{Destination: "/dev", Type: "tmpfs", Source: "tmpfs"},
			{Destination: "/dev/shm", Type: "tmpfs", Source: "shm"},
		},
		Linux: &specs.Linux{
			CgroupsPath: "/" + c.id(),
			Namespaces:  []specs.LinuxNamespace{{Type: specs.PIDNamespace}, {Type: specs.NetworkNamespace}, {Type: specs.IPCNamespace}, {Type: specs.UTSNamespace}, {Type: specs.MountNamespace}},
			Resources: &specs.LinuxResources{
				Memory: &specs.LinuxMemory{Limit: &memory}, Pids: &specs.LinuxPids{Limit: &pids}, CPU: &specs.LinuxCPU{Quota: &quota, Period: &period},
			},
		},
	}
}

// connect gives the container a network that ends at the host.
func (c *container) connect(pid int) error {
	outer, inside := fmt.Sprintf("rec%do", c.number), fmt.Sprintf("rec%di", c.number)
	in := []string{"-t", strconv.Itoa(pid), "-n", "ip"}
	for _, args := range [][]string{
		{"ip", "link", "add", outer, "type", "veth", "peer", "name", inside, "netns", strconv.Itoa(pid)},
		{"ip", "addr", "add", c.host() + "/24", "dev", outer},
		{"ip", "link", "set", outer, "up"},
		append(append([]string{"nsenter"}, in...), "addr", "add", c.address()+"/24", "dev", inside),
		append(append([]string{"nsenter"}, in...), "link", "set", inside, "up"),
	} {
		if err := command(args[0], args[1:]...); err != nil {
			return err
		}
	}
	return nil
}

// swallow takes whatever is sent, until the listener is closed.
func swallow(sink net.Listener) {
	for {
		from, err := sink.Accept()
		if err != nil {
			return
		}
		_, _ = io.Copy(io.Discard, from) // how much came, the series show
		_ = from.Close()
	}
}

// write takes a sample every second: a heading with the names of the metrics,
// then lines of seconds and values; the anomaly begins after a line that says so.
func (c *container) write(file string, pid int, normal, anomaly time.Duration) (err error) {
	f, err := os.Create(file)
	if err != nil {
		return err
	}
	defer func() {
		if closed := f.Close(); err == nil {
			err = closed
		}
	}()
	out := bufio.NewWriter(f)
	defer func() {
		if flushed := out.Flush(); err == nil {
			err = flushed
		}
	}()
	node, err := sample.NewNode(64)
	if err != nil {
		return err
	}
	source, err := node.Open(c.id(), pid)
	if err != nil {
		return err
	}
	defer node.Close(source)
	heading := "seconds"
	for m := range sample.Metrics {
		heading += " " + sample.Metric(m).String()
	}
	fmt.Fprintln(out, heading)
	var before *sample.Sample
	start, began := time.Now(), c.anomaly == ""
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for now := start; now.Sub(start) < normal+anomaly; now = <-tick.C {
		if !began && now.Sub(start) >= normal {
			began = true
			fmt.Fprintln(out, "anomaly")
			if err := os.WriteFile(c.dir+"/rootfs/tmp/go", nil, 0o644); err != nil {
				return err
			}
		}
		s, err := node.Read(source, now)
		if errors.Is(err, sample.ErrGone) {
			return fmt.Errorf("the container ended after %s", now.Sub(start))
		}
		if err != nil {
			return err
		}
		line := strconv.FormatFloat(now.Sub(start).Seconds(), 'f', 2, 64)
		measures := sample.Measure(before, s)
		for m := range sample.Metrics {
			value := "-"
			if v, ok := measures.Get(sample.Metric(m)); ok {
				value = strconv.FormatFloat(v, 'g', 4, 64)
			}
			line += " " + value
		}
		fmt.Fprintln(out, line)
		before = s
	}
	return nil
}
