package ingress

import (
	"context"
	"slices"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// doors is every endpoint at one version of the configuration. It never changes;
// Refresh puts a new one in its place.
type doors struct {
	version int64
	byPath  map[string]*door
}

// Refresh takes over the configuration where it changed since the last time. It
// is the Work of a loop: rung by the configuration's bell, with a poll behind it.
func (h *Handler) Refresh(ctx context.Context) (more bool, err error) {
	// The version is read first: a change between the two reads is seen next time.
	version, err := h.store.ConfigVersion(ctx)
	if err != nil {
		return false, err
	}
	old := h.doors.Load()
	if version == old.version {
		return false, nil
	}
	endpoints, err := h.store.LiveEndpoints(ctx)
	if err != nil {
		return false, err
	}
	fresh := &doors{version: version, byPath: make(map[string]*door, len(endpoints))}
	for _, live := range endpoints {
		d := old.reuse(live)
		if d == nil {
			d = newDoor(live, h.toolsFor(live.Endpoint.Path))
		}
		if d.broken != nil {
			h.log.Error("a webhook's configuration cannot be used", "webhook", live.Endpoint.Path, "error", d.broken)
		}
		fresh.byPath[live.Endpoint.Path] = d
	}
	h.doors.Store(fresh)
	return false, nil
}

// toolsFor are those of one webhook, whose name a mismatch is logged with.
func (h *Handler) toolsFor(webhook string) tools {
	with := h.tools
	with.schemas.OnMismatch = func(detail string) {
		h.log.Warn("the engines that check payloads do not agree", "webhook", webhook, "detail", detail)
		h.tools.schemas.OnMismatch(detail)
	}
	return with
}

// Ready tells whether the configuration has been read at least once.
func (h *Handler) Ready() bool { return h.doors.Load().version >= 0 }

// reuse returns the door of an endpoint that did not change, so that a change of
// one does not compile the schemas of all.
func (d *doors) reuse(live meshhook.LiveEndpoint) *door {
	old := d.byPath[live.Endpoint.Path]
	same := old != nil && old.ID == live.Endpoint.ID && old.UpdatedAt.Equal(live.Endpoint.UpdatedAt) &&
		old.Workflow == live.Endpoint.Workflow && old.Version == live.Version && slices.EqualFunc(old.secrets, live.Secrets, sameSecret)
	if !same {
		return nil
	}
	return old
}

func sameSecret(a, b meshhook.EndpointSecret) bool {
	switch {
	case a.ID != b.ID:
		return false
	case a.ExpiresAt == nil || b.ExpiresAt == nil:
		return a.ExpiresAt == b.ExpiresAt
	}
	return a.ExpiresAt.Equal(*b.ExpiresAt)
}
