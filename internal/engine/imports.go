package engine

import (
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/runward/runward/internal/tomlfile"
)

// importLine is what runwardctl writes where a main file imports nothing.
func importLine(own string) string { return "imports = [" + strconv.Quote(own) + "]" }

// putImport gives containerd's main file with one more file imported, and
// every other byte as it was.
func putImport(file, text, own string) (string, error) {
	doc, err := tomlfile.Parse(file, []byte(text))
	if err != nil {
		return "", err
	}
	out, old := "", importsOf(doc)
	if doc.Root["imports"] == nil {
		line, _ := doc.Locate("version")
		lines := strings.SplitAfter(text, "\n")
		if line < 1 || line > len(lines) {
			return "", doc.Errorf([]any{}, "it says no version: runwardctl knows 2, 3 and 4")
		}
		end := "\n"
		if strings.HasSuffix(lines[line-1], "\r\n") {
			end = "\r\n"
		}
		if !strings.HasSuffix(lines[line-1], "\n") {
			lines[line-1] += end
		}
		out = strings.Join(slices.Insert(lines, line, importLine(own)+end), "")
	} else {
		open, shut := importSpan(doc, text)
		out = text[:open] + elementLast(text[open:shut], own) + text[shut:]
	}
	return out, onlyImports(doc, file, out, append(slices.Clone(old), own))
}

// elementLast puts an element behind those of an array, laid out as they are:
// what is imported last wins.
func elementLast(inside, own string) string {
	last, comma, lead := elements(inside)
	quoted := strconv.Quote(own)
	if last < 0 {
		return quoted + inside
	}
	if !comma {
		inside = inside[:last] + "," + inside[last:]
	} else {
		quoted += ","
	}
	if !strings.Contains(inside, "\n") {
		lead = " "
	}
	end := len(strings.TrimRight(inside, " \t\r\n"))
	return inside[:end] + lead + quoted + inside[end:]
}

// elements tells where the last string of an array ends (-1: there is none),
// whether a comma follows it, and what stands between lines and strings.
func elements(inside string) (last int, comma bool, lead string) {
	last, lead = -1, "\n  "
	for i := 0; i < len(inside); i++ {
		switch inside[i] {
		case '#':
			i += strings.IndexByte(inside[i:]+"\n", '\n')
		case ',':
			comma = true
		case '"', '\'':
			line := strings.LastIndexByte(inside[:i], '\n')
			if line > 0 && inside[line-1] == '\r' {
				line--
			}
			if line >= 0 && strings.TrimSpace(inside[line:i]) == "" {
				lead = inside[line:i]
			}
			i = skipString(inside, i)
			last, comma = i+1, false
		}
	}
	return last, comma, lead
}

// skipString gives the place of the quote that ends the string at i.
func skipString(text string, i int) int {
	quote := text[i]
	for i++; i < len(text) && text[i] != quote; i++ {
		if text[i] == '\\' && quote == '"' {
			i++
		}
	}
	return min(i, len(text)-1)
}

// importSpan is what is between the brackets of imports, in bytes.
func importSpan(doc *tomlfile.Doc, text string) (open, shut int) {
	line, column := doc.Locate("imports")
	pos := 0
	for n := 1; n < line; n++ {
		pos += strings.IndexByte(text[pos:], '\n') + 1
	}
	pos += len(string([]rune(text[pos:])[:column-1]))
	open = pos + strings.IndexByte(text[pos:], '[') + 1
	for i := open; i < len(text); i++ {
		switch text[i] {
		case ']':
			return open, i
		case '#':
			i += strings.IndexByte(text[i:]+"\n", '\n')
		case '"', '\'':
			i = skipString(text, i)
		}
	}
	return open, len(text)
}

func importsOf(doc *tomlfile.Doc) []string {
	var all []string
	list, _ := doc.Root["imports"].([]any)
	for _, e := range list {
		s, _ := e.(string)
		all = append(all, s)
	}
	return all
}

// onlyImports is an error where the new text says anything else than the old
// one but for its imports.
func onlyImports(doc *tomlfile.Doc, file, out string, want []string) error {
	refused := doc.Errorf([]any{"imports"}, "imports cannot be edited here: write it by hand, "+importLine(want[len(want)-1])+", and try again")
	after, err := tomlfile.Parse(file, []byte(out))
	if err != nil || !slices.Equal(importsOf(after), want) {
		return refused
	}
	if !sameButImports(doc, after) {
		return refused
	}
	return nil
}

// sameButImports tells whether two files say the same else.
func sameButImports(a, b *tomlfile.Doc) bool {
	x, y := deepCopy(a.Root), deepCopy(b.Root)
	delete(x, "imports")
	delete(y, "imports")
	return reflect.DeepEqual(x, y)
}

// takeImport takes a file out of imports again.
func takeImport(file, text, own string) (string, error) {
	doc, err := tomlfile.Parse(file, []byte(text))
	if err != nil {
		return "", err
	}
	all := importsOf(doc)
	i := slices.Index(all, own)
	if i < 0 {
		return text, nil // taken out by hand
	}
	for _, with := range []string{importLine(own) + "\n", importLine(own) + "\r\n"} {
		if before, behind, ok := strings.Cut(text, with); ok && len(all) == 1 && (before == "" || strings.HasSuffix(before, "\n")) {
			return before + behind, nil
		}
	}
	open, shut := importSpan(doc, text)
	inside, quoted := text[open:shut], strconv.Quote(own)
	before, behind, ok := strings.Cut(inside, quoted)
	if !ok {
		return "", doc.Errorf([]any{"imports"}, own+" cannot be taken out here: do it by hand, and try again")
	}
	behind = strings.TrimPrefix(strings.TrimLeft(behind, " \t"), ",")
	before = strings.TrimRight(before, " \t")
	for _, eol := range []string{"\r\n", "\n"} { // its own line
		if cut, ok := strings.CutSuffix(before, eol); ok {
			before = cut
			break
		}
	}
	out := text[:open] + before + behind + text[shut:]
	after, err := tomlfile.Parse(file, []byte(out))
	if err != nil || !slices.Equal(importsOf(after), slices.Delete(slices.Clone(all), i, i+1)) || !sameButImports(doc, after) {
		return "", doc.Errorf([]any{"imports"}, own+" cannot be taken out here: do it by hand, and try again")
	}
	return out, nil
}
