package postgres

import (
	"context"
	"iter"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/profullstack/meshhook/internal/meshhook"
)

const (
	// eventPage is how many events are read at once.
	eventPage = 500
	// eventPageBytes bounds what a page holds of bodies, in bytes: it ends with the
	// body that passes it.
	eventPageBytes = 16 << 20
)

// Events lists the events that satisfy the filter.
func (t *Tenant) Events(ctx context.Context, f meshhook.EventFilter) ([]meshhook.Event, error) {
	var events []meshhook.Event
	for e, err := range t.StreamEvents(ctx, f) {
		if err != nil {
			return nil, err
		}
		events = append(events, e)
	}
	return events, nil
}

// StreamEvents is Events one by one. They are read in pages, each in a transaction
// of its own, so that a long walk through the log takes little memory and holds
// nothing up, however long is taken over each of them. The first error is the last
// of the sequence.
func (t *Tenant) StreamEvents(ctx context.Context, f meshhook.EventFilter) iter.Seq2[meshhook.Event, error] {
	return func(yield func(meshhook.Event, error) bool) {
		for found := 0; ; {
			page, more, err := t.eventPage(ctx, f, f.Limit-found)
			if err != nil {
				yield(meshhook.Event{}, err)
				return
			}
			for i := range page {
				e := &page[i]
				err := t.db.openEvent(&e.Event, e.head, e.body)
				if err == nil && f.DedupKey != "" && e.DedupKey != f.DedupKey {
					continue
				}
				if found++; !yield(e.Event, err) || err != nil || found == f.Limit {
					return
				}
				e.Body, e.body = nil, nil
			}
			if !more {
				return
			}
			if last := page[len(page)-1].ID; f.OldestFirst {
				f.After = last
			} else {
				f.Before = last
			}
		}
	}
}

// eventPage reads the first events that satisfy the filter, still sealed; left is
// how many are wanted, 0 or less for all. It tells whether there may be more.
func (t *Tenant) eventPage(ctx context.Context, f meshhook.EventFilter, left int) (page []sealedEvent, more bool, err error) {
	size := eventPage
	if f.Limit > 0 && f.DedupKey == "" {
		size = min(size, left)
	}
	query, args := t.eventsQuery(f, size)
	err = t.inTx(ctx, "listing events", func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, query, args...)
		if err != nil {
			return err
		}
		page, err = pgx.CollectRows(rows, scanSealedEvent)
		return err
	})
	return page, len(page) == size || f.Bodies && len(page) > 0, err
}

// eventsQuery is the statement for a page of this size.
func (t *Tenant) eventsQuery(f meshhook.EventFilter, size int) (query string, args []any) {
	where, args := t.eventsWhere(f)
	order := " ORDER BY id DESC"
	if f.OldestFirst {
		order = " ORDER BY id"
	}
	limit := order + " LIMIT " + strconv.Itoa(size)
	query = `SELECT ` + eventHeadFields + ` FROM events` + where + limit
	if f.Bodies {
		// The bodies themselves are fetched for the events of the page only.
		query = `SELECT ` + eventFields + ` FROM (
			SELECT *, sum(body_size) OVER (` + strings.TrimSpace(order) + `) - body_size AS before FROM events` + where + limit + `) AS e
			 WHERE before < ` + strconv.Itoa(eventPageBytes) + order
	}
	return query, args
}

// CountEvents counts the events that satisfy the filter; what of it only shows in
// an opened event (DedupKey) and Limit are left out.
func (t *Tenant) CountEvents(ctx context.Context, f meshhook.EventFilter) (count int64, err error) {
	where, args := t.eventsWhere(f)
	err = t.inTx(ctx, "counting events", func(tx pgx.Tx) error {
		return tx.QueryRow(ctx, `SELECT count(*) FROM events`+where, args...).Scan(&count)
	})
	return count, err
}

// eventsWhere is the condition of a filter. Only what narrows stands in it, so that
// the planner sees which index serves.
func (t *Tenant) eventsWhere(f meshhook.EventFilter) (where string, args []any) {
	var b strings.Builder
	and := func(condition string, value any) {
		args = append(args, value)
		b.WriteString(" AND " + condition + strconv.Itoa(len(args)))
	}
	b.WriteString(" WHERE project_id = $1")
	args = append(args, t.id)
	if f.Webhook != "" {
		and("webhook = $", f.Webhook)
	}
	if f.Code != "" {
		and("code = $", string(f.Code))
		f.Status = meshhook.EventRejected // no other event has a code
	}
	switch {
	case f.Status == "":
	case slices.Contains(meshhook.EventStatuses(), f.Status):
		// A literal, for only then the planner knows that the index of all but the
		// accepted events serves.
		b.WriteString(" AND status = '" + string(f.Status) + "'")
	default:
		and("status = $", string(f.Status))
	}
	if f.From.IsValid() {
		// What is no address, in an event whose sender is not known, is in no network.
		and("CASE WHEN remote_addr ~ '^[0-9a-f:.]+$' THEN remote_addr::inet END <<= $", f.From.Masked())
	}
	if f.WithoutRuns {
		b.WriteString(" AND NOT EXISTS (SELECT FROM runs WHERE runs.event_id = events.id)")
	}
	if !f.Since.IsZero() {
		and("id >= $", meshhook.FirstIDAt(f.Since))
	}
	if f.After != (meshhook.ID{}) {
		and("id > $", f.After)
	}
	if !f.Until.IsZero() || f.Before != (meshhook.ID{}) {
		and("id < $", upperBound(f.Before, f.Until))
	}
	return b.String(), args
}
