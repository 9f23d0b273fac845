//go:build !nocontainerd

package containerdshim

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/containerd/containerd/v2/defaults"
	"github.com/containerd/containerd/v2/pkg/shim"
)

// start makes sure that a shim serves the container whose bundle is the working
// directory, and returns its address: a new one's, or that of the shim which has
// the container's group already. Options that Create would refuse are refused
// before there is a shim.
func (c call) start(stdin io.Reader) (address string, err error) {
	asked, err := c.read(stdin)
	if err != nil {
		return "", err
	}
	group, err := groupOf(c.id)
	if err != nil {
		return "", err
	}
	address = c.socket(asked.socketDir, group)
	socket, err := shim.NewSocket(address)
	if shim.SocketEaddrinuse(err) {
		if shim.CanConnect(address) {
			return address, writeAddress(address)
		}
		// Of a shim that was killed.
		if err := shim.RemoveSocket(address); err != nil {
			return "", fmt.Errorf("remove the socket of a dead shim: %w", err)
		}
		socket, err = shim.NewSocket(address)
	}
	if err != nil {
		return "", fmt.Errorf("make the shim's socket: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, socket.Close(), gone(shim.RemoveSocket(address)))
		}
	}()
	// Before there is a shim, which removes at its end what it reads there.
	if err := writeAddress(address); err != nil {
		return "", err
	}
	return address, c.spawn(asked.ShimCgroup, socket)
}

func gone(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// groupAnnotations name the group whose containers share a shim: what the
// engine writes for a pod, and what containerd has for everybody else. The
// order matters, and is containerd's.
var groupAnnotations = []string{"io.containerd.runc.v2.group", "io.kubernetes.cri.sandbox-id"}

// groupOf names the group of a container; one without any is its own.
func groupOf(id string) (string, error) {
	s, err := readSpec(".")
	if err != nil {
		return "", err
	}
	for _, key := range groupAnnotations {
		if name, ok := s.Annotations[key]; ok {
			return name, nil
		}
	}
	return id, nil
}

// socket is where the shim of a group listens, below dir or where containerd's
// shims all do. No other runtime's shim can have the same name, nor one of
// another containerd or name space, whatever a group is called: annotations may
// be anybody's, and that shim would not execute runward.
func (c call) socket(dir, group string) string {
	if dir == "" {
		dir = filepath.Join(defaults.DefaultStateDir, "s")
	}
	name := sha256.Sum256([]byte(Name + "\x00" + c.address + "\x00" + c.namespace + "\x00" + group))
	return "unix://" + filepath.Join(dir, hex.EncodeToString(name[:]))
}

// writeAddress leaves the address in the bundle, from where containerd up to 1.7
// takes it after a restart.
func writeAddress(address string) error {
	const name, temporary = "address", ".address"
	f, err := os.OpenFile(temporary, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return fmt.Errorf("write the shim's address: %w", err)
	}
	_, err = f.WriteString(address)
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(temporary, name)
	}
	if err != nil {
		return fmt.Errorf("write the shim's address: %w", errors.Join(err, gone(os.Remove(temporary))))
	}
	return nil
}
