package archtest

import (
	"slices"
	"strings"
	"testing"
)

// hookDeps is all of the standard library that the hook is made of, but for
// its inner packages. Every container pays for it three times.
var hookDeps = []string{
	"bytes", "cmp", "errors", "io", "io/fs", "iter", "math/bits", "os", "path", "runtime", "slices", "strconv", "sync",
	"sync/atomic", "syscall", "time", "unicode", "unicode/utf8", "unsafe",
}

func checkHook(deps []dep) []string {
	var complaints []string
	for _, d := range deps {
		ours := d.ImportPath == module || strings.HasPrefix(d.ImportPath, module+"/")
		if ours || d.Standard && (strings.HasPrefix(d.ImportPath, "internal/") || strings.Contains(d.ImportPath, "/internal/") || slices.Contains(hookDeps, d.ImportPath)) {
			continue
		}
		complaints = append(complaints, "the hook links "+d.ImportPath+", "+importers(deps, d.ImportPath)+
			": every container pays for it three times. Do without, or measure it (make bench) and add it to hookDeps")
	}
	return complaints
}

func TestHookLinksOnlyWhatItMay(t *testing.T) {
	for _, arch := range []string{"amd64", "arm64"} {
		t.Run(arch, func(t *testing.T) { report(t, checkHook(listDeps(t, "../../"+hook, arch))) })
	}
}

func TestHookFindsPlanted(t *testing.T) {
	for name, standard := range map[string]bool{"fmt": true, "net": true, "encoding/json": true, "golang.org/x/sys/unix": false} {
		got := checkHook([]dep{{ImportPath: "os", Standard: true}, {ImportPath: module + "/hooks", Imports: []string{name}}, {ImportPath: name, Standard: standard}})
		if len(got) != 1 || !strings.Contains(got[0], "the hook links "+name+", imported by "+module+"/hooks") {
			t.Errorf("%s: found %q", name, got)
		}
	}
}
