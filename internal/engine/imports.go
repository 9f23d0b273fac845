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
		line, _ := doc.Locate("version") // that it has one was seen to
		lines := strings.SplitAfter(text, "\n")
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
		inside := text[open:shut]
		behind := strings.TrimRight(inside, " \t\r\n")
		switch {
		case len(old) == 0:
			out = text[:open] + strconv.Quote(own) + inside + text[shut:]
		case strings.HasSuffix(behind, ",") || strings.Contains(inside, "\n"):
			out = text[:open] + elementLast(inside, own) + text[shut:]
		default:
			out = text[:open] + behind + ", " + strconv.Quote(own) + inside[len(behind):] + text[shut:]
		}
	}
	return out, onlyImports(doc, file, out, append(slices.Clone(old), own))
}

// elementLast puts an element behind those of an array with lines or a
// comma at its end, laid out as its first one is. The order counts: what is
// imported last wins.
func elementLast(inside, own string) string {
	behind := strings.TrimRight(inside, " \t\r\n")
	tail := inside[len(behind):]
	lead := inside[:len(inside)-len(strings.TrimLeft(inside, " \t\r\n"))]
	if at := strings.LastIndexByte(behind, '\n'); at >= 0 && strings.HasPrefix(strings.TrimSpace(behind[at:]), "#") {
		lead = behind[at : at+1+len(behind[at+1:])-len(strings.TrimLeft(behind[at+1:], " \t"))]
		return behind + lead + strconv.Quote(own) + "," + tail
	}
	if strings.HasSuffix(behind, ",") {
		return behind + orSpace(lead) + strconv.Quote(own) + "," + tail
	}
	return behind + "," + orSpace(lead) + strconv.Quote(own) + tail
}

func orSpace(s string) string {
	if s == "" {
		return " "
	}
	return s
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
			quote := text[i]
			for i++; i < len(text) && text[i] != quote; i++ {
				if text[i] == '\\' && quote == '"' {
					i++
				}
			}
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
	a, b := deepCopy(doc.Root), deepCopy(after.Root)
	delete(a, "imports")
	delete(b, "imports")
	if !reflect.DeepEqual(a, b) {
		return refused
	}
	return nil
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
	if rest, ok := strings.CutPrefix(strings.TrimLeft(behind, " \t"), ","); ok {
		before, behind = strings.TrimRight(before, " \t\r\n"), rest
	} else if i > 0 {
		before = strings.TrimSuffix(strings.TrimRight(before, " \t\r\n"), ",")
	}
	out := text[:open] + before + behind + text[shut:]
	after, err := tomlfile.Parse(file, []byte(out))
	if err != nil || !slices.Equal(importsOf(after), slices.Delete(slices.Clone(all), i, i+1)) {
		return "", doc.Errorf([]any{"imports"}, own+" cannot be taken out here: do it by hand, and try again")
	}
	return out, nil
}
