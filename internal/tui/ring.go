package tui

import (
	"strings"

	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/tail"
)

// ringSize is how many entries the screen remembers.
const ringSize = 10_000

// idPart is the shortest part of an id that a filter word finds it by, in
// characters: a group of an id's text.
const idPart = 8

// item is an entry with what the screen has made of it.
type item struct {
	entry   meshhook.Entry
	subject string
	facts   string
	hay     string // what filter words are looked for in; "" until it is needed
}

// text returns all columns in lower case.
func (it *item) text() string {
	if it.hay == "" {
		e := &it.entry
		it.hay = strings.ToLower(strings.Join([]string{string(e.Kind), it.subject, it.facts, e.Webhook, e.Status}, "\x00"))
	}
	return it.hay
}

// named tells whether part is in an id of the entry. It must be long enough to
// be meant: "503" is somewhere in most ids.
func (it *item) named(part string) bool {
	if len(part) < idPart {
		return false
	}
	for _, id := range []*meshhook.ID{it.entry.EventID, it.entry.RunID} {
		if id != nil && strings.Contains(id.String(), part) {
			return true
		}
	}
	return false
}

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
