package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/runward/runward/hooks"
)

func (l *lab) socket() string { return l.path("run/monitor.sock") }
func (l *lab) installedHook() string {
	return filepath.Join(l.disk, "libexec", "runward", "runward-hook")
}

// watch starts what answers hooks as the node's monitor does, and does nothing else.
func (l *lab) watch() error {
	if err := os.MkdirAll(filepath.Dir(l.socket()), 0o755); err != nil {
		return err
	}
	socket, err := net.Listen("unix", l.socket())
	if err != nil {
		return err
	}
	l.monitor = &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // a hook that does not wait is gone
		w.WriteHeader(http.StatusNoContent)
	})}
	go func() { _ = l.monitor.Serve(socket) }() // until close
	return nil
}

// attach installs the hook where the node has it, and takes the monitor's
// socket away where it is away.
func (l *lab) attach(monitor string) error {
	away := l.socket() + ".away"
	if err := move(away, l.socket()); err != nil {
		return err
	}
	if monitor == "" {
		if err := os.Remove(l.installedHook()); !errors.Is(err, os.ErrNotExist) {
			return err
		}
		return nil
	}
	if err := l.command("install", "-D", "-m", "0755", l.path("bin/runward-hook"), l.installedHook()); err != nil {
		return err
	}
	if monitor == "away" {
		return os.Rename(l.socket(), away)
	}
	return nil
}

// tell runs one hook alone.
func (l *lab) tell(v variant) (time.Duration, error) {
	cmd := exec.Command(l.argv(v.program)[0])
	if v.program == hook {
		cmd.Args, cmd.Env = (hooks.Call{Stage: v.name}).Args(), hooks.Env()
	}
	cmd.Stdin = strings.NewReader(`{"ociVersion":"1.0.2-dev","id":"bench","status":"creating","pid":1,"bundle":"/run/bench","annotations":{"io.kubernetes.cri.sandbox-name":"web-5d8f7c9b6d-abcde"}}`)
	var printed bytes.Buffer
	cmd.Stderr = &printed
	began := time.Now()
	err := cmd.Run()
	took := time.Since(began)
	if err != nil {
		return 0, fmt.Errorf("%s: %w: %s", cmd, err, printed.Bytes())
	}
	return took, nil
}
