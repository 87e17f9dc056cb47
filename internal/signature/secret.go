package signature

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"strings"

	"github.com/profullstack/meshhook/internal/meshhook"
)

const (
	// maxSecret is the longest secret in bytes. Its Basic credentials fit into
	// maxHeader.
	maxSecret = 2048
	// generatedBytes is how much randomness a generated secret holds: the size of
	// SHA-256, above which an HMAC key gains nothing (RFC 2104, section 3), and
	// within the 24 to 64 bytes that Standard Webhooks asks for.
	generatedBytes = 32

	whsecPrefix = "whsec_"
)

// keyBytes turns a secret into the key. The errors are CodeInvalid and say what
// the secret should look like, never what it is.
func keyBytes(format SecretFormat, secret meshhook.Secret) ([]byte, error) {
	text := secret.Reveal()
	key := []byte(text)
	if format == SecretWhsec {
		var err error
		key, err = base64.StdEncoding.DecodeString(strings.TrimPrefix(text, whsecPrefix))
		if err != nil {
			// The cause would quote a place in the secret, so it is left out.
			return nil, meshhook.Errorf(meshhook.CodeInvalid, "the secret is not whsec_ followed by base64; copy it as it is shown")
		}
	}
	// HMAC fills a short key up with NUL, so one of nothing but NUL is the empty
	// key, with which anybody can sign.
	if len(bytes.Trim(key, "\x00")) == 0 {
		return nil, meshhook.Errorf(meshhook.CodeInvalid, "the secret is empty")
	}
	return key, nil
}

// CheckSecret says with CodeInvalid why a secret cannot be an endpoint's, for
// the moment at which it is set. The text never shows the secret.
func (v *Verifier) CheckSecret(s meshhook.Secret) error {
	if v.scheme.SecretFormat == SecretUnused {
		if s.IsZero() {
			return nil
		}
		return meshhook.Errorf(meshhook.CodeInvalid, "scheme %s takes no secret", v.scheme.Name)
	}
	if _, err := keyBytes(v.scheme.SecretFormat, s); err != nil {
		return err
	}
	text := s.Reveal()
	switch {
	case len(text) > maxSecret:
		return meshhook.Errorf(meshhook.CodeInvalid, "the secret is longer than %d bytes", maxSecret)
	case strings.ContainsFunc(text, isControl):
		return meshhook.Errorf(meshhook.CodeInvalid,
			"the secret holds a line break or another control character; give it without")
	case v.scheme.Engine == EngineToken && strings.TrimSpace(text) != text:
		return meshhook.Errorf(meshhook.CodeInvalid,
			"the token begins or ends with a space, which no header can carry; give it without")
	}
	if v.scheme.SecretFormat == SecretUserPassword {
		user, password, ok := strings.Cut(text, ":")
		if !ok || user == "" || password == "" {
			return meshhook.Errorf(meshhook.CodeInvalid, "the secret of scheme %s is user:password", v.scheme.Name)
		}
	}
	return nil
}

// GenerateSecret makes a secret that CheckSecret accepts, from the system's
// random source. For the scheme none it is empty.
func (v *Verifier) GenerateSecret() meshhook.Secret {
	random := make([]byte, generatedBytes)
	_, _ = rand.Read(random) // never an error: without randomness the program ends
	switch v.scheme.SecretFormat {
	case SecretUnused:
		return meshhook.Secret{}
	case SecretWhsec:
		return meshhook.NewSecret(whsecPrefix + base64.StdEncoding.EncodeToString(random))
	case SecretUserPassword:
		return meshhook.NewSecret("meshhook:" + hex.EncodeToString(random))
	default:
		return meshhook.NewSecret(hex.EncodeToString(random))
	}
}

// noMatch is the refusal after all keys were looked at, f having counted them.
func noMatch(keys []Key, f *Findings, format string, args ...any) *Failure {
	empty := true
	for _, key := range keys {
		empty = empty && key.Value.IsZero()
	}
	switch {
	case empty:
		return refuse(ReasonNoSecret, "the webhook has no active secret, so nothing can be verified")
	case f.Secrets == 0:
		return refuse(ReasonBadSecret, "the webhook's secret cannot be used, so nothing can be verified")
	default:
		return refuse(ReasonMismatch, format, args...)
	}
}
