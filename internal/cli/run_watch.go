package cli

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/tail"
)

// redrawEvery is the least time between two drawings of a run that changes all the
// time: more than eyes can follow.
const redrawEvery = 100 * time.Millisecond

// watchRun shows a run until it is over: drawn in place on a terminal, a line for
// each change elsewhere.
func (a *app) watchRun(ctx context.Context, s *session, o *runShowOptions) error {
	if a.output == "yaml" || o.full && !a.drawsLive() {
		return usageError("--watch prints lines, or JSON with -o json; in a pipe it goes without --full")
	}
	if !a.drawsLive() {
		return a.tellRun(ctx, s, o.id)
	}
	first, err := s.project.Run(ctx, o.id)
	if err != nil {
		return err
	}
	definition := definitionOf(ctx, s, first)
	screen := &frame{out: a.Out}
	run, err := followRun(ctx, s.project, redrawEvery, func(ctx context.Context) (meshhook.Run, error) {
		// Not with the history, which is too much to be read all the time.
		read := s.project.Run
		if o.full {
			read = s.project.FullRun
		}
		run, err := read(ctx, o.id)
		if err != nil || run.Status.Ended() {
			return run, err
		}
		width, height := a.size()
		options := a.treeOptions(run)
		options.width, options.full = width, o.full
		steps, busy := stepLines(run.Steps, definition, options)
		head := a.headLines(run, width)
		return run, screen.draw(append(head, window(steps, busy, height-len(head)-1)...), width, height)
	})
	if err != nil {
		return err
	}
	if err := screen.clear(); err != nil {
		return err
	}
	if run, err = readRun(ctx, s, run.ID, o.full); err != nil {
		return err
	}
	return a.printEnded(ctx, s, run, o.full)
}

// drawsLive tells whether the output is a terminal on which lines can be drawn over.
func (a *app) drawsLive() bool {
	term, _ := a.getenv("TERM")
	return a.OutTTY && a.output != "json" && term != "dumb"
}

// size is that of the terminal, in cells.
func (a *app) size() (width, height int) {
	if a.Size != nil {
		if width, height = a.Size(); width > 0 && height > 0 {
			return width, height
		}
	}
	return 80, 24
}

// headLines say what run it is and how it stands.
func (a *app) headLines(run meshhook.Run, width int) []string {
	d := &drawing{treeOptions: treeOptions{width: width, paint: a.paint}}
	sign, tone := tail.Look(meshhook.RunEntry(run.Status))
	status := string(run.Status)
	if run.WaitingFor != "" {
		status += " for " + string(run.WaitingFor)
	}
	if run.StartedAt != nil {
		status += ", " + roughly(time.Since(*run.StartedAt))
	}
	return []string{
		// The status first: it is what must not be cut.
		d.line(cell{sign + " " + tail.Clean(status), tone}, cell{text: tail.Clean(fmt.Sprintf(" · run %s of %s version %d", run.ID, run.Workflow, run.Version))}),
		"",
	}
}

// frame draws lines over those that it drew before.
type frame struct {
	out    io.Writer
	drawn  int // lines on the screen
	width  int
	height int
}

// draw replaces what was drawn, in one write and without wiping first, so that
// nothing flickers. The lines must fit the terminal, with one to spare.
func (f *frame) draw(lines []string, width, height int) error {
	var b strings.Builder
	switch {
	case f.drawn > 0 && (width != f.width || height != f.height):
		// Lines wrapped anew are no longer where they were.
		b.WriteString("\x1b[H\x1b[2J")
	case f.drawn > 0:
		fmt.Fprintf(&b, "\x1b[%dA\r", f.drawn)
	}
	for _, line := range lines {
		b.WriteString(line + "\x1b[K\n")
	}
	b.WriteString("\x1b[J")
	f.drawn, f.width, f.height = len(lines), width, height
	_, err := io.WriteString(f.out, b.String())
	return err
}

// clear takes away what was drawn.
func (f *frame) clear() error {
	if f.drawn == 0 {
		return nil
	}
	_, err := fmt.Fprintf(f.out, "\x1b[%dA\r\x1b[J", f.drawn)
	return err
}

// window leaves as many lines as there is room for: around the one that is under
// way, and with a word of those that are left out.
func window(lines []string, busy, room int) []string {
	room = max(room, 3)
	if len(lines) <= room {
		return lines
	}
	room -= 2
	from := min(max(busy-room*2/3, 0), len(lines)-room)
	shown := []string{fmt.Sprintf("… %d lines above", from)}
	shown = append(shown, lines[from:from+room]...)
	return append(shown, fmt.Sprintf("… %d lines below", len(lines)-from-room))
}

// tellRun prints what happens to a run, a line for each entry of the journal, from
// the run's beginning to its end.
func (a *app) tellRun(ctx context.Context, s *session, id meshhook.ID) error {
	// First the place, then what is before it: nothing falls in between.
	place, err := s.project.CursorAt(ctx, time.Time{})
	if err != nil {
		return err
	}
	run, err := readRun(ctx, s, id, true)
	if err != nil {
		return err
	}
	tell, told := a.entryWriter(), map[meshhook.ID]bool{}
	for _, e := range run.History {
		told[e.ID] = true
		if err := tell(e); err != nil {
			return err
		}
		// The run may have ended, or gone on, after it was read.
		if status := meshhook.RunStatus(e.Status); e.Kind == meshhook.RunEntry(status) {
			run.Status = status
		}
	}
	if run.Status.Ended() {
		return ended(run)
	}
	ctx, stop := a.whileRead(ctx)
	defer stop()
	for e, err := range tail.Follow(ctx, s.project, tail.Options{After: &place, OnState: a.sayState()}) {
		if err != nil {
			return err
		}
		if e.RunID == nil || *e.RunID != id || told[e.ID] {
			continue
		}
		if err := tell(e); err != nil {
			return err
		}
		if run.Status = meshhook.RunStatus(e.Status); e.Kind == meshhook.RunEntry(run.Status) && run.Status.Ended() {
			return ended(run)
		}
	}
	return ctx.Err()
}
