package customrule

import (
	"math"
	"reflect"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/builtin"
)

// An expression may be as bad as it likes: whoever writes config.json decides
// how long its lists and strings are. So whatever takes longer the longer its
// operands are is charged for, before it is done. Charging counts and does not
// look at a clock: the same container is judged in the same way everywhere.

// A budget is what is left for one evaluation, in eighths of a nanosecond, as
// measured on a slow machine and rounded up.
type budget struct{ left int64 }

// fullBudget is about 50 ms, and about 12 MB of strings put together.
const fullBudget = 400_000_000

var errBudget = &failure{"the expression would take too long on a config.json with such long lists or strings"}

const (
	perCall    = 1200 // a call that charges
	perNode    = 240  // an operation of the machine
	perElement = 1200 // of a list that is searched
	perByte    = 32   // of a string that is searched, or put to another
	perPart    = 128  // of a string that is taken apart or rewritten
	perLook    = 4    // of a string that is compared
)

// spend is the function of every charge: spend(budget, value, per) charges per
// for each byte or element, and gives the value.
const (
	spendName  = "#spend"
	budgetName = "#budget"
)

var spend = &builtin.Function{
	Name: spendName,
	Func: func(args ...any) (any, error) {
		b, per := args[0].(*budget), int64(args[2].(int))
		b.left -= perCall
		switch v := args[1].(type) {
		case string:
			b.charge(int64(len(v)), per)
		case []string:
			b.charge(int64(len(v)), per)
			for _, s := range v {
				b.left -= int64(len(s))
			}
		case []any:
			b.charge(int64(len(v)), per)
			for _, e := range v {
				if s, ok := e.(string); ok {
					b.left -= int64(len(s))
				}
			}
		default:
			if v := reflect.ValueOf(v); v.Kind() == reflect.Slice || v.Kind() == reflect.Map {
				b.charge(int64(v.Len()), per)
			}
		}
		if b.left < 0 {
			return nil, errBudget
		}
		return args[1], nil
	},
}

func (b *budget) charge(n, per int64) {
	if per > 0 && n > math.MaxInt64/4/per {
		n = math.MaxInt64 / 4 / per
	}
	b.left -= n * per
}

// meter puts charges into a tree that was checked.
type meter struct{}

// Visit is called for each node after those below it.
func (meter) Visit(node *ast.Node) {
	switch n := (*node).(type) {
	case *ast.BinaryNode:
		meterOperator(n)
	case *ast.MemberNode:
		if _, name := n.Property.(*ast.StringNode); !name {
			n.Property = charged(n.Property, perByte)
		}
	case *ast.BuiltinNode:
		meterBuiltin(n)
	case *ast.CallNode:
		n.Arguments = append(n.Arguments, &ast.IdentifierNode{Value: budgetName})
	}
}

func meterOperator(n *ast.BinaryNode) {
	per := 0
	switch n.Operator {
	case "==", "!=", "<", "<=", ">", ">=", "startsWith", "endsWith":
		per = perLook
	case "contains", "+":
		per = perByte
	case "matches":
		per = perMatch(n.Right)
	case "in":
		n.Left, n.Right = charged(n.Left, perByte), charged(n.Right, perElement)
		return
	default:
		return // its operands are numbers or booleans
	}
	n.Left, n.Right = charged(n.Left, per), charged(n.Right, per)
}

func meterBuiltin(n *ast.BuiltinNode) {
	if len(n.Arguments) == 2 {
		if body, ok := n.Arguments[1].(*ast.PredicateNode); ok {
			n.Arguments[0] = charged(n.Arguments[0], perTurn(n.Arguments[0], body))
			return
		}
	}
	if n.Name == "len" {
		return
	}
	for i, arg := range n.Arguments {
		n.Arguments[i] = charged(arg, perPart)
	}
}

// perTurn is what one turn of a loop costs, without what it is charged for by
// itself: its operations, and the copy of the element.
func perTurn(list ast.Node, body *ast.PredicateNode) int {
	n := counter(0)
	walk := ast.Node(body)
	ast.Walk(&walk, &n)
	size := 64
	if t := list.Type(); t != nil && t.Kind() == reflect.Slice {
		size = int(t.Elem().Size())
	}
	return perElement + int(n)*perNode + size*4
}

type counter int

func (c *counter) Visit(*ast.Node) { *c++ }

// charged wraps a string, list or object. A constant is as long as its author
// wrote it.
func charged(node ast.Node, per int) ast.Node {
	switch node.(type) {
	case *ast.StringNode, *ast.ConstantNode:
		return node
	}
	switch node.Type().Kind() {
	case reflect.String, reflect.Slice, reflect.Map, reflect.Interface:
	default:
		return node
	}
	call := &ast.CallNode{
		Callee:    &ast.IdentifierNode{Value: spendName},
		Arguments: []ast.Node{&ast.IdentifierNode{Value: budgetName}, node, number(per)},
	}
	call.SetLocation(node.Location())
	call.SetNature(*node.Nature())
	return call
}

func number(n int) ast.Node {
	node := &ast.IntegerNode{Value: n}
	node.SetType(reflect.TypeFor[int]())
	return node
}
