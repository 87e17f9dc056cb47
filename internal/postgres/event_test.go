package postgres_test

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/netip"
	"regexp"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/postgres"
)

// rejected is a request that a check refused.
func (h house) rejected() meshhook.Intake {
	in := h.intake("", "{}")
	in.Run = nil
	in.Event.Status, in.Event.Code, in.Event.Reason = meshhook.EventRejected, meshhook.CodeInvalidSignature, "no signature"
	in.Event.Findings = json.RawMessage(`{"header":"absent"}`)
	in.Event.BodyTruncated, in.Event.BodySize = true, 99
	return in
}

func TestRejectedAndFilteredEventsStartNothing(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	h := newHouse(t)
	rejected, filtered := h.rejected(), h.intake("", "{}")
	filtered.Event.Status, filtered.Run = meshhook.EventFiltered, nil
	secret := meshhook.NewID()
	filtered.Event.SecretID = &secret
	for _, in := range []meshhook.Intake{rejected, filtered} {
		h.record(t, in)
		event, err := h.project.Event(ctx, in.Event.ID)
		require.NoError(t, err)
		want := in.Event
		want.ReceivedAt = event.ReceivedAt
		want.RunIDs = []meshhook.ID{}
		require.Equal(t, want, event)
	}
	runs, err := h.project.Runs(ctx, meshhook.RunFilter{})
	require.NoError(t, err)
	require.Empty(t, runs)
	require.Equal(t, []meshhook.EntryKind{meshhook.EntryEventRejected, meshhook.EntryEventFiltered}, kinds(h.journal(t, meshhook.Cursor{}, 2)))
}

func TestEventsThatAreNotThere(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	id := meshhook.NewID()
	_, err := h.project.Event(t.Context(), id)
	requireCode(t, meshhook.CodeNotFound, err)
	require.EqualError(t, err, "there is no event "+id.String())
}

func TestListEvents(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	h := newHouse(t)
	now := time.Now()
	other, err := h.project.CreateEndpoint(ctx, h.full("other"), meshhook.Secret{})
	require.NoError(t, err)

	// Seven events, an hour apart, the oldest first.
	ids := make([]meshhook.ID, 7)
	at := func(i int) time.Time { return now.Add(time.Duration(i-7) * time.Hour) }
	for i := range ids {
		in := h.intake("", `{"n":1}`)
		if i%2 == 1 {
			in = h.rejected()
		}
		if i == 6 {
			in.Event.EndpointID, in.Event.Webhook = other.ID, other.Path
		}
		switch i {
		case 0:
			in.Event.RemoteAddr = "invalid IP" // of a connection without an address
		case 2:
			in.Event.DedupKey = "k-2"
		case 4:
			in.Event.RemoteAddr = "198.51.100.7"
		}
		in.Event.ID = idAt(at(i))
		ids[i] = in.Event.ID
		h.record(t, in)
	}

	tests := []struct {
		name   string
		filter meshhook.EventFilter
		want   []int
	}{
		{"all", meshhook.EventFilter{}, []int{6, 5, 4, 3, 2, 1, 0}},
		{"the newest", meshhook.EventFilter{Limit: 2}, []int{6, 5}},
		{"the next page", meshhook.EventFilter{Limit: 2, Before: ids[5]}, []int{4, 3}},
		{"behind the last page", meshhook.EventFilter{Limit: 2, Before: ids[0]}, nil},
		{"of a webhook", meshhook.EventFilter{Webhook: "other"}, []int{6}},
		{"of no webhook", meshhook.EventFilter{Webhook: "nope"}, nil},
		{"rejected", meshhook.EventFilter{Status: meshhook.EventRejected}, []int{5, 3, 1}},
		{"since", meshhook.EventFilter{Since: at(4)}, []int{6, 5, 4}},
		{"since a moment later", meshhook.EventFilter{Since: at(4).Add(time.Millisecond)}, []int{6, 5}},
		{"until", meshhook.EventFilter{Until: at(2)}, []int{1, 0}},
		{"of a code", meshhook.EventFilter{Code: meshhook.CodeInvalidSignature}, []int{5, 3, 1}},
		{"of another code", meshhook.EventFilter{Code: meshhook.CodeRateLimited}, nil},
		{"of no status that there is", meshhook.EventFilter{Status: "nope"}, nil},
		{"of an address", meshhook.EventFilter{From: netip.MustParsePrefix("198.51.100.7/32")}, []int{4}},
		{"of a network", meshhook.EventFilter{From: netip.MustParsePrefix("192.0.2.99/24")}, []int{6, 5, 3, 2, 1}},
		{"of a network of IPv6", meshhook.EventFilter{From: netip.MustParsePrefix("2001:db8::/32")}, nil},
		{"of a dedup key", meshhook.EventFilter{DedupKey: "k-2"}, []int{2}},
		{"of a dedup key that is not there", meshhook.EventFilter{DedupKey: "k-9", Limit: 1}, nil},
		{"oldest first", meshhook.EventFilter{OldestFirst: true}, []int{0, 1, 2, 3, 4, 5, 6}},
		{"the next page, oldest first", meshhook.EventFilter{OldestFirst: true, After: ids[2], Limit: 2}, []int{3, 4}},
		{"between", meshhook.EventFilter{Since: at(1), Until: at(3)}, []int{2, 1}},
		{"a cursor below until", meshhook.EventFilter{Until: at(5), Before: ids[2]}, []int{1, 0}},
		{"a cursor above until", meshhook.EventFilter{Until: at(2), Before: ids[5]}, []int{1, 0}},
		{"all together", meshhook.EventFilter{Webhook: "shop/orders", Status: meshhook.EventRejected, Since: at(1), Before: ids[5], Limit: 1}, []int{3}},
	}
	for _, test := range tests {
		events, err := h.project.Events(ctx, test.filter)
		require.NoError(t, err, test.name)
		var got []meshhook.ID
		for _, e := range events {
			require.Nil(t, e.Body, "lists leave bodies out")
			require.Equal(t, http.Header{"X-One": {"1", "2"}}, e.Header)
			got = append(got, e.ID)
		}
		var want []meshhook.ID
		for _, i := range test.want {
			want = append(want, ids[i])
		}
		require.Equal(t, want, got, test.name)
	}
}

// A sender chooses what stands in a header; no choice may cost the event.
func TestRecordTakesTextThatPostgresDoesNot(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	in := h.intake("", "{}")
	in.Event.ContentType = "application/json; charset=\xff\x00"
	in.Event.Method = "P\xfeST"
	in.Event.Path = "/hooks/a\x00b"
	in.Event.RemoteAddr = "192.0.2.1\x00"
	h.record(t, in)
	event, err := h.project.Event(t.Context(), in.Event.ID)
	require.NoError(t, err)
	require.Equal(t, "application/json; charset=\ufffd\ufffd", event.ContentType)
	require.Equal(t, "P\ufffdST", event.Method)
	require.Equal(t, "/hooks/a\ufffdb", event.Path)
}

// One request that cannot be stored does not take its neighbours down.
func TestAPoisonedIntakeFailsAlone(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	const good = 40
	outcomes := make(chan error, good+1)
	ctx := t.Context()
	poison := h.intake("", "{}")
	poison.Event.Code = meshhook.CodeRateLimited // only a rejected event has one
	go func() {
		_, err := h.db.Record(ctx, poison)
		if err != nil && meshhook.ErrorCode(err) == meshhook.CodeInternal {
			err = nil
		} else if err == nil {
			err = meshhook.Errorf(meshhook.CodeInternal, "the poison was swallowed")
		}
		outcomes <- err
	}()
	for range good {
		go func() {
			_, err := h.db.Record(ctx, h.intake("", "{}"))
			outcomes <- err
		}()
	}
	for range good + 1 {
		require.NoError(t, <-outcomes)
	}
	events, err := h.project.Events(ctx, meshhook.EventFilter{})
	require.NoError(t, err)
	require.Len(t, events, good)
}

// A walk through the log crosses pages, and a page ends where its bodies get heavy.
func TestStreamEventsCrossesPages(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	h := newHouse(t)
	h.recordMany(t, 1100)
	heavy := h.intake("", "{}")
	heavy.Event.Body = bytes.Repeat([]byte("x"), 17<<20) // more than a page
	heavy.Event.BodySize = int64(len(heavy.Event.Body))
	h.record(t, heavy)
	heavyToo := h.intake("", "{}")
	heavyToo.Event.Body, heavyToo.Event.BodySize = heavy.Event.Body, heavy.Event.BodySize
	h.record(t, heavyToo)
	for _, oldestFirst := range []bool{false, true} {
		for _, bodies := range []bool{false, true} {
			seen := map[meshhook.ID]bool{}
			var last meshhook.ID
			for e, err := range h.project.StreamEvents(ctx, meshhook.EventFilter{OldestFirst: oldestFirst, Bodies: bodies}) {
				require.NoError(t, err)
				require.False(t, seen[e.ID])
				seen[e.ID] = true
				if len(seen) > 1 {
					require.Equal(t, oldestFirst, last.String() < e.ID.String(), "in order")
				}
				last = e.ID
				if bodies {
					require.Len(t, e.Body, int(e.BodySize))
				} else {
					require.Nil(t, e.Body)
				}
			}
			require.Len(t, seen, 1102)
		}
	}
	count, err := h.project.CountEvents(ctx, meshhook.EventFilter{Webhook: h.endpoint.Path})
	require.NoError(t, err)
	require.Equal(t, int64(1102), count)
	limited, err := h.project.Events(ctx, meshhook.EventFilter{Limit: 501})
	require.NoError(t, err)
	require.Len(t, limited, 501)
}

// Who has had enough stops the walk, and an event that cannot be opened ends it.
func TestStreamEventsEnds(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	h := newHouse(t)
	first, second := h.intake("", "{}"), h.intake("", "{}")
	h.record(t, first)
	h.record(t, second)
	for e, err := range h.project.StreamEvents(ctx, meshhook.EventFilter{}) {
		require.NoError(t, err)
		require.Equal(t, second.Event.ID, e.ID)
		break
	}
	h.system(t, `UPDATE events SET head = 'broken' WHERE id = $1`, first.Event.ID)
	_, err := h.project.Events(ctx, meshhook.EventFilter{})
	require.Error(t, err)
	over, cancel := context.WithCancel(ctx)
	cancel()
	_, err = h.project.Events(over, meshhook.EventFilter{})
	requireCode(t, meshhook.CodeUnavailable, err)
	_, err = h.project.CountEvents(over, meshhook.EventFilter{})
	requireCode(t, meshhook.CodeUnavailable, err)
}

var filtered = regexp.MustCompile(`Rows Removed by Filter: ([0-9]+)`)

// A page of a large log is read through an index, without looking at many others.
func TestListsOfALargeLogDoNotScanIt(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	h := newHouse(t)
	// A hundred thousand events, one in a hundred refused, one in a thousand of a
	// webhook that is quiet, and those are the oldest.
	h.system(t, `
		INSERT INTO events (id, project_id, endpoint_id, webhook, status, code, received_at, remote_addr, method, path, content_type, head, body, body_size)
		SELECT meshhook_id(), $1, $2, CASE WHEN n <= 100 THEN 'quiet' ELSE 'busy' END,
		       CASE WHEN n % 100 = 0 THEN 'rejected' ELSE 'accepted' END, CASE WHEN n % 100 = 0 THEN 'rate_limited' ELSE '' END,
		       now(), '192.0.2.1', 'POST', '/hooks/x', '', '', '', 0
		  FROM generate_series(1, 100000) AS n`, h.project.ID(), h.endpoint.ID)
	h.system(t, `ANALYZE events`)
	for name, filter := range map[string]meshhook.EventFilter{
		"all":                   {},
		"a quiet webhook":       {Webhook: "quiet"},
		"a busy webhook":        {Webhook: "busy"},
		"refused":               {Status: meshhook.EventRejected},
		"for a reason":          {Code: meshhook.CodeRateLimited},
		"accepted":              {Status: meshhook.EventAccepted},
		"duplicates, of 0":      {Status: meshhook.EventDuplicate},
		"refused by a webhook":  {Webhook: "busy", Status: meshhook.EventRejected},
		"refused, oldest first": {Status: meshhook.EventRejected, OldestFirst: true},
		"with bodies":           {Webhook: "busy", Bodies: true},
	} {
		filter.Limit = 50
		plan, err := postgres.ExplainEvents(ctx, h.project, filter)
		require.NoError(t, err)
		// The partitions of the weeks to come are empty; how those are read says nothing.
		require.NotRegexp(t, `Seq Scan on [^(]*\(actual rows=[1-9]`, plan, name)
		for _, removed := range filtered.FindAllStringSubmatch(plan, -1) {
			n, err := strconv.Atoi(removed[1])
			require.NoError(t, err)
			require.Less(t, n, 10000, name+"\n"+plan)
		}
	}
}
