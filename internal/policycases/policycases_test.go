package policycases

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/runward/runward/policy/rules"
)

// What is shipped passes: the built-in profiles' cases and the example's.
func TestShippedCases(t *testing.T) {
	files, err := Find([]string{"../../test/policy", "../../packaging/examples"})
	if err != nil || len(files) != 5 {
		t.Fatalf("%q, %v", files, err)
	}
	for _, path := range files {
		f, err := Read(path)
		if err != nil {
			t.Fatal(err)
		}
		results, err := f.Run(rules.All, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range results {
			if !r.OK {
				t.Errorf("%s:%d: %s: %q", r.File, r.Line, r.Name, r.Problems)
			}
		}
	}
}

// mixed is a report with a case that passes and one that fails, with words that
// XML and JSON must escape.
func mixed() *Report {
	r := new(Report)
	r.Add(Result{File: "a_test.toml", Line: 3, Name: "fine", Verdict: "allow", OK: true},
		Result{File: "a_test.toml", Line: 9, Name: "<bad> & \"worse\"", Verdict: "deny", Problems: []string{"the verdict is deny, not allow", "x < y"}},
		Result{File: "dir b/b_test.toml", Line: 1, Name: "other", Verdict: "allow", OK: true})
	return r
}

func TestSARIFIsValid(t *testing.T) {
	schema, err := jsonschema.NewCompiler().Compile("testdata/sarif.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range []*Report{mixed(), {}} {
		var b strings.Builder
		if err := r.SARIF(&b, "0.1.0"); err != nil {
			t.Fatal(err)
		}
		doc, err := jsonschema.UnmarshalJSON(strings.NewReader(b.String()))
		if err != nil {
			t.Fatal(err)
		}
		if err := schema.Validate(doc); err != nil {
			t.Errorf("%v\n%s", err, b.String())
		}
	}
	if err := schema.Validate(map[string]any{"version": "2.1.0", "runs": []any{map[string]any{}}}); err == nil {
		t.Error("the schema takes a run without a tool")
	}
	var got struct {
		Runs []struct {
			Results []struct {
				Message   struct{ Text string }
				Locations []struct {
					PhysicalLocation struct{ Region struct{ StartLine int } }
				}
			}
		}
	}
	var b strings.Builder
	if err := mixed().SARIF(&b, "1"); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(b.String()), &got); err != nil {
		t.Fatal(err)
	}
	if res := got.Runs[0].Results; len(res) != 1 || res[0].Message.Text != `<bad> & "worse": the verdict is deny, not allow; x < y` ||
		res[0].Locations[0].PhysicalLocation.Region.StartLine != 9 {
		t.Errorf("%+v", res)
	}
}

// shape is what JUnit's XSD (Apache Ant, as CI systems read it) lets an element
// have: attributes that must be there, others, and children.
var shape = map[string]struct{ must, may, children []string }{
	"testsuites": {nil, []string{"name", "time", "tests", "failures", "errors", "disabled"}, []string{"testsuite"}},
	"testsuite": {
		[]string{"name", "tests"},
		[]string{"failures", "errors", "time", "disabled", "skipped", "timestamp", "hostname", "id", "package"},
		[]string{"properties", "testcase", "system-out", "system-err"},
	},
	"testcase": {[]string{"name", "classname"}, []string{"assertions", "time", "status"}, []string{"skipped", "error", "failure", "system-out", "system-err"}},
	"failure":  {nil, []string{"message", "type"}, nil},
}

func TestJUnitIsValid(t *testing.T) {
	var b strings.Builder
	if err := mixed().JUnit(&b); err != nil {
		t.Fatal(err)
	}
	if problem := checkJUnit(b.String()); problem != "" {
		t.Errorf("%s\n%s", problem, b.String())
	}
	for _, want := range []string{
		`<testsuites tests="3" failures="1" errors="0">`,
		`<testsuite name="a_test.toml" tests="2" failures="1" errors="0" skipped="0" time="0.000">`,
		`<failure message="the verdict is deny, not allow" type="decision">`,
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %s in\n%s", want, b.String())
		}
	}
	if checkJUnit(`<testsuites><testcase name="x" classname="y"/></testsuites>`) == "" {
		t.Error("a case outside of a suite passes")
	}
	if checkJUnit(`<testsuites><testsuite name="x"/></testsuites>`) == "" {
		t.Error("a suite without a count passes")
	}
}

// checkJUnit says what is not as shape has it.
func checkJUnit(text string) string {
	d := xml.NewDecoder(strings.NewReader(text))
	var above []string
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return ""
		}
		if err != nil {
			return err.Error()
		}
		switch token := token.(type) {
		case xml.StartElement:
			name := token.Name.Local
			s, ok := shape[name]
			if !ok || len(above) == 0 && name != "testsuites" || len(above) > 0 && !slices.Contains(shape[above[len(above)-1]].children, name) {
				return "an element out of place: " + name
			}
			have := map[string]bool{}
			for _, a := range token.Attr {
				have[a.Name.Local] = true
				if !slices.Contains(append(s.may, s.must...), a.Name.Local) {
					return name + " has the attribute " + a.Name.Local
				}
			}
			for _, must := range s.must {
				if !have[must] {
					return name + " lacks the attribute " + must
				}
			}
			above = append(above, name)
		case xml.EndElement:
			above = above[:len(above)-1]
		}
	}
}

const config = `{"ociVersion":"1.0.2","process":{"args":["a"],"cwd":"/","user":{"uid":0,"gid":0}},"linux":{"resources":{}},"root":{"path":"rootfs"}}`

func TestCases(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	write("config.json", config)
	write("process.json", `{"args":["id"],"cwd":"/","user":{"uid":0,"gid":0}}`)
	write("deny.toml", "version = 1\nname = \"deny\"\n[user]\n")
	write("bad.json", `{"process":{},"process":{}}`)
	write("p.toml", "version = 1\nname = \"p\"\n[memory]\nmax = \"1GiB\"\n[pids]\naction = \"audit\"\n")
	const head = "policies = [\"p.toml\"]\n[[case]]\nname = \"n\"\nconfig = \"config.json\"\n"
	for _, c := range []struct{ name, text, want string }{
		{"as wanted", head + "verdict = \"rewrite\"\n[[case.finding]]\nrule = \"memory\"\n", ""},
		{"another verdict", head + "verdict = \"allow\"\n", "the verdict is rewrite, not allow | not expected: rewritten memory /linux/resources/memory/limit: no limit on memory"},
		{"no such finding", head + "verdict = \"rewrite\"\n[[case.finding]]\nrule = \"memory\"\ndone = \"denied\"\n", "there is no finding: denied memory | not expected: rewritten memory /linux/resources/memory/limit: no limit on memory"},
		{"one that is not listed", head + "verdict = \"rewrite\"\n[[case.finding]]\nrule = \"pids\"\n", "not expected: rewritten memory /linux/resources/memory/limit: no limit on memory"},
		{"the patch", head + "verdict = \"rewrite\"\npatch = '[{\"path\":\"/linux/resources/memory\",\"op\":\"add\",\"value\":{\"limit\":1073741824}}]'\n", ""},
		{"another patch", head + "verdict = \"rewrite\"\npatch = '[]'\n", `the patch is [{"op":"add","path":"/linux/resources/memory","value":{"limit":1073741824}}]`},
		{"what the reader refuses is denied", strings.Replace(head, "config.json", "bad.json", 1) + "verdict = \"deny\"\n[[case.finding]]\nrule = \"config.json\"\nfound = \"process\"\n", ""},
		{"no verdict", head, "error: FILE:2:3: no verdict: write verdict = \"allow\", \"rewrite\" or \"deny\""},
		{"a verdict that is none", head + "verdict = \"alow\"\n", "error: FILE:5:1: verdict: want allow, rewrite or deny, found \"alow\""},
		{"an unknown key", head + "verdct = \"allow\"\n", "error: FILE:5:1: unknown key \"verdct\"; did you mean \"verdict\"?"},
		{"unknown facts", head + "verdict = \"allow\"\nfacts = { enginee = \"docker\" }\n", "error: FILE:2:3: n: facts.json: json: unknown field \"enginee\""},
		{"no config", strings.Replace(head, "config.json", "nosuch.json", 1) + "verdict = \"deny\"\n", "error: FILE:2:3: n: config DIR/nosuch.json cannot be read: it is missing"},
		{"an exec", strings.Replace(head, "name = \"n\"", "exec = { args = [\"sh\"], user = { uid = 0, gid = 0 }, capabilities = { bounding = [\"CAP_SYS_ADMIN\"] } }", 1) +
			"verdict = \"rewrite\"\n[[case.finding]]\nrule = \"ceiling\"\npointer = \"/process/capabilities\"\nfound = \"CAP_SYS_ADMIN\"\n", ""},
		{"an exec from a file", head + "exec = \"process.json\"\nverdict = \"allow\"\n", ""},
		{"an exec that cannot be read", head + "exec = \"bad.json\"\nverdict = \"deny\"\n[[case.finding]]\nrule = \"process\"\n", ""},
		{"an exec of no file", head + "exec = \"no.json\"\nverdict = \"deny\"\n", "error: FILE:2:3: n: DIR/no.json cannot be read: it is missing"},
		{"an update within", head + "update = { memory = { limit = 1073741824 } }\nverdict = \"allow\"\n", ""},
		{"an update beyond", head + "update = { memory = { limit = 1073741825 } }\nverdict = \"deny\"\n[[case.finding]]\nrule = \"ceiling\"\npointer = \"/memory/limit\"\n", ""},
		{"an update that cannot be read", head + "update = { memory = { limit = \"much\" } }\nverdict = \"deny\"\n[[case.finding]]\nrule = \"resources\"\n", ""},
		{"neither a file nor a table", head + "update = 3\nverdict = \"deny\"\n", "error: FILE:5:1: update: want a JSON file's name, or a table"},
		{"both", head + "exec = \"process.json\"\nupdate = {}\nverdict = \"deny\"\n", "error: FILE:6:1: exec and update: a case is about one of them"},
		{
			"an exec into what is refused", strings.Replace(head, "p.toml", "deny.toml", 1) + "exec = { args = [\"sh\"] }\nverdict = \"allow\"\n",
			"error: FILE:2:3: n: there is no container for it: policy refuses to create it: user /process/user/uid: user 0 (root)",
		},
		{"no cases", "policies = [\"p.toml\"]\n", "error: FILE:1:1: no cases: write [[case]]"},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := write("x_test.toml", c.text)
			got := ""
			f, err := Read(path)
			if err == nil {
				var results []Result
				if results, err = f.Run(rules.All, nil); err == nil {
					got = strings.Join(results[0].Problems, " | ")
				}
			}
			if err != nil {
				got = "error: " + strings.ReplaceAll(strings.ReplaceAll(err.Error(), path, "FILE"), dir, "DIR")
			}
			if got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}
