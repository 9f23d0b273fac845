package archtest

import (
	"go/ast"
	"go/token"
	"go/types"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// A scope is where a ban holds.
type scope uint8

const (
	library  scope = iota // every package but main ones and those for tests
	programs              // every package but those for tests
	hotPath               // what the wrapper and the hook are made of
	tests                 // _test.go files and packages for tests
)

// A ban is something that the code does not use.
type ban struct {
	what   []string // "package.Name", "package.*", or a builtin's name
	in     scope
	why    string
	except map[string]string // by file, the reason why it may there
}

var bans = []ban{
	{what: []string{"panic"}, in: programs, why: "an error with words, which denies, never a trace that the engine prints to a person"},
	{what: []string{"os.Exit", "syscall.Exit", "runtime.Goexit"}, in: library, why: "only main exits: the rest returns an error"},
	{what: []string{"log.*"}, in: programs, why: "it writes into the middle of what engines parse, and Fatal exits; return an error"},
	{what: []string{"fmt.Print", "fmt.Printf", "fmt.Println", "print", "println"}, in: library, why: "standard output belongs to the real runtime, or to the io.Writer that the command was given"},
	{
		what: []string{"os.Create", "os.WriteFile", "os.Truncate", "os.O_TRUNC", "syscall.O_TRUNC", "golang.org/x/sys/unix.O_TRUNC"}, in: library,
		why: "it truncates in place, and who reads meanwhile gets half a file: write a temporary file beside it and rename it",
	},
	{
		what: []string{"net/http.*"}, in: library, why: "nothing that a container waits for speaks HTTP",
		except: map[string]string{
			"internal/kubeapi/client.go":        "the installer for Kubernetes calls the API server",
			"internal/kubeapi/calls.go":         "the same",
			"internal/monitor/server.go":        "runwardd answers on its own socket",
			"internal/monitor/hookcalls.go":     "the same",
			"internal/monitor/client/client.go": "runwardctl asks there",
			"internal/monitor/forward/http.go":  "the daemon sends evidence to other machines",
		},
	},
	{what: []string{"regexp.MustCompile", "regexp.MustCompilePOSIX"}, in: programs, why: "it panics, and at package level every start pays for it: regexp.Compile where it is used"},
	{
		what: []string{"path/filepath.EvalSymlinks"}, in: programs,
		why: "what it finds may be another file by the time it is opened, and a container's paths resolve in the container's root: internal/host has the walk",
		except: map[string]string{
			"internal/policyfile/load.go": "policy files and their directories are root's, and are checked after",
			"internal/running/running.go": "it only tells places apart; bundles are opened as internal/oci does",
			"internal/ledger/name.go":     "the runtime's state root only names an entry, and the engine alone chooses it",
		},
	},

	{
		what: []string{"os.Getenv", "os.LookupEnv", "os.Environ", "os.ExpandEnv", "syscall.Getenv", "syscall.Environ", "os.UserHomeDir", "os.UserConfigDir", "os.TempDir"}, in: hotPath,
		why:    "no environment variable changes what is decided: whoever asks for a container could set it",
		except: map[string]string{"internal/inherit/inherit.go": "the environment is handed to the real runtime as it is"},
	},
	{
		what: []string{"os.Setenv", "os.Unsetenv", "os.Clearenv", "os.Chdir", "syscall.Chdir", "syscall.Fchdir", "syscall.Umask", "golang.org/x/sys/unix.Chdir", "golang.org/x/sys/unix.Fchdir", "golang.org/x/sys/unix.Umask", "os/signal.*"}, in: hotPath,
		why: "the real runtime inherits environment, working directory, umask and signals as the engine set them",
	},
	{
		what: []string{"os/exec.*", "os.StartProcess", "syscall.ForkExec", "syscall.StartProcess"}, in: hotPath,
		why:    "the engine takes the wrapper's pid for the runtime's, and waits for every child: execute in place, start none",
		except: map[string]string{"internal/realruntime/ask.go": "asks the runtime for its version and features, once for each build of it, and waits for its end"},
	},
	{
		what: []string{"os.Stdin", "os.Stdout"}, in: hotPath, why: "they are the real runtime's",
		except: map[string]string{"shim/resources.go": "reads what update --resources - is given, and hands over in a file what it read"},
	},
	{what: []string{"fmt.Fprint", "fmt.Fprintf", "fmt.Fprintln"}, in: hotPath, why: "a line to the engine is one write: io.WriteString"},

	{
		what: []string{"time.Sleep"}, in: tests,
		why:    "it is too short on a busy machine and too long on every other: wait for the thing itself",
		except: map[string]string{"internal/audit/journal/journal_test.go": "asks again and again for the size of a file that other processes write"},
	},
}

// lureWords make an engine exit with another code, or swallow the reason, when
// they stand in what the wrapper says.
var lureWords = []string{
	"permission denied", "no such file or directory", "executable file not found", "operation not permitted",
	"no such process", "container not running", "invalid process", "does not exist",
}

// lureList has them itself, to refuse policies whose messages do.
const lureList = "internal/policyfile/custom.go"

func (s scope) holds(p *pkg, f *file, hot map[string]bool) bool {
	test := f.test || p.forTests()
	switch s {
	case library:
		return !test && p.name != "main"
	case programs:
		return !test
	case hotPath:
		return !test && hot[p.path]
	default:
		return test
	}
}

// checkCalls complains of what the packages use that is banned where they
// stand. hot is what the wrapper is made of.
func checkCalls(all []*pkg, hot map[string]bool) []string {
	var complaints []string
	for _, p := range all {
		uses := usesOf(p)
		for _, f := range p.files {
			for _, b := range bans {
				if b.except[f.name] == "" && b.in.holds(p, f, hot) {
					complaints = append(complaints, b.uses(f, uses)...)
				}
			}
			if programs.holds(p, f, hot) {
				complaints = append(complaints, checkText(f, hot[p.path])...)
			}
		}
	}
	return complaints
}

// uses complains of each place where the file uses what is banned.
func (b ban) uses(f *file, uses map[*ast.Ident]types.Object) []string {
	var complaints []string
	ast.Inspect(f.ast, func(n ast.Node) bool {
		if name := nameOf(n, uses); name != "" && slices.ContainsFunc(b.what, func(w string) bool { return covers(w, name) }) {
			complaints = append(complaints, f.at(n)+": "+name+": "+b.why)
		}
		return true
	})
	return complaints
}

func covers(what, name string) bool {
	if all, ok := strings.CutSuffix(what, "*"); ok {
		rest, ok := strings.CutPrefix(name, all)
		return ok && !strings.Contains(rest, "/")
	}
	return what == name
}

// nameOf gives a builtin's name, or the path and the name of what is used from
// another package; else nothing.
func nameOf(n ast.Node, uses map[*ast.Ident]types.Object) string {
	switch n := n.(type) {
	case *ast.Ident:
		if builtin, ok := uses[n].(*types.Builtin); ok {
			return builtin.Name()
		}
	case *ast.SelectorExpr:
		if left, ok := n.X.(*ast.Ident); ok {
			if imported, ok := uses[left].(*types.PkgName); ok {
				return imported.Imported().Path() + "." + n.Sel.Name
			}
		}
	}
	return ""
}

// checkText complains of functions and of words that no program has.
func checkText(f *file, hot bool) []string {
	var complaints []string
	ast.Inspect(f.ast, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncDecl:
			if n.Name.Name == "init" && n.Recv == nil {
				complaints = append(complaints, f.at(n)+": func init: every start pays for it and nobody sees the order: an explicit list, or a value made where it is used")
			}
		case *ast.ImportSpec:
			return false
		case *ast.BasicLit:
			if n.Kind != token.STRING {
				return false
			}
			text, err := strconv.Unquote(n.Value)
			if err != nil {
				return false
			}
			if strings.Contains(text, "failed to") {
				complaints = append(complaints, f.at(n)+`: "failed to" says nothing: say what is wrong with what, and what to do`)
			}
			for _, lure := range lureWords {
				if hot && f.name != lureList && strings.Contains(strings.ToLower(text), lure) {
					complaints = append(complaints, f.at(n)+`: "`+lure+`" in a message makes engines exit with another code: word it otherwise`)
				}
			}
		}
		return true
	})
	return complaints
}

// usesOf resolves the names in a package as the compiler would, as far as
// that is possible without what it imports: which name is an import or a
// builtin, and which only looks like one.
func usesOf(p *pkg) map[*ast.Ident]types.Object {
	uses := map[*ast.Ident]types.Object{}
	groups := map[string][]*file{} // the package, and its tests from outside
	for _, f := range p.files {
		groups[f.ast.Name.Name] = append(groups[f.ast.Name.Name], f)
	}
	for name, files := range groups {
		for _, f := range files { // one at a time: files for different platforms do not go together
			conf := types.Config{Importer: hollow{}, Error: func(error) {}} // it misses most of what is used
			_, _ = conf.Check(name, f.fset, []*ast.File{f.ast}, &types.Info{Uses: uses})
		}
	}
	return uses
}

// hollow imports packages with nothing in them.
type hollow struct{}

func (hollow) Import(name string) (*types.Package, error) {
	p := types.NewPackage(name, path.Base(name))
	p.MarkComplete()
	return p, nil
}

func TestCalls(t *testing.T) {
	all := moduleSource(t)
	hot := linked(all, wrapper)
	maps.Copy(hot, linked(all, hook))
	report(t, checkCalls(all, hot))
	for _, b := range bans {
		for name := range b.except {
			if !exceptionUsed(all, b, name) {
				t.Errorf("%s is excepted from the ban on %s and uses none of it: remove the exception", name, b.what[0])
			}
		}
	}
}

func exceptionUsed(all []*pkg, b ban, name string) bool {
	for _, p := range all {
		for _, f := range p.files {
			if f.name == name && len(b.uses(f, usesOf(p))) > 0 {
				return true
			}
		}
	}
	return false
}
