package customrule

import (
	"errors"
	"reflect"
	"regexp/syntax"
	"slices"
	"strconv"
	"strings"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/conf"
	"github.com/expr-lang/expr/file"

	"github.com/runward/runward/internal/nearest"
	"github.com/runward/runward/policy"
)

// restrict refuses what expr has and custom rules have not: what could run
// long without being charged for, what is never true, and what has no type.
func restrict(when string, root ast.Node) error {
	r := &restricter{when: when}
	ast.Walk(&root, r)
	if r.err == nil {
		return nil // not r.err: it has a type
	}
	return r.err
}

const nothingIsNil = `nothing here is nil: what config.json does not have reads as 0, false, "" or empty; ask has(...), or compare with that`

type restricter struct {
	when string
	err  *policy.WhenError
}

func (r *restricter) refuse(node ast.Node, msg string) {
	if r.err == nil {
		r.err = &policy.WhenError{Offset: byteOffset(r.when, node.Location().From), Msg: msg}
	}
}

// Visit looks at each node after those below it.
func (r *restricter) Visit(node *ast.Node) {
	switch n := (*node).(type) {
	case *ast.IdentifierNode:
		if n.Value == "$env" {
			r.refuse(n, "$env: write the names themselves, such as spec or engine")
		}
	case *ast.NilNode:
		r.refuse(n, nothingIsNil)
	case *ast.BytesNode, *ast.MapNode:
		r.refuse(n, "only text, numbers, true, false and lists of them can be written here")
	case *ast.BinaryNode:
		r.operator(n)
	case *ast.CallNode:
		if id, ok := n.Callee.(*ast.IdentifierNode); !ok || !isFunction(id.Value) {
			r.refuse(n, "this cannot be called; there are "+strings.Join(callable(), ", "))
		}
	case *ast.BuiltinNode:
		if !slices.Contains(builtins, n.Name) { // its syntax cannot be switched off
			r.refuse(n, unknown("function", n.Name, callable()))
		}
		if n.Name == "trim" && len(n.Arguments) != 1 {
			r.refuse(n, "trim takes a text alone, and takes white space from both of its ends")
		}
	case *ast.PredicateNode:
		return // it has the type of a function
	}
	if n := (*node).Nature(); n.Type == nil && !n.Nil {
		switch (*node).(type) {
		case *ast.IdentifierNode, *ast.PairNode: // a function's name; refused above
		default:
			r.refuse(*node, "this can be of more than one type: let both sides of ? : or the elements of a list be of one")
		}
	}
}

// required makes ?. the same as a dot: nothing is nil. To expr's machine an
// empty list is.
type required struct{}

func (required) Visit(node *ast.Node) {
	switch n := (*node).(type) {
	case *ast.ChainNode:
		*node = n.Node
	case *ast.MemberNode:
		n.Optional = false
	}
}

func (r *restricter) operator(n *ast.BinaryNode) {
	left, right := kindOf(n.Left), kindOf(n.Right)
	switch n.Operator {
	case "..":
		r.refuse(n, "ranges are not known here")
	case "??":
		r.refuse(n, nothingIsNil)
	case "==", "!=":
		for _, k := range [...]reflect.Kind{left, right} {
			switch k {
			case reflect.Slice, reflect.Map, reflect.Struct:
				r.refuse(n, n.Operator+" compares text, numbers and true or false; of lists and objects ask len, has, in, any or all")
			default:
			}
		}
	case "in":
		if right == reflect.Struct {
			r.refuse(n, "in wants a list, or an object of keys that config.json chooses; ask has(...) for a field")
		}
	case "matches":
		pattern, ok := n.Right.(*ast.StringNode)
		if !ok {
			r.refuse(n, "matches wants a pattern in quotes, written here")
		} else if len(pattern.Value) > maxPattern {
			r.refuse(n, "a pattern of more than "+strconv.Itoa(maxPattern)+" bytes")
		}
	}
}

const maxPattern = 500

// perMatch is what matching a pattern costs for each byte: as many steps as the
// pattern has states, at worst.
func perMatch(pattern ast.Node) int {
	text, ok := pattern.(*ast.StringNode)
	if !ok {
		return fullBudget
	}
	parsed, err := syntax.Parse(text.Value, syntax.Perl)
	if err != nil {
		return fullBudget // the checker has compiled it
	}
	prog, err := syntax.Compile(parsed.Simplify())
	if err != nil {
		return fullBudget
	}
	return perByte * (len(prog.Inst) + 4)
}

func kindOf(n ast.Node) reflect.Kind {
	if t := n.Nature().Type; t != nil {
		return t.Kind()
	}
	return reflect.Invalid
}

func isFunction(name string) bool {
	return slices.ContainsFunc(functions[:], func(f function) bool { return f.name == name })
}

// callable are the names of all functions.
func callable() []string {
	all := slices.Clone(builtins)
	for i := range functions {
		all = append(all, functions[i].name)
	}
	slices.Sort(all)
	return all
}

// unknownName finds the first name in a tree that is not known, and the known
// name nearest to it.
func unknownName(when string, root ast.Node, config *conf.Config) *policy.WhenError {
	s := &speller{config: config, variables: &variables{}}
	ast.Walk(&root, s.variables)
	ast.Walk(&root, s)
	if s.node == nil {
		return nil
	}
	return &policy.WhenError{Offset: byteOffset(when, s.node.Location().From), Msg: s.msg}
}

// variables are the names that an expression declares by let.
type variables struct{ names []string }

func (v *variables) Visit(node *ast.Node) {
	if n, ok := (*node).(*ast.VariableDeclaratorNode); ok {
		v.names = append(v.names, n.Name)
	}
}

type speller struct {
	config    *conf.Config
	variables *variables
	node      ast.Node // the first in the text
	msg       string
}

func (s *speller) found(node ast.Node, msg string) {
	if s.node == nil || node == s.node || node.Location().From < s.node.Location().From {
		s.node, s.msg = node, msg
	}
}

func (s *speller) Visit(node *ast.Node) {
	switch n := (*node).(type) {
	case *ast.CallNode:
		if id, ok := n.Callee.(*ast.IdentifierNode); ok && !isFunction(id.Value) {
			s.found(id, unknown("function", id.Value, callable()))
		}
	case *ast.MemberNode:
		name, ok := n.Property.(*ast.StringNode)
		t := n.Node.Nature().Type
		if ok && t != nil && t.Kind() == reflect.Struct {
			if known := names(t); !slices.Contains(known, name.Value) {
				s.found(name, unknown("field", name.Value, known))
			}
		}
	case *ast.IdentifierNode:
		if n.Nature().Type == nil && !slices.Contains(slices.Concat(s.variables.names, callable()), n.Value) {
			if known := names(s.config.Env.Type); !slices.Contains(known, n.Value) {
				s.found(n, unknown("name", n.Value, known))
			}
		}
	}
}

func unknown(what, name string, known []string) string {
	msg := "unknown " + what + " " + strconv.Quote(name)
	if near := nearest.Word(name, known); near != "" {
		return msg + "; did you mean " + strconv.Quote(near) + "?"
	}
	return msg + "; known here: " + strings.Join(known, ", ")
}

// names are those of a struct's fields, as expressions spell them.
func names(t reflect.Type) []string {
	var all []string
	for _, f := range reflect.VisibleFields(t) {
		if name := f.Tag.Get("expr"); name != "" && name != budgetName {
			all = append(all, name)
		}
	}
	return all
}

// worded makes an error of expr one of runward's.
func worded(when string, err error) error {
	var at *file.Error
	if !errors.As(err, &at) {
		if _, found, ok := strings.Cut(err.Error(), "expected bool, but got "); ok {
			return &policy.WhenError{Msg: "the expression must be true or false, and this one is of the type " + plain(firstLine(found)) + ": compare it"}
		}
		return &policy.WhenError{Msg: plain(firstLine(err.Error()))}
	}
	return &policy.WhenError{Offset: byteOffset(when, at.From), Msg: plain(firstLine(at.Message))}
}

// plain takes Go's spelling of types out of a message.
func plain(msg string) string {
	if i := strings.Index(msg, "customrule."); i >= 0 { // the name of a view, or of the environment
		end := i
		for end < len(msg) && (msg[end] == '.' || msg[end] == '_' || msg[end] >= '0' && msg[end] <= '9' || msg[end]|0x20 >= 'a' && msg[end]|0x20 <= 'z') {
			end++
		}
		return plain(msg[:i] + "object" + msg[end:])
	}
	return strings.NewReplacer("[]interface {}", "list", "[]string", "list of texts", "[]int", "list of numbers", "[]object", "list of objects",
		"map[string]string", "object of texts", "map[string]object", "object of objects", "mismatched type", "wrong type").Replace(msg)
}

// typeName is a type as the author of an expression knows it.
func typeName(t reflect.Type) string {
	switch t.Kind() {
	case reflect.String:
		return "text"
	case reflect.Bool:
		return "boolean"
	case reflect.Int, reflect.Float64:
		return "number"
	}
	return plain(t.String())
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return line
}

// byteOffset is where a character of the expression begins.
func byteOffset(when string, characters int) int {
	n := 0
	for i := range when {
		if n == characters {
			return i
		}
		n++
	}
	return len(when)
}
