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
	// Prefix stands before the signature in the header ("sha256=").
	Prefix string `json:"prefix,omitempty" yaml:"prefix,omitempty"`
	// Algorithm is sha1, sha256, sha384 or sha512.
	Algorithm string `json:"algorithm,omitempty" yaml:"algorithm,omitempty"`
	// Encoding of the signature: hex, base64 or base64url.
	Encoding string `json:"encoding,omitempty" yaml:"encoding,omitempty"`
	// Template is the signed string, over {body} {timestamp} {id} {url} {method}.
	Template string `json:"template,omitempty" yaml:"template,omitempty"`
	// TimestampHeader carries the time of signing, in Unix seconds.
	TimestampHeader string `json:"timestamp_header,omitempty" yaml:"timestamp_header,omitempty"`
	// IDHeader carries the message id of the template's {id}.
	IDHeader string `json:"id_header,omitempty" yaml:"id_header,omitempty"`
	// Tolerance is how far the timestamp may lie from now, in both directions.
	Tolerance Duration `json:"tolerance,omitzero" yaml:"tolerance,omitempty"`
}
