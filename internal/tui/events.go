package tui

import (
	"context"
	"strings"

	"github.com/profullstack/meshhook/internal/meshhook"
)

func eventNoun(k keys) *noun {
	return &noun{
		name: "event", title: "Events", paged: true,
		empty: "No request has come yet. Send one to a webhook.",
		columns: []column{
			{name: "time", time: true},
			{name: "status", width: 9},
			{name: "webhook", width: 12, share: 3},
			{name: "why", width: 10, share: 4},
			{name: "sender", width: 15, from: wide},
			{name: "size", width: 8, from: 80},
			{name: "id", width: 36, from: 150},
		},
		list: func(ctx context.Context, o *Options, before meshhook.ID, limit int) ([]row, error) {
			list, err := o.Store.Events(ctx, meshhook.EventFilter{Before: before, Limit: limit})
			return rowsOf(list, err, eventRow)
		},
		touched: func(e meshhook.Entry) bool { return e.Kind.Noun() == "event" },
		tell: func(ctx context.Context, o *Options, key string) (content, error) {
			id, err := idOf(key)
			if err != nil {
				return content{}, err
			}
			e, err := o.Store.Event(ctx, id)
			if err != nil {
				return content{}, err
			}
			return eventContent(e, o.Location), nil
		},
		actions: []action{
			{key: k.replay, do: replay, ask: func(t *thing) string {
				if len(t.links) == 0 || t.links[0].noun != "run" {
					return ""
				}
				return "The event " + t.name + " has a run already. Start another, which calls everything again?"
			}},
			{key: k.curl, do: curl},
		},
	}
}

func replay(ctx context.Context, _ styles, a Actions, t *thing, _ string) (did didMsg, err error) {
	err = byID(t, func(id meshhook.ID) error {
		run, err := a.Replay(ctx, id)
		at := to("run", run)
		did = didMsg{text: "✓ run " + run.String() + " is queued", open: &at}
		return err
	})
	return did, err
}

func curl(ctx context.Context, s styles, a Actions, t *thing, _ string) (did didMsg, err error) {
	err = byID(t, func(id meshhook.ID) error {
		line, notes, err := a.Curl(ctx, id)
		text := line
		if len(notes) > 0 {
			text += "\n\n" + strings.Join(notes, "\n")
		}
		did = didMsg{copied: line, box: &box{styles: s, title: "Copied, if the terminal lets it", text: text, copy: line}}
		return err
	})
	return did, err
}

// eventThing is what is known of an event in a list, too.
func eventThing(e meshhook.Event) thing {
	t := thing{
		target: to("event", e.ID), name: e.ID.String(), status: string(e.Status), webhook: e.Webhook, value: e,
	}
	for _, id := range e.RunIDs {
		t.links = append(t.links, to("run", id))
	}
	if e.EndpointID != (meshhook.ID{}) {
		t.links = append(t.links, to("webhook", e.EndpointID))
	}
	return t
}

func eventRow(e meshhook.Event) row {
	why := string(e.Code)
	switch {
	case e.Status == meshhook.EventDuplicate && e.DuplicateOf != nil:
		why = "of " + e.DuplicateOf.String()
	case e.Reason != "" && why != "":
		why += ": " + e.Reason
	case e.Handshake:
		why = "handshake"
	}
	r := newRow(eventThing(e), meshhook.EventEntry(e.Status), "", string(e.Status), e.Webhook, why, e.RemoteAddr, meshhook.AboutSize(e.BodySize), e.ID.String())
	r.at = e.ReceivedAt
	return r
}
