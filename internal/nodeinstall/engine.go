package nodeinstall

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/runward/runward/internal/kubeapi"
)

// handler is what the engine calls runward, and what a RuntimeClass names.
const handler = "runward"

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
	return n.change(ctx, args)
}

// proof is what of `runwardctl engine verify -o json` matters here.
type proof struct {
	Engines []struct {
		Engine   string
		Handlers []struct {
			Name    string
			Through bool // it is runward
		}
		Problems []string
		Probes   []struct {
			Handler string
			Receipt string // that the container left
			Problem string // why it did not start
		}
	}
}

// verify starts containers through the engine and looks for their receipts. That
// there are ways around runward is no error: it is registered, and no more.
func (n *Node) verify(ctx context.Context) error {
	result, err := n.engine(ctx, "engine", "verify", "-o", "json")
	if err == nil && result.Code > 1 {
		err = fmt.Errorf("exit code %d: %s", result.Code, result.Said())
	}
	var p proof
	if err == nil {
		err = json.Unmarshal(result.Out, &p)
	}
	if err == nil {
		err = p.of(n.engineName)
	}
	if err != nil {
		return fmt.Errorf("runwardctl engine verify: %w", err)
	}
	return nil
}

// of says why nothing is proven of the engine's handler runward.
func (p *proof) of(engine string) error {
	for _, e := range p.Engines {
		if e.Engine != engine {
			continue
		}
		if len(e.Problems) > 0 {
			return errors.New(strings.Join(e.Problems, "; "))
		}
		through := false
		for _, h := range e.Handlers {
			through = through || h.Name == handler && h.Through
		}
		if !through {
			return errors.New(engine + " has no handler " + handler + " that is runward")
		}
		for _, probe := range e.Probes {
			if probe.Handler != handler {
				continue
			}
			if probe.Receipt == "" {
				return errors.New("a container left no receipt: " + probe.Problem)
			}
			// A container that policy refuses went through runward, too; the refusal names the receipt.
			if probe.Problem != "" && !strings.Contains(probe.Problem, probe.Receipt) {
				return errors.New("a container did not start: " + probe.Problem)
			}
		}
		return nil
	}
	return errors.New("it says nothing about " + engine)
}

// unregister takes back what register did.
func (n *Node) unregister(ctx context.Context) error {
	args := []string{"engine", "unconfigure"}
	if n.Restart {
		args = append(args, "--restart")
	}
	return n.change(ctx, args)
}

// loaded tells whether the engine has loaded the handler, as far as it says so.
// Its files alone do not: it may not have been restarted since.
func loaded(node kubeapi.Node) bool {
	handlers := node.Status.RuntimeHandlers
	return len(handlers) == 0 || slices.Contains(handlers, kubeapi.RuntimeHandler{Name: handler})
}

// change runs a command that changes the engine's files.
func (n *Node) change(ctx context.Context, args []string) error {
	result, err := n.engine(ctx, args...)
	if err == nil && result.Code != 0 {
		err = fmt.Errorf("exit code %d: %s", result.Code, result.Said())
	}
	if err != nil {
		return fmt.Errorf("runwardctl engine %s: %w", args[1], err)
	}
	return nil
}

// engine runs a command of runwardctl's about the engine, to its end: what it
// does to the engine is not left half done because the pod is to go.
func (n *Node) engine(ctx context.Context, args ...string) (Result, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), engineTime)
	defer cancel()
	return n.Host.Run(ctx, append(append([]string{ctl}, args...), "--engine", n.engineName)...)
}
