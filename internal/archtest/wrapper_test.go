package archtest

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// linkable is everything outside of the standard library and this module that
// the wrapper is made of, no more and no less.
var linkable = []string{
	"github.com/BurntSushi/toml",
	"github.com/BurntSushi/toml/internal",
	"github.com/opencontainers/runtime-spec/specs-go",
	"github.com/sirupsen/logrus",
	"golang.org/x/sys/unix",
}

// unlinkable is what the wrapper must not have of the standard library, even
// by way of another package.
var unlinkable = []struct{ pattern, why string }{
	{"net/...", "it starts slowly, and nothing is asked of a network before a container starts"},
	{"crypto/tls/...", "it starts slowly, and nothing is asked of a network before a container starts"},
	{"crypto/x509/...", "it starts slowly, and reads files and environment variables of its own"},
	{"os/exec", "the wrapper executes the real runtime in its own place, and starts no child: contract of an OCI runtime"},
	{"os/signal", "signals stay as the engine set them: the real runtime inherits them"},
	{"os/user", "name services are slow and may be the container's own; the kernel's numbers do"},
	{"runtime/cgo", "the wrapper is static"},
	{"plugin", "what decides is in the binary"},
	{"regexp/...", "it starts slowly; policy has globs"},
	{"text/template/...", "it starts slowly and keeps the linker from dropping methods"},
	{"html/...", "there is no page here"},
	{"encoding/gob", "it starts slowly; the ledger is JSON"},
	{"encoding/xml", "nothing here is XML"},
	{"encoding/asn1", "nothing here is ASN.1"},
	{"math/big", "numbers of config.json stay as they are spelled"},
	{"log/slog/...", "it starts slowly; logrus writes the engine's log as runc does"},
	{"flag", "the grammar is the real runtime's, and shim.Parse has it"},
	{"testing/...", "it registers flags and has no place in a program"},
	{"go/...", "the wrapper reads no Go"},
	{"compress/...", "nothing here is compressed"},
	{"archive/...", "nothing here is an archive"},
	{"database/...", "policies and receipts are files"},
	{"expvar", "it starts a server's variables"},
	{"runtime/pprof", "it starts slowly; test/bench/run --profile measures from outside"},
	{"runtime/trace", "it starts slowly; test/bench/run --profile measures from outside"},
	{"time/tzdata", "it is half a megabyte; receipts are in UTC"},
}

// A dep is one package that a program is made of, as go list has it.
type dep struct {
	ImportPath string
	Standard   bool
	Imports    []string
}

func checkLinked(deps []dep) []string {
	var complaints []string
	unused := slices.Clone(linkable)
	for _, d := range deps {
		unused = slices.DeleteFunc(unused, func(name string) bool { return name == d.ImportPath })
		switch {
		case d.Standard:
			for _, u := range unlinkable {
				if under(u.pattern, d.ImportPath) {
					complaints = append(complaints, "the wrapper links "+d.ImportPath+", "+importers(deps, d.ImportPath)+": "+u.why)
				}
			}
		case d.ImportPath == module || strings.HasPrefix(d.ImportPath, module+"/"):
		case !slices.Contains(linkable, d.ImportPath):
			complaints = append(complaints, "the wrapper links "+d.ImportPath+", "+importers(deps, d.ImportPath)+
				": every verb of every container pays for it. Do without, or measure it (make bench) and add it to linkable (internal/archtest/wrapper_test.go)")
		}
	}
	for _, name := range unused {
		complaints = append(complaints, "linkable has "+name+", which the wrapper does not link: remove it")
	}
	return complaints
}

func importers(deps []dep, name string) string {
	var by []string
	for _, d := range deps {
		if slices.Contains(d.Imports, name) {
			by = append(by, d.ImportPath)
		}
	}
	return "imported by " + strings.Join(by, ", ")
}

func TestWrapperLinksOnlyWhatItMay(t *testing.T) {
	moduleSource(t) // reads what go list reads, so that go test knows of it
	for _, name := range []string{"go.mod", "go.sum"} {
		if _, err := os.ReadFile(filepath.Join("..", "..", name)); err != nil {
			t.Fatal(err)
		}
	}
	for _, arch := range []string{"amd64", "arm64"} {
		t.Run(arch, func(t *testing.T) { report(t, checkLinked(listDeps(t, "../../"+wrapper, arch))) })
	}
}

func listDeps(t *testing.T, program, arch string) []dep {
	t.Helper()
	cmd := exec.Command("go", "list", "-deps", "-json=ImportPath,Standard,Imports", "./"+program)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+arch)
	out, err := cmd.Output()
	if err != nil {
		stderr := ""
		if exit, ok := errors.AsType[*exec.ExitError](err); ok {
			stderr = string(exit.Stderr)
		}
		t.Fatalf("go list -deps %s: %v\n%s", program, err, stderr)
	}
	var deps []dep
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var d dep
		if err := dec.Decode(&d); errors.Is(err, io.EOF) {
			return deps
		} else if err != nil {
			t.Fatal(err)
		}
		deps = append(deps, d)
	}
}

func TestWrapperFindsPlanted(t *testing.T) {
	clean := []dep{{ImportPath: "os", Standard: true}, {ImportPath: module + "/shim"}}
	for _, name := range linkable {
		clean = append(clean, dep{ImportPath: name})
	}
	for _, c := range []struct {
		planted []dep
		want    string
	}{
		{nil, ""},
		{[]dep{{ImportPath: "netip", Standard: true}}, ""}, // only looks like net
		{[]dep{{ImportPath: "net", Standard: true}, {ImportPath: "x", Standard: true, Imports: []string{"net"}}}, "the wrapper links net, imported by x: it starts slowly"},
		{[]dep{{ImportPath: "net/http/internal", Standard: true}}, "the wrapper links net/http/internal"},
		{[]dep{{ImportPath: "os/exec", Standard: true}}, "starts no child"},
		{[]dep{{ImportPath: "github.com/spf13/cobra"}}, "the wrapper links github.com/spf13/cobra"},
		{[]dep{{ImportPath: module + "-other/x"}}, "the wrapper links " + module + "-other/x"},
	} {
		got := checkLinked(append(slices.Clone(clean), c.planted...))
		if c.want == "" && len(got) > 0 || c.want != "" && (len(got) != 1 || !strings.Contains(got[0], c.want)) {
			t.Errorf("with %v: found %q, want %q", c.planted, got, c.want)
		}
	}
	if got := checkLinked(clean[:len(clean)-1]); len(got) != 1 || !strings.Contains(got[0], "remove it") {
		t.Errorf("without x/sys: found %q", got)
	}
}
