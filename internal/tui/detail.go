package tui

import (
	"strings"

	"github.com/charmbracelet/bubbles/viewport"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// content is what a detail shows.
type content struct {
	thing thing
	// draw writes it for a width. What can be stopped at, it writes by doc.stop.
	draw func(d *doc)
	// concerns tells whether an entry says that the thing has changed.
	concerns func(e meshhook.Entry) bool
}

// detail is a thing that was opened on a page, or the keys.
type detail struct {
	serial  int
	target  target
	title   string
	load    loading
	err     error
	content content
	at      int             // the stop under the cursor
	stops   []stop          // where the cursor can be
	wanted  stop            // where it was put; zero while nobody has moved it
	folds   map[string]bool // what was folded or unfolded by hand
	styles  styles
	view    viewport.Model
}

func newDetail(serial int, to target, title string) *detail {
	return &detail{serial: serial, target: to, title: title, folds: map[string]bool{}, view: viewport.New(0, 0)}
}

// concerns tells whether an entry says that the detail's thing has changed.
func (p *detail) concerns(e meshhook.Entry) bool {
	if p.content.concerns != nil {
		return p.content.concerns(e)
	}
	// It is loading, or has failed to: what names it may change that.
	for _, t := range targetsOf(e) {
		if t == p.target {
			return true
		}
	}
	return false
}

// show puts new content on the detail, which stays where it was scrolled to. An
// error does not wipe away what is there already.
func (p *detail) show(c content, err error) {
	if p.err = err; err == nil {
		p.content = c
	}
	p.draw()
	// The stop may be the third now, and was the fourth; or it is back again.
	for i, s := range p.stops {
		if i != p.at && p.wanted.same(s) {
			p.at = i
			p.draw()
			return
		}
	}
}

// layout fits the detail into a window.
func (p *detail) layout(width, height int, s styles) {
	p.styles, p.view.Width, p.view.Height = s, width, height
	p.draw()
}

// draw renders the content anew.
func (p *detail) draw() {
	d := &doc{styles: p.styles, width: max(p.view.Width-2*margin, 1), at: p.at, folds: p.folds}
	if p.err != nil {
		d.failure(whyNot(p.title, p.err))
	}
	switch {
	case p.content.draw != nil:
		p.content.draw(d)
	case p.err == nil:
		d.faint("loading…")
	}
	p.stops = d.stops
	if n := len(p.stops); n > 0 && p.at >= n { // it was drawn without a cursor
		p.at = n - 1
		p.draw()
		return
	}
	p.view.SetContent(strings.Join(d.lines, "\n"))
	p.view.SetYOffset(p.view.YOffset)
}

// scroll moves the window.
func (p *detail) scroll(by int) { p.view.SetYOffset(p.view.YOffset + by) }

// step puts the cursor on the next stop or the one before, and scrolls to it. From a
// stop that is out of sight it goes to the first in sight.
func (p *detail) step(by int) {
	n := len(p.stops)
	if n == 0 {
		return
	}
	to := (p.at + by + n) % n
	if line := p.stops[p.at].line; line < p.view.YOffset || line >= p.view.YOffset+p.view.Height {
		for i, s := range p.stops {
			if s.line >= p.view.YOffset && s.line < p.view.YOffset+p.view.Height {
				to = i
				break
			}
		}
	}
	p.goTo(to)
}

// goTo puts the cursor on a stop and brings it into sight.
func (p *detail) goTo(at int) {
	p.at, p.wanted = at, p.stops[at]
	p.draw()
	if line := p.stops[p.at].line; line < p.view.YOffset || line >= p.view.YOffset+p.view.Height {
		p.view.SetYOffset(line - p.view.Height/3)
	}
}

// click puts the cursor on the stop in the n-th visible line; again tells that it was
// there already.
func (p *detail) click(n int) (again bool) {
	for i, s := range p.stops {
		if s.line == p.view.YOffset+n {
			again = i == p.at
			p.goTo(i)
			return again
		}
	}
	return false
}

// stop returns the stop under the cursor.
func (p *detail) stop() (stop, bool) {
	if p.at >= len(p.stops) {
		return stop{}, false
	}
	return p.stops[p.at], true
}

// fold folds or unfolds what the stop holds.
func (p *detail) fold(s stop) {
	p.folds[s.fold] = !s.open
	p.draw()
}

// link returns where the stop under the cursor leads, if it is to this noun, or else
// the first thing of the noun that the detail leads to.
func (p *detail) link(noun string) (target, bool) {
	if s, ok := p.stop(); ok && s.to.noun == noun {
		return s.to, true
	}
	for _, s := range p.stops {
		if s.to.noun == noun {
			return s.to, true
		}
	}
	return p.content.thing.link(noun)
}
