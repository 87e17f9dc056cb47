package tui

import (
	"context"
	"strings"
	"time"

	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/tail"
)

// target names a thing of the store.
type target struct {
	noun string // event, run, webhook, workflow, alert or delivery
	key  string // its id; of a webhook or workflow its path or name, too
}

// to is the target of a noun with an id.
func to(noun string, id meshhook.ID) target { return target{noun, id.String()} }

// some is to where there is an id: one target or none.
func some(noun string, id *meshhook.ID) []target {
	if id == nil {
		return nil
	}
	return []target{to(noun, *id)}
}

// named is the target of a noun with a name: one or none.
func named(noun, name string) []target {
	if name == "" {
		return nil
	}
	return []target{{noun, name}}
}

// thing is something of the store, with what keys, filters and actions need of it.
type thing struct {
	target
	name string // how a person calls it: its path, name or id
	// What a filter's fields compare.
	status, webhook, workflow, alert string

	links []target
	step  string // of a run, the step under the cursor
	// value is what the store gave. Its JSON is what a jq predicate sees.
	value any
}

// link returns the first thing of a noun that this one leads to.
func (t *thing) link(noun string) (target, bool) {
	for _, l := range t.links {
		if l.noun == noun {
			return l, true
		}
	}
	return target{}, false
}

// row is a thing as a line of a table.
type row struct {
	thing
	at    time.Time // for a column of times
	sign  string
	tone  tail.Tone
	cells []string // clean, one for each column; that of times is ""
	hay   string   // what filter words are looked for in; "" until it is needed
	jq    any      // what jq sees; nil until it is needed
}

// newRow makes a row whose cells are cleaned here, so that no noun can forget it.
func newRow(t thing, look meshhook.EntryKind, cells ...string) row {
	r := row{thing: t}
	r.sign, r.tone = tail.Look(look)
	for _, c := range cells {
		r.cells = append(r.cells, tail.Clean(c))
	}
	return r
}

func (r *row) text() string {
	if r.hay == "" {
		r.hay = strings.ToLower(strings.Join(append([]string{r.name, r.status, r.webhook, r.workflow, r.alert}, r.cells...), "\x00"))
	}
	return r.hay
}

func (r *row) field(name string) string {
	switch name {
	case "status":
		return r.status
	case "webhook":
		return r.webhook
	case "alert":
		return r.alert
	default:
		return r.workflow
	}
}

func (r *row) kind() (kind, noun string) { return r.noun + "." + r.status, r.noun }

func (r *row) ids() (list []string) {
	list = []string{r.key}
	for _, l := range r.links {
		list = append(list, l.key)
	}
	return list
}

func (r *row) input() any {
	if r.jq == nil {
		r.jq = asInput(r.value)
	}
	return r.jq
}

// column is one of a table.
type column struct {
	name  string
	width int  // the least, in cells
	share int  // of what is left over
	from  int  // the screen's width from which it is shown
	time  bool // its cells are times
}

// noun is a kind of thing that has a page: how it is listed and told about, and what
// can be done with it. Each has a file.
type noun struct {
	name    string // that of targets
	title   string // of the page
	empty   string // what is said where there is none
	columns []column
	// list reads up to limit rows older than before, newest first; what has no pages
	// is read at once.
	list  func(ctx context.Context, o *Options, before meshhook.ID, limit int) ([]row, error)
	paged bool
	// touched tells whether an entry says that the list has changed.
	touched func(e meshhook.Entry) bool
	// tell reads what a detail shows.
	tell    func(ctx context.Context, o *Options, key string) (content, error)
	actions []action
	// made tells that forms make and change it.
	made bool
}

// nouns are those of the pages, in their order; the first page is Live.
func nouns(k keys) []*noun {
	return []*noun{webhookNoun(k), eventNoun(k), workflowNoun(k), runNoun(k), alertNoun(k), deliveryNoun(k)}
}

// idOf reads the key of a target that is an id.
func idOf(key string) (meshhook.ID, error) { return meshhook.ParseID(key) }

// rowsOf makes rows of what the store gave.
func rowsOf[T any](list []T, err error, of func(T) row) ([]row, error) {
	if err != nil {
		return nil, err
	}
	rows := []row{}
	for _, v := range list {
		rows = append(rows, of(v))
	}
	return rows, nil
}
