package policycases

import (
	"encoding/json"
	"encoding/xml"
	"io"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/runward/runward/internal/display"
)

// A Report is what became of all cases.
type Report struct {
	Cases  []Result `json:"cases"`
	Passed int      `json:"passed"`
	Failed int      `json:"failed"`
}

// Add adds results.
func (r *Report) Add(results ...Result) {
	for _, x := range results {
		r.Cases = append(r.Cases, x)
		if x.OK {
			r.Passed++
		} else {
			r.Failed++
		}
	}
}

// Text writes the report for a person.
func (r *Report) Text(p *display.Printer) error {
	var rows []display.Row
	for _, c := range r.Cases {
		word, style := "ok", display.Green
		if !c.OK {
			word, style = "FAIL", display.Red
		}
		rows = append(rows, display.Row{Cells: []display.Cell{
			{Text: word, Style: style},
			{Text: c.Verdict},
			{Text: c.Name},
			{Text: c.File + ":" + strconv.Itoa(c.Line), Style: display.Dim},
		}, Notes: c.Problems})
	}
	p.Table([]display.Column{{Title: "CASE"}, {Title: "VERDICT"}, {Title: "NAME", Fit: display.Wrap}, {Title: "WHERE", Fit: display.Cut, Drop: 1}}, rows)
	p.Line()
	p.Line(strconv.Itoa(r.Passed) + " passed, " + strconv.Itoa(r.Failed) + " failed.")
	return p.Err()
}

// junit is the report as JUnit's XML, the form that CI systems read: a suite
// for every file.
type junit struct {
	XMLName  xml.Name     `xml:"testsuites"`
	Tests    int          `xml:"tests,attr"`
	Failures int          `xml:"failures,attr"`
	Errors   int          `xml:"errors,attr"`
	Suites   []junitSuite `xml:"testsuite"`
}

type junitSuite struct {
	Name     string      `xml:"name,attr"`
	Tests    int         `xml:"tests,attr"`
	Failures int         `xml:"failures,attr"`
	Errors   int         `xml:"errors,attr"`
	Skipped  int         `xml:"skipped,attr"`
	Time     string      `xml:"time,attr"` // seconds
	Cases    []junitCase `xml:"testcase"`
}

type junitCase struct {
	Name    string        `xml:"name,attr"`
	Class   string        `xml:"classname,attr"`
	Time    string        `xml:"time,attr"` // seconds
	Failure *junitFailure `xml:"failure,omitempty"`
}

type junitFailure struct {
	Message string `xml:"message,attr"`
	Type    string `xml:"type,attr"`
	Text    string `xml:",chardata"`
}

// JUnit writes the report as JUnit's XML.
func (r *Report) JUnit(w io.Writer) error {
	out := junit{Tests: len(r.Cases), Failures: r.Failed}
	took := map[string]float64{}
	for _, c := range r.Cases {
		if n := len(out.Suites); n == 0 || out.Suites[n-1].Name != c.File {
			out.Suites = append(out.Suites, junitSuite{Name: c.File})
		}
		s := &out.Suites[len(out.Suites)-1]
		x := junitCase{Name: c.Name, Class: strings.TrimSuffix(c.File, ".toml"), Time: seconds(c.Took.Seconds())}
		s.Tests++
		if !c.OK {
			s.Failures++
			x.Failure = &junitFailure{Message: c.Problems[0], Type: "decision", Text: strings.Join(c.Problems, "\n")}
		}
		took[c.File] += c.Took.Seconds()
		s.Time = seconds(took[c.File])
		s.Cases = append(s.Cases, x)
	}
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	e := xml.NewEncoder(w)
	e.Indent("", "  ")
	if err := e.Encode(out); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}

func seconds(s float64) string { return strconv.FormatFloat(s, 'f', 3, 64) }

// SARIF writes the failed cases as SARIF 2.1.0 (OASIS), which code hosts show
// beside the lines.
func (r *Report) SARIF(w io.Writer, version string) error {
	type object = map[string]any
	results := []any{}
	for _, c := range r.Cases {
		if c.OK {
			continue
		}
		results = append(results, object{
			"ruleId": "policy-case", "ruleIndex": 0, "level": "error",
			"message": object{"text": c.Name + ": " + strings.Join(c.Problems, "; ")},
			"locations": []any{object{"physicalLocation": object{
				"artifactLocation": object{"uri": (&url.URL{Path: filepath.ToSlash(c.File)}).String()},
				"region":           object{"startLine": max(c.Line, 1)},
			}}},
		})
	}
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(object{
		"$schema": "https://json.schemastore.org/sarif-2.1.0.json",
		"version": "2.1.0",
		"runs": []any{object{
			"tool": object{"driver": object{
				"name": "runwardctl", "version": version, "informationUri": "https://github.com/runward/runward",
				"rules": []any{object{
					"id":               "policy-case",
					"shortDescription": object{"text": "A policy decides as its case says"},
				}},
			}},
			"results": results,
		}},
	})
}
