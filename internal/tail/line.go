package tail

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/mattn/go-runewidth"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// TimeFormat is how a moment is written for a person: RFC 3339 with
// milliseconds.
const TimeFormat = "2006-01-02T15:04:05.000Z07:00"

// The widths of the columns of a Line, in cells. Longer values push the rest
// aside; none is cut, because people copy from these lines.
const (
	kindWidth    = len(meshhook.EntryEventSuppressed) // the longest
	subjectWidth = 28
	idWidth      = 36
)

// Line says an entry in one line of plain text, in columns: time, sign, kind,
// what it is about, id, and the facts. It is safe for a terminal and ends
// without a newline. A nil loc is UTC.
func Line(e meshhook.Entry, loc *time.Location) string {
	if loc == nil {
		loc = time.UTC
	}
	sign, _ := Look(e.Kind)
	id, link := identity(e)
	facts := Facts(e)
	if link != "" {
		facts = join(facts, link)
	}
	return strings.TrimRight(strings.Join([]string{
		e.At.In(loc).Format(TimeFormat), sign,
		pad(Clean(string(e.Kind)), kindWidth), pad(Subject(e), subjectWidth), pad(id, idWidth), facts,
	}, " "), " ")
}

// Subject says what an entry is about: "webhook → workflow" for an event, "workflow ›
// step" for a run and the workflow for an alert, or "-". It is clean.
func Subject(e meshhook.Entry) string {
	main, arrow, more := e.Webhook, " → ", e.Workflow
	if e.Kind.Noun() == "run" {
		main, arrow, more = e.Workflow, " › ", e.Step
	}
	switch {
	case main == "" && more == "":
		return "-"
	case more == "":
		return Clean(main)
	case main == "":
		return Clean(more)
	}
	return Clean(main) + arrow + Clean(more)
}

// Facts says what else is known of an entry, the most telling first: "code:
// detail · ×3 · attempt 2 · HTTP 503 · 412ms". It is clean, and may be "".
func Facts(e meshhook.Entry) string {
	var why string
	switch {
	case e.Code != "" && e.Detail != "":
		why = Clean(e.Code) + ": " + Clean(e.Detail)
	default:
		why = Clean(e.Code + e.Detail)
	}
	facts := why
	if e.Count > 0 {
		facts = join(facts, "×"+strconv.FormatInt(e.Count, 10))
	}
	if e.Attempt > 1 {
		facts = join(facts, "attempt "+strconv.Itoa(e.Attempt))
	}
	if e.HTTPStatus > 0 {
		facts = join(facts, "HTTP "+strconv.Itoa(e.HTTPStatus))
	}
	if e.DurationMS > 0 {
		facts = join(facts, fmt.Sprint(time.Duration(e.DurationMS)*time.Millisecond))
	}
	return facts
}

// identity returns the id of the entry's own noun, and the others with their names.
func identity(e meshhook.Entry) (id, link string) {
	own, other, name := e.EventID, e.RunID, "run "
	switch e.Kind.Noun() {
	case "run":
		own, other, name = e.RunID, e.EventID, "event "
	case "alert": // a delivery; webhook-id is its id
		own = e.DeliveryID
	}
	if own != nil {
		id = own.String()
	}
	if other != nil {
		link = name + other.String()
	}
	if e.AlertID != nil {
		link = join(link, "alert "+Clean(cmp.Or(e.Alert, e.AlertID.String())))
	}
	return id, link
}

func join(facts, fact string) string {
	if facts == "" {
		return fact
	}
	return facts + " · " + fact
}

// pad fills s up to width cells. The condition is made here because the
// library's own depends on the environment.
func pad(s string, width int) string {
	cells := runewidth.Condition{StrictEmojiNeutral: true}
	return s + strings.Repeat(" ", max(0, width-cells.StringWidth(s)))
}
