package tui

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/tail"
)

// eventContent tells everything about an event.
func eventContent(e meshhook.Event, loc *time.Location) content {
	c := content{draw: func(d *doc, link int) { drawEvent(d, e, loc, link) }}
	for _, id := range e.RunIDs {
		c.links = append(c.links, target{"run", id})
	}
	return c
}

func drawEvent(d *doc, e meshhook.Event, loc *time.Location, link int) {
	d.field("id", e.ID.String())
	d.field("webhook", e.Webhook)
	d.status("event", string(e.Status))
	d.optional("code", string(e.Code))
	d.optional("reason", e.Reason)
	d.field("received", moment(e.ReceivedAt, loc))
	d.field("sender", e.RemoteAddr)
	request := e.Method + " " + e.Path
	if e.Query != "" {
		request += "?" + e.Query
	}
	d.field("request", request)
	d.optional("dedup key", e.DedupKey)
	d.id("duplicate of", e.DuplicateOf)
	d.id("secret", e.SecretID)
	for i, id := range e.RunIDs {
		d.link("run", id, i == link)
	}
	if len(e.Findings) > 0 {
		d.heading("findings")
		d.json(0, e.Findings)
	}
	d.headers(e.Header)
	title := "body · " + bytesOf(e.BodySize)
	if e.ContentType != "" {
		title += " · " + e.ContentType
	}
	d.heading(title)
	d.body(e.Body)
	if e.BodyTruncated {
		d.faint(fmt.Sprintf("Only %s of it are kept, because the event was rejected.", bytesOf(int64(len(e.Body)))))
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
	sign, tone := tail.Look(meshhook.EntryKind(noun + "." + status))
	d.toned("status", sign+" "+status, d.styles.tones[tone])
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

// link writes an id that Enter opens when the cursor is on it.
func (d *doc) link(name string, id meshhook.ID, cursor bool) {
	if cursor {
		d.toned(name, "› "+id.String(), d.styles.selected)
		return
	}
	d.field(name, "  "+id.String())
}

// moment writes a time as plain lines do.
func moment(t time.Time, loc *time.Location) string { return t.In(loc).Format(tail.TimeFormat) }

// bytesOf writes a size in the unit in which it is read best.
func bytesOf(n int64) string {
	switch {
	case n < 1<<10:
		return fmt.Sprintf("%d B", n)
	case n < 1<<20:
		return strings.Replace(fmt.Sprintf("%.1f KiB", float64(n)/(1<<10)), ".0 ", " ", 1)
	}
	return strings.Replace(fmt.Sprintf("%.1f MiB", float64(n)/(1<<20)), ".0 ", " ", 1)
}
