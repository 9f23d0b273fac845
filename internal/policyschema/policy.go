// Package policyschema gives the JSON schemas (draft-07, which taplo and tombi
// read) of policy files and of runward.toml, from the declarations of the
// rules and settings.
package policyschema

import (
	"errors"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/runward/runward/internal/policyfile"
	"github.com/runward/runward/policy"
)

// An object is a JSON object; its keys are sorted when it is encoded.
type object = map[string]any

const draft = "http://json-schema.org/draft-07/schema#"

// Policy returns the schema of policy files and profiles.
func Policy(rules []policy.Rule) (any, error) {
	var ids []string
	properties := object{
		"version":   object{"const": policyfile.Version, "description": "The version of the policy language."},
		"name":      object{"type": "string", "pattern": `^[^+|\s]+$`, "description": "Receipts and refusals name the policy by it. On a node no two policies have the same."},
		"mode":      object{"enum": []string{"enforce", "audit", "off"}, "default": "enforce", "description": "enforce; audit: record what it would have done, change nothing; off: ask for nothing."},
		"extends":   object{"type": "array", "items": object{"type": "string"}, "description": "Profiles that hold as well: built-in ones, such as baseline and restricted, or installed ones."},
		"select":    object{"type": "array", "items": object{"$ref": "#/definitions/selector"}, "description": "The containers that it is for: any block may match, and within a block everything must. None: every container."},
		"rule":      object{"type": "array", "items": object{"$ref": "#/definitions/rule"}, "description": "Custom rules: expressions over config.json and what is known of the container, that refuse it. They can give it nothing."},
		"exception": object{"type": "array", "items": object{"$ref": "#/definitions/exception"}, "description": "Containers that may go beyond rules. Each use is in the receipt."},
	}
	allow := map[string][]object{}
	for i := range rules {
		r := &rules[i]
		table, settings, err := rule(r)
		if err != nil {
			return nil, errors.New("rule " + r.ID + ": " + err.Error())
		}
		ids = append(ids, r.ID)
		properties[r.ID] = table
		for _, v := range policy.Values(r.NewSettings()) {
			if v.Widens() && !slices.ContainsFunc(allow[v.Key], func(o object) bool { return reflect.DeepEqual(o, settings[v.Key]) }) {
				allow[v.Key] = append(allow[v.Key], settings[v.Key].(object))
			}
		}
	}
	return object{
		"$schema":              draft,
		"title":                "A runward policy",
		"description":          "A file in policy.d, or a profile. https://github.com/runward/runward",
		"type":                 "object",
		"required":             []string{"version", "name"},
		"additionalProperties": false,
		"properties":           properties,
		"definitions": object{
			"selector":  selector(true),
			"match":     selector(false),
			"rule":      custom(),
			"exception": exception(ids, allow),
		},
	}, nil
}

// rule gives the schema of a rule's table, and of each of its settings.
func rule(r *policy.Rule) (table, settings object, err error) {
	settings, properties := object{}, object{
		"action": object{
			"enum": []string{"rewrite", "deny", "audit"}, "default": r.Default.String(),
			"description": "What is done about what the rule finds: rewrite config.json where the process still starts, deny the container, or only record. The default is " + r.Default.String() + ".",
		},
	}
	for _, v := range policy.Values(r.NewSettings()) {
		s, err := setting(v)
		if err != nil {
			return nil, nil, err
		}
		settings[v.Key], properties[v.Key] = s, s
	}
	return object{
		"type": "object", "title": r.Title, "description": r.Title + ". " + strings.Join(strings.Fields(r.Doc), " "),
		"additionalProperties": false, "properties": properties,
	}, settings, nil
}

// setting gives the schema of one setting.
func setting(v policy.Value) (object, error) {
	if v.Doc == "" {
		return nil, errors.New("setting " + v.Key + " has no doc")
	}
	s := object{"description": sentence(v.Doc)}
	switch v.Kind {
	case policy.KindAllow, policy.KindForbid:
		s["type"], s["items"] = "array", object{"type": "string"}
	case policy.KindRequire:
		s["type"] = "boolean"
	case policy.KindPermit:
		s["enum"] = []string{"allow", "deny"}
	case policy.KindAnswer:
		s["enum"] = policy.Answers
	case policy.KindWord:
		s["type"] = "string"
	case policy.KindMaximum, policy.KindMinimum, policy.KindDefault:
		maps.Copy(s, unit(v.Unit))
	case policy.KindMaxTable:
		s["type"], s["additionalProperties"] = "object", unit(v.Unit)
	default:
		return nil, errors.New("setting " + v.Key + " is of a kind that is not known here: " + string(v.Kind))
	}
	return s, nil
}

// unit gives the schema of a number, as the unit's FromTOML reads it.
func unit(name string) object {
	switch name {
	case "bytes":
		return object{"anyOf": []any{
			object{"type": "integer", "minimum": 0},
			object{"type": "string", "pattern": `^[0-9]+(\.[0-9]+)? *(B|[kK]B|[MGT]B|[KMGT]i|[KMGT]iB)?$`},
		}}
	case "cpus":
		return object{"anyOf": []any{object{"type": "number", "minimum": 0}, object{"type": "string", "pattern": `^[0-9]+m$`}}}
	}
	return object{"type": "integer"}
}

// selector gives the schema of `[[select]]`, or of an exception's match, where
// what the engine did not say never matches.
func selector(missing bool) object {
	globs := object{"type": "array", "items": object{"type": "string"}}
	properties := object{}
	t := reflect.TypeFor[policy.Selector]()
	for i := range t.NumField() {
		f := t.Field(i)
		key, p := f.Tag.Get("toml"), object{"description": sentence(f.Tag.Get("doc"))}
		switch {
		case key == "missing" && !missing:
			continue
		case key == "missing":
			p["const"] = "match"
		case f.Type.Kind() == reflect.Map:
			p["type"], p["additionalProperties"] = "object", globs
		default:
			maps.Copy(p, globs)
		}
		properties[key] = p
	}
	return object{
		"type": "object", "additionalProperties": false, "properties": properties,
		"description": `Lists of globs; one that begins with "!" excludes. * is anything but /, ** anything.`,
	}
}

// customID is what custom rules are called.
const customID = "^[a-z0-9]+(-+[a-z0-9]+)+$"

// custom gives the schema of `[[rule]]`.
func custom() object {
	words := object{"type": "string", "minLength": 1, "maxLength": 500, "pattern": `^[^\n\r\t]*$`}
	described := func(description string) object {
		o := maps.Clone(words)
		o["description"] = description
		return o
	}
	return object{
		"type": "object", "additionalProperties": false, "required": []string{"id", "when", "message"},
		"properties": object{
			"id":      object{"type": "string", "maxLength": 64, "pattern": customID, "description": `Its name, in receipts and exceptions: lower-case letters, digits and at least one "-", which no rule of runward's own has.`},
			"when":    object{"type": "string", "minLength": 1, "maxLength": 8192, "description": "An expression (expr-lang.org) that is true for what is refused. One that cannot be evaluated refuses too."},
			"message": described(`What was found, in words that follow on "found". Receipts and refusals have it.`),
			"hint":    described("What the container's owner can do so that it passes."),
			"action":  object{"enum": []string{"deny", "audit"}, "default": "deny", "description": "deny, or audit: only record."},
			"on": object{
				"type": "array", "minItems": 1, "items": object{"enum": []string{"create", "exec"}},
				"description": "What it judges: create (run and restore as well), which is what it does unless said, or exec: processes that join a container; of these the expression sees spec.process alone.",
			},
			"refs": object{"type": "array", "items": object{"type": "string"}, "description": "Standards that it answers, for people."},
		},
	}
}

func exception(ids []string, allow map[string][]object) object {
	settings := object{}
	for key, schemas := range allow {
		if len(schemas) == 1 {
			settings[key] = schemas[0]
			continue
		}
		settings[key] = object{"anyOf": schemas}
	}
	return object{
		"type": "object", "additionalProperties": false, "required": []string{"rules", "match", "reason"},
		"properties": object{
			"rules":    object{"type": "array", "minItems": 1, "items": object{"anyOf": []any{object{"enum": ids}, object{"type": "string", "pattern": customID}}}, "description": "The rules that it speaks of; custom ones by their id."},
			"match":    object{"$ref": "#/definitions/match"},
			"allow":    object{"type": "object", "additionalProperties": false, "properties": settings, "description": "What is allowed beyond the policies' settings of these rules. Left out: the rules are waived."},
			"reason":   object{"type": "string", "minLength": 1, "description": "Stands in every receipt that uses it."},
			"policies": object{"type": "array", "items": object{"type": "string"}, "description": "The policies that it speaks to; left out: all."},
			"expires": object{
				"description": "The date on which it ends. An exception that ended is reported, not applied.",
				"anyOf": []any{
					object{"type": "string", "format": "date"},
					object{"type": "string", "format": "date-time"},
					object{"type": "string", "format": "date-time-local", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}"},
				},
			},
		},
	}
}

// sentence makes a doc tag one. Its first word may be one to be written so.
func sentence(doc string) string {
	if doc == "" {
		return ""
	}
	return doc + "."
}
