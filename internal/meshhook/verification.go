package meshhook

// Verification says how an endpoint's requests are verified: a scheme by name,
// and what this endpoint sets or changes of it. What the fields mean for a
// scheme is the business of package signature; a zero field takes the scheme's
// own value.
type Verification struct {
	// Scheme is a name from signature.Schemes: hmac, github, stripe, none, …
	Scheme string `json:"scheme" yaml:"scheme"`
	// Header names the request header that carries the signature or token.
	Header string `json:"header,omitempty" yaml:"header,omitempty"`
	// Query names the query parameter that carries a token instead of a header.
	Query string `json:"query,omitempty" yaml:"query,omitempty"`
	// Prefix stands before the signature in the header ("sha256=").
	Prefix string `json:"prefix,omitempty" yaml:"prefix,omitempty"`
	// Algorithm is sha1, sha256, sha384 or sha512; for jwt one of HS256, RS256, ….
	Algorithm string `json:"algorithm,omitempty" yaml:"algorithm,omitempty"`
	// Encoding of the signature: hex, base64 or base64url.
	Encoding string `json:"encoding,omitempty" yaml:"encoding,omitempty"`
	// SecretEncoding says how the secret's text is the key: raw, hex or base64.
	SecretEncoding string `json:"secret_encoding,omitempty" yaml:"secret_encoding,omitempty"`
	// Template is the signed string, over {body} {timestamp} {id} {url} {method}.
	Template string `json:"template,omitempty" yaml:"template,omitempty"`
	// TimestampHeader carries the time of signing.
	TimestampHeader string `json:"timestamp_header,omitempty" yaml:"timestamp_header,omitempty"`
	// TimestampFormat is unix (seconds), unix-ms or rfc3339.
	TimestampFormat string `json:"timestamp_format,omitempty" yaml:"timestamp_format,omitempty"`
	// IDHeader carries the message id of the template's {id}.
	IDHeader string `json:"id_header,omitempty" yaml:"id_header,omitempty"`
	// Tolerance is how far the timestamp may lie from now, in both directions; for
	// jwt the leeway of exp and nbf.
	Tolerance Duration `json:"tolerance,omitzero" yaml:"tolerance,omitempty"`
	// Issuer, Audience and Claims are what a JSON Web Token must claim.
	Issuer   string            `json:"issuer,omitempty" yaml:"issuer,omitempty"`
	Audience string            `json:"audience,omitempty" yaml:"audience,omitempty"`
	Claims   map[string]string `json:"claims,omitempty" yaml:"claims,omitempty"`
	// JWKSURL is where the keys of tokens are fetched, over https.
	JWKSURL string `json:"jwks_url,omitempty" yaml:"jwks_url,omitempty"`
	// ConfirmSubscription lets the daemon confirm a subscription of the provider's
	// by calling the URL that it sends (AWS SNS).
	ConfirmSubscription bool `json:"confirm_subscription,omitempty" yaml:"confirm_subscription,omitempty"`
}
