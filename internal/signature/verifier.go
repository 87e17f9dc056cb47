package signature

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// Request is what was received, or is about to be sent.
type Request struct {
	Method string
	// URL is the public one, as the provider has it; only templates with {url}
	// look at it.
	URL string
	// Host is what the request was sent to, which URL need not name; only Explain
	// looks at it.
	Host   string
	Header http.Header
	// Body is raw, before anything parsed it.
	Body []byte
	// Now is the time by which timestamps are judged, and which Sign writes.
	Now time.Time
	// Presented stands for a token or password that the event log does not keep; nil
	// for a request that has just come.
	Presented *Presented

	keys *source
}

// Presented is the digest of a credential, as Digest makes it.
type Presented struct{ Digest, Salt []byte }

// Key is a secret that is active, under the name by which the caller knows it.
type Key struct {
	ID    string
	Value meshhook.Secret
}

// Verifier verifies requests as one endpoint asks for. It never changes, so
// any number of goroutines may use it at once.
type Verifier struct {
	scheme        Scheme
	engine        engine
	secretHeaders []string
	keys          *source
}

// engine is what a kind of scheme knows how to do.
type engine interface {
	// verify returns the key that fits, or why none does. What it sees on the way
	// it writes into f.
	verify(ctx context.Context, r Request, keys []Key, f *Findings) (Key, *Failure)
	// sign returns the headers that make verify accept r.
	sign(r Request, key Key, id string) (http.Header, error)
	// variants say in words what verify computes and compares.
	variants() []string
	// carriesSecret tells that the header holds the secret itself.
	carriesSecret() bool
}

// New makes the verifier of an endpoint. A scheme that is not known, an override
// that the scheme does not take and one that cannot be are CodeInvalid.
func New(v meshhook.Verification) (*Verifier, error) {
	s, err := resolve(v)
	if err != nil {
		return nil, err
	}
	e, err := newEngine(s)
	if err != nil {
		return nil, err
	}
	return &Verifier{scheme: s, engine: e, secretHeaders: secretHeaders(s, e)}, nil
}

// WithKeyring returns the verifier with a place to fetch keys from. Without one,
// schemes whose keys are fetched refuse everything as ReasonKeysUnavailable.
func (v *Verifier) WithKeyring(k *Keyring) *Verifier {
	with := *v
	with.keys = &source{keyring: k}
	return &with
}

// newEngine prepares the engine that s names, and that of its alternative.
func newEngine(s Scheme) (engine, error) {
	e, err := oneEngine(s)
	if err != nil || s.Alternative == nil {
		return e, err
	}
	other, err := oneEngine(*s.Alternative)
	return alternativeEngine{s.AlternativePrefix, other, e}, err
}

func oneEngine(s Scheme) (engine, error) {
	switch s.Engine {
	case EngineHMAC, EngineEd25519, EngineECDSA, EngineRSA:
		return newSigned(s)
	case EngineJWT:
		return newJWT(s)
	case EngineToken:
		return tokenEngine{s, newHeaderName(s.Header)}, nil
	case EngineBasic:
		return basicEngine{s, newHeaderName(s.Header)}, nil
	case EngineNone:
		return noneEngine{}, nil
	}
	return nil, meshhook.Errorf(meshhook.CodeInternal, "scheme %s names the engine %q, which does not exist", s.Name, s.Engine)
}

// Scheme returns the scheme with the endpoint's overrides in it.
func (v *Verifier) Scheme() Scheme { return v.scheme }

// Verify returns the key that r was signed with, or why r is refused. The keys
// are those active now; the scheme none needs none and returns the zero Key.
// The failure is a *Failure rather than an error so that it can be stored;
// compare it with nil before it becomes an error.
// Keys that have to be fetched are waited for as long as ctx lasts, and then
// ReasonKeysUnavailable says that nothing is known of the request.
func (v *Verifier) Verify(ctx context.Context, r Request, keys []Key) (Key, *Failure) {
	findings := Findings{Scheme: v.scheme.Name, Tolerance: v.scheme.Tolerance}
	r.keys = v.keys
	key, failure := v.engine.verify(ctx, r, keys, &findings)
	if failure == nil {
		return key, nil
	}
	findings.Fetch = failure.Findings.Fetch
	findings.Variants = v.engine.variants()
	for _, name := range v.headers() {
		values := r.Header.Values(name)
		seen := HeaderFinding{Name: name, Count: len(values)}
		if len(values) > 0 {
			seen.Length = len(values[0])
		}
		findings.Headers = append(findings.Headers, seen)
	}
	failure.Findings = findings
	return Key{}, failure
}

// Sign returns the headers that a sender of r sets: the signature with the key,
// the timestamp of r.Now, and id where the scheme has a place for it. A scheme
// whose signature covers an id needs one. Of r.Header only the Content-Type counts.
// A secret that the scheme cannot use, or a missing id, is CodeInvalid.
func (v *Verifier) Sign(r Request, key Key, id string) (http.Header, error) {
	if err := v.checkSecret(key.Value); err != nil {
		return nil, err
	}
	header, err := v.engine.sign(r, key, id)
	if err != nil {
		return nil, err
	}
	if name, ok := strings.CutPrefix(v.scheme.Dedup, "header:"); ok && id != "" {
		header.Set(name, id) // unsigned in some schemes, but their senders set it
	}
	return header, nil
}

// headers lists the headers that the scheme reads.
func (v *Verifier) headers() []string {
	s := v.scheme
	names := append([]string{s.Header}, s.MoreHeaders[:min(2, len(s.MoreHeaders))]...) // the rest is numbered on
	names = append(names, s.Timestamp.Header, s.IDHeader, s.Certificate.Header)
	if s.Alternative != nil {
		names = append(names, s.Alternative.Header, s.Alternative.Timestamp.Header, s.Alternative.IDHeader)
	}
	seen := map[string]bool{"": true}
	return slices.DeleteFunc(names, func(name string) bool {
		again := seen[name]
		seen[name] = true
		return again
	})
}

// Digest returns the salted digest of the token or password that r presents, by
// which the request can be verified again although the event log does not keep
// the credential itself. It is nil where nothing of the kind came; and for a JWT,
// which no digest can stand for.
func (v *Verifier) Digest(r Request, salt []byte) []byte {
	p, ok := v.engine.(presenter)
	if !ok || !v.engine.carriesSecret() {
		return nil
	}
	credential, failure := p.present(r)
	if failure != nil {
		return nil
	}
	return digest(salt, credential)
}
