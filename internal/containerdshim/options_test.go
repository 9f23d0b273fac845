//go:build !nocontainerd

package containerdshim

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/containerd/containerd/api/types/runc/options"
	"github.com/containerd/containerd/api/types/runtimeoptions/v1"
	"github.com/containerd/typeurl/v2"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"

	"github.com/runward/runward/internal/config"
)

// install makes a runward that prints what it can do, with a link to it and
// another program beside it, and returns their directory.
func install(t *testing.T, features string) string {
	t.Helper()
	dir, before := t.TempDir(), config.BinDir
	config.BinDir = dir
	t.Cleanup(func() { config.BinDir = before })
	put(t, filepath.Join(dir, "runward"), "#!/bin/sh\n[ \"$*\" = features ] && cat <<-'END'\n"+features+"\nEND\n", 0o755)
	put(t, filepath.Join(dir, "runc"), "#!/bin/sh\n", 0o755)
	if err := os.Symlink("runward", filepath.Join(dir, "runward-restricted")); err != nil {
		t.Fatal(err)
	}
	return dir
}

func put(t *testing.T, name, text string, mode os.FileMode) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
}

// bundle has a config.json.
func bundle(t *testing.T, spec string) string {
	t.Helper()
	dir := t.TempDir()
	put(t, filepath.Join(dir, "config.json"), spec, 0o600)
	return dir
}

func pack(t *testing.T, given any) *anypb.Any {
	t.Helper()
	if given == nil {
		return nil
	}
	if packed, ok := given.(*anypb.Any); ok {
		return packed
	}
	packed, err := typeurl.MarshalAnyToProto(given)
	if err != nil {
		t.Fatal(err)
	}
	return packed
}

func TestOptions(t *testing.T) {
	dir := install(t, "{}")
	wrapper, link := filepath.Join(dir, "runward"), filepath.Join(dir, "runward-restricted")
	file := filepath.Join(dir, "options.toml")
	put(t, file, "NoNewKeyring = true\n", 0o644)
	toml := func(text string) any { return &runtimeoptions.Options{ConfigBody: []byte(text)} }
	for name, c := range map[string]struct {
		given any
		want  *options.Options
	}{
		"none":         {nil, &options.Options{BinaryName: wrapper}},
		"empty":        {&options.Options{}, &options.Options{BinaryName: wrapper}},
		"of the CRI 1": {&runtimeoptions.Options{}, &options.Options{BinaryName: wrapper}},
		"of runc":      {&options.Options{SystemdCgroup: true, Root: "/run/x"}, &options.Options{BinaryName: wrapper, SystemdCgroup: true, Root: "/run/x"}},
		"runward":      {&options.Options{BinaryName: wrapper}, &options.Options{BinaryName: wrapper}},
		"a link":       {&options.Options{BinaryName: link}, &options.Options{BinaryName: link}},
		"of ctr 1.6":   {&anypb.Any{TypeUrl: legacyType, Value: []byte{1 << 3, 1, 10 << 3, 7, 11 << 3, 8, 9<<3 | 2, 2, '/', 'c'}}, &options.Options{BinaryName: wrapper, IoUid: 7, IoGid: 8, NoPivotRoot: true, ShimCgroup: "/c"}},
		"of the CRI 2": {toml("SystemdCgroup = true\nIoUid = 3\n"), &options.Options{BinaryName: wrapper, SystemdCgroup: true, IoUid: 3}},
		"a file":       {&runtimeoptions.Options{ConfigPath: file}, &options.Options{BinaryName: wrapper, NoNewKeyring: true}},
	} {
		t.Run(name, func(t *testing.T) {
			packed, err := optionsFor(pack(t, c.given), bundle(t, `{"linux": {"cgroupsPath": "/a/b"}}`))
			if err != nil {
				t.Fatal(err)
			}
			got, err := typeurl.UnmarshalAny(packed)
			if err != nil {
				t.Fatal(err)
			}
			if o, ok := got.(*options.Options); !ok || !proto.Equal(o, c.want) {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}

func TestOptionsRefused(t *testing.T) {
	dir := install(t, "{}")
	here := bundle(t, "{}")
	toml := func(text string) any { return &runtimeoptions.Options{ConfigBody: []byte(text)} }
	executes := ", but io.containerd.runward.v2 executes " + dir + "/runward and no other program; take BinaryName out of the runtime's options"
	for name, c := range map[string]struct {
		given any
		want  string
	}{
		"another program":   {&options.Options{BinaryName: dir + "/runc"}, `runward: BinaryName is "` + dir + `/runc"` + executes},
		"on the PATH":       {&options.Options{BinaryName: "runward"}, `runward: BinaryName is "runward"` + executes},
		"a missing program": {toml("BinaryName = '/nowhere/runc'"), `runward: BinaryName is "/nowhere/runc"` + executes},
		"an unknown key":    {toml("\nSystemdCgroups = true"), `runward: options of io.containerd.runward.v2:2:1: unknown key "SystemdCgroups"; did you mean "SystemdCgroup"?`},
		"another type":      {toml("SystemdCgroup = 'yes'"), "runward: options of io.containerd.runward.v2:1:1: SystemdCgroup: want true or false, found a string"},
		"no TOML":           {toml("SystemdCgroup"), "runward: options of io.containerd.runward.v2:1:"},
		"a negative user":   {toml("IoUid = -1"), "runward: options of io.containerd.runward.v2:1:1: IoUid: want a user's or group's number, found -1"},
		"a missing file":    {&runtimeoptions.Options{ConfigPath: "/nowhere/o.toml"}, "runward: /nowhere/o.toml, the options of io.containerd.runward.v2, cannot be read: it is missing"},
		"of something else": {&anypb.Any{TypeUrl: "containerd.linux.runc.RuncOptions", Value: []byte{1}}, `runward: options of type "containerd.linux.runc.RuncOptions" are not for io.containerd.runward.v2, which takes those of io.containerd.runc.v2`},
		"broken":            {&anypb.Any{TypeUrl: runcType, Value: []byte{1}}, "runward: the options cannot be read: proto:"},
		"broken, of ctr":    {&anypb.Any{TypeUrl: legacyType, Value: []byte{9<<3 | 2, 9}}, "runward: the options cannot be read: "},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := optionsFor(pack(t, c.given), here); err == nil || !strings.HasPrefix(err.Error(), c.want) {
				t.Errorf("\n got %v\nwant %s", err, c.want)
			}
		})
	}
	config.BinDir = filepath.Join(dir, "elsewhere")
	want := "runward: no runward at " + dir + "/elsewhere/runward, which io.containerd.runward.v2 executes: it is missing; install it there"
	if _, err := optionsFor(nil, here); err == nil || err.Error() != want {
		t.Errorf("without runward:\n got %v\nwant %s", err, want)
	}
}

// What the engine says of the cgroup driver holds; else the form of the path tells.
func TestSystemdCgroup(t *testing.T) {
	for path, want := range map[string]bool{
		"kubepods-besteffort-pod1.slice:cri-containerd:0a1b": true,
		"system.slice:docker:0a1b":                           true,
		":docker:0a1b":                                       true, // runc takes system.slice
		"/kubepods/besteffort/pod1/0a1b":                     false,
		"/default/a:b:c":                                     false,
		"default:a:b":                                        false,
		"a.slice:b":                                          false,
		"a.slice:b:":                                         false,
		"a.slice:b:c:d":                                      false,
		"":                                                   false,
	} {
		if got := systemdPath(path); got != want {
			t.Errorf("%q: %v, want %v", path, got, want)
		}
	}
	dir := t.TempDir()
	if !booted(dir) || booted(filepath.Join(dir, "none")) {
		t.Error("systemd runs where its directory is, and nowhere else")
	}
	install(t, "{}")
	for _, given := range []any{&options.Options{NoNewKeyring: true}, &runtimeoptions.Options{ConfigBody: []byte("SystemdCgroup = false")}} {
		if o, err := decode(pack(t, given)); err != nil || !o.driver || o.SystemdCgroup {
			t.Errorf("%v: %+v, %v", given, o, err)
		}
	}
}

// Whatever an engine says, what is executed is runward.
func FuzzOptions(f *testing.F) {
	wrapper := filepath.Join(f.TempDir(), "runward")
	if err := os.WriteFile(wrapper, nil, 0o755); err != nil {
		f.Fatal(err)
	}
	before := config.BinDir
	config.BinDir = filepath.Dir(wrapper)
	f.Cleanup(func() { config.BinDir = before })
	f.Add(runcType, []byte("2\x0d/usr/bin/runc"))
	f.Add(legacyType, []byte{1 << 3, 1, 10 << 3, 7})
	f.Add("types.containerd.io/"+genericType, []byte("\x1a\x1dBinaryName = '/usr/bin/runward'"))
	f.Add("id", []byte("default"))
	f.Fuzz(func(t *testing.T, kind string, value []byte) {
		if o, err := resolve(&anypb.Any{TypeUrl: kind, Value: value}); err == nil && o.BinaryName != wrapper {
			t.Errorf("executes %q", o.BinaryName)
		}
		message := protowire.AppendString(protowire.AppendTag(nil, 1, protowire.BytesType), "id")
		if o, err := (call{id: "id"}).read(bytes.NewReader(append(message, value...))); err == nil && o.BinaryName != wrapper {
			t.Errorf("executes %q", o.BinaryName)
		}
	})
}
