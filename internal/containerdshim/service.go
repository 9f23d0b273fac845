//go:build !nocontainerd

package containerdshim

import (
	"context"
	"errors"

	taskapi "github.com/containerd/containerd/api/runtime/task/v3"
	"github.com/containerd/containerd/v2/cmd/containerd-shim-runc-v2/task"
	"github.com/containerd/containerd/v2/pkg/shim"
	"github.com/containerd/containerd/v2/pkg/shutdown"
	"github.com/containerd/containerd/v2/plugins"
	"github.com/containerd/plugin"
	"github.com/containerd/plugin/registry"
	"github.com/containerd/ttrpc"
)

// service is containerd's task service, whose containers are runward's: every
// other call executes what Create was given.
type service struct {
	taskapi.TTRPCTaskService
}

// Create creates the container by runward, whatever options the engine has for it.
func (s service) Create(ctx context.Context, r *taskapi.CreateTaskRequest) (*taskapi.CreateTaskResponse, error) {
	var err error
	if r.Options, err = optionsFor(r.Options, r.Bundle); err != nil {
		return nil, err
	}
	return s.TTRPCTaskService.Create(ctx, r)
}

// RegisterTTRPC serves the service by the name that every containerd calls it
// by, when it was told no other. The messages of task.v2 and task.v3 are the same.
func (s service) RegisterTTRPC(server *ttrpc.Server) error {
	server.RegisterService("containerd.task.v2.Task", &ttrpc.ServiceDesc{Methods: map[string]ttrpc.Method{
		"State":      method(s.State),
		"Create":     method(s.Create),
		"Start":      method(s.Start),
		"Delete":     method(s.Delete),
		"Pids":       method(s.Pids),
		"Pause":      method(s.Pause),
		"Resume":     method(s.Resume),
		"Checkpoint": method(s.Checkpoint),
		"Kill":       method(s.Kill),
		"Exec":       method(s.Exec),
		"ResizePty":  method(s.ResizePty),
		"CloseIO":    method(s.CloseIO),
		"Update":     method(s.Update),
		"Wait":       method(s.Wait),
		"Stats":      method(s.Stats),
		"Connect":    method(s.Connect),
		"Shutdown":   method(s.Shutdown),
	}})
	return nil
}

// method is a call of the service as ttrpc serves it.
func method[Request, Response any](serve func(context.Context, *Request) (*Response, error)) ttrpc.Method {
	return func(ctx context.Context, unmarshal func(any) error) (any, error) {
		r := new(Request)
		if err := unmarshal(r); err != nil {
			return nil, err
		}
		return serve(ctx, r)
	}
}

// register makes the service the shim's.
func register() {
	registry.Register(&plugin.Registration{
		Type:     plugins.TTRPCPlugin,
		ID:       "task",
		Requires: []plugin.Type{plugins.EventPlugin, plugins.InternalPlugin},
		InitFn: func(ic *plugin.InitContext) (any, error) {
			events, err := ic.GetByID(plugins.EventPlugin, "publisher")
			if err != nil {
				return nil, err
			}
			end, err := ic.GetByID(plugins.InternalPlugin, "shutdown")
			if err != nil {
				return nil, err
			}
			publisher, ok := events.(shim.Publisher)
			ending, also := end.(shutdown.Service)
			if !ok || !also {
				return nil, errors.New("containerd's publisher or shutdown service is not what this program was built for")
			}
			tasks, err := task.NewTaskService(ic.Context, publisher, ending)
			if err != nil {
				return nil, err
			}
			return service{tasks}, nil
		},
	})
}
