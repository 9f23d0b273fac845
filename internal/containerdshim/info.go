//go:build !nocontainerd

package containerdshim

import (
	"encoding/json"
	"fmt"
	"io"
	"os/exec"

	"github.com/containerd/containerd/api/types"
	"github.com/containerd/containerd/v2/version"
	"google.golang.org/protobuf/types/known/anypb"
)

// featuresType is how containerd names the type of what a runtime can do.
const featuresType = "types.containerd.io/opencontainers/runtime-spec/1/features/Features"

// info answers containerd 2, which asks what the runtime can do before it mounts
// with mapped ids, and before the CRI offers recursively read-only mounts and
// user namespaces. The words are the real runtime's.
func info(stdin io.Reader) (*types.RuntimeInfo, error) {
	text, err := readAll(stdin)
	if err != nil {
		return nil, err
	}
	o, err := unpack(text)
	if err != nil {
		return nil, err
	}
	can, err := exec.Command(o.BinaryName, "features").Output()
	if err != nil {
		return nil, fmt.Errorf("%s features: %w", o.BinaryName, err)
	}
	if !json.Valid(can) {
		return nil, fmt.Errorf("%s features: found no JSON", o.BinaryName)
	}
	return &types.RuntimeInfo{
		Name:     Name,
		Version:  &types.RuntimeVersion{Version: version.Version, Revision: version.Revision},
		Options:  o.given,
		Features: &anypb.Any{TypeUrl: featuresType, Value: can},
	}, nil
}
