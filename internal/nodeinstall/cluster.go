package nodeinstall

import (
	"context"
	"fmt"
	"io"
	"sort"
	"strings"
	"time"

	"github.com/runward/runward/internal/kubeapi"
)

// Retire asks every node to give runward up, waits until all have, and takes
// the marks off them. It reports what it waits for whenever that changes. When
// the context ends before, the error names the nodes that are left; they go on
// by themselves, and are waited for when Retire is called again.
func Retire(ctx context.Context, api *kubeapi.Client, every time.Duration, out io.Writer) error {
	said := ""
	for {
		nodes, err := api.Nodes(ctx)
		waits := []string{}
		if err == nil {
			waits, err = ask(ctx, api, nodes)
		}
		if err == nil && len(waits) == 0 {
			return clean(ctx, api, nodes)
		}
		text := "waits for " + strings.Join(waits, "; ")
		if err != nil {
			text = "tried again: " + err.Error()
		}
		if text != said {
			said = text
			if _, err := fmt.Fprintln(out, text); err != nil {
				return err
			}
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("not every node has given runward up, and nothing else is removed; %s", said)
		case <-time.After(every):
		}
	}
}

// ask asks the nodes that were not asked yet, and says which are not done.
func ask(ctx context.Context, api *kubeapi.Client, nodes []kubeapi.Node) (waits []string, err error) {
	yes := "true"
	for _, node := range nodes {
		name, notes := node.Metadata.Name, node.Metadata.Annotations
		state := notes[NoteState]
		if state == "" || state == removed {
			continue
		}
		if notes[AskUninstall] == "" {
			if err := api.Mark(ctx, name, kubeapi.Marks{Annotations: map[string]*string{AskUninstall: &yes}}); err != nil {
				return nil, err
			}
		}
		line := name + " (" + state + ")"
		if notes[NoteMessage] != "" {
			line = name + " (" + state + ": " + notes[NoteMessage] + ")"
		}
		waits = append(waits, line)
	}
	sort.Strings(waits)
	return waits, nil
}

// clean takes every mark off the nodes.
func clean(ctx context.Context, api *kubeapi.Client, nodes []kubeapi.Node) error {
	none := kubeapi.Marks{
		Labels:      map[string]*string{LabelReady: nil},
		Annotations: map[string]*string{NoteState: nil, NoteMessage: nil, NoteVersion: nil, AskUninstall: nil},
	}
	for _, node := range nodes {
		if node.Metadata.Annotations[NoteState] == "" && node.Metadata.Annotations[AskUninstall] == "" {
			continue
		}
		if err := api.Mark(ctx, node.Metadata.Name, none); err != nil {
			return err
		}
	}
	return nil
}
