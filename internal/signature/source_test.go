package signature_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/signature"
)

func TestSecretSource(t *testing.T) {
	t.Parallel()
	for want, schemes := range map[signature.SecretSource][]string{
		signature.SecretNowhere:    {"none"},
		signature.SecretFromSender: {"stripe", "discord", "paypal"},
		signature.SecretMadeHere:   {"hmac", "token", "basic", "github", "standard-webhooks"},
	} {
		for _, scheme := range schemes {
			require.Equal(t, want, newVerifier(t, meshhook.Verification{Scheme: scheme}).SecretSource(), scheme)
		}
	}
	later := 0
	for _, s := range signature.Schemes() {
		v := newVerifier(t, meshhook.Verification{Scheme: s.Name})
		source := v.SecretSource()
		require.Equal(t, source == signature.SecretLater, s.SecretOptional, s.Name)
		if source == signature.SecretLater {
			later++
		}
		if source == signature.SecretMadeHere {
			require.NoError(t, v.CheckSecret(v.GenerateSecret()), s.Name)
		}
	}
	require.Positive(t, later)

	_, err := signature.ForRotation(meshhook.Endpoint{Path: "a", Verification: meshhook.Verification{Scheme: "none"}})
	require.Equal(t, meshhook.CodeConflict, meshhook.ErrorCode(err))
	_, err = signature.ForRotation(meshhook.Endpoint{Path: "a", Verification: meshhook.Verification{Scheme: "sns"}})
	require.NoError(t, err)
}
