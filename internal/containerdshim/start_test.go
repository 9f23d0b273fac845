//go:build !nocontainerd

package containerdshim

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/containerd/containerd/api/types/runc/options"
	"github.com/containerd/typeurl/v2"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
)

func TestGroup(t *testing.T) {
	for spec, want := range map[string]string{
		`{}`: "container",
		`{"annotations": {"io.kubernetes.cri.sandbox-id": "pod", "x": "y"}}`:                             "pod",
		`{"annotations": {"io.containerd.runc.v2.group": "set", "io.kubernetes.cri.sandbox-id": "pod"}}`: "set",
	} {
		t.Chdir(bundle(t, spec))
		if group, err := groupOf("container"); err != nil || group != want {
			t.Errorf("%s: %q, %v, want %q", spec, group, err, want)
		}
	}
	t.Chdir(t.TempDir())
	if _, err := groupOf("container"); err == nil || err.Error() != "runward: config.json cannot be read: it is missing" {
		t.Errorf("without config.json: %v", err)
	}
}

// Nobody's group is another's: what a group is called leads to no other name
// space, containerd or runtime.
func TestSocket(t *testing.T) {
	seen := map[string]string{}
	for _, c := range []struct{ address, namespace, group string }{
		{"/run/c.sock", "default", "a"},
		{"/run/c.sock", "default", "b"},
		{"/run/c.sock", "k8s.io", "a"},
		{"/run/d.sock", "default", "a"},
		{"/run/c.sock", "default", "../k8s.io/a"},
		{"/run/c.sock/default", "a", ""},
		{"/run/c.sock", "default/a", ""},
	} {
		at := call{namespace: c.namespace, address: c.address}.socket("", c.group)
		if !strings.HasPrefix(at, "unix:///run/containerd/s/") || len(at) != len("unix:///run/containerd/s/")+64 {
			t.Errorf("%+v: %s", c, at)
		}
		if other := seen[at]; other != "" {
			t.Errorf("%+v and %s have one socket, %s", c, other, at)
		}
		seen[at] = c.address + " " + c.namespace + " " + c.group
	}
	if at := (call{}).socket("/run/x", "g"); filepath.Dir(at) != "unix:/run/x" && !strings.HasPrefix(at, "unix:///run/x/") {
		t.Errorf("elsewhere: %s", at)
	}
}

func TestParseStart(t *testing.T) {
	for line, want := range map[string]*call{
		"-namespace n -address /a -publish-binary /c -id i start":        {namespace: "n", address: "/a", id: "i"},
		"-namespace n -address /a -publish-binary /c -id i -debug start": {namespace: "n", address: "/a", id: "i", debug: true},
		"-namespace n -address /a -id start":                             nil,
		"-namespace n -address /a -id i -bundle start delete":            nil,
		"-info":          nil,
		"-v":             nil,
		"-unheard start": nil,
		"":               nil,
	} {
		c, ok := parseStart(strings.Fields(line))
		if ok != (want != nil) || ok && c != *want {
			t.Errorf("%q: %+v, %v, want %+v", line, c, ok, want)
		}
	}
}

// What start is given on its standard input: options in an envelope, or since
// containerd 2.3 a longer message with them.
func TestReadOptions(t *testing.T) {
	dir := install(t, "{}")
	given, err := proto.Marshal(pack(t, &options.Options{ShimCgroup: "/shims"}))
	if err != nil {
		t.Fatal(err)
	}
	text := func(field protowire.Number, value string, rest ...byte) []byte {
		return append(protowire.AppendString(protowire.AppendTag(nil, field, protowire.BytesType), value), rest...)
	}
	boot := func(id, namespace string, more ...byte) []byte {
		return append(append(text(1, id), text(2, namespace)...), more...)
	}
	extension := text(8, string(text(1, string(given))))
	c := call{id: "id", namespace: "default"}
	for name, w := range map[string]struct {
		stdin             []byte
		cgroup, socketDir string
	}{
		"nothing":         {nil, "", ""},
		"options":         {given, "/shims", ""},
		"2.3":             {boot("id", "default", extension...), "/shims", ""},
		"2.3, a place":    {boot("id", "default", append(text(9, "/run/x"), 3<<3, 0)...), "", "/run/x"},
		"2.3, no options": {boot("id", "default"), "", ""},
	} {
		o, err := c.read(bytes.NewReader(w.stdin))
		if err != nil || o.ShimCgroup != w.cgroup || o.socketDir != w.socketDir || o.BinaryName != filepath.Join(dir, "runward") {
			t.Errorf("%s: %+v, %v", name, o, err)
		}
	}
	for name, w := range map[string]struct {
		stdin []byte
		want  string
	}{
		"another container's": {boot("other", "default"), `runward: options of type "other" are not for io.containerd.runward.v2`},
		"no message":          {[]byte("no message"), "runward: the options cannot be read: "},
		"too much":            {make([]byte, optionsLimit+1), "runward: the options are larger than a megabyte"},
	} {
		if _, err := c.read(bytes.NewReader(w.stdin)); err == nil || !strings.HasPrefix(err.Error(), w.want) {
			t.Errorf("%s: %v, want %s", name, err, w.want)
		}
	}
}

// Options that Create would refuse leave no shim, no socket and no address.
func TestStartRefuses(t *testing.T) {
	dir := install(t, "{}")
	here := bundle(t, "{}")
	t.Chdir(here)
	given, err := proto.Marshal(pack(t, &options.Options{BinaryName: dir + "/runc"}))
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	err = Main([]string{"shim", "-namespace", "n", "-id", "i", "-address", "/a", "start"}, bytes.NewReader(given), &out)
	if err == nil || !strings.HasPrefix(err.Error(), "runward: BinaryName is ") || out.Len() > 0 {
		t.Errorf("%v, %q", err, out.String())
	}
	left, err := os.ReadDir(here)
	if err != nil || len(left) != 1 {
		t.Errorf("left %v, %v", left, err)
	}
}

func TestInfo(t *testing.T) {
	const can = `{"ociVersionMin": "1.0.0", "linux": {"mountExtensions": {"idmap": {"enabled": true}}}}`
	dir := install(t, can)
	given, err := proto.Marshal(pack(t, &options.Options{SystemdCgroup: true}))
	if err != nil {
		t.Fatal(err)
	}
	got, err := manager{}.Info(t.Context(), bytes.NewReader(given))
	if err != nil {
		t.Fatal(err)
	}
	asked, err := typeurl.UnmarshalAny(got.Options)
	if err != nil {
		t.Fatal(err)
	}
	if o, ok := asked.(*options.Options); !ok || !o.SystemdCgroup || got.Name != Name || got.Features.GetTypeUrl() != featuresType || strings.TrimSpace(string(got.Features.GetValue())) != can {
		t.Errorf("got %v", got)
	}
	put(t, filepath.Join(dir, "runward"), "#!/bin/sh\necho none\n", 0o755)
	if _, err := (manager{}).Info(t.Context(), io.MultiReader()); err == nil || err.Error() != dir+"/runward features: found no JSON" {
		t.Errorf("without features: %v", err)
	}
}
