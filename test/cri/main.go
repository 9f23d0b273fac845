// Command cri asks a container engine, over the CRI, for one pod with one container, as a kubelet
// would, and takes both away again.
//
//	cri [-socket PATH] [-handler NAME] [-keep] CASE.json
//	cri [-socket PATH] -status
//
// A case is {"sandbox": PodSandboxConfig, "container": ContainerConfig, "update":
// LinuxContainerResources, "exec": ["id"]} with the CRI's own field names; all but "sandbox" may be
// left out. What exec prints goes to stdout.
// With -keep a pod that started stays. -status prints the engine's conditions, one a line: RuntimeReady true. The exit code is 1, with the engine's own words on stderr, as soon as a call is refused.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/encoding/protojson"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"
)

func main() {
	socket := flag.String("socket", "/run/containerd/containerd.sock", "the engine's CRI socket")
	handler := flag.String("handler", "", "runtime handler, as in a RuntimeClass; empty is the engine's default")
	timeout := flag.Duration("timeout", time.Minute, "give up after this long")
	status := flag.Bool("status", false, "only print whether the engine is ready")
	keep := flag.Bool("keep", false, "leave the pod running")
	flag.Parse()
	if flag.NArg() != 1 && !*status {
		fmt.Fprintln(os.Stderr, "cri: name one case file")
		os.Exit(2)
	}
	ctx, cancel := context.WithTimeout(context.Background(), *timeout)
	defer cancel()
	if err := run(ctx, *socket, *handler, flag.Arg(0), *status, *keep); err != nil {
		fmt.Fprintf(os.Stderr, "cri: %v\n", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, socket, handler, file string, status, keep bool) error {
	connection, err := grpc.NewClient("unix://"+socket, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return fmt.Errorf("connect to %s: %w", socket, err)
	}
	engine := cri.NewRuntimeServiceClient(connection)
	if status {
		return errors.Join(printStatus(ctx, engine), connection.Close())
	}
	c, err := readCase(file)
	if err != nil {
		return errors.Join(err, connection.Close())
	}
	p := pod{engine: engine, testCase: c, handler: handler}
	if err = p.live(ctx); err == nil && keep {
		return connection.Close()
	}
	return errors.Join(err, p.remove(ctx), connection.Close())
}

func printStatus(ctx context.Context, engine cri.RuntimeServiceClient) error {
	answer, err := engine.Status(ctx, &cri.StatusRequest{})
	if err != nil {
		return fmt.Errorf("status: %w", err)
	}
	for _, c := range answer.Status.Conditions {
		fmt.Println(c.Type, c.Status)
	}
	return nil
}

// testCase is one pod as its file describes it. Container is nil if only the sandbox is wanted.
type testCase struct {
	Sandbox   *cri.PodSandboxConfig
	Container *cri.ContainerConfig
	Update    *cri.LinuxContainerResources
	Exec      []string
}

// readCase decodes a case file; a field that the CRI does not have is an error.
func readCase(file string) (testCase, error) {
	raw, err := os.ReadFile(file)
	if err != nil {
		return testCase{}, fmt.Errorf("read case: %w", err)
	}
	var parts struct {
		Sandbox, Container, Update json.RawMessage
		Exec                       []string
	}
	if err := json.Unmarshal(raw, &parts); err != nil {
		return testCase{}, fmt.Errorf("decode case %s: %w", file, err)
	}
	c := testCase{Sandbox: &cri.PodSandboxConfig{}, Exec: parts.Exec}
	if err := protojson.Unmarshal(parts.Sandbox, c.Sandbox); err != nil {
		return testCase{}, fmt.Errorf("decode sandbox in %s: %w", file, err)
	}
	if parts.Container != nil {
		c.Container = &cri.ContainerConfig{}
		if err := protojson.Unmarshal(parts.Container, c.Container); err != nil {
			return testCase{}, fmt.Errorf("decode container in %s: %w", file, err)
		}
	}
	if parts.Update != nil {
		c.Update = &cri.LinuxContainerResources{}
		if err := protojson.Unmarshal(parts.Update, c.Update); err != nil {
			return testCase{}, fmt.Errorf("decode update in %s: %w", file, err)
		}
	}
	return c, nil
}
