//go:build !nocontainerd

package containerdshim

import (
	"github.com/containerd/containerd/api/types/runc/options"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
)

// Two messages that containerd 2.2's own packages do not have: one is older, the
// other newer.

// decodeLegacy takes of containerd.linux.runc.CreateOptions what Options have
// too. The rest is about checkpoints, and was never read at create.
func decodeLegacy(message []byte, o *options.Options) error {
	return walk(message, func(field int, number uint64, text []byte) error {
		switch field {
		case 1:
			o.NoPivotRoot = number != 0
		case 8:
			o.NoNewKeyring = number != 0
		case 9:
			o.ShimCgroup = string(text)
		case 10:
			o.IoUid = uint32(number)
		case 11:
			o.IoGid = uint32(number)
		case 12:
			o.CriuWorkPath = string(text)
		case 13:
			o.CriuImagePath = string(text)
		}
		return nil
	})
}

// bootstrap takes from containerd.runtime.bootstrap.v1.BootstrapParams, which
// containerd 2.3 and later write to start, the options and where the shim's
// socket is to be. Anything else is not ok: the message repeats the arguments.
func (c call) bootstrap(message []byte) (given *anypb.Any, socketDir string, ok bool) {
	var id, namespace string
	err := walk(message, func(field int, _ uint64, text []byte) error {
		switch field {
		case 1:
			id = string(text)
		case 2:
			namespace = string(text)
		case 8: // extensions, each of which has one value
			return walk(text, func(field int, _ uint64, text []byte) error {
				var extension anypb.Any
				if err := proto.Unmarshal(text, &extension); field != 1 || err != nil {
					return err
				}
				if optionsType(extension.GetTypeUrl()) {
					given = &extension
				}
				return nil
			})
		case 9:
			socketDir = string(text)
		}
		return nil
	})
	return given, socketDir, err == nil && id != "" && id == c.id && namespace == c.namespace
}

// walk calls each with the fields of a message: of those that are numbers the
// number, of those that have a length the bytes.
func walk(message []byte, each func(field int, number uint64, text []byte) error) error {
	for len(message) > 0 {
		field, kind, size := protowire.ConsumeTag(message)
		if size < 0 {
			return protowire.ParseError(size)
		}
		message = message[size:]
		if size = protowire.ConsumeFieldValue(field, kind, message); size < 0 {
			return protowire.ParseError(size)
		}
		var number uint64
		var text []byte
		if kind == protowire.VarintType {
			number, _ = protowire.ConsumeVarint(message)
		}
		if kind == protowire.BytesType {
			text, _ = protowire.ConsumeBytes(message)
		}
		if err := each(int(field), number, text); err != nil {
			return err
		}
		message = message[size:]
	}
	return nil
}
