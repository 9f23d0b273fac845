package engine

import (
	"github.com/runward/runward/internal/tomlfile"
)

// readTOML reads a file of TOML; nil: it is not there.
func readTOML(path string, read func(string) (*Content, error)) (*tomlfile.Doc, error) {
	c, err := read(path)
	if err != nil || c == nil {
		return nil, err
	}
	return tomlfile.Parse(path, []byte(c.Text))
}

// readTOMLs reads those of the files that are there, and says which.
func readTOMLs(paths []string, read func(string) (*Content, error)) (docs []*tomlfile.Doc, files []string, err error) {
	for _, path := range paths {
		doc, err := readTOML(path, read)
		if err != nil {
			return nil, nil, err
		}
		if doc != nil {
			docs, files = append(docs, doc), append(files, path)
		}
	}
	return docs, files, nil
}

// merged is base with the values of over, tables in tables.
func merged(base, over map[string]any) map[string]any {
	out := map[string]any{}
	for k, v := range base {
		out[k] = v
	}
	for k, v := range over {
		table, ok := v.(map[string]any)
		old, was := out[k].(map[string]any)
		if ok && was {
			v = merged(old, table)
		}
		out[k] = v
	}
	return out
}

// table gives the table at keys, and makes those that are missing.
func table(root map[string]any, keys ...string) map[string]any {
	for _, key := range keys {
		next, ok := root[key].(map[string]any)
		if !ok {
			next = map[string]any{}
			root[key] = next
		}
		root = next
	}
	return root
}

func deepCopy(t map[string]any) map[string]any {
	out := map[string]any{}
	for k, v := range t {
		if inner, ok := v.(map[string]any); ok {
			v = deepCopy(inner)
		}
		out[k] = v
	}
	return out
}

// at returns what keys lead to; nil: nothing.
func at(v any, keys ...string) any {
	for _, key := range keys {
		table, ok := v.(map[string]any)
		if !ok {
			return nil
		}
		v = table[key]
	}
	return v
}
