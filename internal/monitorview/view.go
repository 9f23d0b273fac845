// Package monitorview shows a person what the node's monitor says.
package monitorview

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/runward/runward/internal/audit/event"
	"github.com/runward/runward/internal/display"
	"github.com/runward/runward/internal/monitor/api"
)

// Status shows how the monitor and what it follows are.
func Status(p *display.Printer, s *api.Status, now time.Time) error {
	p.Field("monitor", "runwardd "+s.Version+", pid "+strconv.Itoa(s.PID)+", for "+Age(now.Sub(s.Since)))
	total := 0
	var phases []string
	for _, ph := range []api.Phase{api.Running, api.Created, api.Creating, api.Stopped} {
		if n := s.Containers[ph]; n > 0 {
			phases = append(phases, strconv.Itoa(n)+" "+string(ph))
			total += n
		}
	}
	if total == 0 {
		phases = []string{"none"}
	}
	p.Field("containers", strings.Join(phases, ", "))
	var verdicts []string
	for _, v := range []api.Verdict{api.Proven, api.Differs, api.Unproven} {
		if n := s.Verdicts[v]; n > 0 {
			verdicts = append(verdicts, p.Paint(VerdictStyle(v), strconv.Itoa(n)+" "+string(v)))
		}
	}
	if len(verdicts) == 0 {
		verdicts = []string{"none yet"}
	}
	p.Field("attested", strings.Join(verdicts, ", "))
	var alerts []string
	for _, severity := range []string{event.Critical, event.Warning, event.Info} {
		if n := s.Alerts[severity]; n > 0 {
			alerts = append(alerts, p.Paint(SeverityStyle(severity), strconv.Itoa(n)+" "+severity))
		}
	}
	if len(alerts) == 0 {
		alerts = []string{p.Paint(display.Green, "none")}
	}
	p.Field("alerts", strings.Join(alerts, ", "))
	for _, f := range s.Forward {
		text := strconv.FormatUint(f.Sent, 10) + " sent, " + strconv.FormatUint(f.Lag, 10) + " wait"
		if f.Error != "" {
			text = p.Paint(display.Red, "failing for "+Age(now.Sub(f.Failing))) + ", " + strconv.FormatUint(f.Lag, 10) + " wait: " + display.Clean(f.Error)
		}
		p.Field("to "+display.Clean(f.Name), text)
	}
	p.Field("records", strconv.FormatUint(s.Recorded, 10)+" written, "+strconv.FormatUint(s.Lost, 10)+" lost")
	return p.Err()
}

// Containers shows those that are followed.
func Containers(p *display.Printer, all []api.Container, now time.Time) error {
	var rows []display.Row
	for _, c := range all {
		attested := display.Cell{Text: "not yet"}
		if c.Attested != nil {
			attested = display.Cell{Text: string(c.Verdict) + ", " + Age(now.Sub(*c.Attested)) + " ago", Style: VerdictStyle(c.Verdict)}
		}
		mode := display.Cell{Text: "enforced"}
		if !c.Enforced {
			mode = display.Cell{Text: "audited", Style: display.Yellow}
		}
		phase := string(c.Phase)
		if c.Answer != "" {
			phase += ", " + display.Clean(c.Answer)
		}
		rows = append(rows, display.Row{
			Cells: []display.Cell{
				{Text: Short(c.ID)},
				{Text: orDash(c.Engine)},
				{Text: orDash(c.Namespace)},
				{Text: orDash(Name(&c))},
				{Text: phase},
				{Text: Age(now.Sub(c.Since)), Style: display.Dim},
				mode, attested,
			},
		})
	}
	p.Table([]display.Column{
		{Title: "ID"},
		{Title: "ENGINE", Drop: 2},
		{Title: "NAMESPACE", Fit: display.Cut},
		{Title: "NAME", Fit: display.Cut},
		{Title: "PHASE"},
		{Title: "FOR", Right: true, Drop: 1},
		{Title: "POLICY", Drop: 3},
		{Title: "ATTESTED"},
	}, rows)
	return p.Err()
}

// Container shows one, with all that is not as decided.
func Container(p *display.Printer, c *api.Container, now time.Time) error {
	p.Field("container", display.Clean(c.ID))
	if name := Name(c); name != "" {
		p.Field("name", display.Clean(strings.Trim(c.Namespace+" "+name, " ")))
	}
	p.Field("phase", string(c.Phase)+", for "+Age(now.Sub(c.Since))+pidText(c.PID))
	if c.Answer != "" {
		p.Field("in force", display.Clean(c.Answer)+"; `runwardctl release "+display.Clean(Short(c.ID))+"` undoes it")
	}
	p.Field("receipt", c.Receipt)
	verdict := "not attested yet"
	if c.Attested != nil {
		verdict = p.Paint(VerdictStyle(c.Verdict), verdictWords(c.Verdict)) + ", " + Age(now.Sub(*c.Attested)) + " ago"
	}
	p.Field("kernel", verdict)
	if c.Unproven != "" {
		p.Field("", display.Clean(c.Unproven))
	}
	for _, d := range c.Differences {
		words := "got " + display.Clean(d.Got) + ", wanted " + display.Clean(d.Want)
		if d.Unread {
			words = display.Clean(d.Got)
		}
		p.Line("  ", p.Paint(SeverityStyle(d.Severity), display.Clean(d.Field)), ": ", words)
	}
	return p.Err()
}

func verdictWords(v api.Verdict) string {
	switch v {
	case api.Proven:
		return "shows what was decided"
	case api.Differs:
		return "shows something else than was decided"
	case api.Unproven:
		return "could not be read whole"
	default:
		return "not asked yet"
	}
}

func pidText(pid int) string {
	if pid == 0 {
		return ""
	}
	return ", pid " + strconv.Itoa(pid)
}

// Alerts shows those that hold, the worst first.
func Alerts(p *display.Printer, all []api.Alert, now time.Time) error {
	var rows []display.Row
	for _, a := range all {
		about := "the node"
		if a.Container != "" {
			about = Short(a.Container)
			if a.Pod != "" {
				about = strings.Trim(a.Namespace+"/"+a.Pod, "/")
			}
		}
		rows = append(rows, display.Row{Cells: []display.Cell{
			{Text: a.Severity, Style: SeverityStyle(a.Severity)},
			{Text: a.Name},
			{Text: about},
			{Text: Age(now.Sub(a.First)), Style: display.Dim},
			{Text: strconv.Itoa(a.Count), Style: display.Dim},
			{Text: a.Message},
		}})
	}
	p.Table([]display.Column{
		{Title: "SEVERITY"},
		{Title: "ALERT", Fit: display.Cut},
		{Title: "ABOUT", Fit: display.Cut},
		{Title: "FOR", Right: true, Drop: 2},
		{Title: "TIMES", Right: true, Drop: 1},
		{Title: "MESSAGE", Fit: display.Wrap},
	}, rows)
	return p.Err()
}

// Event shows one in a line.
func Event(p *display.Printer, e *event.Event) error {
	about := Short(e.Container)
	if e.Identity.Pod != "" {
		about = strings.Trim(e.Identity.Namespace+"/"+e.Identity.Pod, "/")
	}
	name := e.Name
	if e.Kind == event.Alert {
		name = "alert " + name
	}
	line := []string{p.Paint(display.Dim, e.Time.Local().Format("15:04:05.000")), " ", p.Paint(SeverityStyle(e.Severity), fmt.Sprintf("%-24s", display.Clean(name)))}
	if about != "" {
		line = append(line, " ", p.Paint(display.Bold, display.Clean(about)))
	}
	line = append(line, " ", display.Clean(e.Message))
	if e.Who != "" {
		line = append(line, " (by ", display.Clean(e.Who), ")")
	}
	for _, k := range slices.Sorted(maps.Keys(e.Details)) {
		line = append(line, p.Paint(display.Dim, " "+display.Clean(k)+"="+display.Clean(e.Details[k])))
	}
	p.Line(line...)
	return p.Err()
}

// Name is what people call a container.
func Name(c *api.Container) string {
	switch {
	case c.Pod != "" && c.Name != "":
		return c.Pod + "/" + c.Name
	case c.Pod != "":
		return c.Pod
	default:
		return c.Name
	}
}

// Short is as much of an id as people use.
func Short(id string) string {
	if len(id) == 64 {
		return id[:12]
	}
	return id
}

// Age is a duration in its two largest units.
func Age(d time.Duration) string {
	switch {
	case d < time.Second:
		return "0s"
	case d < time.Minute:
		return strconv.Itoa(int(d.Seconds())) + "s"
	case d < time.Hour:
		return fmt.Sprintf("%dm%ds", int(d.Minutes()), int(d.Seconds())%60)
	case d < 24*time.Hour:
		return fmt.Sprintf("%dh%dm", int(d.Hours()), int(d.Minutes())%60)
	default:
		return fmt.Sprintf("%dd%dh", int(d.Hours())/24, int(d.Hours())%24)
	}
}

// SeverityStyle is how a severity looks.
func SeverityStyle(severity string) display.Style {
	switch severity {
	case event.Critical:
		return display.Red
	case event.Warning:
		return display.Yellow
	default:
		return display.Plain
	}
}

// VerdictStyle is how a verdict looks.
func VerdictStyle(v api.Verdict) display.Style {
	switch v {
	case api.Proven:
		return display.Green
	case api.Differs:
		return display.Red
	case api.Unproven:
		return display.Yellow
	default:
		return display.Plain
	}
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}
