package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// A module is one of others' that packages of ours are made of.
type module struct {
	path, version string
	texts         []text // by name
}

// A text is a licence, or a notice that goes with one.
type text struct {
	name string // relative to the module
	body string
	spdx []string // none: a notice
}

type listed struct {
	Dir, ImportPath string
	Module          *struct {
		Path, Version, Dir string
		Main               bool
	}
}

// modules lists those behind packages, and with tests behind their tests, on
// every architecture that there are packages for.
func modules(tests bool, packages string) ([]module, error) {
	found := map[string]*module{}
	for _, arch := range []string{"amd64", "arm64"} {
		args := []string{"list", "-deps", "-json=Dir,ImportPath,Module", packages}
		if tests {
			args = slices.Insert(args, 1, "-test")
		}
		cmd := exec.Command("go", args...)
		cmd.Dir = "../../.."
		cmd.Env = append(os.Environ(), "GOOS=linux", "GOARCH="+arch, "CGO_ENABLED=0")
		cmd.Stderr = os.Stderr
		out, err := cmd.Output()
		if err != nil {
			return nil, fmt.Errorf("go list: %w", err)
		}
		for dec := json.NewDecoder(bytes.NewReader(out)); ; {
			var p listed
			if err := dec.Decode(&p); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				return nil, fmt.Errorf("go list: %w", err)
			}
			if p.Module == nil || p.Module.Main {
				continue
			}
			m := found[p.Module.Path]
			if m == nil {
				m = &module{path: p.Module.Path, version: p.Module.Version}
				found[m.path] = m
			}
			if err := m.collect(&p); err != nil {
				return nil, err
			}
		}
	}
	var all []module
	for _, path := range slices.Sorted(maps.Keys(found)) {
		m := found[path]
		if !slices.ContainsFunc(m.texts, func(t text) bool { return t.spdx != nil }) {
			return nil, errors.New(path + " has no licence")
		}
		slices.SortFunc(m.texts, func(a, b text) int { return cmp.Compare(a.name, b.name) })
		all = append(all, *m)
	}
	return all, nil
}

// collect takes what lies in a package's directory, and above it in its module.
func (m *module) collect(p *listed) error {
	root := p.Module.Dir
	if root == "" { // of vendor/, go list does not say it
		root = strings.TrimSuffix(p.Dir, strings.TrimPrefix(p.ImportPath, p.Module.Path))
	}
	for dir := p.Dir; ; dir = filepath.Dir(dir) {
		entries, err := os.ReadDir(dir)
		if err != nil {
			return fmt.Errorf("licences of %s: %w", m.path, err)
		}
		for _, e := range entries {
			notice := strings.HasPrefix(e.Name(), "NOTICE")
			if e.IsDir() || !notice && !strings.HasPrefix(e.Name(), "LICEN") && !strings.HasPrefix(e.Name(), "COPYING") || strings.HasSuffix(e.Name(), ".docs") || strings.HasSuffix(e.Name(), ".go") {
				continue
			}
			name, err := filepath.Rel(root, filepath.Join(dir, e.Name()))
			if err != nil {
				return fmt.Errorf("licences of %s: %w", m.path, err)
			}
			if slices.ContainsFunc(m.texts, func(t text) bool { return t.name == name }) {
				continue
			}
			body, err := os.ReadFile(filepath.Join(dir, e.Name()))
			if err != nil {
				return fmt.Errorf("licences of %s: %w", m.path, err)
			}
			t := text{name: name, body: strings.TrimSpace(strings.ReplaceAll(string(body), "\r\n", "\n")) + "\n"}
			if !notice {
				if t.spdx = recognise(t.body); t.spdx == nil {
					return fmt.Errorf("%s of %s is a licence that licencegen does not know: read it, and add it to recognise", name, m.path)
				}
			}
			m.texts = append(m.texts, t)
		}
		if dir == root || len(dir) < len(root) {
			return nil
		}
	}
}

// recognise gives the SPDX names of what a licence's text says.
func recognise(body string) (names []string) {
	flat := strings.Join(strings.Fields(body), " ")
	has := func(words string) bool { return strings.Contains(flat, words) }
	if has("Mozilla Public License Version 2.0") {
		return []string{"MPL-2.0"}
	}
	if has("Permission is hereby granted, free of charge") {
		names = append(names, "MIT")
	}
	if has("http://www.apache.org/licenses/LICENSE-2.0") || has("Apache License Version 2.0") {
		names = append(names, "Apache-2.0")
	}
	if has("Redistribution and use in source and binary forms") {
		if has("used to endorse or promote") {
			names = append(names, "BSD-3-Clause")
		} else {
			names = append(names, "BSD-2-Clause")
		}
	}
	return names
}
