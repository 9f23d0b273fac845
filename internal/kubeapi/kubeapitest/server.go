// Package kubeapitest is an API server of Kubernetes for tests: it speaks, over
// TLS, the calls that the installer does.
package kubeapitest

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
	"time"

	"github.com/runward/runward/internal/kubeapi"
)

// Server holds nodes and pods, and writes what is changed to its trace.
type Server struct {
	*Trace
	URL         string // https://127.0.0.1:PORT
	Credentials string // a directory as the kubelet mounts it: ca.crt and token

	t     testing.TB
	mutex sync.Mutex
	nodes map[string]kubeapi.Node
	pods  []kubeapi.Pod
	deny  string
	news  chan bool // of a change to a node
}

// Trace is what happened, in order.
type Trace struct {
	mutex sync.Mutex
	lines []string
}

// Add adds a line.
func (r *Trace) Add(format string, args ...any) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.lines = append(r.lines, fmt.Sprintf(format, args...))
}

// Take returns what happened since the last time.
func (r *Trace) Take() string {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	text := strings.Join(r.lines, "\n")
	r.lines = nil
	return text
}

// New starts a server with nodes of these names, which ends with the test.
func New(t testing.TB, nodes ...string) *Server {
	t.Helper()
	s := &Server{t: t, Trace: &Trace{}, nodes: map[string]kubeapi.Node{}, news: make(chan bool, 1)}
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
	s.URL, s.Credentials = server.URL, t.TempDir()
	cert := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	for name, text := range map[string]string{"ca.crt": string(cert), "token": "secret\n"} {
		if err := os.WriteFile(filepath.Join(s.Credentials, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// Client is one of the server.
func (s *Server) Client() *kubeapi.Client {
	s.t.Helper()
	client, err := kubeapi.New(s.URL, s.Credentials)
	if err != nil {
		s.t.Fatal(err)
	}
	return client
}

func refuse(w http.ResponseWriter, code int, message string) {
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(map[string]any{"kind": "Status", "message": message})
}

func (s *Server) answer(w http.ResponseWriter, v any) {
	if err := json.NewEncoder(w).Encode(v); err != nil {
		s.t.Error(err)
	}
}

func (s *Server) list(w http.ResponseWriter, r *http.Request) {
	if !strings.Contains(r.Header.Get("Accept"), "PartialObjectMetadataList") {
		s.t.Error("the list of nodes was asked for in full")
	}
	items := []kubeapi.Node{}
	for _, name := range slices.Sorted(maps.Keys(s.nodes)) {
		items = append(items, s.nodes[name])
	}
	s.answer(w, map[string]any{"items": items})
}

func (s *Server) get(w http.ResponseWriter, r *http.Request) {
	node, ok := s.nodes[r.PathValue("name")]
	if !ok {
		refuse(w, 404, `nodes "`+r.PathValue("name")+`" not found`)
		return
	}
	s.answer(w, node)
}

func (s *Server) patch(w http.ResponseWriter, r *http.Request) {
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
	s.Add("mark %s: %s", node.Metadata.Name, strings.Join(said, ", "))
	select {
	case s.news <- true:
	default: // there is one already that nobody has taken
	}
	s.answer(w, node)
}

func (s *Server) listPods(w http.ResponseWriter, r *http.Request) {
	s.Add("pods %s", r.URL.Query().Get("fieldSelector"))
	s.answer(w, map[string]any{"items": s.pods})
}

func (s *Server) event(w http.ResponseWriter, r *http.Request) {
	var event struct{ Type, Reason string }
	if err := json.NewDecoder(r.Body).Decode(&event); err != nil {
		s.t.Error(err)
	}
	s.Add("event %s %s", event.Type, event.Reason)
	s.answer(w, event)
}

// Node changes a node.
func (s *Server) Node(name string, change func(*kubeapi.Node)) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	node := s.nodes[name]
	change(&node)
	s.nodes[name] = node
}

// Annotate changes an annotation of a node.
func (s *Server) Annotate(node, key, value string) {
	s.Node(node, func(n *kubeapi.Node) { n.Metadata.Annotations[key] = value })
}

// Annotation is one of a node.
func (s *Server) Annotation(node, key string) (value string) {
	s.Node(node, func(n *kubeapi.Node) { value = n.Metadata.Annotations[key] })
	return value
}

// Await waits until an annotation of a node has a value; for a minute and a half,
// which a restart of an engine would take.
func (s *Server) Await(node, key, value string) {
	s.t.Helper()
	end := time.After(90 * time.Second)
	for s.Annotation(node, key) != value {
		select {
		case <-s.news:
		case <-end:
			s.t.Fatalf("%s of %s is %q and does not become %q; what happened:\n%s", key, node, s.Annotation(node, key), value, s.Take())
		}
	}
}

// Label is one of a node.
func (s *Server) Label(node, key string) (value string) {
	s.Node(node, func(n *kubeapi.Node) { value = n.Metadata.Labels[key] })
	return value
}

// Pods sets the pods that are bound to every node.
func (s *Server) Pods(pods ...kubeapi.Pod) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.pods = pods
}

// Deny refuses every call of a method; empty: of none.
func (s *Server) Deny(method string) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.deny = method
}

// Pod is one in the namespace shop.
func Pod(name, class, phase string) kubeapi.Pod {
	var p kubeapi.Pod
	p.Metadata.Namespace, p.Metadata.Name = "shop", name
	p.Spec.RuntimeClassName, p.Status.Phase = class, phase
	return p
}
