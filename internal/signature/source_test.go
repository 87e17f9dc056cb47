package signature_test

import (
	"slices"
	"strings"
	"testing"
	"time"

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

// What a scheme says it takes is what New lets a webhook set, and nothing else.
func TestScheme_Settings(t *testing.T) {
	t.Parallel()
	set := map[string]meshhook.Verification{
		"header": {Header: "X-Mine"}, "query": {Query: "token"}, "issuer": {Issuer: "https://issuer.example"}, "template": {Template: "{body}"},
		"tolerance": {Tolerance: meshhook.Duration(time.Minute)}, "confirm_subscription": {ConfirmSubscription: true}, "secret_encoding": {SecretEncoding: "hex"},
	}
	for _, s := range signature.Schemes() {
		for name, v := range set {
			v.Scheme = s.Name
			_, err := signature.New(v)
			refused := err != nil && strings.Contains(err.Error(), "does not take "+name)
			require.NotEqual(t, refused, slices.Contains(s.Settings(), name), "%s %s: %v", s.Name, name, err)
		}
	}
}
