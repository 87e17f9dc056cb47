package signature

import (
	"strings"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// Engine names the code that reads a Scheme.
type Engine string

// The engines.
const (
	EngineHMAC    Engine = "hmac"     // a keyed hash of the request, RFC 2104
	EngineEd25519 Engine = "ed25519"  // an Ed25519 signature of the request, RFC 8032
	EngineECDSA   Engine = "ecdsa"    // an ECDSA signature of the request's hash, in DER, FIPS 186-5
	EngineRSA     Engine = "rsa-cert" // an RSA PKCS #1 v1.5 signature, RFC 8017, by a key or certificate
	EngineJWT     Engine = "jwt"      // a JSON Web Token, RFC 7519
	EngineToken   Engine = "token"    // a header, query parameter or field equals the secret
	EngineBasic   Engine = "basic"    // Basic credentials, RFC 7617
	EngineNone    Engine = "none"     // nothing is verified
)

// SecretFormat says how the text of a secret becomes the key.
type SecretFormat string

// The formats of a secret.
const (
	SecretRaw          SecretFormat = "raw"           // the bytes of the text are the key
	SecretHex          SecretFormat = "hex"           // the key in hexadecimal
	SecretBase64       SecretFormat = "base64"        // the key in base64
	SecretWhsec        SecretFormat = "whsec"         // base64 after "whsec_", as Standard Webhooks writes it
	SecretUserPassword SecretFormat = "user:password" // a name and a password, RFC 7617
	SecretWithToken    SecretFormat = "secret:token"  // the key, and behind a colon the token of the handshake
	SecretPublicKey    SecretFormat = "public-key"    // PEM, or the key's bytes in hex or base64 (raw or DER)
	SecretJWTKey       SecretFormat = "jwt-key"       // for HS the text itself; else PEM, a JWK or a JWKS
	SecretIdentifier   SecretFormat = "identifier"    // what the provider calls the subscription; it is signed along
	SecretUnused       SecretFormat = "unused"        // the scheme takes none
)

// Scheme is the declarative spec of one way to authenticate a request. A field
// that an engine does not read is zero.
type Scheme struct {
	// Name is what meshhook.Verification.Scheme calls it.
	Name string `json:"name"`
	// Engine reads the rest.
	Engine Engine `json:"engine"`
	// Header carries the signature, or the token, or the credentials.
	Header string `json:"header,omitempty"`
	// MoreHeaders may carry further signatures, of which any may match.
	MoreHeaders []string `json:"more_headers,omitempty"`
	// Query is the parameter that carries the token, where no header does.
	Query string `json:"query,omitempty"`
	// Family and OtherFamily are two beginnings that all of the scheme's headers may
	// have alike: "svix-" or "webhook-".
	Family      string `json:"family,omitempty"`
	OtherFamily string `json:"other_family,omitempty"`
	// Field is the path of the signature or token in the body, where no header
	// carries it: "signature.signature". In a form its last name counts. Each
	// element of a list is looked at: "value[].clientState".
	Field string `json:"field,omitempty"`
	// MoreFields may hold further signatures, of which any may match.
	MoreFields []string `json:"more_fields,omitempty"`
	// Forms tells that bodies may be forms as well as JSON.
	Forms bool `json:"forms,omitempty"`
	// Prefix has to stand before the signature or token.
	Prefix string `json:"prefix,omitempty"`
	// OptionalPrefix may stand before the signature, or not.
	OptionalPrefix string `json:"optional_prefix,omitempty"`
	// Algorithm is the hash (sha1, sha256, sha384, sha512) or, for JWT, the one
	// algorithm of RFC 7518 that tokens may have.
	Algorithm string `json:"algorithm,omitempty"`
	// Encoding of the signature: hex, base64 or base64url.
	Encoding string `json:"encoding,omitempty"`
	// Template is the signed string, over the fields of template.go.
	Template string `json:"template,omitempty"`
	// BodyHashQuery is the query parameter that carries the body's SHA-256 in hex,
	// where the signed string holds the URL and not the body.
	BodyHashQuery string `json:"body_hash_query,omitempty"`
	// Constants are headers that, if they come, have to hold this: the version or
	// algorithm that the rest of the scheme describes.
	Constants map[string]string `json:"constants,omitempty"`
	// List says how the header is divided, where it holds more than a signature.
	List List `json:"list,omitzero"`
	// Timestamp says where the time of signing stands.
	Timestamp Timestamp `json:"timestamp,omitzero"`
	// IDHeader carries the message id that the template calls {id}.
	IDHeader string `json:"id_header,omitempty"`
	// Tolerance is how far the timestamp may lie from now, in both directions; for
	// JWT the leeway of exp and nbf.
	Tolerance meshhook.Duration `json:"tolerance,omitzero"`
	// Certificate says where the certificate of the signature is found.
	Certificate Certificate `json:"certificate,omitzero"`
	// JWT says what a token must claim.
	JWT JWT `json:"jwt,omitzero"`
	// SecretFormat says how the secret becomes the key.
	SecretFormat SecretFormat `json:"secret_format"`
	// SecretFromProvider tells that the provider makes the secret, so it has to
	// be asked for; otherwise the user chooses it, and it can be generated.
	SecretFromProvider bool `json:"secret_from_provider"`
	// SecretOptional tells that an endpoint may stand without one: because it
	// comes with the provider's handshake, or is told by something else.
	SecretOptional bool `json:"secret_optional,omitempty"`
	// SecretHint says what the secret looks like and where it is found.
	SecretHint string `json:"secret_hint,omitempty"`
	// SecretShape is a regular expression that a secret has to match where the provider
	// fixes its length or characters; "" for any text.
	SecretShape string `json:"secret_shape,omitempty"`
	// Unguarded says, in a sentence, what holds while an endpoint has no secret, where
	// it may stand without one.
	Unguarded string `json:"unguarded,omitempty"`
	// Alternative is the scheme of secrets that begin with AlternativePrefix.
	Alternative       *Scheme `json:"alternative,omitempty"`
	AlternativePrefix string  `json:"alternative_prefix,omitempty"`
	// Handshakes are the questions of the provider that are answered without a run.
	Handshakes []Handshake `json:"handshakes,omitempty"`
	// Dedup is the default key by which a repeated event is known: "header:NAME"
	// or a jq expression over {event}. Empty where the scheme has none.
	Dedup string `json:"dedup,omitempty"`
	// Response is what accepted requests are answered where the endpoint says nothing
	// else: for providers that take the standard answer for a failure. Not to be changed.
	Response *meshhook.Response `json:"response,omitempty"`
	// Docs is the page on which the provider describes the scheme.
	Docs string `json:"docs,omitempty"`
}

// signs tells whether the scheme's engine verifies a signature over the request.
func (s Scheme) signs() bool {
	switch s.Engine {
	case EngineHMAC, EngineEd25519, EngineECDSA, EngineRSA:
		return true
	default:
		return false
	}
}

// List describes a header of several named values, such as Stripe's
// "t=1492774577,v1=5257…,v1=6ffb…": elements with a Separator between them, each
// a name, Assign and a value. The zero List is a header of one signature.
type List struct {
	Separator string `json:"separator"`
	Assign    string `json:"assign"`
	// Signature is the name of the values that are signatures. Others are
	// ignored, so that a provider may add the next version beside this one.
	Signature string `json:"signature"`
	// Spaced tells that there may be spaces around the elements.
	Spaced bool `json:"spaced,omitempty"`
}

// Timestamp says where the time of signing stands: in a header of its own, in the
// list under a name, or in the body. The zero Timestamp is a scheme without time.
type Timestamp struct {
	Header string `json:"header,omitempty"`
	Field  string `json:"field,omitempty"`
	// BodyField is its path in the body.
	BodyField string `json:"body_field,omitempty"`
	// Format is seconds or milliseconds since the Unix epoch, or rfc3339.
	Format TimeFormat `json:"format,omitempty"`
}

// TimeFormat says how a timestamp is written.
type TimeFormat string

// The formats of a timestamp. The zero TimeFormat is seconds.
const (
	TimeUnix      TimeFormat = "unix"
	TimeUnixMilli TimeFormat = "unix-ms"
	TimeRFC3339   TimeFormat = "rfc3339"
)

// Certificate says where the URL of the signer's certificate stands in a request,
// and to which hosts that URL may point. The zero Certificate is a scheme whose
// key is the secret.
type Certificate struct {
	Header string `json:"header,omitempty"`
	Field  string `json:"field,omitempty"`
	// Hosts are host names; a * stands for a region of AWS.
	Hosts []string `json:"hosts,omitempty"`
	// Path is how the URL's path begins; what follows is the name of a file.
	Path string `json:"path,omitempty"`
	// VersionField is the path in the body of the signature's version, and Versions
	// are the hashes that they stand for.
	VersionField string            `json:"version_field,omitempty"`
	Versions     map[string]string `json:"versions,omitempty"`
	// Identifier is the path in the body of what has to equal the secret.
	Identifier string `json:"identifier,omitempty"`
}

// JWT says what a JSON Web Token must claim beside being signed and in time.
type JWT struct {
	Issuer   string `json:"issuer,omitempty"`
	Audience string `json:"audience,omitempty"`
	// Claims must be there and equal these texts.
	Claims map[string]string `json:"claims,omitempty"`
	// JWKSURL is where the keys are fetched, RFC 7517; empty when the secret
	// is the key.
	JWKSURL string `json:"jwks_url,omitempty"`
	// BodyClaim is the claim that holds the body's SHA-256 in hex.
	BodyClaim string `json:"body_claim,omitempty"`
	// MaxAge is how long ago the token may have been issued (iat); 0 asks for exp.
	MaxAge meshhook.Duration `json:"max_age,omitzero"`
	// KeyLookup tells that JWKSURL answers a POST of credentials and the key's
	// id with one key, as Plaid's API does.
	KeyLookup bool `json:"key_lookup,omitempty"`
	// Hosts are those that JWKSURL may name where credentials are sent there.
	Hosts []string `json:"hosts,omitempty"`
}

// Place says in words where the signature, token or credentials stand.
func (s Scheme) Place() string {
	switch {
	case s.Header != "" && len(s.MoreHeaders) > 1: // numbered
		return s.Header + "…"
	case s.Header != "":
		return strings.Join(append([]string{s.Header}, s.MoreHeaders...), ", ")
	case s.Query != "":
		return "?" + s.Query + "="
	case s.Field != "":
		return "body: " + s.Field
	default:
		return ""
	}
}

// Method says in words how the scheme verifies: "HMAC-SHA256, hex".
func (s Scheme) Method() string {
	how := string(s.Engine)
	switch s.Engine {
	case EngineHMAC:
		how = "HMAC-" + strings.ToUpper(s.Algorithm) + ", " + s.Encoding
	case EngineECDSA, EngineRSA:
		how = strings.ToUpper(s.Algorithm) + " with " + string(s.Engine) + ", " + s.Encoding
	case EngineEd25519:
		how += ", " + s.Encoding
	case EngineJWT:
		how += ", " + s.Algorithm
	}
	if s.Alternative != nil {
		how += "; or " + s.Alternative.Method() + " (" + s.AlternativePrefix + "…)"
	}
	return how
}
