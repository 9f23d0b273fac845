// Command runward-installer runs in a pod of Kubernetes: on every node as a
// DaemonSet, which brings runward there, and once as a Job before it is
// uninstalled.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/runward/runward/internal/config"
	"github.com/runward/runward/internal/kubeapi"
	"github.com/runward/runward/internal/nodeinstall"
)

const text = `usage: runward-installer node [flags]     brings runward onto the node and keeps it there
       runward-installer ready [FILE]     0 while the node is as it is wanted: a readiness probe
       runward-installer retire [flags]   asks every node to give runward up, and waits for it
       runward-installer version
`

const readyFile = "/run/runward-installer/ready"

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

func run(args []string, out, errOut io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	err := errUsage
	if len(args) > 0 {
		switch args[0] {
		case "node":
			err = node(ctx, args[1:], out, errOut)
		case "retire":
			err = retire(ctx, args[1:], out, errOut)
		case "ready":
			err = isReady(args[1:])
		case "version":
			_, err = fmt.Fprintln(out, "runward-installer "+config.Version)
		}
	}
	switch {
	case err == nil:
		return 0
	case errors.Is(err, errUsage):
		_, _ = io.WriteString(errOut, text) // there is nobody else to tell
		return 2
	}
	_, _ = fmt.Fprintln(errOut, "error: "+err.Error()) // the same
	return 1
}

var errUsage = errors.New("usage")

func node(ctx context.Context, args []string, out, errOut io.Writer) error {
	flags := flag.NewFlagSet("runward-installer node", flag.ContinueOnError)
	flags.SetOutput(errOut)
	n := &nodeinstall.Node{Version: config.Version, ReadyFile: readyFile, Log: out}
	flags.StringVar(&n.Name, "node", os.Getenv("NODE_NAME"), "the node's name")
	payload := flags.String("payload", "/payload", "directory of the programs")
	flags.StringVar(&n.ConfigMap, "config", "/config", "directory where the ConfigMap is mounted")
	flags.StringVar(&n.Engine, "engine", "", "containerd or cri-o; empty: the kubelet's")
	flags.BoolVar(&n.Restart, "restart", false, "restart the engine where it reads its configuration only then")
	classes := flags.String("runtime-classes", "runward", "the RuntimeClasses whose pods need runward, with commas between")
	flags.DurationVar(&n.Every, "every", 30*time.Second, "between two looks")
	flags.DurationVar(&n.VerifyEvery, "verify-every", time.Hour, "between two probe containers while nothing changes")
	if err := flags.Parse(args); err != nil || flags.NArg() > 0 {
		return errUsage
	}
	if n.Name == "" {
		return errors.New("--node or NODE_NAME has to name the node")
	}
	n.RuntimeClasses = strings.Split(*classes, ",")
	n.Payload = os.DirFS(*payload)
	var err error
	if n.API, err = kubeapi.InCluster(); err != nil {
		return err
	}
	if n.Host, err = nodeinstall.OfInit(); err != nil {
		return err
	}
	n.Run(ctx)
	return nil
}

func retire(ctx context.Context, args []string, out, errOut io.Writer) error {
	flags := flag.NewFlagSet("runward-installer retire", flag.ContinueOnError)
	flags.SetOutput(errOut)
	every := flags.Duration("every", 5*time.Second, "between two looks")
	limit := flags.Duration("timeout", 4*time.Minute, "how long to wait for the nodes")
	if err := flags.Parse(args); err != nil || flags.NArg() > 0 {
		return errUsage
	}
	api, err := kubeapi.InCluster()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, *limit)
	defer cancel()
	return nodeinstall.Retire(ctx, api, *every, out)
}

func isReady(args []string) error {
	file := readyFile
	if len(args) > 0 {
		file = args[0]
	}
	_, err := os.Stat(file)
	return err
}
