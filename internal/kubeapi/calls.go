package kubeapi

import (
	"context"
	"net/http"
	"net/url"
	"time"
)

// Node is what of a Node matters here.
type Node struct {
	Metadata struct {
		Name        string            `json:"name"`
		Labels      map[string]string `json:"labels"`
		Annotations map[string]string `json:"annotations"`
	} `json:"metadata"`
	Status struct {
		NodeInfo struct {
			// ContainerRuntimeVersion is the kubelet's engine, such as containerd://2.1.4.
			ContainerRuntimeVersion string `json:"containerRuntimeVersion"`
		} `json:"nodeInfo"`
		// RuntimeHandlers are those that the engine has loaded, as the kubelet learns
		// from it; none: the engine (containerd before 2.0, CRI-O before 1.31) does not say.
		RuntimeHandlers []RuntimeHandler `json:"runtimeHandlers"`
	} `json:"status"`
}

// RuntimeHandler is a name that a RuntimeClass may lead to; empty: the default.
type RuntimeHandler struct {
	Name string `json:"name"`
}

// Pod is what of a Pod matters here.
type Pod struct {
	Metadata struct {
		Namespace string `json:"namespace"`
		Name      string `json:"name"`
	} `json:"metadata"`
	Spec struct {
		RuntimeClassName string `json:"runtimeClassName"`
	} `json:"spec"`
	Status struct {
		Phase string `json:"phase"`
	} `json:"status"`
}

// Name is namespace/name.
func (p Pod) Name() string { return p.Metadata.Namespace + "/" + p.Metadata.Name }

// Ended tells whether no container of the pod runs any more, or ever will.
func (p Pod) Ended() bool { return p.Status.Phase == "Succeeded" || p.Status.Phase == "Failed" }

// Marks are labels and annotations to set, or, where nil, to take away.
type Marks struct {
	Labels      map[string]*string `json:"labels,omitempty"`
	Annotations map[string]*string `json:"annotations,omitempty"`
}

// onlyMetadata asks for a list without what the kubelet reports of each node.
const onlyMetadata = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"

// Node returns a node by its name.
func (c *Client) Node(ctx context.Context, name string) (Node, error) {
	var node Node
	return node, c.call(ctx, http.MethodGet, "/api/v1/nodes/"+url.PathEscape(name), nil, nil, &node)
}

// Nodes returns every node.
func (c *Client) Nodes(ctx context.Context) ([]Node, error) {
	var list struct {
		Items []Node `json:"items"`
	}
	return list.Items, c.call(ctx, http.MethodGet, "/api/v1/nodes", map[string]string{"Accept": onlyMetadata}, nil, &list)
}

// Mark changes a node's labels and annotations, and nothing else (RFC 7386).
func (c *Client) Mark(ctx context.Context, node string, marks Marks) error {
	body := map[string]any{"metadata": marks}
	header := map[string]string{"Content-Type": "application/merge-patch+json"}
	return c.call(ctx, http.MethodPatch, "/api/v1/nodes/"+url.PathEscape(node), header, body, nil)
}

// Pods returns the pods that are bound to a node.
func (c *Client) Pods(ctx context.Context, node string) ([]Pod, error) {
	var list struct {
		Items []Pod `json:"items"`
	}
	query := url.Values{"fieldSelector": {"spec.nodeName=" + node}}
	return list.Items, c.call(ctx, http.MethodGet, "/api/v1/pods?"+query.Encode(), nil, nil, &list)
}

// Tell leaves an event about a node, as `kubectl describe node` shows it. kind is
// Normal or Warning, reason one word in CamelCase.
func (c *Client) Tell(ctx context.Context, node, kind, reason, message string, now time.Time) error {
	at := now.UTC().Format(time.RFC3339)
	event := map[string]any{
		"apiVersion":     "v1",
		"kind":           "Event",
		"metadata":       map[string]string{"generateName": "runward-", "namespace": "default"},
		"involvedObject": map[string]string{"apiVersion": "v1", "kind": "Node", "name": node, "uid": node}, // as the kubelet names it
		"source":         map[string]string{"component": "runward-installer", "host": node},
		"type":           kind, "reason": reason, "message": message,
		"firstTimestamp": at, "lastTimestamp": at, "count": 1,
	}
	return c.call(ctx, http.MethodPost, "/api/v1/namespaces/default/events", nil, event, nil)
}
