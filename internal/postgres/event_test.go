package postgres_test

import (
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/meshhook"
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
