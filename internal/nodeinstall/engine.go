package nodeinstall

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// How long a command about the engine may take: a restart waits for its health.
const engineTime = 3 * time.Minute

// engineOf is the name of the kubelet's engine as runwardctl has it, by what the
// kubelet says: on a node with containerd there may be podman besides.
func engineOf(version string) (string, error) {
	name, _, _ := strings.Cut(version, "://")
	if name != "containerd" && name != "cri-o" {
		return "", fmt.Errorf("the kubelet's engine is %q, and a RuntimeClass needs containerd or CRI-O", version)
	}
	return name, nil
}

// register gives the engine the runtime runward, which is current's, whatever
// version that is.
func (n *Node) register(ctx context.Context) error {
	args := []string{"engine", "configure", "--mode", "register"}
	if n.Restart {
		args = append(args, "--restart")
	}
	return n.engine(ctx, args...)
}

// verify starts a container through runward and looks for its receipt.
func (n *Node) verify(ctx context.Context) error { return n.engine(ctx, "engine", "verify") }

// unregister takes back what register did.
func (n *Node) unregister(ctx context.Context) error {
	args := []string{"engine", "unconfigure"}
	if n.Restart {
		args = append(args, "--restart")
	}
	return n.engine(ctx, args...)
}

// engine runs a command of runwardctl's about the engine, to its end: what it
// does to the engine is not left half done because the pod is to go.
func (n *Node) engine(ctx context.Context, args ...string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), engineTime)
	defer cancel()
	args = append(args, "--engine", n.engineName)
	result, err := n.Host.Run(ctx, append([]string{ctl}, args...)...)
	if err == nil && result.Code != 0 {
		err = fmt.Errorf("exit code %d: %s", result.Code, result.Said())
	}
	if err != nil {
		return fmt.Errorf("runwardctl engine %s: %w", args[1], err)
	}
	return nil
}
