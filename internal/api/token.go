package api

import (
	"context"
	"time"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// listTokens shows what a token may and when it was used, never its text.
func listTokens(ctx context.Context, c *call) (page[meshhook.Token], error) {
	list, err := c.project.Tokens(ctx)
	if err != nil {
		return page[meshhook.Token]{}, err
	}
	return paged(c, list, func(t meshhook.Token) string { return t.Name })
}

// tokenBody says what a token is to be.
type tokenBody struct {
	Name      string             `json:"name,omitempty" doc:"By which it is listed and revoked; one is made when left out."`
	Role      meshhook.Role      `json:"role,omitempty" doc:"read, write or admin; read when left out."`
	ExpiresIn *meshhook.Duration `json:"expires_in,omitempty" doc:"How long it is valid; for ever when left out." example:"720h"`
}

// createToken makes a token of the caller's own project: an admin cannot reach into
// another one that way.
func createToken(ctx context.Context, c *call, body *tokenBody) (issued meshhook.IssuedToken, err error) {
	issued, digest, err := meshhook.IssueToken(body.Name, body.Role, body.ExpiresIn, time.Now())
	if err != nil {
		return issued, err
	}
	issued.Token, err = c.project.CreateToken(ctx, issued.Token, digest)
	return issued, err
}

// revokeToken may take the caller's own token away.
func revokeToken(ctx context.Context, c *call) (deleted, error) {
	_, err := c.project.RevokeToken(ctx, c.name())
	return c.gone(err)
}
