package customrule

import (
	"errors"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/runward/runward/policy"
)

// builtins are those of expr that an expression may call: no clock, no random
// order, nothing that grows faster than it is charged for.
var builtins = []string{
	"all", "any", "none", "one", "filter", "map", "count", "sum", "len",
	"lower", "upper", "trim", "trimPrefix", "trimSuffix", "hasPrefix", "hasSuffix", "split",
	"abs", "min", "max",
}

// A function is one of runward's own. It is called with the budget after its
// arguments.
type function struct {
	name, doc string
	in        []reflect.Type // nil element: anything
	out       reflect.Type
	run       func(b *budget, args []any) (any, error)
}

var functions = [...]function{
	{
		"has", "has(x): x is there and not empty, 0 or false; an object is there when anything in it is",
		[]reflect.Type{nil},
		reflect.TypeFor[bool](),
		func(_ *budget, args []any) (any, error) { return present(reflect.ValueOf(args[0])), nil },
	},
	{
		"glob", `glob(text, "pattern"): as in selectors, * is anything but /, ** anything, ? one character but /`,
		[]reflect.Type{reflect.TypeFor[string](), reflect.TypeFor[string]()},
		reflect.TypeFor[bool](),
		func(b *budget, args []any) (any, error) {
			text, pattern := args[0].(string), args[1].(string)
			per := int64(perByte + len(pattern))
			if strings.Count(strings.ReplaceAll(pattern, "**", "*"), "*") > 1 {
				per *= int64(len(text)) // it may have to begin anew at each byte
			}
			if b.charge(int64(len(text)), per); b.left < 0 {
				return nil, errBudget
			}
			return policy.Match(pattern, text), nil
		},
	},
	{
		"keys", "keys(object): the keys of annotations, sysctls and the like, sorted",
		[]reflect.Type{nil},
		reflect.TypeFor[[]string](),
		func(b *budget, args []any) (any, error) {
			v := reflect.ValueOf(args[0])
			if b.charge(int64(v.Len()), 2*perElement); b.left < 0 {
				return nil, errBudget
			}
			keys := make([]string, 0, v.Len())
			for _, k := range v.MapKeys() {
				keys = append(keys, k.String())
			}
			slices.Sort(keys)
			return keys, nil
		},
	},
	{
		"join", `join(list, ","): the texts of a list, with text between them`,
		[]reflect.Type{nil, reflect.TypeFor[string]()},
		reflect.TypeFor[string](),
		func(b *budget, args []any) (any, error) {
			list, err := stringsOf(args[0])
			if err != nil {
				return nil, err
			}
			size := len(args[1].(string)) * len(list)
			for _, s := range list {
				size += len(s)
			}
			b.charge(int64(len(list)), perElement)
			if b.charge(int64(size), perByte); b.left < 0 {
				return nil, errBudget
			}
			return strings.Join(list, args[1].(string)), nil
		},
	},
	{
		"int", "int(text): a whole number; text that is none fails, and the rule holds",
		[]reflect.Type{reflect.TypeFor[string]()},
		reflect.TypeFor[int](),
		func(_ *budget, args []any) (any, error) {
			n, err := strconv.Atoi(args[0].(string))
			if err != nil {
				return nil, &failure{"int() was given text that is no whole number"}
			}
			return n, nil
		},
	},
}

func (f *function) validate(args []reflect.Type) (reflect.Type, error) {
	if len(args) != len(f.in) {
		return f.out, errors.New(f.name + " takes " + plural(len(f.in), "argument") + ", found " + strconv.Itoa(len(args)))
	}
	for i, want := range f.in {
		switch {
		case f.name == "keys" && (args[i].Kind() != reflect.Map || args[i].Key().Kind() != reflect.String):
			return f.out, errors.New("keys takes an object such as spec.annotations, found " + typeName(args[i]))
		case f.name == "join" && want == nil && args[i] != reflect.TypeFor[[]string]() && args[i] != reflect.TypeFor[[]any]():
			return f.out, errors.New("join takes a list of texts, found " + typeName(args[i]))
		case want != nil && args[i] != want:
			return f.out, errors.New(f.name + " takes " + typeName(want) + ", found " + typeName(args[i]))
		}
	}
	return f.out, nil
}

// call runs the function; the compiled expression gives it the budget last.
func (f *function) call(args ...any) (any, error) {
	last := len(args) - 1
	b := args[last].(*budget)
	if b.left -= perCall; b.left < 0 {
		return nil, errBudget
	}
	return f.run(b, args[:last])
}

// present tells whether there is anything in a value.
func present(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Slice, reflect.Map:
		return v.Len() > 0
	case reflect.Struct:
		for i := range v.NumField() {
			if present(v.Field(i)) {
				return true
			}
		}
		return false
	}
	return v.IsValid() && !v.IsZero()
}

// stringsOf are the elements of a list, which filter and map make one of
// anything.
func stringsOf(list any) ([]string, error) {
	if all, ok := list.([]string); ok {
		return all, nil
	}
	elements, _ := list.([]any)
	all := make([]string, len(elements))
	for i, e := range elements {
		s, ok := e.(string)
		if !ok {
			return nil, &failure{"join() was given a list of other things than text"}
		}
		all[i] = s
	}
	return all, nil
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return strconv.Itoa(n) + " " + what + "s"
}

func itoa(n int) string { return strconv.Itoa(n) }
