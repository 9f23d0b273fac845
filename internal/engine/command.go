package engine

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/runward/runward/internal/tomlfile"
)

// commandLimit is how long an engine's own command may take.
const commandLimit = time.Minute

// run runs an engine's own command and gives what it printed; an error has the
// last line that it said.
func run(input io.Reader, program string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), commandLimit)
	defer cancel()
	command := exec.CommandContext(ctx, program, args...)
	command.WaitDelay = time.Second // a container may keep the pipes
	var out, said bytes.Buffer
	command.Stdin, command.Stdout, command.Stderr = input, &out, &said
	if err := command.Run(); err != nil && !errors.Is(err, exec.ErrWaitDelay) {
		return out.String(), errors.New(lastLine(said.String(), err))
	}
	return out.String(), nil
}

// lastLine is where programs say why they end.
func lastLine(said string, err error) string {
	lines := strings.Split(strings.TrimSpace(said), "\n")
	if last := lines[len(lines)-1]; last != "" {
		return last
	}
	return err.Error()
}

// version is what a program says of itself; empty: nothing.
func version(program string) string {
	if program == "" {
		return ""
	}
	out, err := run(nil, program, "--version")
	if err != nil {
		return ""
	}
	line, _, _ := strings.Cut(out, "\n")
	for _, word := range strings.Fields(line) {
		if word = strings.TrimSuffix(strings.TrimPrefix(word, "v"), ","); word != "" && word[0] >= '0' && word[0] <= '9' && strings.Contains(word, ".") {
			return word
		}
	}
	return ""
}

// errReload is why an engine cannot be made to read its files from here.
var errReload = errors.New("it cannot be restarted from here")

// unitActive tells whether systemd runs the unit.
func unitActive(unit string) bool {
	if _, err := os.Stat("/run/systemd/system"); err != nil {
		return false
	}
	_, err := run(nil, "systemctl", "is-active", "--quiet", unit)
	return err == nil
}

// How long an engine may take: a reload is done at once, a start is not.
const (
	reloadLimit = 10 * time.Second
	startLimit  = 30 * time.Second
)

// comesUp asks again and again until the engine is well, and at the limit
// returns the last answer.
func comesUp(limit time.Duration, ask func() error) error {
	poll := time.NewTicker(200 * time.Millisecond)
	defer poll.Stop()
	for end := time.After(limit); ; {
		err := ask()
		if err == nil {
			return nil
		}
		select {
		case <-poll.C:
		case <-end:
			return err
		}
	}
}

// dockerAt is how the docker command reaches the engine of a daemon.json, and
// the file in which that keeps its process's number.
func dockerAt(s *System) (options []string, pidfile string) {
	pidfile = "/var/run/docker.pid"
	file := dockerEngine().file(s)
	c, err := s.read(file)
	if err != nil || c == nil {
		return nil, pidfile
	}
	doc, err := parseJSON(file, c.Text)
	if err != nil {
		return nil, pidfile
	}
	if host := doc.Root().Get("hosts").Index(0).Str(); host != "" {
		options = []string{"--host", host}
	}
	if own := doc.Root().Get("pidfile").Str(); own != "" {
		pidfile = own
	}
	return options, pidfile
}

// reloadDocker lets dockerd read daemon.json: runtimes and default-runtime are
// among what it reads anew on SIGHUP.
func reloadDocker(s *System, _ bool) (string, error) {
	options, pidfile := dockerAt(s)
	pid, err := pidOf(pidfile, "dockerd")
	if err != nil {
		return "", err
	}
	if pid == 0 {
		return "dockerd does not run, and reads its files when it starts", nil
	}
	if s.program("docker") == "" {
		return "", errors.New("the docker command is not installed, so dockerd cannot be asked how it is: leave out --restart")
	}
	file := dockerEngine().file(s)
	now, err := s.read(file)
	if err != nil {
		return "", err
	}
	if err := dockerOver(s, file, now, options, pid); err != nil {
		return "", err
	}
	return "dockerd was reloaded", dockerRead(s, options, pid)
}

// dockerOver leads dockerd away from what the file has no more.
func dockerOver(s *System, file string, now *Content, options []string, pid int) error {
	want, err := lookDocker(&view{sys: s, engine: dockerEngine(), base: map[string]*Content{}})
	if err != nil {
		return err
	}
	standard, names, err := dockerSays(options)
	if err != nil {
		return err
	}
	if standard == want.Default && len(surplus(names, want)) == 0 {
		return nil
	}
	via := dockerVia(file, fresh(`{"runtimes": {}, "default-runtime": ""}`), now)
	if via == nil {
		return nil
	}
	if err := s.write(file, via); err != nil {
		return err
	}
	err = dockerRead(s, options, pid)
	if back := s.write(file, now); err == nil {
		err = back
	}
	return err
}

// dockerSays asks dockerd for its default runtime, and for those that it knows.
func dockerSays(options []string) (standard string, names []string, err error) {
	out, err := run(nil, "docker", append(slices.Clone(options), "info", "--format", "{{.DefaultRuntime}}{{range $name, $_ := .Runtimes}} {{$name}}{{end}}")...)
	if err != nil {
		return "", nil, err
	}
	words := strings.Fields(out)
	if len(words) == 0 {
		return "", nil, errors.New("dockerd does not say its runtimes")
	}
	return words[0], words[1:], nil
}

// surplus are the runtimes that dockerd knows and the file does not have, but for
// the names that newer ones have for their own.
func surplus(names []string, want *Status) []string {
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool {
		return strings.HasPrefix(name, "io.containerd.") || slices.ContainsFunc(want.Handlers, func(h StatusHandler) bool { return h.Name == name })
	})
}

// dockerRead signals dockerd, and waits until it has what its file says.
func dockerRead(s *System, options []string, pid int) error {
	want, err := lookDocker(&view{sys: s, engine: dockerEngine(), base: map[string]*Content{}})
	if err != nil {
		return err
	}
	if err := syscall.Kill(pid, syscall.SIGHUP); err != nil {
		return errors.New("dockerd (process " + strconv.Itoa(pid) + ") cannot be signalled: " + err.Error())
	}
	return comesUp(reloadLimit, func() error { return dockerHas(options, want) })
}

// dockerHas asks dockerd whether it has what its file says, and no runward that
// the file does not say.
func dockerHas(options []string, want *Status) error {
	standard, names, err := dockerSays(options)
	if err != nil {
		return err
	}
	if standard != want.Default {
		return errors.New("dockerd does not take " + want.Default + " for its default runtime; its log says why")
	}
	for _, h := range want.Handlers {
		if !slices.Contains(names, h.Name) {
			return errors.New("dockerd does not know the runtime " + h.Name + "; its log says why")
		}
	}
	for _, name := range surplus(names, want) {
		if strings.HasPrefix(name, "runward") {
			return errors.New("dockerd still has the runtime " + name + "; its log says why")
		}
	}
	return nil
}

// pidOf reads a process's number, and holds its name against what it should be;
// 0: it does not run.
func pidOf(file, name string) (int, error) {
	text, err := os.ReadFile(file)
	if errors.Is(err, os.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, errors.New(file + " cannot be read: " + err.Error())
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil || pid < 2 {
		return 0, errors.New(file + " has no process's number in it")
	}
	comm, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/comm")
	if err != nil || strings.TrimSpace(string(comm)) != name {
		return 0, nil // it ended without removing its file
	}
	return pid, nil
}

// containerdSocket is where the containerd of a main file listens.
func containerdSocket(s *System) string {
	const usual = "/run/containerd/containerd.sock"
	file := containerdEngine().file(s)
	c, err := s.read(file)
	if err != nil || c == nil {
		return usual
	}
	doc, err := tomlfile.Parse(file, []byte(c.Text))
	if err != nil {
		return usual
	}
	for _, v := range []any{at(doc.Root, "plugins", "io.containerd.server.v1.grpc", "address"), at(doc.Root, "grpc", "address")} {
		if address, ok := v.(string); ok && address != "" {
			return address
		}
	}
	return usual
}

// restart lets systemd start an engine anew, which it runs; again: or did until
// the start with new files failed.
func restart(s *System, engine, unit string, again bool) error {
	if s.Configs[engine] != "" || !again && !unitActive(unit) {
		return errors.New("systemd does not run " + unit + " with these files: leave out --restart, and restart it yourself: " + errReload.Error())
	}
	if again { // starts that failed count, and too many forbid the next
		if _, err := run(nil, "systemctl", "reset-failed", unit); err != nil {
			return err
		}
	}
	_, err := run(nil, "systemctl", "restart", unit)
	return err
}

func reloadContainerd(s *System, again bool) (string, error) {
	if err := restart(s, "containerd", "containerd.service", again); err != nil {
		return "", err
	}
	return "containerd was restarted; containers went on running", comesUp(startLimit, func() error { return criWell(s) })
}

// criWell asks containerd whether its CRI plugin runs.
func criWell(s *System) error {
	out, err := run(nil, "ctr", "--address", containerdSocket(s), "plugins", "ls")
	if err != nil {
		return err
	}
	for line := range strings.Lines(out) {
		words := strings.Fields(line)
		if len(words) < 3 || words[len(words)-1] != "error" {
			continue
		}
		if words[1] == "cri" || strings.HasPrefix(words[0], "io.containerd.cri.") {
			return errors.New("containerd's plugin " + words[0] + " " + words[1] + " does not start; its log says why")
		}
	}
	return nil
}

func reloadCRIO(s *System, again bool) (string, error) {
	if err := restart(s, "cri-o", "crio.service", again); err != nil {
		return "", err
	}
	return "CRI-O was restarted; containers went on running", comesUp(startLimit, func() error {
		if !unitActive("crio.service") {
			return errors.New("crio.service does not stay up; its log says why")
		}
		return nil
	})
}

// reloadPodman has nothing to restart: every call of podman reads its files.
func reloadPodman(*System, bool) (string, error) {
	if _, err := run(nil, "podman", "info", "--format", "{{.Host.OCIRuntime.Name}}"); err != nil {
		return "", err
	}
	return "podman reads its files at every call; a podman.service that runs ends by itself when it is idle", nil
}
