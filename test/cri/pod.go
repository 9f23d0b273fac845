package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	cri "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// pod is a case while it lives in the engine.
type pod struct {
	testCase
	engine  cri.RuntimeServiceClient
	handler string
	id      string // the sandbox, once there is one
}

// live runs the sandbox, creates and starts the container in it, and executes the command, in the
// order in which a kubelet does.
func (p *pod) live(ctx context.Context) error {
	sandbox, err := p.engine.RunPodSandbox(ctx, &cri.RunPodSandboxRequest{Config: p.Sandbox, RuntimeHandler: p.handler})
	if err != nil {
		return fmt.Errorf("run pod sandbox: %w", err)
	}
	p.id = sandbox.PodSandboxId
	if p.Container == nil {
		return nil
	}
	container, err := p.engine.CreateContainer(ctx, &cri.CreateContainerRequest{
		PodSandboxId: p.id, Config: p.Container, SandboxConfig: p.Sandbox,
	})
	if err != nil {
		return fmt.Errorf("create container: %w", err)
	}
	if _, err := p.engine.StartContainer(ctx, &cri.StartContainerRequest{ContainerId: container.ContainerId}); err != nil {
		return fmt.Errorf("start container: %w", err)
	}
	if p.Update != nil {
		_, err := p.engine.UpdateContainerResources(ctx, &cri.UpdateContainerResourcesRequest{ContainerId: container.ContainerId, Linux: p.Update})
		if err != nil {
			return fmt.Errorf("update: %w", err)
		}
	}
	if p.Exec == nil {
		return nil
	}
	result, err := p.engine.ExecSync(ctx, &cri.ExecSyncRequest{ContainerId: container.ContainerId, Cmd: p.Exec, Timeout: 30})
	if err != nil {
		return fmt.Errorf("exec: %w", err)
	}
	if _, err := os.Stdout.Write(result.Stdout); err != nil {
		return fmt.Errorf("write what exec printed: %w", err)
	}
	if result.ExitCode != 0 {
		return fmt.Errorf("exec: exit code %d: %s", result.ExitCode, result.Stderr)
	}
	return nil
}

// remove takes the sandbox away, and with it its containers.
func (p *pod) remove(ctx context.Context) error {
	if p.id == "" {
		return nil
	}
	_, stopped := p.engine.StopPodSandbox(ctx, &cri.StopPodSandboxRequest{PodSandboxId: p.id})
	_, removed := p.engine.RemovePodSandbox(ctx, &cri.RemovePodSandboxRequest{PodSandboxId: p.id})
	return errors.Join(stopped, removed)
}
