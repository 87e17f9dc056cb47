package signature

import (
	"slices"
	"time"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// defaultTolerance holds wherever a timestamp is in use and nothing else is
// said; Stripe's libraries and Standard Webhooks agree on it.
const defaultTolerance = meshhook.Duration(5 * time.Minute)

// jwtLeeway is how far clocks may differ about exp and nbf.
const jwtLeeway = meshhook.Duration(time.Minute)

// table returns every scheme. It is made anew for each caller, so that nobody
// can change it for the others; only New and listings ask for it.
func table() []Scheme {
	return slices.Concat(
		generic(), standard(), codeSchemes(), shopSchemes(), challengeSchemes(), adoptingSchemes(),
		timedSchemes(), datedSchemes(), timedChallengeSchemes(), urlSchemes(), keySchemes(), tokenSchemes(),
	)
}

// generic returns the schemes that belong to no provider.
func generic() []Scheme {
	return []Scheme{
		{
			Name:           "hmac",
			Engine:         EngineHMAC,
			Header:         "X-Signature",
			OptionalPrefix: "sha256=",
			Algorithm:      "sha256",
			Encoding:       "hex",
			Template:       "{body}",
			SecretFormat:   SecretRaw,
			SecretHint:     "any text that both sides know; 32 random bytes are a good one",
			Docs:           "https://www.rfc-editor.org/rfc/rfc2104",
		},
		{
			Name:         "token",
			Engine:       EngineToken,
			Header:       "X-Webhook-Token",
			SecretFormat: SecretRaw,
			SecretHint:   "the text that the sender puts into the header",
		},
		{
			Name:         "basic",
			Engine:       EngineBasic,
			Header:       "Authorization",
			SecretFormat: SecretUserPassword,
			SecretHint:   "user:password, as the sender has it or in the URL it is given",
			Docs:         "https://www.rfc-editor.org/rfc/rfc7617",
		},
		{
			Name:         "jwt",
			Engine:       EngineJWT,
			Header:       "Authorization",
			Prefix:       "Bearer ",
			Algorithm:    "HS256",
			Tolerance:    jwtLeeway,
			SecretFormat: SecretJWTKey,
			SecretHint:   "HS256: a text that both sides know; RS, PS, ES and EdDSA: the public key in PEM, a JWK or a JWKS",
			Docs:         "https://www.rfc-editor.org/rfc/rfc7519",
		},
		publicKeyScheme("ed25519", EngineEd25519, "X-Signature-Ed25519", "hex", "https://www.rfc-editor.org/rfc/rfc8032"),
		publicKeyScheme("ecdsa", EngineECDSA, "X-Signature", "base64", "https://csrc.nist.gov/pubs/fips/186-5/final"),
		publicKeyScheme("rsa-cert", EngineRSA, "X-Signature", "base64", "https://www.rfc-editor.org/rfc/rfc8017"),
		{
			Name:         "none",
			Engine:       EngineNone,
			SecretFormat: SecretUnused,
			SecretHint:   "takes no secret: whoever knows the URL can send",
		},
	}
}

// publicKeyScheme returns a scheme of signatures over the body by a private key.
func publicKeyScheme(name string, engine Engine, header, encoding, docs string) Scheme {
	s := Scheme{
		Name:               name,
		Engine:             engine,
		Header:             header,
		Encoding:           encoding,
		Template:           "{body}",
		SecretFormat:       SecretPublicKey,
		SecretFromProvider: true,
		SecretHint:         "the sender's public key: PEM, or its bytes in hex or base64",
		Docs:               docs,
	}
	if engine != EngineEd25519 { // which hashes by itself
		s.Algorithm = "sha256"
	}
	return s
}

// bodyMAC is a scheme whose header holds the HMAC of the body.
func bodyMAC(name, header, algorithm, encoding string, s Scheme) Scheme {
	s.Name, s.Engine, s.Header, s.Algorithm, s.Encoding = name, EngineHMAC, header, algorithm, encoding
	if s.Template == "" {
		s.Template = "{body}"
	}
	if s.SecretFormat == "" {
		s.SecretFormat = SecretRaw
	}
	if s.Timestamp != (Timestamp{}) && s.Tolerance == 0 {
		s.Tolerance = defaultTolerance
	}
	return s
}
