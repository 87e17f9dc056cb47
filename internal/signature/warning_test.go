package signature_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/signature"
)

// What is open to more than its owner may think says so, until it no longer is.
func TestWarnings(t *testing.T) {
	t.Parallel()
	jwks := meshhook.Verification{Scheme: "jwt", JWKSURL: jwksURL}
	for scheme, says := range map[string]string{
		"none": "verifies nothing", "sns": "messages of anybody's topics are taken", "asana": "the first handshake sets it", "notion": "events are refused",
	} {
		warnings := signature.Warnings(meshhook.Verification{Scheme: scheme}, false)
		require.Len(t, warnings, 1, scheme)
		require.Contains(t, warnings[0], says)
		if scheme != "none" {
			require.Empty(t, signature.Warnings(meshhook.Verification{Scheme: scheme}, true), scheme)
		}
	}
	require.Len(t, signature.Warnings(jwks, false), 1)
	for _, change := range []func(*meshhook.Verification){
		func(v *meshhook.Verification) { v.Issuer = "i" },
		func(v *meshhook.Verification) { v.Audience = "a" },
		func(v *meshhook.Verification) { v.Claims = map[string]string{"sub": "s"} },
	} {
		with := jwks
		change(&with)
		require.Empty(t, signature.Warnings(with, false))
	}
	for _, s := range signature.Schemes() {
		if s.Name != "none" {
			require.Empty(t, signature.Warnings(meshhook.Verification{Scheme: s.Name}, true), s.Name)
		}
		require.Equal(t, s.SecretOptional, s.Unguarded != "", "who may stand without a secret says what holds then: %s", s.Name)
	}
	require.Empty(t, signature.Warnings(meshhook.Verification{Scheme: "odd"}, false))
}

// The lengths and characters that providers fix are checked when a secret is set.
func TestCheckSecret_Shapes(t *testing.T) {
	t.Parallel()
	const topic = "arn:aws:sns:eu-central-1:111111111111:orders"
	for _, test := range []struct {
		scheme, secret string
		takes          bool
	}{
		{"telegram", "a", true},
		{"telegram", strings.Repeat("_", 256), true},
		{"telegram", strings.Repeat("a", 257), false},
		{"telegram", "a b", false},
		{"msgraph", strings.Repeat("é", 128), true},
		{"msgraph", strings.Repeat("a", 129), false},
		{"lemonsqueezy", "12345", false},
		{"lemonsqueezy", "123456", true},
		{"lemonsqueezy", strings.Repeat("a", 40), true},
		{"lemonsqueezy", strings.Repeat("a", 41), false},
		{"twitch", "123456789", false},
		{"twitch", "1234567890", true},
		{"sns", topic, true},
		{"sns", topic + ".fifo", true},
		{"sns", strings.Replace(topic, "aws", "aws-cn", 1), true},
		{"sns", "orders", false},
		{"sns", strings.Replace(topic, "sns", "sqs", 1), false},
	} {
		err := newVerifier(t, meshhook.Verification{Scheme: test.scheme}).CheckSecret(meshhook.NewSecret(test.secret))
		if test.takes {
			require.NoError(t, err, test.scheme)
			continue
		}
		require.ErrorContains(t, err, "the secret is not one that "+test.scheme+" takes; it is ")
		require.Equal(t, meshhook.CodeInvalid, meshhook.ErrorCode(err))
	}
	for _, s := range signature.Schemes() {
		v := newVerifier(t, meshhook.Verification{Scheme: s.Name})
		if secret := v.GenerateSecret(); !secret.IsZero() {
			require.NoError(t, v.CheckSecret(secret), s.Name)
			require.GreaterOrEqual(t, len(secret.Reveal()), 32, s.Name)
		}
	}
}
