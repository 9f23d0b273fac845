package nodeinstall

import (
	"encoding/json"
	"encoding/pem"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/runward/runward/internal/kubeapi"
)

// apiServer speaks the calls that the installer does, over TLS, and writes what
// happens to the trace.
type apiServer struct {
	t     *testing.T
	trace *trace
	mutex sync.Mutex
	nodes map[string]kubeapi.Node
	pods  []kubeapi.Pod
	deny  string // a method that is refused
}

// trace is what happened, in order.
type trace struct {
	mutex sync.Mutex
	lines []string
}

func (r *trace) add(format string, args ...any) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.lines = append(r.lines, fmt.Sprintf(format, args...))
}

// take returns what happened since the last time.
func (r *trace) take() string {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	text := strings.Join(r.lines, "\n")
	r.lines = nil
	return text
}

func serve(t *testing.T, r *trace, nodes ...string) (*apiServer, *kubeapi.Client) {
	t.Helper()
	s := &apiServer{t: t, trace: r, nodes: map[string]kubeapi.Node{}}
	for _, name := range nodes {
		var node kubeapi.Node
		node.Metadata.Name = name
		node.Metadata.Labels = map[string]string{"kubernetes.io/os": "linux"}
		node.Metadata.Annotations = map[string]string{"other": "stays"}
		node.Status.NodeInfo.ContainerRuntimeVersion = "containerd://2.1.4"
		s.nodes[name] = node
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/v1/nodes", s.list)
	mux.HandleFunc("GET /api/v1/nodes/{name}", s.get)
	mux.HandleFunc("PATCH /api/v1/nodes/{name}", s.patch)
	mux.HandleFunc("GET /api/v1/pods", s.listPods)
	mux.HandleFunc("POST /api/v1/namespaces/default/events", s.event)
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mutex.Lock()
		defer s.mutex.Unlock()
		switch {
		case r.Header.Get("Authorization") != "Bearer secret":
			refuse(w, 401, "Unauthorized")
		case r.Method == s.deny:
			refuse(w, 403, "may not "+r.Method)
		default:
			mux.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(server.Close)
	dir := t.TempDir()
	cert := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	write(t, filepath.Join(dir, "ca.crt"), string(cert))
	write(t, filepath.Join(dir, "token"), "secret\n")
	client, err := kubeapi.New(server.URL, dir)
	if err != nil {
		t.Fatal(err)
	}
	return s, client
}

func refuse(w http.ResponseWriter, code int, message string) {
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(map[string]any{"kind": "Status", "message": message})
}

func (s *apiServer) answer(w http.ResponseWriter, v any) {
	if err := json.NewEncoder(w).Encode(v); err != nil {
		s.t.Error(err)
	}
}

func (s *apiServer) list(w http.ResponseWriter, r *http.Request) {
	if !strings.Contains(r.Header.Get("Accept"), "PartialObjectMetadataList") {
		s.t.Error("the list of nodes was asked for in full")
	}
	items := []kubeapi.Node{}
	for _, name := range slices.Sorted(maps.Keys(s.nodes)) {
		items = append(items, s.nodes[name])
	}
	s.answer(w, map[string]any{"items": items})
}

func (s *apiServer) get(w http.ResponseWriter, r *http.Request) {
	node, ok := s.nodes[r.PathValue("name")]
	if !ok {
		refuse(w, 404, `nodes "`+r.PathValue("name")+`" not found`)
		return
	}
	s.answer(w, node)
}

func (s *apiServer) patch(w http.ResponseWriter, r *http.Request) {
	if got := r.Header.Get("Content-Type"); got != "application/merge-patch+json" {
		s.t.Errorf("a patch of type %s", got)
	}
	var body struct {
		Metadata struct{ Labels, Annotations map[string]*string }
	}
	decoder := json.NewDecoder(r.Body)
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&body); err != nil {
		s.t.Error(err)
	}
	node := s.nodes[r.PathValue("name")]
	said := []string{}
	for _, part := range []struct {
		have map[string]string
		want map[string]*string
	}{{node.Metadata.Labels, body.Metadata.Labels}, {node.Metadata.Annotations, body.Metadata.Annotations}} {
		for _, key := range slices.Sorted(maps.Keys(part.want)) {
			value := part.want[key]
			if value == nil {
				if _, had := part.have[key]; had {
					said = append(said, key+"-")
				}
				delete(part.have, key)
				continue
			}
			if part.have[key] != *value {
				said = append(said, key+"="+*value)
			}
			part.have[key] = *value
		}
	}
	s.trace.add("mark %s: %s", node.Metadata.Name, strings.Join(said, ", "))
	s.answer(w, node)
}

func (s *apiServer) listPods(w http.ResponseWriter, r *http.Request) {
	s.trace.add("pods %s", r.URL.Query().Get("fieldSelector"))
	s.answer(w, map[string]any{"items": s.pods})
}

func (s *apiServer) event(w http.ResponseWriter, r *http.Request) {
	var event struct{ Type, Reason string }
	if err := json.NewDecoder(r.Body).Decode(&event); err != nil {
		s.t.Error(err)
	}
	s.trace.add("event %s %s", event.Type, event.Reason)
	s.answer(w, event)
}

// change changes what the server holds.
func (s *apiServer) change(f func()) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	f()
}

func (s *apiServer) note(node, key string) string {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.nodes[node].Metadata.Annotations[key]
}

func (s *apiServer) label(node, key string) string {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.nodes[node].Metadata.Labels[key]
}

func pod(name, class, phase string) kubeapi.Pod {
	var p kubeapi.Pod
	p.Metadata.Namespace, p.Metadata.Name = "shop", name
	p.Spec.RuntimeClassName, p.Status.Phase = class, phase
	return p
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
