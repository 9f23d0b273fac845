// Package customrule compiles the expressions of custom rules, `[[rule]]` in a
// policy. They are written in expr (https://expr-lang.org), of which they have
// what is pure, typed and bounded.
package customrule

import (
	"errors"
	"reflect"
	"slices"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/builtin"
	"github.com/expr-lang/expr/checker"
	"github.com/expr-lang/expr/compiler"
	"github.com/expr-lang/expr/conf"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/parser"
	"github.com/expr-lang/expr/vm"
	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/runward/runward/policy"
)

// maxNodes bounds what an expression is made of.
const maxNodes = 1000

// Compile checks the rule's expression against the types of what it can see,
// and sets the rule's Match. An error with a place is a *policy.WhenError.
func Compile(c *policy.Custom) error {
	environment, see := any(ofContainer{}), containerEnv
	if slices.Contains(c.On, "exec") {
		environment, see = ofProcess{}, processEnv
	}
	program, err := compile(c.When, environment)
	if err != nil {
		return err
	}
	c.Match = func(spec *specs.Spec, f *policy.Facts) (bool, error) { return run(program, see(spec, f)) }
	return nil
}

func compile(when string, environment any) (*vm.Program, error) {
	config := configFor(environment)
	tree, err := parser.ParseWithConfig(when, config)
	if err != nil {
		return nil, worded(when, err)
	}
	ast.Walk(&tree.Node, required{})
	if _, err := checker.Check(tree, config); err != nil {
		if known := unknownName(when, tree.Node, config); known != nil {
			return nil, known
		}
		return nil, worded(when, err)
	}
	if err := restrict(when, tree.Node); err != nil {
		return nil, err
	}
	ast.Walk(&tree.Node, meter{})
	program, err := compiler.Compile(tree, config)
	if err != nil {
		return nil, errors.New("runward cannot compile this expression, which is a defect of it: " + firstLine(err.Error()))
	}
	return program, nil
}

func configFor(environment any) *conf.Config {
	config := conf.CreateNew()
	config.WithEnv(environment)
	config.Expect = reflect.Bool
	config.Optimize = false
	config.MaxNodes = maxNodes
	for _, f := range builtin.Builtins {
		if !slices.Contains(builtins, f.Name) {
			delete(config.Builtins, f.Name)
			config.Disabled[f.Name] = true
		}
	}
	config.Functions[spendName] = spend
	for i := range functions {
		f := &functions[i]
		config.Functions[f.name] = &builtin.Function{Name: f.name, Validate: f.validate, Func: f.call}
	}
	return config
}

func run(program *vm.Program, env any) (holds bool, err error) {
	machine := vm.VM{MemoryBudget: 1e6}
	out, err := machine.Run(program, env)
	if err != nil {
		return false, reason(err)
	}
	holds, ok := out.(bool)
	if !ok {
		return false, errors.New("the expression gave neither true nor false")
	}
	return holds, nil
}

// reason is why an expression failed, without what config.json has: values may
// be secrets.
func reason(err error) error {
	var own *failure
	if errors.As(err, &own) {
		return own
	}
	var at *file.Error
	if errors.As(err, &at) {
		return &failure{"the expression failed at character " + itoa(at.From+1) + " (an index beyond a list, a division by 0, or the like)"}
	}
	return &failure{"the expression failed"}
}

// A failure is a reason that has nothing of config.json in it.
type failure struct{ msg string }

func (f *failure) Error() string { return f.msg }
