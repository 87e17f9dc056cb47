package signature

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"regexp"
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
	// maxKeyText is the longest public key or set of keys, in bytes of text.
	maxKeyText = 32 << 10

	whsecPrefix = "whsec_"
)

// keyBytes turns a secret into the key. The errors are CodeInvalid and say what
// the secret should look like, never what it is. What a decoder says would quote a
// place in the secret, so it is left out.
func keyBytes(format SecretFormat, secret meshhook.Secret) ([]byte, error) {
	text := secret.Reveal()
	key := []byte(text)
	var err error
	switch format {
	case SecretWhsec:
		if key, err = base64.StdEncoding.DecodeString(strings.TrimPrefix(text, whsecPrefix)); err != nil {
			return nil, meshhook.Errorf(meshhook.CodeInvalid, "the secret is not whsec_ followed by base64; copy it as it is shown")
		}
	case SecretBase64:
		if key, err = base64.StdEncoding.DecodeString(text); err != nil {
			return nil, meshhook.Errorf(meshhook.CodeInvalid, "the secret is not base64; copy it as it is shown")
		}
	case SecretHex:
		if key, err = hex.DecodeString(text); err != nil {
			return nil, meshhook.Errorf(meshhook.CodeInvalid, "the secret is not hexadecimal; copy it as it is shown")
		}
	case SecretWithToken:
		own, _, _ := strings.Cut(text, ":")
		key = []byte(own)
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
	if err := v.checkSecret(s); err != nil || s.IsZero() {
		return err
	}
	if scheme := v.schemeOf(s); !scheme.shapes(s.Reveal()) {
		return meshhook.Errorf(meshhook.CodeInvalid, "the secret is not one that %s takes; it is %s", scheme.Name, scheme.SecretHint)
	}
	return nil
}

// shapes tells whether a secret has the shape that the provider wants.
func (s Scheme) shapes(secret string) bool {
	return s.SecretShape == "" || regexp.MustCompile(s.SecretShape).MatchString(secret)
}

// checkSecret says why a secret cannot be used at all.
func (v *Verifier) checkSecret(s meshhook.Secret) error {
	if v.scheme.SecretFormat == SecretUnused {
		if s.IsZero() {
			return nil
		}
		return meshhook.Errorf(meshhook.CodeInvalid, "scheme %s takes no secret", v.scheme.Name)
	}
	if s.IsZero() && v.scheme.SecretOptional {
		return nil
	}
	scheme := v.schemeOf(s)
	if err := checkKey(scheme, s); err != nil {
		return err
	}
	text := s.Reveal()
	// PEM and JSON are written in lines; everything else in one.
	inLines := scheme.SecretFormat == SecretPublicKey || scheme.SecretFormat == SecretJWTKey
	switch {
	case len(text) > maxSecret && !inLines || len(text) > maxKeyText:
		return meshhook.Errorf(meshhook.CodeInvalid, "the secret is longer than %d bytes", maxSecret)
	case strings.ContainsFunc(text, isControl) && !inLines:
		return meshhook.Errorf(meshhook.CodeInvalid,
			"the secret holds a line break or another control character; give it without")
	case scheme.Engine == EngineToken && strings.TrimSpace(text) != text:
		return meshhook.Errorf(meshhook.CodeInvalid,
			"the token begins or ends with a space, which no header can carry; give it without")
	}
	if scheme.SecretFormat == SecretUserPassword {
		user, password, ok := strings.Cut(text, ":")
		if !ok || user == "" || password == "" {
			return meshhook.Errorf(meshhook.CodeInvalid, "the secret of scheme %s is user:password", v.scheme.Name)
		}
	}
	return nil
}

// noSecret says with CodeConflict why the webhook with this path has no secret that could
// be replaced, or is nil where it has one.
func (v *Verifier) noSecret(path string) error {
	switch {
	case v.scheme.SecretFormat != SecretUnused:
		return nil
	case v.scheme.JWT.JWKSURL != "":
		return meshhook.Errorf(meshhook.CodeConflict, "webhook %s has no secret: its keys are fetched from %s, and whoever issues the tokens replaces them there", path, v.scheme.JWT.JWKSURL)
	default:
		return meshhook.Errorf(meshhook.CodeConflict, "webhook %s has no secret, since it verifies nothing; give it another scheme first, as 'meshhook webhook update %s --verify hmac' does", path, path)
	}
}

// schemeOf is the scheme or, for a secret of its kind, the alternative.
func (v *Verifier) schemeOf(s meshhook.Secret) Scheme {
	if v.scheme.Alternative != nil && strings.HasPrefix(s.Reveal(), v.scheme.AlternativePrefix) {
		return *v.scheme.Alternative
	}
	return v.scheme
}

// checkKey checks that a secret is a key of the scheme.
func checkKey(s Scheme, secret meshhook.Secret) error {
	var err error
	switch s.SecretFormat {
	case SecretPublicKey:
		_, err = parsePublicKey(s.Engine, secret.Reveal())
	case SecretJWTKey:
		if s.JWT.KeyLookup && strings.Contains(secret.Reveal(), ":") && !strings.HasPrefix(secret.Reveal(), "{") {
			return nil // credentials, by which the keys are looked up
		}
		_, err = parseJWTKey(s.Algorithm, secret)
	default:
		_, err = keyBytes(s.SecretFormat, secret)
	}
	return err
}

// GenerateSecret makes a secret that CheckSecret accepts, from the system's
// random source. It is empty where nobody but the sender can make one.
func (v *Verifier) GenerateSecret() meshhook.Secret {
	random := make([]byte, generatedBytes)
	_, _ = rand.Read(random) // never an error: without randomness the program ends
	if v.scheme.Engine == EngineJWT && !strings.HasPrefix(v.scheme.Algorithm, "HS") {
		return meshhook.Secret{}
	}
	switch v.scheme.SecretFormat {
	case SecretUnused, SecretPublicKey, SecretIdentifier:
		return meshhook.Secret{} // only the other side can make these
	case SecretBase64:
		return meshhook.NewSecret(base64.StdEncoding.EncodeToString(random))
	case SecretWhsec:
		return meshhook.NewSecret(whsecPrefix + base64.StdEncoding.EncodeToString(random))
	case SecretUserPassword:
		return meshhook.NewSecret("meshhook:" + hex.EncodeToString(random))
	default:
		text := hex.EncodeToString(random)
		for len(text) > generatedBytes && !v.scheme.shapes(text) { // as long as the provider takes
			text = text[:len(text)-1]
		}
		return meshhook.NewSecret(text)
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
