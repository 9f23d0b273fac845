package hooks_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"pgregory.net/rapid"

	"github.com/runward/runward/hooks"
)

// brief is what Brief passes on.
type brief struct {
	Version string `json:"ociVersion"`
	ID      string `json:"id"`
	Status  string `json:"status"`
	Pid     int    `json:"pid"`
	Bundle  string `json:"bundle"`
}

// runcState and crunState are as runc 1.1.5 and crun 1.8.1 wrote them.
const (
	runcState = `{"ociVersion":"1.0.2-dev","id":"c","status":"creating","pid":4242,"bundle":"/b","annotations":{"io.a":"{\"id\":\"x\"}"}}`
	crunState = "{\n    \"ociVersion\": \"1.0\",\n    \"id\": \"c\",\n    \"pid\": 4242,\n    \"root\": \"/b/rootfs\",\n    \"bundle\": \"/b\",\n    \"status\": \"created\",\n    \"annotations\": {\n        \"a\": \"b\"\n    }\n}\n"
)

func TestBrief(t *testing.T) {
	for state, want := range map[string]string{
		runcState:                      `{"ociVersion":"1.0.2-dev","id":"c","status":"creating","pid":4242,"bundle":"/b"}`,
		crunState:                      `{"ociVersion":"1.0","id":"c","pid":4242,"bundle":"/b","status":"created"}`,
		`{"id":"a\u00e4","bundle":""}`: `{"id":"a\u00e4","bundle":""}`,
		` { "x" : [ { "id" : 1 } , "]}" ] , "id" : "c" , "pid" : 0 , "bundle" : "/b" } `: `{"id":"c","pid":0,"bundle":"/b"}`,
	} {
		got, err := hooks.Brief([]byte(state))
		if err != nil || string(got) != want {
			t.Errorf("%s\n got %s, %v\nwant %s", state, got, err, want)
		}
	}
	for _, state := range []string{
		"", " ", "{}", "null", "[]", `"id"`, "{", `{"id":"c"}`, `{"bundle":"/b"}`,
		`{"id":"c","bundle":"/b"`, `{"id":"c","bundle":"/b"} x`, `{"id":"c","bundle":"/b",}`, `{,"id":"c","bundle":"/b"}`, `{"id":"c" "bundle":"/b"}`,
		`{"id":"c","bundle":"/b","id":"d"}`, `{"id":7,"bundle":"/b"}`, `{"id":"c","bundle":"/b","pid":"1"}`, `{"id":"c","bundle":"/b","pid":-1}`,
		`{"id":"c","bundle":"/b","pid":01}`, `{"id":"c","bundle":"/b","pid":1e3}`, `{"id":"c","bundle":"/b","pid":null}`, `{"id":"c","bundle":"/b","pid":{}}`,
		"{\"id\":\"c\n\",\"bundle\":\"/b\"}", "{\"id\":\"\xff\",\"bundle\":\"/b\"}", `{"id":"\x","bundle":"/b"}`, `{"id":"\u12","bundle":"/b"}`,
		`{"id":"` + strings.Repeat("a", 20<<10) + `","bundle":"/b"}`,
	} {
		if got, err := hooks.Brief([]byte(state)); err == nil || err.Error() != "what the runtime says of the container is no OCI state" {
			t.Errorf("%.80s: %s, %v", state, got, err)
		}
	}
}

// Any state that a runtime can write, on one line or pretty, is passed on
// without its annotations.
func TestBriefOfAnyState(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := specs.State{
			Version: rapid.String().Draw(t, "version"), ID: rapid.String().Draw(t, "id"), Bundle: rapid.String().Draw(t, "bundle"),
			Status: specs.ContainerState(rapid.String().Draw(t, "status")), Pid: rapid.IntRange(0, 1<<22).Draw(t, "pid"),
			Annotations: rapid.MapOf(rapid.String(), rapid.String()).Draw(t, "annotations"),
		}
		raw, err := json.Marshal(&s)
		if err != nil {
			t.Fatal(err)
		}
		if rapid.Bool().Draw(t, "pretty") {
			var b bytes.Buffer
			if err := json.Indent(&b, raw, "", "\t"); err != nil {
				t.Fatal(err)
			}
			raw = b.Bytes()
		}
		got, err := hooks.Brief(raw)
		if err != nil {
			t.Fatalf("%v: %s", err, raw)
		}
		var want brief
		if err := json.Unmarshal(raw, &want); err != nil {
			t.Fatal(err)
		}
		holdBrief(t, got, want)
	})
}

func holdBrief(t interface{ Fatalf(string, ...any) }, got []byte, want brief) {
	d := json.NewDecoder(bytes.NewReader(got))
	d.DisallowUnknownFields()
	var have brief
	if err := d.Decode(&have); err != nil || have != want || bytes.ContainsAny(got, "\n\r") {
		t.Fatalf("%s (%v), want %+v", got, err, want)
	}
}

// Whatever is read, what is passed on is JSON of the five members and no other,
// and of a document that encoding/json reads it is what that reads.
func FuzzBrief(f *testing.F) {
	for _, seed := range []string{runcState, crunState, "{}", `{"id":"c","bundle":"/b","x":{"id":[1,{"a":"\"}"}]}}`, `{"id":"c","bundle":"/b","ID":"d","\u0069d":"e"}`, "{\"id\":\"\xff\",\"bundle\":\"\"}"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, state []byte) {
		got, err := hooks.Brief(state)
		if err != nil {
			return
		}
		var exact map[string]json.RawMessage // encoding/json folds the case of a struct's keys
		if json.Unmarshal(state, &exact) != nil {
			if !json.Valid(got) {
				t.Fatalf("%s of %s", got, state)
			}
			return // what it passed over it did not check
		}
		if bytes.ContainsAny(state, "\\") {
			return // a key may be spelled in two ways
		}
		var want brief
		five := map[string]json.RawMessage{}
		for _, key := range []string{"ociVersion", "id", "status", "pid", "bundle"} {
			if v, ok := exact[key]; ok {
				five[key] = v
			}
		}
		text, err := json.Marshal(five)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(text, &want); err != nil {
			t.Fatal(err)
		}
		holdBrief(t, got, want)
	})
}
