package api

import (
	"context"
	"encoding/json"
	"time"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// Route is a route as the tests walk them.
type Route struct {
	Method, Path string
	Role         meshhook.Role
	Query        []string
	TakesBody    bool
	Stream       bool
}

// Routes are all routes there are.
func Routes() (all []Route) {
	for _, r := range (&Handler{}).routes() {
		route := Route{Method: r.method, Path: r.path, Role: r.role, TakesBody: r.handler.body != nil, Stream: r.handler.stream}
		for _, p := range r.query {
			route.Query = append(route.Query, p.name)
		}
		all = append(all, route)
	}
	return all
}

// The limits that tests go up to.
const (
	MaxFailures  = maxFailures
	MaxLookups   = maxLookups
	MaxSuspected = maxSuspected
	MaxBody      = maxBody
	MaxStreams   = maxStreams
	MaxOfToken   = maxOfToken
	MaxKept      = maxKept
)

// Keyring returns the find of a fresh keyring, and how many tokens it keeps.
func Keyring(s Store) (find func(ctx context.Context, token meshhook.Secret, now time.Time) error, kept func() int) {
	k := newKeyring(s)
	find = func(ctx context.Context, token meshhook.Secret, now time.Time) error {
		digest, _ := meshhook.TokenDigest(token)
		_, err := k.find(ctx, digest, now, nil)
		return err
	}
	return find, func() int { return len(k.known) }
}

// Merge is merge at the top of a document.
func Merge(target, patch string) (string, error) {
	merged, err := merge(json.RawMessage(target), json.RawMessage(patch), "")
	return string(merged), err
}

// DecodeWebhook reads what a webhook is created from.
func DecodeWebhook(body []byte) (meshhook.Endpoint, error) {
	var b webhookBody
	var e meshhook.Endpoint
	if err := decode(body, &b); err != nil {
		return e, err
	}
	b.apply(&e, meshhook.DefaultMaxBody)
	return e, b.missing()
}

// PatchWebhook changes an endpoint as a merge patch says.
func PatchWebhook(body []byte, e *meshhook.Endpoint) error {
	p, err := newWebhookPatch(body)
	if err != nil {
		return err
	}
	return p.apply(e, meshhook.DefaultMaxBody)
}
