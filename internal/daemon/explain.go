package daemon

import (
	"cmp"
	"context"
	"encoding/json"
	"time"

	"github.com/profullstack/meshhook/internal/api"
	"github.com/profullstack/meshhook/internal/ingress"
	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/postgres"
	"github.com/profullstack/meshhook/internal/signature"
)

// Explain finds out why an event was refused for its signature, by what its webhook
// verifies with now. Errors: CodeNotFound for the event or its webhook, CodeConflict
// for an event with which it was something else.
func Explain(ctx context.Context, project *postgres.Tenant, id meshhook.ID, judging ingress.Options) (x api.Explained, err error) {
	e, err := project.Event(ctx, id)
	if err != nil {
		return x, err
	}
	if e.Code != meshhook.CodeInvalidSignature && !unfetched(e) {
		return x, meshhook.Errorf(meshhook.CodeConflict, "event %s was not refused for its signature: %s; 'meshhook event show %s' says more", e.ID, cmp.Or(e.Reason, "it was "+string(e.Status)), e.ID)
	}
	live, err := project.LiveEndpoint(ctx, e.EndpointID.String())
	if err != nil {
		return x, err
	}
	secrets, err := project.EndpointSecrets(ctx, e.EndpointID)
	if err != nil {
		return x, err
	}
	var expired []meshhook.EndpointSecret
	for _, secret := range secrets {
		if !secret.ActiveAt(time.Now()) {
			expired = append(expired, secret)
		}
	}
	judge, err := ingress.NewJudge(live, judging)
	if err != nil {
		return x, err
	}
	found := judge.Explain(ctx, expired, e)
	return api.Explained{
		EventID: e.ID, Webhook: e.Webhook, Scheme: live.Endpoint.Verification.Scheme, Reason: e.Reason, Mistakes: found, BodyTruncated: e.BodyTruncated,
	}, nil
}

// unfetched tells that an event was refused since the keys of its signature could not
// be fetched.
func unfetched(e meshhook.Event) bool {
	var f signature.Failure
	return e.Code == meshhook.CodeUnavailable && json.Unmarshal(e.Findings, &f) == nil && f.Reason == signature.ReasonKeysUnavailable
}

// Explain is Explain for the API.
func (t tenant) Explain(ctx context.Context, id meshhook.ID) (api.Explained, error) {
	return Explain(ctx, t.Tenant, id, Judging(t.daemon.config, t.daemon.fetch))
}
