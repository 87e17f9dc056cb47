package meshhook

// Verification says how an endpoint's requests are verified: a scheme by name,
// and what this endpoint sets or changes of it. What the fields mean for a
// scheme is the business of package signature; a zero field takes the scheme's
// own value.
type Verification struct {
	// Scheme is a name from signature.Schemes: hmac, github, stripe, none, …
	Scheme string `json:"scheme" yaml:"scheme" doc:"A name that meshhook webhook schemes lists: hmac, github, stripe, none, …."`
	// Header names the request header that carries the signature or token.
	Header string `json:"header,omitempty" yaml:"header,omitempty" doc:"Request header of the signature or token."`
	// Query names the query parameter that carries a token instead of a header.
	Query string `json:"query,omitempty" yaml:"query,omitempty" doc:"Query parameter of a token, instead of a header."`
	// Prefix stands before the signature in the header ("sha256=").
	Prefix string `json:"prefix,omitempty" yaml:"prefix,omitempty" doc:"What stands before the signature in the header, like sha256=."`
	// Algorithm is sha1, sha256, sha384 or sha512; for jwt one of HS256, RS256, ….
	Algorithm string `json:"algorithm,omitempty" yaml:"algorithm,omitempty" doc:"sha1, sha256, sha384 or sha512; for jwt one of HS256, RS256, …."`
	// Encoding of the signature: hex, base64 or base64url.
	Encoding string `json:"encoding,omitempty" yaml:"encoding,omitempty" doc:"Of the signature: hex, base64 or base64url."`
	// SecretEncoding says how the secret's text is the key: raw, hex or base64.
	SecretEncoding string `json:"secret_encoding,omitempty" yaml:"secret_encoding,omitempty" doc:"How the secret's text is the key: raw, hex or base64."`
	// Template is the signed string, over {body} {timestamp} {id} {url} {method}.
	Template string `json:"template,omitempty" yaml:"template,omitempty" doc:"The signed string, over {body} {timestamp} {id} {url} {method}."`
	// TimestampHeader carries the time of signing.
	TimestampHeader string `json:"timestamp_header,omitempty" yaml:"timestamp_header,omitempty" doc:"Request header of the time of signing."`
	// TimestampFormat is unix (seconds), unix-ms or rfc3339.
	TimestampFormat string `json:"timestamp_format,omitempty" yaml:"timestamp_format,omitempty" doc:"unix (seconds), unix-ms or rfc3339."`
	// IDHeader carries the message id of the template's {id}.
	IDHeader string `json:"id_header,omitempty" yaml:"id_header,omitempty" doc:"Request header of the message's id."`
	// Tolerance is how far the timestamp may lie from now, in both directions; for
	// jwt the leeway of exp and nbf.
	Tolerance Duration `json:"tolerance,omitzero" yaml:"tolerance,omitempty" doc:"How far the time of signing may lie from now; for jwt the leeway of exp and nbf."`
	// Issuer, Audience and Claims are what a JSON Web Token must claim.
	Issuer   string            `json:"issuer,omitempty" yaml:"issuer,omitempty" doc:"iss that a JSON Web Token must claim."`
	Audience string            `json:"audience,omitempty" yaml:"audience,omitempty" doc:"aud that a JSON Web Token must claim."`
	Claims   map[string]string `json:"claims,omitempty" yaml:"claims,omitempty" doc:"Further claims that a JSON Web Token must have."`
	// JWKSURL is where the keys of tokens are fetched, over https.
	JWKSURL string `json:"jwks_url,omitempty" yaml:"jwks_url,omitempty" doc:"https URL of the keys of JSON Web Tokens, instead of a secret."`
	// ConfirmSubscription lets the daemon confirm a subscription of the provider's
	// by calling the URL that it sends (AWS SNS).
	ConfirmSubscription bool `json:"confirm_subscription,omitempty" yaml:"confirm_subscription,omitempty" doc:"Whether to confirm subscriptions by calling the URL that the provider sends (sns)."`
}
