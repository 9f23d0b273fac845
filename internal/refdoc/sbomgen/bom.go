package main

import (
	"bytes"
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// The parts of CycloneDX 1.6 that are used: https://cyclonedx.org/docs/1.6/json/
type bom struct {
	Schema       string       `json:"$schema"`
	Format       string       `json:"bomFormat"`
	SpecVersion  string       `json:"specVersion"`
	SerialNumber string       `json:"serialNumber"`
	Version      int          `json:"version"`
	Metadata     metadata     `json:"metadata"`
	Components   []component  `json:"components"`
	Dependencies []dependency `json:"dependencies"`
}

type metadata struct {
	Timestamp string    `json:"timestamp"`
	Component component `json:"component"`
}

type component struct {
	Type       string     `json:"type"`
	Ref        string     `json:"bom-ref"`
	Name       string     `json:"name"`
	Version    string     `json:"version"`
	Hashes     []hash     `json:"hashes,omitempty"`
	Licences   []licence  `json:"licenses,omitempty"`
	PURL       string     `json:"purl,omitempty"`
	Properties []property `json:"properties,omitempty"`
}

type hash struct {
	Algorithm string `json:"alg"`
	Content   string `json:"content"`
}

type licence struct {
	License spdx `json:"license"`
}

type spdx struct {
	ID string `json:"id"`
}

type property struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

type dependency struct {
	Ref       string   `json:"ref"`
	DependsOn []string `json:"dependsOn"`
}

func generate(version string, at time.Time, licences string, programs []string) ([]byte, error) {
	if version == "" || len(programs) == 0 {
		return nil, errors.New("want -version and programs")
	}
	known, err := readLicences(licences)
	if err != nil {
		return nil, err
	}
	purl := "pkg:golang/github.com/runward/runward@" + version
	b := &bom{
		Schema: "http://cyclonedx.org/schema/bom-1.6.schema.json", Format: "CycloneDX", SpecVersion: "1.6", Version: 1,
		Metadata: metadata{at.UTC().Format(time.RFC3339), component{Type: "application", Ref: purl, Name: "runward", Version: version, Licences: ids("Apache-2.0"), PURL: purl}},
	}
	all, whole := map[string]component{}, dependency{Ref: purl}
	for _, path := range programs {
		c, parts, err := program(path, version, known)
		if err != nil {
			return nil, err
		}
		b.Components = append(b.Components, c)
		d := dependency{Ref: c.Ref}
		for _, p := range parts {
			all[p.Ref] = p
			d.DependsOn = append(d.DependsOn, p.Ref)
		}
		b.Dependencies = append(b.Dependencies, d)
		whole.DependsOn = append(whole.DependsOn, c.Ref)
	}
	for _, ref := range slices.Sorted(maps.Keys(all)) {
		b.Components = append(b.Components, all[ref])
	}
	b.Dependencies = append(b.Dependencies, whole)
	// Of the same contents the same number, which has a UUID's form (RFC 9562, version 8).
	b.SerialNumber = ""
	text, err := json.Marshal(b)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(text)
	sum[6], sum[8] = sum[6]&0x0f|0x80, sum[8]&0x3f|0x80
	b.SerialNumber = fmt.Sprintf("urn:uuid:%x-%x-%x-%x-%x", sum[:4], sum[4:6], sum[6:8], sum[8:10], sum[10:16])
	out := &bytes.Buffer{}
	enc := json.NewEncoder(out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	err = enc.Encode(b)
	return out.Bytes(), err
}

// program gives a program, and the modules that are linked into it.
func program(path, version string, known map[string][]string) (component, []component, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return component{}, nil, err
	}
	built, err := buildinfo.Read(bytes.NewReader(text))
	if err != nil {
		return component{}, nil, fmt.Errorf("%s: %w", path, err)
	}
	sum := sha256.Sum256(text)
	name, arch := filepath.Base(path), "unknown"
	for _, s := range built.Settings {
		if s.Key == "GOARCH" {
			arch = s.Value
		}
	}
	c := component{
		Type: "application", Ref: name + "/" + arch, Name: name, Version: version, Licences: ids("Apache-2.0"),
		Hashes: []hash{{"SHA-256", hex.EncodeToString(sum[:])}}, Properties: []property{{"runward:arch", arch}},
	}
	goVersion := strings.TrimPrefix(strings.Fields(built.GoVersion)[0], "go")
	std := "pkg:golang/stdlib@" + goVersion
	parts := []component{{Type: "library", Ref: std, Name: "stdlib", Version: goVersion, Licences: ids("BSD-3-Clause"), PURL: std}}
	for _, m := range built.Deps {
		if m.Replace != nil {
			m = m.Replace
		}
		names := known[m.Path+" "+m.Version]
		if names == nil {
			return c, nil, fmt.Errorf("%s holds %s %s, whose licence is not known: make generate", path, m.Path, m.Version)
		}
		purl := "pkg:golang/" + m.Path + "@" + m.Version
		part := component{Type: "library", Ref: purl, Name: m.Path, Version: m.Version, Licences: ids(names...), PURL: purl}
		if m.Sum != "" { // what go.sum has; none of what was built from vendor/
			part.Properties = []property{{"go:sum", m.Sum}}
		}
		parts = append(parts, part)
	}
	return c, parts, nil
}

func ids(names ...string) (all []licence) {
	for _, n := range names {
		all = append(all, licence{spdx{n}})
	}
	return all
}

// readLicences reads the list at the top of what licencegen wrote.
func readLicences(file string) (map[string][]string, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	known := map[string][]string{}
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "-----") {
			break
		}
		if of, names, ok := strings.Cut(line, ": "); ok && strings.HasPrefix(line, "  ") {
			known[strings.TrimSpace(of)] = strings.Split(strings.TrimSpace(names), ", ")
		}
	}
	if len(known) == 0 {
		return nil, errors.New(file + " lists no modules")
	}
	return known, nil
}
