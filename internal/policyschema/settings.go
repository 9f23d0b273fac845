package policyschema

import (
	"errors"
	"reflect"

	"github.com/runward/runward/internal/config"
	"github.com/runward/runward/internal/monitor/settings"
	"github.com/runward/runward/internal/monitor/watch/alert"
)

// words are the settings of runward.toml that take one of some words.
var words = map[string][]string{
	"mode":             {"enforce", "audit", "off"},
	"runtime.grammar":  {"auto", "runc-v1", "runc-v3", "crun", "youki", "runsc"},
	"audit.sync":       {"none", "data"},
	"audit.exec":       {"changed", "all"},
	"audit.on_failure": {"deny", "allow"},
	"ledger.missing":   {"rebuild", "deny"},
}

// Settings returns the schema of runward.toml.
func Settings() (any, error) {
	s, err := table(reflect.ValueOf(*config.Default()), "")
	if err != nil {
		return nil, err
	}
	monitor, err := table(reflect.ValueOf(*settings.Default()), "monitor.")
	if err != nil {
		return nil, err
	}
	monitor["description"] = "What the monitor, runwardd, watches, whom it answers and what it does."
	properties, ok := s["properties"].(object)
	if !ok {
		return nil, errors.New("runward.toml: the schema of a table has no properties")
	}
	properties["monitor"] = monitor
	s["$schema"], s["title"] = draft, "runward.toml"
	s["description"] = "The node's own settings. Every key may be left out. https://github.com/runward/runward"
	return s, nil
}

func table(v reflect.Value, prefix string) (object, error) {
	properties := object{}
	for i := range v.NumField() {
		f := v.Type().Field(i)
		key := f.Tag.Get("toml")
		p, err := field(v.Field(i), prefix+key)
		if err != nil {
			return nil, err
		}
		if f.Tag.Get("doc") == "" {
			return nil, errors.New(prefix + key + " has no doc")
		}
		p["description"] = sentence(f.Tag.Get("doc"))
		properties[key] = p
	}
	return object{"type": "object", "additionalProperties": false, "properties": properties}, nil
}

func field(v reflect.Value, key string) (object, error) {
	switch kind := v.Kind(); {
	case kind == reflect.Slice && v.Type().Elem().Kind() == reflect.Struct:
		items, err := table(reflect.Zero(v.Type().Elem()), key+".")
		return object{"type": "array", "items": items}, err
	case v.Type() == reflect.TypeFor[alert.Duration]():
		return object{"type": "string", "pattern": `^([0-9]+(\.[0-9]+)?(ns|us|ms|s|m|h))+$`, "default": v.Interface().(alert.Duration).String()}, nil //nolint:forcetypeassert // it is
	case v.Type() == reflect.TypeFor[alert.Number]():
		return object{"type": "number", "minimum": 0, "default": v.Float()}, nil
	case v.Type() == reflect.TypeFor[alert.Severity]():
		return object{"enum": []alert.Severity{alert.Info, alert.Warning, alert.Critical}, "default": v.String()}, nil
	case kind == reflect.Struct:
		return table(v, key+".")
	case kind == reflect.Int64 && key == "version":
		return object{"const": v.Int()}, nil
	case kind == reflect.String && words[key] != nil:
		return object{"enum": words[key], "default": v.String()}, nil
	case kind == reflect.String && v.String() != "":
		return object{"type": "string", "default": v.String()}, nil
	case kind == reflect.String:
		return object{"type": "string"}, nil
	case kind == reflect.Bool:
		return object{"type": "boolean", "default": v.Bool()}, nil
	case kind == reflect.Int64:
		return object{"type": "integer", "minimum": 0, "default": v.Int()}, nil
	case v.Type() == reflect.TypeFor[[]string]() && v.Len() > 0:
		return object{"type": "array", "items": object{"type": "string"}, "default": v.Interface()}, nil
	case v.Type() == reflect.TypeFor[[]string]():
		return object{"type": "array", "items": object{"type": "string"}}, nil
	case v.Type() == reflect.TypeFor[map[string]string]():
		return object{"type": "object", "additionalProperties": object{"type": "string"}}, nil
	case v.Type() == reflect.TypeFor[map[string][]string]():
		return object{"type": "object", "additionalProperties": object{"type": "array", "items": object{"type": "string"}}}, nil
	}
	return nil, errors.New(key + " is of a type that is not known here: " + v.Type().String())
}
