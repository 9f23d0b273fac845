package files

import (
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/runward/runward/internal/monitor/watch/alert"
)

// alerts words what changed. unseen says how it came that no process is known.
func (w *Watcher) alerts(changes []change, now time.Time, unseen string) []alert.Alert {
	var all []alert.Alert
	for _, c := range changes {
		if c.now.Kind == "directory" && c.before.Kind == "" || c.before.Kind == "directory" && c.now.Kind == "" {
			if w.besides(changes, c.path) {
				continue // what is in it says more
			}
		}
		how, who := differ(c.before, c.now), w.who(c.path)
		name := "file.changed"
		if how == "" {
			// Only the file system's own record differs. Something else may have
			// been there for a moment.
			if c.now.Kind != "file" || len(w.touched(c.path)) == 0 {
				continue
			}
			name, how, c.watched.Severity = "file.rewritten", "was written or put in place again, and is as it was", alert.Info
		}
		a := alert.Alert{
			Time: now, Name: name, Phase: alert.Once, Severity: c.watched.Severity, Subject: c.path, Count: 1, Since: now,
			Message: c.path + " (" + c.watched.What + ") " + how, Got: c.now.text(), Want: c.before.text(),
			Details: map[string]string{"what": c.watched.What},
		}
		switch {
		case len(who) == 0:
			a.Message += ", " + unseen
		default:
			first := who[0]
			a.Who = first.String()
			a.Message += ", by " + a.Who
			first.details(a.Details)
			if w.trusted(first) {
				a.Severity, a.Details["package_manager"] = alert.Info, "true"
			}
			for _, other := range who[1:] {
				a.Details["others"] = strings.TrimPrefix(a.Details["others"]+"; "+other.String(), "; ")
			}
		}
		all = append(all, a)
	}
	return all
}

// besides tells whether something below the directory changed too.
func (w *Watcher) besides(changes []change, dir string) bool {
	return slices.ContainsFunc(changes, func(c change) bool { return strings.HasPrefix(c.path, dir+"/") })
}

// trusted tells whether a process is one of the node's package managers.
func (w *Watcher) trusted(who *Who) bool {
	return who.Host && who.UID == 0 && slices.Contains(w.settings.Trust, who.Exe)
}

// who gives the processes that touched a path, the last first: those that
// touched its own name, else those that touched a directory above it. A process
// that could be looked at comes before one that could not.
func (w *Watcher) who(path string) []*Who {
	for at := path; ; at = filepath.Dir(at) {
		if all := w.touched(at); len(all) > 0 || at == "/" {
			return all
		}
	}
}

// touched gives the processes that touched this name.
func (w *Watcher) touched(path string) []*Who {
	var all, gone []*Who
	for _, t := range slices.Backward(w.waiting) {
		same := func(o *Who) bool { return o.PID == t.who.PID }
		switch {
		case t.who == nil || !w.isOf(t.event, path) || slices.ContainsFunc(all, same) || slices.ContainsFunc(gone, same):
		case t.who.Gone:
			gone = append(gone, t.who)
		default:
			all = append(all, t.who)
		}
	}
	return append(all, gone...)
}

// isOf tells whether an event is of a path.
func (w *Watcher) isOf(e event, path string) bool {
	for _, dir := range w.dirs[e.key] {
		if e.name == "." && dir == path || filepath.Join(dir, e.name) == path {
			return true
		}
	}
	return false
}

// text is an entry in a line.
func (e Entry) text() string {
	switch e.Kind {
	case "":
		return "nothing"
	case "link":
		return "a link to " + e.Link
	}
	s := "a " + e.Kind + " of " + ownerText(e) + ", mode " + octal(e.Mode)
	if e.Sum != "" {
		s += ", sha256:" + e.Sum
	}
	return s
}

func (who *Who) details(to map[string]string) {
	to["pid"] = strconv.Itoa(who.PID)
	if who.Gone {
		return
	}
	to["exe"], to["cmdline"], to["uid"] = who.Exe, who.Cmdline, strconv.FormatInt(who.UID, 10)
	if who.LoginUID >= 0 {
		to["loginuid"] = strconv.FormatInt(who.LoginUID, 10)
	}
	if who.Parents != "" {
		to["parents"] = who.Parents
	}
}
