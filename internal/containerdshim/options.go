//go:build !nocontainerd

package containerdshim

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strconv"

	"github.com/containerd/containerd/api/types/runc/options"
	"github.com/containerd/containerd/api/types/runtimeoptions/v1"
	"github.com/containerd/typeurl/v2"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"

	"github.com/runward/runward/internal/config"
	"github.com/runward/runward/internal/owner"
	"github.com/runward/runward/internal/tomlfile"
)

// asked are the options of containerd's task service for runc, as far as the
// engine has given any.
type asked struct {
	*options.Options
	given     *anypb.Any
	driver    bool   // they say, one way or the other, whether systemd manages the cgroup
	socketDir string // where the engine wants the shim's socket; empty: where they always are
}

// optionsLimit bounds what is read of options, in bytes.
const optionsLimit = 1 << 20

// optionsFor gives the options that the task service gets for the container in
// bundle.
func optionsFor(given *anypb.Any, bundle string) (*anypb.Any, error) {
	o, err := resolve(given)
	if err != nil {
		return nil, err
	}
	if !o.driver {
		if o.SystemdCgroup, err = systemdCgroup(bundle); err != nil {
			return nil, err
		}
	}
	return typeurl.MarshalAnyToProto(o.Options)
}

// read reads what containerd writes to the standard input of start: options, or
// from 2.3 on all that the arguments say as well, with options among it.
func (c call) read(stdin io.Reader) (asked, error) {
	text, err := readAll(stdin)
	if err != nil {
		return asked{}, err
	}
	given, dir, ok := c.bootstrap(text)
	if !ok {
		return unpack(text)
	}
	o, err := resolve(given)
	o.socketDir = dir
	return o, err
}

func readAll(stdin io.Reader) ([]byte, error) {
	text, err := io.ReadAll(io.LimitReader(stdin, optionsLimit+1))
	if err != nil {
		return nil, fmt.Errorf("read the options: %w", err)
	}
	if len(text) > optionsLimit {
		return nil, errors.New("runward: the options are larger than a megabyte")
	}
	return text, nil
}

// unpack reads options in their envelope.
func unpack(text []byte) (asked, error) {
	given := &anypb.Any{}
	if err := proto.Unmarshal(text, given); err != nil {
		return asked{}, errors.New("runward: the options cannot be read: " + err.Error())
	}
	return resolve(given)
}

// resolve decodes options and makes runward the program. Where they name another
// one, that is refused, since whoever wrote them expects it to be executed.
func resolve(given *anypb.Any) (asked, error) {
	o, err := decode(given)
	if err != nil {
		return o, err
	}
	o.given = given
	o.BinaryName, err = program(o.BinaryName)
	return o, err
}

// program is the runward to execute: the installed one, or a link to it by
// which runtime.handlers of runward.toml selects a real runtime.
func program(named string) (string, error) {
	wrapper := config.Wrapper()
	installed, err := os.Stat(wrapper)
	if err != nil {
		return "", errors.New("runward: no runward at " + wrapper + ", which " + Name + " executes: " + owner.Reason(err) + "; install it there")
	}
	if named == "" {
		return wrapper, nil
	}
	if info, err := os.Stat(named); err == nil && filepath.IsAbs(named) && os.SameFile(installed, info) {
		return named, nil
	}
	return "", errors.New("runward: BinaryName is " + strconv.Quote(named) + ", but " + Name + " executes " + wrapper +
		" and no other program; take BinaryName out of the runtime's options, or set its runtime_type to io.containerd.runc.v2")
}

// The types that options come in.
const (
	runcType    = "containerd.runc.v1.Options"
	legacyType  = "containerd.linux.runc.CreateOptions"
	genericType = "runtimeoptions.v1.Options"
)

func optionsType(url string) bool {
	switch path.Base(url) {
	case runcType, legacyType, genericType:
		return true
	}
	return false
}

// decode reads the forms in which engines give options: those of runc's shim,
// those that clients of containerd 1.6 and 1.7 use with runtimes whose name they
// do not know, and those of the CRI for such runtimes, which are TOML.
func decode(given *anypb.Any) (asked, error) {
	o := asked{Options: &options.Options{}}
	if len(given.GetValue()) == 0 {
		return o, nil
	}
	var err error
	switch path.Base(given.GetTypeUrl()) {
	case runcType:
		o.driver = true
		err = proto.Unmarshal(given.Value, o.Options)
	case legacyType:
		err = decodeLegacy(given.Value, o.Options)
	case genericType:
		var generic runtimeoptions.Options
		if err = proto.Unmarshal(given.Value, &generic); err == nil {
			return decodeTOML(&generic)
		}
	default:
		return o, errors.New("runward: options of type " + strconv.Quote(given.GetTypeUrl()) + " are not for " + Name + ", which takes those of io.containerd.runc.v2")
	}
	if err != nil {
		return o, errors.New("runward: the options cannot be read: " + err.Error())
	}
	return o, nil
}

// runcOptions are options.Options as containerd's configuration spells them.
type runcOptions struct {
	TypeURL       string `toml:"TypeUrl"` // of the file, which has but one form here
	NoPivotRoot   bool   `toml:"NoPivotRoot"`
	NoNewKeyring  bool   `toml:"NoNewKeyring"`
	ShimCgroup    string `toml:"ShimCgroup"`
	IoUID         int64  `toml:"IoUid"`
	IoGID         int64  `toml:"IoGid"`
	BinaryName    string `toml:"BinaryName"`
	Root          string `toml:"Root"`
	SystemdCgroup bool   `toml:"SystemdCgroup"`
	CriuImagePath string `toml:"CriuImagePath"`
	CriuWorkPath  string `toml:"CriuWorkPath"`
	CriuPath      string `toml:"CriuPath"` // runc ignores it
}

func decodeTOML(given *runtimeoptions.Options) (asked, error) {
	file, text := "options of "+Name, given.ConfigBody
	if given.ConfigPath != "" {
		file = given.ConfigPath
		var err error
		if text, err = owner.Read(file, optionsLimit); err != nil {
			return asked{}, errors.New("runward: " + file + ", the options of " + Name + ", cannot be read: " + owner.Reason(err))
		}
	}
	doc, err := tomlfile.Parse(file, text)
	if err != nil {
		return asked{}, errors.New("runward: " + err.Error())
	}
	var o runcOptions
	if err := doc.Decode(doc.Root, nil, &o); err != nil {
		return asked{}, errors.New("runward: " + err.Error())
	}
	for _, of := range []struct {
		key string
		id  int64
	}{{"IoUid", o.IoUID}, {"IoGid", o.IoGID}} {
		if of.id < 0 || of.id > 1<<32-2 { // the greatest means nobody
			err := doc.Errorf([]any{of.key}, of.key+": want a user's or group's number, found "+strconv.FormatInt(of.id, 10))
			return asked{}, errors.New("runward: " + err.Error())
		}
	}
	_, driver := doc.Root["SystemdCgroup"]
	return asked{driver: driver, Options: &options.Options{
		NoPivotRoot: o.NoPivotRoot, NoNewKeyring: o.NoNewKeyring, ShimCgroup: o.ShimCgroup, IoUid: uint32(o.IoUID), IoGid: uint32(o.IoGID),
		BinaryName: o.BinaryName, Root: o.Root, SystemdCgroup: o.SystemdCgroup, CriuImagePath: o.CriuImagePath, CriuWorkPath: o.CriuWorkPath,
	}}, nil
}
