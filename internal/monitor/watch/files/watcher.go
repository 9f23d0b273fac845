// Package files watches the files that configure a node's containers, and says
// which changed, how, and by which process where the kernel tells that.
//
// The kernel's events only say where to look: what is said is the difference
// between what is there and what was kept, so that a temporary file, an editor's
// backup or the same text written again is not told, and a file that was put
// in another's place is. What changed while nobody watched is found in the
// same way.
package files

import (
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/runward/runward/internal/monitor/watch/alert"
	"github.com/runward/runward/internal/owner"
)

// A Watched is one thing to watch.
type Watched struct {
	Path     string         // absolute; it need not be there yet
	What     string         // what it is, for a person: "containerd's configuration"
	Severity alert.Severity // of a change of it
}

// Settings are [monitor.files] of runward.toml.
type Settings struct {
	Settle alert.Duration `toml:"settle" doc:"how long nothing more happens to the files before what changed is looked at; after five times as long it is in any case"`
	Rescan alert.Duration `toml:"rescan" doc:"how often all of them are looked at again, whatever the kernel tells"`
	Extra  []string       `toml:"extra" doc:"more files and directories to watch, absolute; of a directory all below it"`
	Trust  []string       `toml:"trust" doc:"package managers: what root does with these programs is told as info"`
}

// Check says what is wrong with the settings, and at which key.
func (s *Settings) Check() (key string, err error) {
	for _, path := range s.Extra {
		if !filepath.IsAbs(path) {
			return "extra", errors.New("extra: want absolute paths, found " + strconv.Quote(path))
		}
	}
	for _, path := range s.Trust {
		if !filepath.IsAbs(path) {
			return "trust", errors.New("trust: want absolute paths, found " + strconv.Quote(path))
		}
	}
	if time.Duration(s.Rescan) < time.Second {
		return "rescan", errors.New("rescan: want at least 1s")
	}
	return "", nil
}

// Default is what holds without settings.
func Default() Settings {
	return Settings{
		Settle: alert.Duration(time.Second), Rescan: alert.Duration(5 * time.Minute),
		Trust: []string{"/usr/bin/dpkg", "/usr/bin/rpm", "/usr/bin/dnf", "/usr/bin/dnf5", "/usr/bin/apk", "/usr/bin/pacman", "/usr/bin/zypper"},
	}
}

const (
	maxEntries = 20_000 // files that are watched, all together
	maxDepth   = 16     // of directories below a watched one
	maxTouches = 8192   // that wait for the next Tick
)

// A source is one of the kernel's two ways to tell of touches.
type source interface {
	mark(dir string, leaf bool) (key string, err error)
	parse([]byte) ([]event, error)
	fd() int
}

// touch is an event with the process behind it.
type touch struct {
	event
	who *Who // nil: not known
	at  time.Time
}

// A Watcher watches. Its methods are for one goroutine; it has a reader
// with one of its own for each of the kernel's descriptors.
type Watcher struct {
	settings Settings
	list     []Watched
	kept     string // the file in which entries outlive the daemon
	entries  map[string]Entry
	changed  bool // since they were kept

	sources []source // the best first
	readers []*reader
	touches chan touch
	lost    atomic.Bool
	failed  atomic.Bool

	dirs    map[string][]string // by the kernel's key
	names   map[string]bool     // the points of all that is watched, as paths
	trees   map[string]bool     // watched directories: every name in them counts
	waiting []touch
	scanned time.Time
	notes   []string
	noted   map[string]bool
}

// Open begins to watch, and compares with what was kept in the file: what
// changed meanwhile is in the alerts. Without fanotify it goes on with inotify,
// without both by looking at everything again now and then; Notes says so.
func Open(settings Settings, list []Watched, kept string, now time.Time) (*Watcher, []alert.Alert, error) {
	w := &Watcher{
		settings: settings, kept: kept, entries: map[string]Entry{}, noted: map[string]bool{},
		touches: make(chan touch, maxTouches),
	}
	w.setList(list)
	if f, err := newFanotify(); err == nil {
		w.sources = append(w.sources, f)
		if !f.pidfd {
			w.note("this kernel gives no process descriptors with its events: of a process that ends at once, another may be named that got its number")
		}
	} else {
		w.note("fanotify is not to be had (" + owner.Reason(err) + "): what changes is told, and not by whom")
	}
	if i, err := newInotify(); err == nil {
		w.sources = append(w.sources, i)
	} else if len(w.sources) == 0 {
		w.note("neither fanotify nor inotify is to be had: files are only looked at again every " + settings.Rescan.String())
	}
	for _, s := range w.sources {
		r, err := start(s, w.put, w.trouble)
		if err != nil {
			return nil, nil, errors.Join(err, w.stop())
		}
		w.readers = append(w.readers, r)
	}
	w.mark() // before the first look: what changes after it is told of
	before, since, err := load(kept)
	if err != nil {
		w.note(kept + " cannot be used (" + owner.Reason(err) + "): what changed before now is not known")
	}
	w.entries = before
	changes := w.scan(now)
	if before == nil {
		changes = nil // there is nothing to compare with
	}
	w.changed = true
	alerts := w.alerts(changes, now, "while nobody watched, after "+since.UTC().Format(time.RFC3339))
	return w, alerts, w.keep(now)
}

func (w *Watcher) setList(list []Watched) {
	w.list = slices.Clone(list)
	for _, path := range w.settings.Extra {
		w.list = append(w.list, Watched{Path: path, What: "named in runward.toml", Severity: alert.Warning})
	}
}

// Set watches another list from now on. What is new in it is not told of.
func (w *Watcher) Set(list []Watched, now time.Time) error {
	w.setList(list)
	w.mark()
	w.scan(now)
	return w.keep(now)
}

// Notes gives what cannot be watched, or not as well as it should, each once.
func (w *Watcher) Notes() []string {
	notes := w.notes
	w.notes = nil
	return notes
}

func (w *Watcher) note(s string) {
	if !w.noted[s] {
		w.noted[s] = true
		w.notes = append(w.notes, s)
	}
}

// Close ends it, and with it its goroutines, and keeps when that was.
func (w *Watcher) Close(now time.Time) error {
	w.changed = true
	return errors.Join(w.keep(now), w.stop())
}

func (w *Watcher) stop() error {
	var errs []error
	for _, r := range w.readers {
		errs = append(errs, r.stop())
	}
	w.readers = nil
	return errors.Join(errs...)
}

// put keeps a touch for the next Tick. It is called by the readers.
func (w *Watcher) put(t touch) {
	select {
	case w.touches <- t:
	default:
		w.lost.Store(true)
	}
}

// trouble is what a reader has to say of itself.
func (w *Watcher) trouble(lost bool) {
	if lost {
		w.lost.Store(true)
	} else {
		w.failed.Store(true)
	}
}

// Tick tells what has changed. Call it every second or so.
func (w *Watcher) Tick(now time.Time) ([]alert.Alert, error) {
	w.take()
	lost := w.lost.Swap(false)
	if w.failed.Swap(false) {
		w.note("the kernel's events end: files are only looked at again every " + w.settings.Rescan.String())
	}
	due := now.Sub(w.scanned) >= time.Duration(w.settings.Rescan)
	if len(w.waiting) > 0 {
		settle := time.Duration(w.settings.Settle)
		first, last := w.waiting[0].at, w.waiting[len(w.waiting)-1].at
		due = due || now.Sub(last) >= settle || now.Sub(first) >= 5*settle
	}
	if !due && !lost {
		return nil, nil
	}
	unseen := "without an event of the kernel's: it was found by looking again"
	if lost {
		unseen = "while more happened than the kernel or runwardd could keep events of"
	}
	w.mark()
	alerts := w.alerts(w.scan(now), now, unseen)
	w.waiting = nil
	return alerts, w.keep(now)
}

// take moves what waits to be looked at, leaving out what touches nothing watched.
func (w *Watcher) take() {
	for {
		select {
		case t := <-w.touches:
			ours := w.concerns(t.event)
			switch {
			case ours && len(w.waiting) < maxTouches:
				w.waiting = append(w.waiting, t)
			case ours:
				w.lost.Store(true)
			}
		default:
			return
		}
	}
}

// concerns tells whether an event is of something that is watched, and not of
// what happens to be beside it.
func (w *Watcher) concerns(e event) bool {
	return slices.ContainsFunc(w.dirs[e.key], func(dir string) bool {
		return w.trees[dir] || e.name == "" || e.name == "." || w.names[filepath.Join(dir, e.name)]
	})
}

// mark asks for events of every directory that decides what is at a watched
// path. Those that are asked for already cost one call each.
func (w *Watcher) mark() {
	w.dirs, w.names, w.trees = map[string][]string{}, map[string]bool{}, map[string]bool{}
	leaf := map[string]bool{}
	for _, watched := range w.list {
		all, real := points(watched.Path)
		for _, p := range all {
			leaf[p.dir] = leaf[p.dir] || p.leaf
			w.names[filepath.Join(p.dir, p.name)] = true
		}
		w.walk(real, func(path string, isDir bool) {
			if isDir {
				leaf[path], w.trees[path] = true, true
			}
		})
	}
	for _, dir := range slices.Sorted(maps.Keys(leaf)) {
		w.markOne(dir, leaf[dir])
	}
}

func (w *Watcher) markOne(dir string, leaf bool) {
	var last error
	for _, s := range w.sources {
		key, err := s.mark(dir, leaf)
		if err == nil {
			w.dirs[key] = append(w.dirs[key], dir)
			return
		}
		if errors.Is(err, fs.ErrNotExist) {
			return // it is gone: the directory above tells
		}
		last = err
		if len(w.sources) > 1 && s == w.sources[0] {
			w.note("fanotify cannot watch " + dir + " (" + owner.Reason(err) + "): what changes there is told, and not by whom")
		}
	}
	if last != nil {
		w.note(dir + " cannot be watched (" + owner.Reason(last) + "): it is only looked at again every " + w.settings.Rescan.String())
	}
}

// walk calls each with what is at a path and, where that is a directory, below.
func (w *Watcher) walk(path string, each func(path string, isDir bool)) {
	base := strings.Count(path, "/")
	err := filepath.WalkDir(path, func(at string, d fs.DirEntry, err error) error {
		if err != nil {
			return nil // it is gone, or the look at it says why it cannot be read
		}
		each(at, d.IsDir())
		if d.IsDir() && strings.Count(at, "/")-base >= maxDepth {
			w.note(at + " is too deep: what is below it is not watched")
			return fs.SkipDir
		}
		return nil
	})
	if err != nil {
		w.note(path + " cannot be listed: " + owner.Reason(err))
	}
}

// A change is a path at which there is something else.
type change struct {
	path        string
	watched     Watched
	before, now Entry
}

// scan looks at everything, and takes it as it is from now on.
func (w *Watcher) scan(now time.Time) []change {
	w.scanned = now
	found := map[string]Entry{}
	var changes []change
	turned := false // a link on the way to what is looked at leads elsewhere than before
	look1 := func(path string, of Watched) {
		if _, seen := found[path]; seen || len(found) >= maxEntries {
			if !seen {
				w.note("more than " + strconv.Itoa(maxEntries) + " files are below what is watched: " + path + " and others are not")
			}
			return
		}
		before := w.entries[path]
		e, err := look(path, before)
		if err != nil {
			w.note(path + " cannot be read: " + owner.Reason(err))
			e = before
		}
		found[path] = e
		if e == before {
			return
		}
		w.changed = true
		if before.Kind == "" && turned {
			return // it was there before, and nobody led to it: the link tells
		}
		turned = turned || e.Kind == "link" && before.Kind != ""
		changes = append(changes, change{path, of, before, e})
	}
	for _, watched := range w.list {
		turned = false
		all, real := points(watched.Path)
		for _, p := range all { // links on the way decide too
			at := filepath.Join(p.dir, p.name)
			if info, err := os.Lstat(at); err == nil && info.Mode()&fs.ModeSymlink != 0 {
				look1(at, watched)
			}
		}
		look1(real, watched)
		w.walk(real, func(path string, _ bool) { look1(path, watched) })
	}
	for _, path := range slices.Sorted(maps.Keys(w.entries)) {
		if _, there := found[path]; !there && w.entries[path].Kind != "" {
			if of, ours := w.of(path); ours {
				changes = append(changes, change{path, of, w.entries[path], Entry{}})
			}
			w.changed = true
		}
	}
	slices.SortFunc(changes, func(a, b change) int { return strings.Compare(a.path, b.path) })
	maps.DeleteFunc(found, func(_ string, e Entry) bool { return e.Kind == "" })
	w.entries = found
	return changes
}

// of gives what is watched at a path, or above it.
func (w *Watcher) of(path string) (Watched, bool) {
	for _, watched := range w.list {
		_, real := points(watched.Path)
		if within(path, watched.Path) || within(path, real) {
			return watched, true
		}
	}
	return Watched{}, false
}

func within(path, dir string) bool { return path == dir || strings.HasPrefix(path, dir+"/") }
