package main

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
)

// thirdParty is every licence in full, with the notices.
func thirdParty(all []module) []byte {
	b := &bytes.Buffer{}
	b.WriteString("Made from the code by `make generate`; do not edit.\n\nrunward's programs hold code of these modules, and of Go's standard library\n" +
		"(BSD-3-Clause, as golang.org/x/sys). Where they are position independent, runwardd\nand runwardctl hold code of the C library that they were linked with, too.\n\n")
	for _, m := range all {
		fmt.Fprintf(b, "  %s %s: %s\n", m.path, m.version, strings.Join(m.names(), ", "))
	}
	for _, m := range all {
		for _, t := range m.texts {
			fmt.Fprintf(b, "\n%s\n%s %s, %s\n\n%s", strings.Repeat("-", 72), m.path, m.version, t.name, t.body)
		}
	}
	return b.Bytes()
}

func (m *module) names() (all []string) {
	for _, t := range m.texts {
		all = append(all, t.spdx...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// common are the licences whose text every Debian has.
var common = []string{"Apache-2.0", "MPL-2.0"}

// copyright is Debian's machine-readable file, DEP-5: every module of vendor/,
// each licence's text once.
func copyright(all []module) []byte {
	b := &bytes.Buffer{}
	b.WriteString(`Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: runward
Source: https://github.com/runward/runward
Comment: Made from the code by "make generate"; do not edit.

Files: *
Copyright: The runward authors
License: Apache-2.0
`)
	texts := &licences{}
	texts.name("Apache-2.0", "")
	for _, m := range all {
		// The longest path last: of several paragraphs DEP-5 takes the last.
		byDir := slices.Clone(m.texts)
		slices.SortStableFunc(byDir, func(a, b text) int { return strings.Count(a.name, "/") - strings.Count(b.name, "/") })
		done := map[string]bool{}
		for _, t := range byDir {
			dir := t.name[:strings.LastIndexByte(t.name, '/')+1]
			if t.spdx == nil || done[dir] {
				continue
			}
			done[dir] = true
			var names []string
			var holders []string
			for _, other := range byDir {
				if other.spdx == nil || other.name[:strings.LastIndexByte(other.name, '/')+1] != dir {
					continue
				}
				holders = append(holders, holdersOf(other.body)...)
				if len(other.spdx) > 1 { // one text that says several
					names = append(names, texts.name(strings.Join(other.spdx, "-and-"), other.body))
					continue
				}
				names = append(names, texts.name(other.spdx[0], other.body))
			}
			if len(holders) == 0 {
				holders = []string{"The authors of " + m.path}
			}
			fmt.Fprintf(b, "\nFiles: vendor/%s/%s*\nCopyright: %s\nLicense: %s\n", m.path, dir, strings.Join(holders, "\n           "), strings.Join(slices.Compact(names), " and "))
		}
	}
	b.Write(texts.stanzas.Bytes())
	return b.Bytes()
}

// licences are texts that have a name each.
type licences struct {
	known   []struct{ name, flat string }
	stanzas bytes.Buffer
}

// name gives the name of a licence's text: two texts of a licence that differ in
// more than who has the copyright have two.
func (l *licences) name(spdx, body string) string {
	if slices.Contains(common, spdx) {
		body = "On Debian systems, the text of this licence is in\n/usr/share/common-licenses/" + spdx + ".\n"
	}
	var kept []string
	for line := range strings.Lines(body) {
		if !isCopyright(line) {
			kept = append(kept, strings.TrimRight(line, " \t\n"))
		}
	}
	flat := strings.ToLower(strings.Join(strings.Fields(strings.Join(kept, " ")), " "))
	same := 0
	for _, k := range l.known {
		if k.flat == flat {
			return k.name
		}
		if k.name == spdx || strings.HasPrefix(k.name, spdx+"~") {
			same++
		}
	}
	name := spdx
	if same > 0 {
		name = fmt.Sprintf("%s~%d", spdx, same+1)
	}
	l.known = append(l.known, struct{ name, flat string }{name, flat})
	fmt.Fprintf(&l.stanzas, "\nLicense: %s\n", name)
	for _, line := range strings.Split(strings.Trim(strings.Join(kept, "\n"), "\n"), "\n") {
		if line == "" {
			line = "."
		}
		l.stanzas.WriteString(" " + line + "\n")
	}
	return name
}

func isCopyright(line string) bool {
	line = strings.ToLower(strings.TrimSpace(line))
	return strings.HasPrefix(line, "copyright") && strings.ContainsAny(line, "0123456789©") && !strings.Contains(line, "[yyyy]") || line == "all rights reserved." || strings.HasPrefix(line, "all rights reserved")
}

// holdersOf gives who has the copyright, as the text says it.
func holdersOf(body string) (all []string) {
	for line := range strings.Lines(body) {
		if line = strings.TrimSpace(line); isCopyright(line) && strings.HasPrefix(strings.ToLower(line), "copyright") {
			line = strings.TrimSpace(line[len("copyright"):])
			for _, sign := range []string{"(c)", "(C)", "©"} {
				line = strings.TrimSpace(strings.TrimPrefix(line, sign))
			}
			if !slices.Contains(all, line) {
				all = append(all, line)
			}
		}
	}
	return all
}
