package tui

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/charmbracelet/lipgloss"
	"github.com/charmbracelet/x/ansi"

	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/tail"
)

// eventContent tells everything about an event.
func eventContent(e meshhook.Event, loc *time.Location) content {
	return content{
		thing:    eventThing(e),
		draw:     func(d *doc) { drawEvent(d, e, loc) },
		concerns: func(entry meshhook.Entry) bool { return entry.EventID != nil && *entry.EventID == e.ID },
	}
}

func drawEvent(d *doc, e meshhook.Event, loc *time.Location) {
	d.status("event", string(e.Status))
	d.optional("code", string(e.Code))
	d.optional("reason", e.Reason)
	d.field("id", e.ID.String())
	if e.EndpointID == (meshhook.ID{}) {
		d.field("webhook", e.Webhook)
	} else {
		d.link("webhook", e.Webhook, to("webhook", e.EndpointID))
	}
	if e.Handshake {
		d.field("handshake", "a question of the provider's, which starts no run")
	}
	d.field("received", moment(e.ReceivedAt, loc))
	d.field("sender", e.RemoteAddr)
	request := e.Method + " " + e.Path
	if e.Query != "" {
		request += "?" + e.Query
	}
	d.field("request", request)
	d.optional("dedup key", e.DedupKey)
	if e.DuplicateOf != nil {
		d.link("duplicate of", e.DuplicateOf.String(), to("event", *e.DuplicateOf))
	}
	d.id("secret", e.SecretID)
	for _, id := range e.RunIDs {
		d.link("run", id.String(), to("run", id))
	}
	if len(e.Findings) > 0 {
		d.heading("findings")
		d.body(0, e.Findings)
	}
	d.headers(e.Header)
	title := "body · " + meshhook.AboutSize(e.BodySize)
	if e.ContentType != "" {
		title += " · " + e.ContentType
	}
	d.heading(title)
	d.body(0, e.Body)
	if len(e.Body) > shownBody {
		d.faint("meshhook event show " + e.ID.String() + " --body shows all of it.")
	}
	if e.BodyTruncated {
		d.faint(fmt.Sprintf("Only %s of it are kept, because the event was rejected.", meshhook.AboutSize(int64(len(e.Body)))))
	}
}

// headers writes a table of headers by name.
func (d *doc) headers(header http.Header) {
	if len(header) == 0 {
		return
	}
	d.heading("headers")
	width := 0
	names := slices.Sorted(maps.Keys(header))
	for _, name := range names {
		width = min(max(width, len(name)), d.width/2)
	}
	for _, name := range names {
		for _, value := range header[name] {
			d.text(0, fit(tail.Clean(name), width)+"  "+value)
		}
	}
}

// status writes the state of a thing by sign, word and colour.
func (d *doc) status(noun, status string) {
	d.state(meshhook.EntryKind(noun+"."+status), status)
}

// state writes a state that looks like a kind of entry.
func (d *doc) state(look meshhook.EntryKind, text string) {
	sign, tone := tail.Look(look)
	d.toned("status", sign+" "+text, d.styles.tones[tone])
}

// links writes a field for each thing that has a name.
func (d *doc) links(name string, links []target) {
	for _, l := range links {
		d.link(name, l.key, l)
	}
}

// fact writes a line of a configuration.
func (d *doc) fact(f Fact) {
	if f.Value != "" {
		d.toned(f.Name, f.Value, d.styles.tones[f.Tone])
	}
}

// cut writes one line, cut where it is too long.
func (d *doc) cut(text string, style lipgloss.Style) {
	text = ansi.Truncate(tail.Clean(text), max(d.width, 1), "…")
	d.lines = append(d.lines, space(margin)+style.Render(text))
}

// optional writes a field that has a value.
func (d *doc) optional(name, value string) {
	if value != "" {
		d.field(name, value)
	}
}

// id writes an id that is there.
func (d *doc) id(name string, id *meshhook.ID) {
	if id != nil {
		d.field(name, id.String())
	}
}

// moment writes a time as plain lines do.
func moment(t time.Time, loc *time.Location) string { return t.In(loc).Format(tail.TimeFormat) }
