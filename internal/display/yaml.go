package display

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"go.yaml.in/yaml/v3"
)

// YAML writes a value as JSON does, member by member in the same order. What
// Clean would spell out is escaped.
func (p *Printer) YAML(v any) error {
	raw, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encode as YAML: %w", err)
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	node, err := yamlNode(d)
	if err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("encode as YAML: %w", err)
	}
	var b bytes.Buffer
	e := yaml.NewEncoder(&b)
	e.SetIndent(2)
	if err := e.Encode(node); err != nil {
		return fmt.Errorf("encode as YAML: %w", err)
	}
	p.Text(escapeYAML(b.String()))
	return p.Err()
}

// yamlNode reads one JSON value.
func yamlNode(d *json.Decoder) (*yaml.Node, error) {
	t, err := d.Token()
	if err != nil {
		return nil, err
	}
	switch t := t.(type) {
	case json.Delim:
		n := &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"}
		if t == '[' {
			n = &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq"}
		}
		for d.More() { // of an object, the keys too
			part, err := yamlNode(d)
			if err != nil {
				return nil, err
			}
			n.Content = append(n.Content, part)
		}
		if len(n.Content) == 0 {
			n.Style = yaml.FlowStyle // [] and {}
		}
		_, err := d.Token() // its end
		return n, err
	case json.Number:
		tag := "!!int"
		if strings.ContainsAny(t.String(), ".eE") {
			tag = "!!float"
		}
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: tag, Value: t.String()}, nil
	case bool:
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!bool", Value: fmt.Sprint(t)}, nil
	case string:
		n := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: t, Style: yaml.DoubleQuotedStyle}
		if t == "<<" || strings.ContainsFunc(t, harmful) {
			return n, nil // in double quotes it can be escaped
		}
		if err := n.Encode(t); err != nil { // it quotes what older readers take for a boolean, too
			return nil, err
		}
		return n, nil
	}
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!null", Value: "null"}, nil
}

// escapeYAML escapes what the encoder writes as it is. It stands in strings in
// double quotes alone.
func escapeYAML(text string) string {
	bad := func(r rune) bool { return r != '\n' && harmful(r) }
	return escaped(text, bad, func(r rune) string { return `\U` + hex(int64(r), 8) })
}
