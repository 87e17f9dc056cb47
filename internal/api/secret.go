package api

import (
	"context"
	"net/http"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// listSecrets shows names and times; there is no way to read a value.
func listSecrets(ctx context.Context, c *call) (page[meshhook.VaultSecret], error) {
	list, err := c.project.Secrets(ctx)
	if err != nil {
		return page[meshhook.VaultSecret]{}, err
	}
	return paged(c, list, func(s meshhook.VaultSecret) string { return s.Name })
}

// secretBody is a secret of the vault.
type secretBody struct {
	Name  string          `json:"name" doc:"Workflows read it as {{ .secrets.NAME }}."`
	Value meshhook.Secret `json:"value" doc:"Never shown again."`
}

// secretStored says what became of a secret.
type secretStored struct {
	Name    string `json:"name"`
	Created bool   `json:"created" doc:"false where an old value was replaced."`
}

// maxSecret bounds a secret, in bytes: what the commands take.
const maxSecret = 64 << 10

// setSecret stores a value under a new name, or in the place of an old one, which is
// why it is a POST to the list: callers need not know which.
func setSecret(ctx context.Context, c *call, body *secretBody) (secretStored, error) {
	if err := meshhook.CheckSecretName(body.Name); err != nil {
		return secretStored{}, err
	}
	switch size := len(body.Value.Reveal()); {
	case size == 0:
		return secretStored{}, &meshhook.Error{
			Code: meshhook.CodeInvalid, Message: "the value of the secret is missing", Details: []meshhook.Problem{{Path: "/value", Message: "is missing"}},
		}
	case size > maxSecret:
		return secretStored{}, meshhook.Errorf(meshhook.CodeInvalid, "the value of the secret is longer than %d bytes", maxSecret)
	}
	created, err := c.project.SetSecret(ctx, body.Name, body.Value)
	if created {
		c.status = http.StatusCreated
	}
	return secretStored{body.Name, created}, err
}

// deleteSecret takes the value away from runs that are under way, too.
func deleteSecret(ctx context.Context, c *call) (deleted, error) {
	return c.gone(c.project.DeleteSecret(ctx, c.name()))
}
