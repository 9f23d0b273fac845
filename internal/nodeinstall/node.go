package nodeinstall

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/runward/runward/internal/kubeapi"
)

// What stands on the node. A RuntimeClass selects nodes by the label.
const (
	LabelReady   = "runward.io/ready"     // "true": verified by a container that went through runward
	NoteState    = "runward.io/state"     // installing, ready, failed, removing or removed
	NoteMessage  = "runward.io/message"   // why it is not ready, for a person
	NoteVersion  = "runward.io/version"   // what is installed
	AskUninstall = "runward.io/uninstall" // set by an administrator, or by helm uninstall: take runward away
)

// The states of a node.
const (
	installing = "installing"
	ready      = "ready"
	failed     = "failed"
	removing   = "removing"
	removed    = "removed"
)

// Node brings one node to what is wanted, and keeps it there.
type Node struct {
	Name    string
	Host    Host
	API     *kubeapi.Client
	Payload fs.FS  // the programs, as an image has them
	Version string // of the programs

	ConfigMap      string   // the directory where the kubelet mounts it
	Engine         string   // containerd or cri-o; empty: the kubelet's
	Restart        bool     // may the engine be restarted, where it reads its configuration only then
	RuntimeClasses []string // those whose pods need runward on the node

	Every       time.Duration // between two looks at the ConfigMap and the node
	VerifyEvery time.Duration // between two probe containers while nothing changes
	ReadyFile   string        // is there while the node is as it is wanted: the pod's readiness

	Log io.Writer

	engineName string    // Engine, or what the kubelet says
	id         string    // of the programs that are to be behind the link
	broken     error     // why these are not the image's
	verified   time.Time // when a probe container last went through; zero: not yet
	said       string    // the last that was logged
}

// Run keeps the node as it is wanted until the context ends or runward was
// taken away. What goes wrong is said on the node, and tried again.
func (n *Node) Run(ctx context.Context) {
	for {
		gone := n.Once(ctx)
		wait := time.After(n.Every)
		if gone {
			wait = nil // what comes next is that the pod is deleted
		}
		select {
		case <-ctx.Done():
			return
		case <-wait:
		}
	}
}

// Once looks once, does what is to be done, and says on the node how it stands.
// It tells whether runward was taken away.
func (n *Node) Once(ctx context.Context) (gone bool) {
	node, err := n.API.Node(ctx, n.Name)
	if err != nil {
		n.log("the node cannot be read, tried again: " + err.Error())
		return false
	}
	labelled := node.Metadata.Labels[LabelReady] == "true"
	if n.engineName = n.Engine; n.Engine == "" {
		n.engineName, err = engineOf(node.Status.NodeInfo.ContainerRuntimeVersion)
	}
	if err != nil {
		n.report(ctx, node, false, failed, err.Error())
		return false
	}
	if node.Metadata.Annotations[AskUninstall] != "" {
		return n.uninstall(ctx, node)
	}
	works, err := n.install(ctx, labelled)
	if ctx.Err() != nil {
		return false // asked to end: what was begun is begun again by the next pod
	}
	switch {
	case err != nil:
		n.report(ctx, node, works && loaded(node), failed, err.Error())
	case !loaded(node):
		n.report(ctx, node, false, installing, "the kubelet does not list the handler "+handler+" yet: "+n.engineName+" has to be restarted, and the kubelet to ask it again")
	default:
		n.report(ctx, node, true, ready, "")
	}
	return false
}

// report says on the node how it stands, where that is news: whether pods may
// come, the state and why.
func (n *Node) report(ctx context.Context, node kubeapi.Node, label bool, state, message string) {
	message = short(message)
	notes := node.Metadata.Annotations
	if label == (node.Metadata.Labels[LabelReady] == "true") &&
		notes[NoteState] == state && notes[NoteMessage] == message && notes[NoteVersion] == n.Version {
		n.readiness(state)
		return
	}
	marks := kubeapi.Marks{
		Labels: map[string]*string{LabelReady: optional(label, "true")},
		Annotations: map[string]*string{
			NoteState: &state, NoteMessage: optional(message != "", message), NoteVersion: &n.Version,
		},
	}
	if err := n.API.Mark(ctx, n.Name, marks); err != nil {
		n.log("the node cannot be marked, tried again: " + err.Error())
		n.readiness(failed)
		return
	}
	n.readiness(state)
	kind, reason := "Normal", "Runward"+strings.ToUpper(state[:1])+state[1:]
	text := "runward " + n.Version + ": " + state
	if message != "" {
		text += ": " + message
	}
	if state == failed {
		kind = "Warning"
	}
	n.log(text)
	if err := n.API.Tell(ctx, n.Name, kind, reason, text, time.Now()); err != nil {
		n.log("no event was left: " + err.Error())
	}
}

func optional(there bool, value string) *string {
	if !there {
		return nil
	}
	return &value
}

// readiness tells the kubelet, so that a rollout over the nodes stops at the
// first one that it does not work on.
func (n *Node) readiness(state string) {
	var err error
	if state == ready {
		var f *os.File
		if f, err = os.OpenFile(n.ReadyFile, os.O_WRONLY|os.O_CREATE, 0o644); err == nil {
			err = f.Close()
		}
	} else if err = os.Remove(n.ReadyFile); os.IsNotExist(err) {
		err = nil
	}
	if err != nil {
		n.log("the pod's readiness: " + err.Error())
	}
}

// log writes a line, unless it is the same as before.
func (n *Node) log(text string) {
	if text == n.said {
		return
	}
	n.said = text
	_, _ = fmt.Fprintln(n.Log, text) // there is nobody else to tell
}
