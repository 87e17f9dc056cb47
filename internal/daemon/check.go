package daemon

import (
	"github.com/profullstack/meshhook/internal/config"
	"github.com/profullstack/meshhook/internal/ingress"
	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/signature"
)

// CheckWebhook completes an endpoint and says what is wrong with it, for commands and
// API alike, as ingress would find it. A dedup window that outlives the events is
// refused where it was asked for, and is nobody's mistake otherwise. Errors have
// CodeInvalid.
func CheckWebhook(c *config.Config, e *meshhook.Endpoint, windowGiven bool) (*signature.Verifier, error) {
	if err := e.Validate(); err != nil {
		return nil, err
	}
	if err := ingress.Check(*e, SchemaOptions(c, nil)); err != nil {
		return nil, err
	}
	verifier, err := signature.New(e.Verification)
	if err == nil && windowGiven {
		err = e.CheckRetention(c.Retention.Events)
	}
	return verifier, err
}
