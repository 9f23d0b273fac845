//go:build !nocontainerd

package containerdshim

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/containerd/containerd/api/types"
	"github.com/containerd/containerd/v2/cmd/containerd-shim-runc-v2/process"
	"github.com/containerd/containerd/v2/cmd/containerd-shim-runc-v2/runc"
	"github.com/containerd/containerd/v2/core/mount"
	"github.com/containerd/containerd/v2/pkg/namespaces"
	"github.com/containerd/containerd/v2/pkg/shim"
	runcclient "github.com/containerd/go-runc"
	"github.com/containerd/log"
	"golang.org/x/sys/unix"

	"github.com/runward/runward/internal/config"
)

// manager is what containerd asks of a shim's program beside start.
type manager struct{}

func (manager) Name() string { return Name }

// Start is never called: Main answers start itself, in a form that containerd
// 1.6 takes too.
func (manager) Start(context.Context, string, shim.StartOpts) (shim.BootstrapParams, error) {
	return shim.BootstrapParams{}, errors.New("start is answered before")
}

func (manager) Info(_ context.Context, stdin io.Reader) (*types.RuntimeInfo, error) {
	return info(stdin)
}

// Stop cleans up after a shim that died: it deletes the container, with
// whatever is left in it, and unmounts its root. It goes through whatever is
// wrong, and says it.
func (manager) Stop(ctx context.Context, id string) (shim.StopStatus, error) {
	dead := shim.StopStatus{ExitedAt: time.Now(), ExitStatus: 128 + int(unix.SIGKILL)}
	namespace, err := namespaces.NamespaceRequired(ctx)
	if err != nil {
		return dead, err
	}
	here, err := os.Getwd()
	if err != nil {
		return dead, err
	}
	bundle := filepath.Join(filepath.Dir(here), id)
	program, root := config.Wrapper(), process.RuncRoot
	opts, err := runc.ReadOptions(bundle)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return dead, fmt.Errorf("read the options of %s: %w", id, err)
	}
	if opts != nil && opts.BinaryName != "" {
		program = opts.BinaryName
	}
	if opts != nil && opts.Root != "" {
		root = opts.Root
	}
	runtime := process.NewRunc(root, bundle, namespace, program, false)
	if err := runtime.Delete(ctx, id, &runcclient.DeleteOpts{Force: true}); err != nil {
		log.G(ctx).WithError(err).Warn("the container was not deleted")
	}
	if err := mount.UnmountRecursive(filepath.Join(bundle, "rootfs"), 0); err != nil {
		log.G(ctx).WithError(err).Warn("its root was not unmounted")
	}
	if dead.Pid, err = runcclient.ReadPidFile(filepath.Join(bundle, process.InitPidFile)); err != nil {
		log.G(ctx).WithError(err).Warn("its process id is not known")
	}
	return dead, nil
}
