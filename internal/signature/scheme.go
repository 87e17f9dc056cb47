package signature

import (
	"slices"
	"strings"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// Engine names the code that reads a Scheme.
type Engine string

// The engines.
const (
	EngineHMAC  Engine = "hmac"  // a keyed hash of the request, RFC 2104
	EngineToken Engine = "token" // a header equals the secret
	EngineBasic Engine = "basic" // Basic credentials, RFC 7617
	EngineNone  Engine = "none"  // nothing is verified
)

// SecretFormat says how the text of a secret becomes the key.
type SecretFormat string

// The formats of a secret.
const (
	SecretRaw          SecretFormat = "raw"           // the bytes of the text are the key
	SecretWhsec        SecretFormat = "whsec"         // base64 after "whsec_", as Standard Webhooks writes it
	SecretUserPassword SecretFormat = "user:password" // a name and a password, RFC 7617
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
	// Prefix has to stand before the signature or token.
	Prefix string `json:"prefix,omitempty"`
	// OptionalPrefix may stand before the signature, or not.
	OptionalPrefix string `json:"optional_prefix,omitempty"`
	// Algorithm is the hash: sha1, sha256, sha384 or sha512.
	Algorithm string `json:"algorithm,omitempty"`
	// Encoding of the signature: hex, base64 or base64url.
	Encoding string `json:"encoding,omitempty"`
	// Template is the signed string, over {body} {timestamp} {id} {url} {method}.
	Template string `json:"template,omitempty"`
	// List says how the header is divided, where it holds more than a signature.
	List List `json:"list,omitzero"`
	// Timestamp says where the time of signing stands, in Unix seconds.
	Timestamp Timestamp `json:"timestamp,omitzero"`
	// IDHeader carries the message id that the template calls {id}.
	IDHeader string `json:"id_header,omitempty"`
	// Tolerance is how far the timestamp may lie from now, in both directions.
	Tolerance meshhook.Duration `json:"tolerance,omitzero"`
	// SecretFormat says how the secret becomes the key.
	SecretFormat SecretFormat `json:"secret_format"`
	// SecretFromProvider tells that the provider makes the secret, so it has to
	// be asked for; otherwise the user chooses it, and it can be generated.
	SecretFromProvider bool `json:"secret_from_provider"`
	// SecretHint says what the secret looks like and where it is found.
	SecretHint string `json:"secret_hint,omitempty"`
	// Dedup is the default key by which a repeated event is known: "header:NAME"
	// or a jq expression over {event}. Empty where the scheme has none.
	Dedup string `json:"dedup,omitempty"`
	// Docs is the page on which the provider describes the scheme.
	Docs string `json:"docs,omitempty"`
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
}

// Timestamp says where the time of signing stands: in a header of its own, or
// in the list under a name. The zero Timestamp is a scheme without time.
type Timestamp struct {
	Header string `json:"header,omitempty"`
	Field  string `json:"field,omitempty"`
}

// Schemes returns every scheme, ordered by name.
func Schemes() []Scheme {
	all := table()
	slices.SortFunc(all, func(a, b Scheme) int { return strings.Compare(a.Name, b.Name) })
	return all
}

// Find returns the scheme of that name, as it is before an endpoint changes it.
func Find(name string) (Scheme, bool) {
	all := table()
	i := slices.IndexFunc(all, func(s Scheme) bool { return s.Name == name })
	if i < 0 {
		return Scheme{}, false
	}
	return all[i], true
}

// errUnknownScheme names the schemes there are, the likeliest first.
func errUnknownScheme(name string) error {
	var names []string
	for _, s := range Schemes() {
		names = append(names, s.Name)
	}
	list := strings.Join(names, ", ")
	if name == "" {
		return meshhook.Errorf(meshhook.CodeInvalid,
			"the verification scheme is missing; write one of %s (none accepts every request)", list)
	}
	near := slices.MinFunc(names, func(a, b string) int { return distance(name, a) - distance(name, b) })
	if distance(name, near) <= 2 {
		return meshhook.Errorf(meshhook.CodeInvalid,
			"%q is not a verification scheme; did you mean %s? There are %s", clip(name), near, list)
	}
	return meshhook.Errorf(meshhook.CodeInvalid, "%q is not a verification scheme; there are %s", clip(name), list)
}

// clip shortens text from outside for a message.
func clip(text string) string {
	const most = 64
	if len(text) <= most {
		return text
	}
	return text[:most] + "…"
}

// distance is how many letters it takes to make b of a, regardless of case
// (Levenshtein). Past 2 it says 3 at once where the lengths alone differ by
// more, so that a long a costs nothing.
func distance(a, b string) int {
	if gap := len(a) - len(b); gap > 2 || gap < -2 {
		return 3
	}
	a = strings.ToLower(a)
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
