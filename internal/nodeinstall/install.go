package nodeinstall

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// install is one straight line: programs, settings and policies, engine, proof.
// It tells whether pods may come to the node, which is labelled so already or
// not. An error may also be about what did not replace something that works.
func (n *Node) install(ctx context.Context, labelled bool) (works bool, err error) {
	if n.id == "" {
		if n.id, err = identify(n.Payload, n.Version); err != nil {
			return labelled, err
		}
	}
	if err := n.Host.place(n.Payload, n.id); err != nil {
		return labelled, err
	}
	before, err := n.Host.use(n.id)
	if err != nil {
		return labelled, err
	}
	changed, refused := n.configure(ctx)
	if refused != nil && !labelled {
		return false, refused // nothing has gone through runward yet, and nothing does under another policy
	}
	if changed || before != n.id || !labelled || n.verified.IsZero() || time.Since(n.verified) >= n.VerifyEvery {
		if err := n.prove(ctx); err != nil {
			return n.goBack(ctx, before, err)
		}
	}
	if err := n.Host.prune(n.id, before); err != nil {
		return true, errors.Join(n.broken, refused, err)
	}
	return true, errors.Join(n.broken, refused)
}

// configure brings settings and policies to the node.
func (n *Node) configure(ctx context.Context) (changed bool, err error) {
	want, err := ReadConfigMap(n.ConfigMap)
	if err != nil {
		return false, err
	}
	// First what is asked of containers, then whether it is enforced.
	policies, err := n.Host.policies(ctx, want.Policies)
	if err != nil {
		return policies, err
	}
	settings, err := n.Host.settings(want.Settings)
	return policies || settings, err
}

// prove registers runward with the engine and starts a container through it.
func (n *Node) prove(ctx context.Context) error {
	n.verified = time.Time{}
	if err := n.register(ctx); err != nil {
		return err
	}
	if err := n.verify(ctx); err != nil {
		return err
	}
	n.verified = time.Now()
	return nil
}

// goBack puts the programs from before in place again, where there are others,
// and tells whether these work. They stay there as long as this pod does.
func (n *Node) goBack(ctx context.Context, before string, why error) (works bool, err error) {
	if before == "" || before == n.id || ctx.Err() != nil {
		return false, why
	}
	if _, err := n.Host.use(before); err != nil {
		return false, errors.Join(why, err)
	}
	if err := n.prove(ctx); err != nil {
		return false, fmt.Errorf("%w; and %s, which is in its place again, does not work either: %w", why, before, err)
	}
	n.broken = fmt.Errorf("%s does not work, and %s is in its place again: %w", n.id, before, why)
	n.id = before
	return true, n.broken
}
