package forward

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/runward/runward/internal/owner"
)

// poster posts bodies to one URL.
type poster struct {
	client  *http.Client
	url     string
	headers string // path of headers_file
	agent   string
}

func newPoster(cfg *Config, d Destination) (*poster, error) {
	u, err := url.Parse(d.Address)
	if err != nil {
		return nil, err
	}
	if d.Type == OTLP && (u.Path == "" || u.Path == "/") {
		u.Path = "/v1/logs" // OTLP specification, "OTLP/HTTP Request"
	}
	p := &poster{url: u.String(), headers: d.HeadersFile, agent: "runward/" + cfg.Version}
	// No proxy of the environment, and no redirect: the address is the administrator's.
	transport := &http.Transport{MaxIdleConnsPerHost: 1, IdleConnTimeout: time.Minute, ForceAttemptHTTP2: true}
	if u.Scheme == "https" {
		if transport.TLSClientConfig, err = d.TLS.config(u.Hostname()); err != nil {
			return nil, err
		}
	}
	p.client = &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	if _, err := p.secrets(); err != nil { // said at start, and read for every request
		return nil, err
	}
	return p, nil
}

// maxAnswer bounds what is read of an answer.
const maxAnswer = 64 << 10

// post sends a body and returns the answer's where the status is 2xx and the
// answer came to its end.
func (p *poster) post(ctx context.Context, kind string, body []byte, extra map[string]string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, p.url, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	// Else the client itself would send a body with an Idempotency-Key again, of
	// which nobody would have written down that it did.
	req.GetBody = nil
	secrets, err := p.secrets()
	if err != nil {
		return nil, err
	}
	for name, value := range secrets {
		req.Header.Set(name, value)
	}
	for name, value := range extra {
		req.Header.Set(name, value)
	}
	req.Header.Set("Content-Type", kind)
	req.Header.Set("User-Agent", p.agent)
	resp, err := p.client.Do(req)
	if err != nil {
		var wrapped *url.Error // names the whole address, which may have a key in it
		if errors.As(err, &wrapped) {
			err = wrapped.Err
		}
		return nil, err
	}
	defer resp.Body.Close() // only read
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if status := judge(resp); status != nil {
		return nil, status
	}
	if err != nil {
		return nil, fmt.Errorf("the answer broke off: %w", err)
	}
	return answer, nil
}

// judge says what an answer's status means. Refused is what is wrong with the
// records; what is wrong with the address or the credentials passes once
// somebody corrects it, and costs no evidence until then.
func judge(resp *http.Response) error {
	f := &failure{text: "answered " + resp.Status}
	switch code := resp.StatusCode; {
	case code >= 200 && code < 300:
		return nil
	case code == http.StatusRequestTimeout, code == http.StatusTooManyRequests, code == http.StatusTooEarly:
	case code == http.StatusUnauthorized, code == http.StatusForbidden, code == http.StatusProxyAuthRequired:
		f.text += "; is what headers_file has still right?"
	case code == http.StatusNotFound, code == http.StatusMethodNotAllowed, code == http.StatusGone, code == http.StatusMisdirectedRequest:
		f.text += "; is the address right?"
	case code >= 300 && code < 400:
		f.text += "; redirects are not followed, set the address to where it leads"
	case code >= 400 && code < 500:
		f.refused = true
	}
	f.after = retryAfter(resp.Header.Get("Retry-After"), time.Now())
	return f
}

// retryAfter reads seconds or a date, RFC 9110 section 10.2.3.
func retryAfter(s string, now time.Time) time.Duration {
	if n, err := strconv.ParseUint(s, 10, 31); err == nil {
		return time.Duration(n) * time.Second
	}
	if t, err := http.ParseTime(s); err == nil && t.After(now) {
		return t.Sub(now)
	}
	return 0
}

// secrets reads headers_file, which nobody but its owner may read.
func (p *poster) secrets() (map[string]string, error) {
	if p.headers == "" {
		return nil, nil
	}
	text, err := owner.Read(p.headers, 64<<10)
	if err != nil {
		return nil, errors.New("headers_file " + p.headers + ": " + owner.Reason(err))
	}
	info, err := os.Stat(p.headers)
	if err != nil {
		return nil, errors.New("headers_file " + p.headers + ": " + owner.Reason(err))
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, errors.New("headers_file " + p.headers + ": others can read it; chmod go=")
	}
	headers := map[string]string{}
	for i, line := range strings.Split(string(text), "\n") {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		name, value, ok := strings.Cut(line, ":")
		if !ok || name == "" || strings.ContainsFunc(name, notToken) || strings.ContainsFunc(value, notText) {
			return nil, errors.New("headers_file " + p.headers + ":" + strconv.Itoa(i+1) + ": want Name: value")
		}
		headers[name] = strings.TrimSpace(value)
	}
	return headers, nil
}

func notToken(r rune) bool {
	return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("!#$%&'*+-.^_`|~", r)
}

func notText(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }
