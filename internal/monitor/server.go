package monitor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"
	"golang.org/x/sys/unix"

	"github.com/runward/runward/internal/config"
	"github.com/runward/runward/internal/monitor/api"
	"github.com/runward/runward/internal/monitor/prove"
)

// listen opens the socket. One that another daemon listens on is left to it.
func (d *Daemon) listen() error {
	if c, err := net.Dial("unix", d.Socket); err == nil {
		_ = c.Close() // it was only to know
		return errors.New(d.Socket + ": another runwardd listens there; stop that one first")
	}
	if err := os.Remove(d.Socket); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	// Bound under a name that nobody knows, and renamed when its mode is right.
	temp := filepath.Join(filepath.Dir(d.Socket), ".monitor-"+strconv.Itoa(os.Getpid()))
	old := unix.Umask(0o177)
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: temp, Net: "unix"})
	unix.Umask(old)
	if err != nil {
		return err
	}
	l.SetUnlinkOnClose(false)
	if err := d.open(temp); err != nil {
		return errors.Join(err, l.Close(), os.Remove(temp))
	}
	d.listener = l
	return nil
}

func (d *Daemon) open(temp string) error {
	if d.Settings.Group != "" {
		g, err := user.LookupGroup(d.Settings.Group)
		if err != nil {
			return errors.New(config.File() + ": monitor.group: there is no group " + strconv.Quote(d.Settings.Group) + "; make it with groupadd")
		}
		gid, err := strconv.Atoi(g.Gid)
		if err != nil {
			return err
		}
		if err := os.Chown(temp, 0, gid); err != nil {
			return err
		}
		if err := os.Chmod(temp, 0o660); err != nil {
			return err
		}
	}
	return os.Rename(temp, d.Socket)
}

type peerKey struct{}

// serve answers on the socket, and metrics on a loopback address if one is set,
// until ctx ends.
func (d *Daemon) serve(ctx context.Context) error {
	s := &http.Server{
		Handler: d.routes(), ReadHeaderTimeout: 5 * time.Second, MaxHeaderBytes: 16 << 10,
		BaseContext: func(net.Listener) context.Context { return ctx },
		ConnContext: func(ctx context.Context, c net.Conn) context.Context {
			p, err := peerOf(c, d.Settings)
			if err != nil {
				d.Log.WithError(err).Error("who connected cannot be told")
				return ctx
			}
			return context.WithValue(ctx, peerKey{}, p)
		},
	}
	servers := []*http.Server{s}
	failed := make(chan error, 2)
	go func() { failed <- s.Serve(d.listener) }()
	if d.Settings.Metrics != "" {
		l, err := net.Listen("tcp", d.Settings.Metrics)
		if err != nil {
			return errors.Join(fmt.Errorf("monitor.metrics: %w", err), s.Close())
		}
		mux := http.NewServeMux()
		mux.Handle("GET /metrics", d.metrics())
		m := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
		servers = append(servers, m)
		go func() { failed <- m.Serve(l) }()
	}
	var err error
	select {
	case <-ctx.Done():
	case err = <-failed:
	}
	for _, s := range servers {
		err = errors.Join(err, s.Close())
	}
	return errors.Join(err, os.Remove(d.Socket))
}

func (d *Daemon) metrics() http.Handler {
	return promhttp.HandlerFor(d.counts.registry, promhttp.HandlerOpts{})
}

func (d *Daemon) routes() http.Handler {
	d.counts.registry.MustRegister(d)
	mux := http.NewServeMux()
	handle := func(pattern string, need Role, h func(http.ResponseWriter, *http.Request) error) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			if p, ok := r.Context().Value(peerKey{}).(*peer); !ok || p.role < need {
				refuse(w, p, need)
				return
			}
			d.reply(w, h(w, r))
		})
	}
	handle("POST /v1/hooks/{stage}", Administrator, d.hook)
	handle("GET /v1/status", Viewer, func(w http.ResponseWriter, _ *http.Request) error { return give(w, d.Status()) })
	handle("GET /v1/containers", Viewer, func(w http.ResponseWriter, _ *http.Request) error { return give(w, d.Containers()) })
	handle("GET /v1/containers/{id}", Viewer, d.one)
	handle("GET /v1/alerts", Viewer, func(w http.ResponseWriter, _ *http.Request) error { return give(w, d.Alerts()) })
	handle("GET /v1/events", Viewer, d.events)
	handle("POST /v1/containers/{id}/attest", Operator, d.attestNow)
	for action, need := range map[string]Role{"freeze": Operator, "quarantine": Operator, "release": Operator, "kill": Administrator} {
		handle("POST /v1/containers/{id}/"+action, need, func(w http.ResponseWriter, r *http.Request) error { return d.answer(w, r, action) })
	}
	handle("GET /metrics", Viewer, func(w http.ResponseWriter, r *http.Request) error {
		d.metrics().ServeHTTP(w, r)
		return nil
	})
	return mux
}

// A problem is what a request did not get, with the status that says why.
type problem struct {
	status int
	text   string
}

func (p *problem) Error() string { return p.text }

func (d *Daemon) reply(w http.ResponseWriter, err error) {
	var p *problem
	switch {
	case err == nil:
	case errors.As(err, &p):
		http.Error(w, p.text, p.status)
	default:
		http.Error(w, err.Error(), http.StatusInternalServerError)
	}
}

func refuse(w http.ResponseWriter, p *peer, need Role) {
	text := "runwardd cannot tell who asks"
	if p != nil {
		text = fmt.Sprintf("%s may not do this: it takes %s; an administrator can list the user, or a group as @name, in monitor.%ss of %s", p, need, need, config.File())
	}
	http.Error(w, text, http.StatusForbidden)
}

func give(w http.ResponseWriter, v any) error {
	w.Header().Set("Content-Type", "application/json")
	return json.NewEncoder(w).Encode(v)
}

// Status says how the daemon and its containers are.
func (d *Daemon) Status() api.Status {
	d.mu.Lock()
	defer d.mu.Unlock()
	s := api.Status{
		Version: d.Version, PID: os.Getpid(), Since: d.began, Containers: map[api.Phase]int{}, Verdicts: map[api.Verdict]int{}, Alerts: map[string]int{},
		Recorded: d.recorder.written.Load(), Lost: d.recorder.lost.Load(),
	}
	for _, f := range d.destinations() {
		s.Forward = append(s.Forward, api.Destination{Name: f.Name, Address: f.Address, Lag: f.Lag, Sent: f.Sent, Refused: f.Refused, Error: f.Error, Failing: f.Failing})
	}
	for _, c := range d.all {
		s.Containers[c.phase]++
		if c.phase == api.Running && c.verdict != api.Unknown {
			s.Verdicts[c.verdict]++
		}
	}
	for _, a := range d.alerts.held {
		s.Alerts[a.Severity]++
	}
	return s
}

// Containers lists those that are followed, by namespace, pod, name and id.
func (d *Daemon) Containers() []api.Container {
	d.mu.Lock()
	defer d.mu.Unlock()
	all := make([]api.Container, 0, len(d.all))
	for _, c := range d.all {
		all = append(all, c.view())
	}
	slices.SortFunc(all, func(a, b api.Container) int {
		return slices.Compare([]string{a.Namespace, a.Pod, a.Name, a.ID, a.Root}, []string{b.Namespace, b.Pod, b.Name, b.ID, b.Root})
	})
	return all
}

// Alerts lists those that hold.
func (d *Daemon) Alerts() []api.Alert {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.alerts.list()
}

// find returns the container that an id, or its beginning, names.
func (d *Daemon) find(r *http.Request) (*container, error) {
	id, root := r.PathValue("id"), r.URL.Query().Get("root")
	d.mu.Lock()
	defer d.mu.Unlock()
	var found []*container
	for _, c := range d.all {
		if c.id == id && (root == "" || c.root == root) {
			found = append(found, c)
		}
	}
	if len(found) == 0 {
		for _, c := range d.all {
			if strings.HasPrefix(c.id, id) && (root == "" || c.root == root) {
				found = append(found, c)
			}
		}
	}
	switch len(found) {
	case 0:
		return nil, &problem{http.StatusNotFound, "the monitor follows no container whose id begins with " + strconv.Quote(id) + "; `runwardctl containers` lists them"}
	case 1:
		return found[0], nil
	default:
		return nil, &problem{http.StatusConflict, strconv.Itoa(len(found)) + " containers have an id that begins with " + strconv.Quote(id) + "; give more of it"}
	}
}

func (d *Daemon) one(w http.ResponseWriter, r *http.Request) error {
	c, err := d.find(r)
	if err != nil {
		return err
	}
	d.mu.Lock()
	v := c.view()
	d.mu.Unlock()
	return give(w, v)
}

// attestNow attests one, and answers with what was found.
func (d *Daemon) attestNow(w http.ResponseWriter, r *http.Request) error {
	c, err := d.find(r)
	if err != nil {
		return err
	}
	d.mu.Lock()
	phase, before := c.phase, c.attested
	if phase == api.Running {
		d.schedule.drop(c) // or another would do it at the same time
	}
	d.mu.Unlock()
	if phase != api.Running {
		return &problem{http.StatusConflict, "container " + c.id + " is " + string(phase) + ": only one that runs can be attested"}
	}
	d.attest(c)
	d.mu.Lock()
	v := c.view()
	d.mu.Unlock()
	if v.Attested == nil || v.Attested.Equal(before) {
		return &problem{http.StatusConflict, "container " + c.id + " ended meanwhile"}
	}
	return give(w, v)
}

// answer does what somebody asks for. Why is the body, one line.
func (d *Daemon) answer(w http.ResponseWriter, r *http.Request, action string) error {
	why, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1024))
	if err != nil {
		return &problem{http.StatusBadRequest, "the reason is over 1024 bytes"}
	}
	c, err := d.find(r)
	if err != nil {
		return err
	}
	d.mu.Lock()
	phase := c.phase
	d.mu.Unlock()
	if phase != api.Running && phase != api.Created {
		return &problem{http.StatusConflict, "container " + c.id + " is " + string(phase) + ": there is no process to " + action}
	}
	who := "nobody"
	if p, ok := r.Context().Value(peerKey{}).(*peer); ok {
		who = p.String()
	}
	how := prove.How{Egress: r.URL.Query().Has("egress"), Shared: r.URL.Query().Has("shared")}
	if err := d.act(c, action, how, who, string(why)); err != nil {
		return err
	}
	d.mu.Lock()
	v := c.view()
	d.mu.Unlock()
	return give(w, v)
}

// events streams them, a line each, from now on.
func (d *Daemon) events(w http.ResponseWriter, r *http.Request) error {
	events, leave := d.stream.subscribe()
	defer leave()
	w.Header().Set("Content-Type", "application/x-ndjson")
	flush := http.NewResponseController(w)
	if err := flush.Flush(); err != nil { // so that the reader knows that it began
		return err
	}
	lines := json.NewEncoder(w)
	for {
		select {
		case e := <-events:
			if err := lines.Encode(e); err != nil {
				return nil // who listened has left
			}
			if err := flush.Flush(); err != nil {
				return nil
			}
		case <-r.Context().Done():
			return nil
		}
	}
}
