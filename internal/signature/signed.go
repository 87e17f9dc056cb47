package signature

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// signedEngine compares the signatures of a request with what its keys say of
// the signed string. What a key is and how it signs is the business of its prover.
type signedEngine struct {
	scheme   Scheme
	prover   prover
	codec    codec
	template template
	headers  []headerName // of the signatures; empty where the body holds them
	// Those that the scheme does not use are empty.
	timestampHeader, idHeader headerName
}

// prover knows one kind of key.
type prover interface {
	// proof reads a secret, or says with CodeInvalid why it cannot be the key. Where
	// a certificate holds the key, it is fetched; then errors may be a *Failure.
	proof(ctx context.Context, m *message, secret meshhook.Secret) (proof, error)
	// size of a signature in bytes; 0 when it depends on the key.
	size() int
	// name of the algorithm for people: "HMAC-SHA256".
	name() string
}

// proof is a key in the form in which it is used.
type proof interface {
	// fits tells whether one of the signatures is the key's for the message.
	fits(t template, m *message, signatures [][]byte) bool
	// sign makes the signature, or says with CodeInvalid that this kind of key
	// can only verify.
	sign(t template, m *message) ([]byte, error)
}

// newSigned prepares a scheme, or says with CodeInvalid what cannot be.
func newSigned(s Scheme) (*signedEngine, error) {
	p, err := newProver(s)
	if err != nil {
		return nil, err
	}
	codec, err := newCodec(s.Encoding)
	if err != nil {
		return nil, err
	}
	parts, err := schemeTemplate(s)
	if err != nil {
		return nil, err
	}
	if err := checkSigned(s, parts); err != nil {
		return nil, err
	}
	e := &signedEngine{
		scheme:          s,
		prover:          p,
		codec:           codec,
		template:        parts,
		timestampHeader: s.headerName(s.Timestamp.Header),
		idHeader:        s.headerName(s.IDHeader),
	}
	if s.Header != "" {
		for _, name := range append([]string{s.Header}, s.MoreHeaders...) {
			e.headers = append(e.headers, s.headerName(name))
		}
	}
	return e, nil
}

// schemeTemplate parses a scheme's template. One that the table has as it stands
// is the provider's word; an endpoint's own has to cover the body.
func schemeTemplate(s Scheme) (template, error) {
	if listed, ok := Find(s.Name); ok {
		for known := &listed; known != nil; known = known.Alternative {
			if known.Template == s.Template {
				return parseTemplate(s.Template, append(ownFields, providerFields...))
			}
		}
	}
	return parseOwnTemplate(s.Template)
}

func (e *signedEngine) carriesSecret() bool { return false }

func (e *signedEngine) variants() []string {
	s := e.scheme
	place := "in " + s.Header
	if s.Header == "" {
		place = "in the body's " + s.Field
	}
	switch {
	case s.List.Signature != "":
		place += " as " + s.List.Signature + s.List.Assign
	case s.Prefix != "":
		place += " after " + s.Prefix
	case s.OptionalPrefix != "":
		place += ", with or without " + s.OptionalPrefix
	}
	return []string{e.prover.name() + " of " + s.Template + ", " + s.Encoding + " " + place}
}

func (e *signedEngine) verify(ctx context.Context, r Request, keys []Key, f *Findings) (Key, *Failure) {
	m := newMessage(r, e.scheme)
	texts, failure := e.signatures(m, f)
	if failure != nil {
		return Key{}, failure
	}
	if failure := e.checkConstants(r.Header); failure != nil {
		return Key{}, failure
	}
	if failure := e.readHeaders(m); failure != nil {
		return Key{}, failure
	}
	if failure := e.checkTime(m, f); failure != nil {
		return Key{}, failure
	}
	if failure := e.checkCovered(m); failure != nil {
		return Key{}, failure
	}
	var room [maxSignatures][]byte
	signatures := room[:0]
	for _, text := range texts {
		if sum, ok := e.codec.read(text, e.prover.size()); ok {
			signatures = append(signatures, sum)
		}
	}
	if len(signatures) == 0 {
		return Key{}, e.unreadable()
	}
	f.Signatures = len(signatures)
	return e.match(ctx, m, signatures, keys, f)
}

func (e *signedEngine) unreadable() *Failure {
	if size := e.prover.size(); size > 0 {
		return refuse(ReasonMalformedHeader, "the signature in %s is not %d bytes in %s", e.place(), size, e.scheme.Encoding)
	}
	return refuse(ReasonMalformedHeader, "the signature in %s is not written in %s", e.place(), e.scheme.Encoding)
}

// place is where the signature stands, for messages.
func (e *signedEngine) place() string {
	if e.scheme.Header == "" {
		return "the body's " + e.scheme.Field
	}
	return e.scheme.Header
}

// match returns the first key that made one of the signatures.
func (e *signedEngine) match(ctx context.Context, m *message, signatures [][]byte, keys []Key, f *Findings) (Key, *Failure) {
	f.SignedLength = e.template.length(m)
	urls := e.urls(m)
	anyone := len(keys) == 0 && e.scheme.SecretOptional && e.scheme.SecretFormat == SecretIdentifier
	if anyone {
		keys = []Key{{}} // any identifier will do
	}
	strangers := 0
	for _, key := range keys {
		if key.Value.IsZero() && !anyone {
			f.BadSecrets++
			continue
		}
		p, err := e.prover.proof(ctx, m, key.Value)
		if failure := asFailure(err); failure != nil {
			return Key{}, failure
		}
		if err != nil {
			f.BadSecrets++
			continue
		}
		f.Secrets++
		if p == (stranger{}) {
			strangers++
		}
		for _, m.url = range urls {
			if p.fits(e.template, m, signatures) {
				return key, nil
			}
		}
	}
	if strangers > 0 && strangers == f.Secrets {
		return Key{}, refuse(ReasonMismatch, "%s", messageOther(e.scheme))
	}
	if anyone {
		return Key{}, refuse(ReasonMismatch, "the signature in %s does not fit the request", e.place())
	}
	return Key{}, noMatch(keys, f, "the signature in %s does not fit the request and the secret", e.place())
}

// formType is the media type of an HTML form.
const formType = "application/x-www-form-urlencoded"

// Sample is a small body that Sign can sign, and its Content-Type.
func (v *Verifier) Sample() (contentType string, body []byte) {
	if e, ok := v.engine.(*signedEngine); ok && e.template.uses(fieldForm) {
		return formType, []byte("hello=world")
	}
	return "application/json", []byte(`{"hello":"world"}`)
}

// urls are the ways in which the sender may have written the URL.
func (e *signedEngine) urls(m *message) []string {
	if e.scheme.BodyHashQuery != "" {
		return portVariants(m.request.URL)
	}
	return []string{m.request.URL}
}

// checkCovered refuses content that the signature does not cover, for schemes
// that sign the URL and a form, or the URL with the body's hash in it.
func (e *signedEngine) checkCovered(m *message) *Failure {
	if failure := e.checkLines(m); failure != nil {
		return failure
	}
	if e.scheme.hashesForAnybody() && e.template.length(m) <= maxQuestion {
		var signed strings.Builder
		e.template.write(&signed, m)
		if isToken68(signed.String()) {
			return refuse(ReasonMismatch, "the body is nothing but a token, which anybody may have had signed as a question")
		}
	}
	name := e.scheme.BodyHashQuery
	if name == "" {
		return nil
	}
	if u, err := url.Parse(m.request.URL); err == nil && u.Query().Has(name) {
		m.hashed = true
		sum := sha256.Sum256(m.request.Body)
		if !strings.EqualFold(u.Query().Get(name), hex.EncodeToString(sum[:])) {
			return refuse(ReasonMismatch, "the body is not the one whose hash is %s in the URL", name)
		}
		return nil
	}
	if len(m.request.Body) > 0 && m.document.form() == nil {
		return refuse(ReasonMismatch, "the body is no form and the URL has no %s, so the signature does not cover it", name)
	}
	return nil
}

// checkLines refuses a line break in any of the signed lines but those of the
// first field, and one that is missing: with them the same lines could be read as
// other fields, such as the topic of somebody else, or a message without its id.
func (e *signedEngine) checkLines(m *message) *Failure {
	for _, p := range e.template {
		if p.field != fieldLines {
			continue
		}
		for i, name := range strings.Split(p.operand, ",") {
			name, optional := strings.CutSuffix(name, "?")
			value, there := m.document.lookup(name)
			if !there && !optional {
				return refuse(ReasonMismatch, "the body has no %s, which is signed", name)
			}
			if i > 0 && strings.Contains(value, "\n") {
				return refuse(ReasonMismatch, "the body's %s holds a line break, so that it is not clear what was signed", name)
			}
		}
	}
	return nil
}

// checkConstants refuses another version of the scheme than the one described.
func (e *signedEngine) checkConstants(h http.Header) *Failure {
	for name, want := range e.scheme.Constants {
		if values := h.Values(name); len(values) > 1 || len(values) == 1 && values[0] != want {
			return refuse(ReasonMalformedHeader, "the header %s is not %s", name, want)
		}
	}
	return nil
}

// readHeaders puts what stands in headers of its own into m.
func (e *signedEngine) readHeaders(m *message) (failure *Failure) {
	if e.timestampHeader.shown != "" {
		if m.timestamp, failure = one(m.request.Header, e.timestampHeader); failure != nil {
			return failure
		}
	}
	if e.idHeader.shown != "" {
		m.id, failure = one(m.request.Header, e.idHeader)
	}
	return failure
}

// checkTime checks that m was signed about now.
func (e *signedEngine) checkTime(m *message, f *Findings) *Failure {
	if e.scheme.Timestamp == (Timestamp{}) {
		return nil
	}
	if path := e.scheme.Timestamp.BodyField; path != "" {
		m.timestamp = m.document.value(path)
	}
	at, ok := readTime(e.scheme.Timestamp.Format, m.timestamp)
	if !ok {
		return refuse(ReasonUnreadableTimestamp, "the timestamp is not %s", e.scheme.Timestamp.Format.words())
	}
	return checkSkew(m.request.Now.Sub(at), e.scheme.Tolerance.Std(), f)
}

// checkSkew refuses what was signed too long ago, or ahead. A skew saturates
// (time.Time.Sub), so no timestamp can wrap it round.
func checkSkew(skew, tolerance time.Duration, f *Findings) *Failure {
	seconds := int64(skew / time.Second)
	f.SkewSeconds = &seconds
	away, allowed := meshhook.Duration(skew.Abs().Round(time.Millisecond)), meshhook.Duration(tolerance)
	switch {
	case skew > tolerance:
		return refuse(ReasonStaleTimestamp, "the timestamp lies %v in the past; at most %v are allowed", away, allowed)
	case skew < -tolerance:
		return refuse(ReasonStaleTimestamp, "the timestamp lies %v in the future; at most %v are allowed", away, allowed)
	}
	return nil
}

func (e *signedEngine) sign(r Request, key Key, id string) (http.Header, error) {
	if len(e.headers) == 0 || e.scheme.Timestamp.BodyField != "" {
		return nil, meshhook.Errorf(meshhook.CodeInvalid, "scheme %s signs inside the body, which cannot be done to a body of yours; send an event from the provider", e.scheme.Name)
	}
	if _, byCertificate := e.prover.(*certificateProver); byCertificate {
		return nil, errOnlyProvider()
	}
	m := newMessage(r, e.scheme)
	m.secret = key.Value.Reveal()
	p, err := e.prover.proof(context.Background(), m, key.Value)
	if err != nil {
		return nil, err
	}
	if failure := e.checkCovered(m); failure != nil {
		if !e.template.uses(fieldForm) {
			return nil, meshhook.Errorf(meshhook.CodeInvalid, "%s", failure.Message)
		}
		return nil, meshhook.Errorf(meshhook.CodeInvalid, "%s; give a form, with the Content-Type %s", failure.Message, formType)
	}
	header := http.Header{}
	if e.scheme.Timestamp != (Timestamp{}) {
		m.timestamp = e.scheme.Timestamp.Format.write(r.Now)
	}
	if e.timestampHeader.shown != "" {
		header.Set(e.timestampHeader.canonical, m.timestamp)
	}
	if e.idHeader.shown != "" {
		if id == "" {
			return nil, meshhook.Errorf(meshhook.CodeInvalid, "scheme %s signs a message id; give one", e.scheme.Name)
		}
		m.id = id
		header.Set(e.idHeader.canonical, id)
	}
	sum, err := p.sign(e.template, m)
	if err != nil {
		return nil, err
	}
	header.Set(e.headers[0].canonical, e.join(e.codec.encode(sum), m.timestamp))
	return header, nil
}
