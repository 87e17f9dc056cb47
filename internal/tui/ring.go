package tui

import (
	"strings"

	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/tail"
)

// ringSize is how many entries the screen remembers.
const ringSize = 10_000

// item is an entry with what the screen has made of it.
type item struct {
	entry   meshhook.Entry
	subject string
	facts   string
	hay     string // what filter words are looked for in; "" until it is needed
}

func (it *item) text() string {
	if it.hay == "" {
		e := &it.entry
		it.hay = strings.ToLower(strings.Join([]string{string(e.Kind), it.subject, it.facts, e.Webhook, e.Status}, "\x00"))
	}
	return it.hay
}

func (it *item) field(name string) string {
	switch name {
	case "status":
		return it.entry.Status
	case "webhook":
		return it.entry.Webhook
	case "alert":
		return alertOf(&it.entry)
	default:
		return it.entry.Workflow
	}
}

// alertOf is what the journal knows of an alert: its id, and no name.
func alertOf(e *meshhook.Entry) string {
	if e.AlertID == nil {
		return ""
	}
	return e.AlertID.String()
}

func (it *item) kind() (kind, noun string) { return string(it.entry.Kind), it.entry.Kind.Noun() }

func (it *item) ids() (list []string) {
	e := &it.entry
	for _, id := range []*meshhook.ID{e.EventID, e.RunID, e.AlertID, e.DeliveryID} {
		if id != nil {
			list = append(list, id.String())
		}
	}
	return list
}

// input is made anew each time: thousands of entries that are kept as maps would
// take more memory than all else.
func (it *item) input() any { return asInput(it.entry) }

// ring holds the newest entries, each under a number that it keeps.
type ring struct {
	items []item
	next  int // the number of the next entry
}

// first is the number of the oldest entry that is still held.
func (r *ring) first() int { return r.next - len(r.items) }

// at returns the item of a number that is held.
func (r *ring) at(number int) *item { return &r.items[number%ringSize] }

// push adds an entry, in place of the oldest when the ring is full.
func (r *ring) push(e meshhook.Entry) *item {
	it := item{entry: e, subject: tail.Subject(e), facts: tail.Facts(e)}
	if len(r.items) < ringSize {
		r.items = append(r.items, it)
	} else {
		*r.at(r.next) = it
	}
	r.next++
	return r.at(r.next - 1)
}
