// Package client asks the node's monitor over its socket.
package client

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"time"

	"github.com/runward/runward/internal/audit/event"
	"github.com/runward/runward/internal/monitor/api"
)

// A Client asks one monitor.
type Client struct {
	socket string
	http   *http.Client
}

// ErrAbsent is what every question returns where no monitor listens.
var ErrAbsent = errors.New("runwardd does not run")

// A Refusal is what the monitor says when it does not do what it was asked.
type Refusal struct {
	Status int
	Text   string
}

func (r *Refusal) Error() string { return r.Text }

// New gives a client of the monitor at a socket. Nothing is asked yet.
func New(socket string) *Client {
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{Timeout: 5 * time.Second}).DialContext(ctx, "unix", socket)
	}
	return &Client{socket, &http.Client{Transport: &http.Transport{DialContext: dial, DisableKeepAlives: true}}}
}

func (c *Client) do(ctx context.Context, method, path, body string) (io.ReadCloser, error) {
	r, err := http.NewRequestWithContext(ctx, method, "http://runwardd"+path, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	answer, err := c.http.Do(r)
	switch {
	case errors.Is(err, syscall.ENOENT), errors.Is(err, syscall.ECONNREFUSED):
		return nil, ErrAbsent
	case errors.Is(err, syscall.EACCES):
		return nil, errors.New(c.socket + " is not open to you: ask as root, or have an administrator put you into the group that monitor.group names")
	case err != nil:
		return nil, errors.New("runwardd does not answer on " + c.socket + ": " + errors.Unwrap(err).Error())
	case answer.StatusCode != http.StatusOK:
		defer answer.Body.Close()
		text, err := io.ReadAll(io.LimitReader(answer.Body, 4096))
		return nil, errors.Join(&Refusal{answer.StatusCode, strings.TrimSpace(string(text))}, err)
	}
	return answer.Body, nil
}

func (c *Client) ask(ctx context.Context, method, path, body string, into any) error {
	answer, err := c.do(ctx, method, path, body)
	if err != nil {
		return err
	}
	defer answer.Close()
	if err := json.NewDecoder(answer).Decode(into); err != nil {
		return errors.New("what runwardd answers cannot be read: " + err.Error() + "; is it of the same version?")
	}
	return nil
}

// Status asks how the monitor is.
func (c *Client) Status(ctx context.Context) (s api.Status, err error) {
	return s, c.ask(ctx, http.MethodGet, "/v1/status", "", &s)
}

// Containers asks for those that are followed.
func (c *Client) Containers(ctx context.Context) (all []api.Container, err error) {
	return all, c.ask(ctx, http.MethodGet, "/v1/containers", "", &all)
}

// Alerts asks for those that hold.
func (c *Client) Alerts(ctx context.Context) (all []api.Alert, err error) {
	return all, c.ask(ctx, http.MethodGet, "/v1/alerts", "", &all)
}

// Do has something done to a container: attest, freeze, quarantine, release or
// kill. Options are as of package api.
func (c *Client) Do(ctx context.Context, action, id, why string, options url.Values) (v api.Container, err error) {
	path := "/v1/containers/" + url.PathEscape(id) + "/" + action
	if len(options) > 0 {
		path += "?" + options.Encode()
	}
	return v, c.ask(ctx, http.MethodPost, path, why, &v)
}

// Events calls each with every event from when joined is called on, until ctx
// ends or one of them returns an error.
func (c *Client) Events(ctx context.Context, joined func() error, each func(event.Event) error) error {
	answer, err := c.do(ctx, http.MethodGet, "/v1/events", "")
	if err != nil {
		return err
	}
	defer answer.Close()
	if err := joined(); err != nil {
		return err
	}
	lines := json.NewDecoder(bufio.NewReader(answer))
	for {
		var e event.Event
		err := lines.Decode(&e)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			return errors.New("runwardd has ended")
		}
		if err := each(e); err != nil {
			return err
		}
	}
}
