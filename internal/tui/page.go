package tui

import (
	"strings"

	"github.com/charmbracelet/bubbles/viewport"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// content draws a page for a width, and names what it leads to.
type content struct {
	// draw writes the page; link is the index of the link under the cursor.
	draw  func(d *doc, link int)
	links []target
}

// page is something opened on top of the list: an event, a run, or the keys.
type page struct {
	serial  int
	target  target
	title   string
	loading bool
	stale   bool // something happened while it was loading
	err     error
	content content
	at      int // index of the link under the cursor
	styles  styles
	view    viewport.Model
}

func newPage(serial int, to target, title string) *page {
	return &page{serial: serial, target: to, title: title, view: viewport.New(0, 0)}
}

// concerns tells whether an entry says that the page's thing has changed.
func (p *page) concerns(e meshhook.Entry) bool {
	to := runOf(e)
	if p.target.noun == "event" {
		to = eventOf(e)
	}
	return to != nil && *to == p.target
}

// show puts new content on the page, which stays where it was scrolled to. An
// error does not wipe away what is there already.
func (p *page) show(c content, err error) {
	if p.err = err; err == nil {
		p.content = c
	}
	p.draw()
}

// layout fits the page into a window.
func (p *page) layout(width, height int, s styles) {
	p.styles, p.view.Width, p.view.Height = s, width, height
	p.draw()
}

// draw renders the content anew.
func (p *page) draw() {
	d := &doc{styles: p.styles, width: max(p.view.Width-2*margin, 1)}
	if p.err != nil {
		d.failure(whyNot(p.title, p.err))
	}
	switch {
	case p.content.draw != nil:
		p.content.draw(d, p.at)
	case p.err == nil:
		d.faint("loading…")
	}
	p.view.SetContent(strings.Join(d.lines, "\n"))
	p.view.SetYOffset(p.view.YOffset)
}

// scroll moves the window.
func (p *page) scroll(by int) { p.view.SetYOffset(p.view.YOffset + by) }

// nextLink puts the cursor on the next link.
func (p *page) nextLink() {
	if n := len(p.content.links); n > 0 {
		p.at = (p.at + 1) % n
		p.draw()
	}
}

// link returns the link under the cursor, or, where that has another noun than
// the one asked for, the first that has it. An empty noun takes any.
func (p *page) link(noun string) (target, bool) {
	links := p.content.links
	for i := range links {
		if to := links[(p.at+i)%len(links)]; noun == "" || to.noun == noun {
			return to, true
		}
	}
	return target{}, false
}
