package engine

import (
	"errors"
	"reflect"
	"strconv"
	"strings"

	"github.com/runward/runward/internal/tomlfile"
)

// A Behind is the runtime that stands behind a name of runward's.
type Behind struct {
	Name string `json:"name"`
	Path string `json:"path"`
}

func (b Behind) line() string { return strconv.Quote(b.Name) + " = " + strconv.Quote(b.Path) + "\n" }

// handlersTable is the header that runwardctl writes; by it it knows its own.
const handlersTable = "[runtime.handlers] # by runwardctl engine configure\n"

// auditSettings is runward.toml of a node that begins.
const auditSettings = `# Written by runwardctl engine configure: runward decides and records, and
# changes nothing. runwardctl enforce shows what it would have done, and switches.
mode = "audit"
`

// addHandler plans a line of runtime.handlers in runward.toml.
func (v *view) addHandler(name, path string) error {
	file := v.sys.Settings
	c, err := v.now(file)
	if err != nil {
		return err
	}
	text, undo := "", Undo{}
	if c != nil {
		text = c.Text
	}
	for i := range v.planned {
		if v.planned[i].Path == file {
			undo = v.planned[i].Undo
		}
	}
	b := Behind{name, path}
	text, err = putHandler(file, text, b)
	if err != nil {
		return err
	}
	undo.Handlers = append(undo.Handlers, b)
	return v.write(file, text, undo)
}

// putHandler adds a line to the table, or to the end of the file where there is
// no such table.
func putHandler(file, text string, b Behind) (string, error) {
	before, err := tomlfile.Parse(file, []byte(text))
	if err != nil {
		return "", err
	}
	if at(before.Root, "runtime", "handlers", b.Name) != nil {
		return "", before.Errorf([]any{"runtime", "handlers", b.Name}, "the name "+b.Name+" is there already: take it out, it is for runwardctl engine configure")
	}
	out := ""
	if line, ok := headerLine(text, "[runtime.handlers]"); ok {
		out = text[:line] + b.line() + text[line:]
	} else {
		if text != "" && !strings.HasSuffix(text, "\n") {
			text += "\n"
		}
		if text != "" {
			text += "\n"
		}
		out = text + handlersTable + b.line()
	}
	after, err := tomlfile.Parse(file, []byte(out))
	if err != nil || at(after.Root, "runtime", "handlers", b.Name) != b.Path {
		return "", errors.New(file + ": runtime.handlers is written in a way that cannot be added to: write it as a table [runtime.handlers]")
	}
	return out, nil
}

// headerLine finds where the line behind a table's header begins.
func headerLine(text, header string) (int, bool) {
	pos := 0
	for line := range strings.Lines(text) {
		pos += len(line)
		code, _, _ := strings.Cut(line, "#")
		if strings.TrimSpace(code) == header && strings.HasSuffix(line, "\n") {
			return pos, true
		}
	}
	return 0, false
}

// takeHandlers takes lines out again, and the table where nothing is left in it.
func takeHandlers(file, text string, handlers []Behind) (string, error) {
	for _, b := range handlers {
		before, err := tomlfile.Parse(file, []byte(text))
		if err != nil {
			return "", err
		}
		if at(before.Root, "runtime", "handlers", b.Name) == nil {
			continue // taken out by hand
		}
		first, last, found := strings.Cut(text, b.line())
		if !found || at(before.Root, "runtime", "handlers", b.Name) != b.Path {
			return "", before.Errorf([]any{"runtime", "handlers", b.Name}, "this line is not as runwardctl wrote it: take it out by hand, and try again")
		}
		text = first + last
		after, err := tomlfile.Parse(file, []byte(text))
		if err != nil || at(after.Root, "runtime", "handlers", b.Name) != nil {
			return "", before.Errorf([]any{"runtime", "handlers", b.Name}, "this line cannot be taken out: do it by hand, and try again")
		}
	}
	doc, err := tomlfile.Parse(file, []byte(text))
	if err != nil {
		return "", err
	}
	if table, ok := at(doc.Root, "runtime", "handlers").(map[string]any); ok && len(table) == 0 {
		text = strings.Replace(strings.Replace(text, "\n"+handlersTable, "", 1), handlersTable, "", 1)
	}
	return text, nil
}

// SetMode gives runward.toml with another mode of the node, and every other
// byte as it was.
func SetMode(file, text, mode string) (string, error) {
	doc, err := tomlfile.Parse(file, []byte(text))
	if err != nil {
		return "", err
	}
	old, ok := doc.Root["mode"].(string)
	if doc.Root["mode"] == nil {
		return "mode = " + strconv.Quote(mode) + "\n" + text, nil
	}
	n, _ := doc.Locate("mode")
	lines := strings.SplitAfter(text, "\n")
	if !ok || n < 1 || n > len(lines) {
		return "", doc.Errorf([]any{"mode"}, "the mode cannot be replaced: do it by hand")
	}
	key, value, _ := strings.Cut(lines[n-1], "=")
	blank := value[:len(value)-len(strings.TrimLeft(value, " \t"))]
	for _, quote := range []string{`"`, "'"} {
		rest, ok := strings.CutPrefix(value, blank+quote+old+quote)
		if !ok {
			continue
		}
		lines[n-1] = key + "=" + blank + strconv.Quote(mode) + rest
		out := strings.Join(lines, "")
		after, err := tomlfile.Parse(file, []byte(out))
		if err != nil || after.Root["mode"] != mode {
			break
		}
		if after.Root["mode"] = old; reflect.DeepEqual(after.Root, doc.Root) {
			return out, nil
		}
	}
	return "", doc.Errorf([]any{"mode"}, "the mode cannot be replaced: do it by hand")
}
