// Package kubeapi speaks those few calls of the Kubernetes API that runward's
// installer needs. Kubernetes' own client is forty times as large, and would be
// what a node trusts with its root.
package kubeapi

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// ServiceAccount is where the kubelet puts a pod's credentials.
const ServiceAccount = "/var/run/secrets/kubernetes.io/serviceaccount"

// maxAnswer bounds an answer in bytes: a list of every node of a large cluster fits.
const maxAnswer = 64 << 20

// Client calls one API server with a token that it reads anew for every call,
// since the kubelet replaces it.
type Client struct {
	base  string
	token string // the file
	http  *http.Client
}

// New returns a client of the server at base, such as https://10.0.0.1:443,
// whose certificate ca.crt of the directory holds for, with the token beside it.
func New(base, dir string) (*Client, error) {
	file := filepath.Join(dir, "ca.crt")
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("the cluster's certificate: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, errors.New("the cluster's certificate " + file + " is none")
	}
	transport := &http.Transport{
		// No proxy: what the environment says is not for this.
		TLSClientConfig:     &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout: 10 * time.Second,
		ForceAttemptHTTP2:   true,
	}
	return &Client{
		base: strings.TrimSuffix(base, "/"), token: filepath.Join(dir, "token"),
		http: &http.Client{Transport: transport, Timeout: 30 * time.Second},
	}, nil
}

// InCluster returns a client of the cluster that the pod runs in.
func InCluster() (*Client, error) {
	host, port := os.Getenv("KUBERNETES_SERVICE_HOST"), os.Getenv("KUBERNETES_SERVICE_PORT")
	if host == "" || port == "" {
		return nil, errors.New("KUBERNETES_SERVICE_HOST is not set: run this as a pod")
	}
	return New("https://"+net.JoinHostPort(host, port), ServiceAccount)
}

// call does one call; body and answer may be nil.
func (c *Client) call(ctx context.Context, method, path string, header map[string]string, body, answer any) error {
	if err := c.try(ctx, method, path, header, body, answer); err != nil {
		where, _, _ := strings.Cut(path, "?")
		return fmt.Errorf("%s %s: %w", method, where, err)
	}
	return nil
}

func (c *Client) try(ctx context.Context, method, path string, header map[string]string, body, answer any) error {
	var text []byte
	if body != nil {
		var err error
		if text, err = json.Marshal(body); err != nil {
			return err
		}
	}
	request, err := http.NewRequestWithContext(ctx, method, c.base+path, bytes.NewReader(text))
	if err != nil {
		return err
	}
	token, err := os.ReadFile(c.token)
	if err != nil {
		return err
	}
	request.Header.Set("Authorization", "Bearer "+strings.TrimSpace(string(token)))
	request.Header.Set("Accept", "application/json")
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("User-Agent", "runward-installer")
	for name, value := range header {
		request.Header.Set(name, value)
	}
	response, err := c.http.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }() // it was read to its end, or is given up
	got, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer+1))
	switch {
	case err != nil:
		return err
	case len(got) > maxAnswer:
		return errors.New("the answer is larger than 64 MiB")
	case response.StatusCode >= 300:
		return refusal(response.StatusCode, got)
	case answer == nil:
		return nil
	}
	return json.Unmarshal(got, answer)
}

// refusal is the server's own reason.
func refusal(code int, body []byte) error {
	var status struct {
		Message string `json:"message"`
	}
	if err := json.Unmarshal(body, &status); err != nil || status.Message == "" {
		status.Message = http.StatusText(code)
	}
	return fmt.Errorf("%d: %s", code, status.Message)
}
