package nodeinstall

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/runward/runward/internal/kubeapi"
)

// uninstall takes runward away as far as that can be done now, and says on the
// node how far that is. First no new pod comes, then the last one goes, and only
// then what these need is taken away. It tells whether all is done.
func (n *Node) uninstall(ctx context.Context, node kubeapi.Node) bool {
	if node.Metadata.Labels[LabelReady] != "" || node.Metadata.Annotations[NoteState] != removing {
		n.report(ctx, node, false, removing, "")
		return false // and look at the pods only once nobody sends any more
	}
	if err := n.takeAway(ctx); err != nil {
		n.report(ctx, node, false, removing, err.Error())
		return false
	}
	n.report(ctx, node, false, removed, "")
	return true
}

func (n *Node) takeAway(ctx context.Context) error {
	pods, err := n.API.Pods(ctx, n.Name)
	if err != nil {
		return err
	}
	if names := n.bound(pods); len(names) > 0 {
		return fmt.Errorf("waits for %d pods that run through runward (kubectl drain moves them): %s", len(names), strings.Join(names, ", "))
	}
	installed, err := n.Host.used()
	if err != nil {
		return err
	}
	if installed != "" {
		if err := n.unregister(ctx); err != nil {
			return err
		}
	}
	if err := n.Host.forgetPolicies(); err != nil {
		return err
	}
	if err := n.Host.forgetSettings(); err != nil {
		return err
	}
	if err := n.Host.Root.RemoveAll(dir); err != nil {
		return onNode(dir, err)
	}
	return nil
}

// bound are the names of the pods that need runward.
func (n *Node) bound(pods []kubeapi.Pod) []string {
	var names []string
	for _, p := range pods {
		if contains(n.RuntimeClasses, p.Spec.RuntimeClassName) && !p.Ended() {
			names = append(names, p.Name())
		}
	}
	return names
}

// forgetPolicies leaves in policy.d what others put there.
func (h Host) forgetPolicies() error {
	ours, err := h.ours()
	if err != nil {
		return err
	}
	if ours != nil {
		for name := range ours {
			if err := h.Root.Remove(policyD + "/" + name); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return onNode(policyD+"/"+name, err)
			}
		}
		if err := h.Root.Remove(policyD + "/" + listName); err != nil {
			return onNode(policyD+"/"+listName, err)
		}
	}
	for _, name := range []string{stagedD, formerD} {
		if err := h.Root.RemoveAll(name); err != nil {
			return onNode(name, err)
		}
	}
	return nil
}
