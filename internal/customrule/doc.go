package customrule

import "reflect"

// A Named is a name that expressions may use, for the reference.
type Named struct{ Name, Type, Doc string }

// Names are those of what expressions see.
func Names() []Named {
	var all []Named
	for _, t := range [...]reflect.Type{reflect.TypeFor[ofContainer](), reflect.TypeFor[Facts]()} {
		for i := range t.NumField() {
			f := t.Field(i)
			if doc := f.Tag.Get("doc"); doc != "" {
				all = append(all, Named{f.Tag.Get("expr"), typeName(f.Type), doc})
			}
		}
	}
	return all
}

// Functions are those that expressions may call.
func Functions() []Named {
	all := []Named{
		{"any all none one", "boolean", "of a list: any(spec.mounts, .type == \"bind\"); within, # is the element and .name its field"},
		{"filter map", "list", "of a list: map(spec.linux.namespaces, .type)"},
		{"count sum len", "number", "count(list, condition), sum(list, number), len(list, object or text)"},
		{"lower upper trim trimPrefix trimSuffix", "text", "of text"},
		{"hasPrefix hasSuffix", "boolean", "of text, as the operators startsWith, endsWith, contains and matches \"regular expression\""},
		{"split", "list", "split(text, \",\")"},
		{"abs min max", "number", "of numbers"},
	}
	for _, f := range functions {
		all = append(all, Named{f.name, typeName(f.out), f.doc})
	}
	return all
}
