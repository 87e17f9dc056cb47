package signature

import (
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"hash"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// hmacEngine compares a keyed hash of the request (RFC 2104) with the
// signatures in a header.
type hmacEngine struct {
	scheme   Scheme
	newHash  func() hash.Hash
	size     int
	codec    codec
	template template
	// Those that the scheme does not use are empty.
	header, timestampHeader, idHeader headerName
}

// newHMAC prepares a scheme, or says with CodeInvalid what cannot be.
func newHMAC(s Scheme) (*hmacEngine, error) {
	newHash, err := hashFunc(s.Algorithm)
	if err != nil {
		return nil, err
	}
	codec, err := newCodec(s.Encoding)
	if err != nil {
		return nil, err
	}
	parts, err := parseTemplate(s.Template)
	if err != nil {
		return nil, err
	}
	if err := checkSigned(s, parts); err != nil {
		return nil, err
	}
	return &hmacEngine{
		scheme:          s,
		newHash:         newHash,
		size:            newHash().Size(),
		codec:           codec,
		template:        parts,
		header:          newHeaderName(s.Header),
		timestampHeader: newHeaderName(s.Timestamp.Header),
		idHeader:        newHeaderName(s.IDHeader),
	}, nil
}

// hashFunc returns the hash of that name. SHA-1 is there for providers that
// still use it: what broke it are collisions, which HMAC does not rest on.
func hashFunc(algorithm string) (func() hash.Hash, error) {
	switch algorithm {
	case "sha1":
		return sha1.New, nil
	case "sha256":
		return sha256.New, nil
	case "sha384":
		return sha512.New384, nil
	case "sha512":
		return sha512.New, nil
	}
	return nil, meshhook.Errorf(meshhook.CodeInvalid,
		"algorithm %q is not known; write sha1, sha256, sha384 or sha512", clip(algorithm))
}

func (e *hmacEngine) carriesSecret() bool { return false }

func (e *hmacEngine) variants() []string {
	place := "in " + e.scheme.Header
	switch {
	case e.scheme.List.Signature != "":
		place += " as " + e.scheme.List.Signature + e.scheme.List.Assign
	case e.scheme.Prefix != "":
		place += " after " + e.scheme.Prefix
	case e.scheme.OptionalPrefix != "":
		place += ", with or without " + e.scheme.OptionalPrefix
	}
	return []string{"HMAC-" + strings.ToUpper(e.scheme.Algorithm) + " of " + e.scheme.Template + ", " + e.scheme.Encoding + " " + place}
}

func (e *hmacEngine) verify(r Request, keys []Key, f *Findings) (Key, *Failure) {
	m := message{request: r}
	value, failure := one(r.Header, e.header)
	if failure != nil {
		return Key{}, failure
	}
	texts, failure := e.split(value, &m, f)
	if failure != nil {
		return Key{}, failure
	}
	if failure := e.readHeaders(&m); failure != nil {
		return Key{}, failure
	}
	if failure := e.checkTime(m, f); failure != nil {
		return Key{}, failure
	}
	var room [maxSignatures][]byte
	signatures := room[:0]
	for _, text := range texts {
		if sum, ok := e.codec.read(text, e.size); ok {
			signatures = append(signatures, sum)
		}
	}
	if len(signatures) == 0 {
		return Key{}, refuse(ReasonMalformedHeader, "the signature in %s is not %d bytes in %s",
			e.scheme.Header, e.size, e.scheme.Encoding)
	}
	f.Signatures = len(signatures)
	return e.match(m, signatures, keys, f)
}

// match returns the first key whose hash of m is one of the signatures.
func (e *hmacEngine) match(m message, signatures [][]byte, keys []Key, f *Findings) (Key, *Failure) {
	f.SignedLength = e.template.length(m)
	for _, key := range keys {
		raw, err := keyBytes(e.scheme.SecretFormat, key.Value)
		if err != nil {
			f.BadSecrets++
			continue
		}
		f.Secrets++
		sum := e.sum(raw, m)
		for _, signature := range signatures {
			if hmac.Equal(sum, signature) {
				return key, nil
			}
		}
	}
	return Key{}, noMatch(keys, f, "the signature in %s does not fit the request and the secret", e.scheme.Header)
}

// sum is the keyed hash of the message.
func (e *hmacEngine) sum(key []byte, m message) []byte {
	mac := hmac.New(e.newHash, key)
	e.template.write(mac, m)
	return mac.Sum(nil)
}

// split takes the signatures' texts out of the header's value and, where the
// timestamp stands among them, puts it into m.
func (e *hmacEngine) split(value string, m *message, f *Findings) ([]string, *Failure) {
	if e.scheme.List.Signature != "" {
		return e.splitList(value, m, f)
	}
	text, ok := strings.CutPrefix(value, e.scheme.Prefix)
	if !ok {
		return nil, refuse(ReasonMalformedHeader, "the header %s does not begin with %q", e.scheme.Header, e.scheme.Prefix)
	}
	return []string{strings.TrimPrefix(text, e.scheme.OptionalPrefix)}, nil
}

// splitList is split for a header of several named values.
func (e *hmacEngine) splitList(value string, m *message, f *Findings) ([]string, *Failure) {
	list, field := e.scheme.List, e.scheme.Timestamp.Field
	var texts []string
	var timed bool
	for element := range strings.SplitSeq(value, list.Separator) {
		name, text, ok := strings.Cut(element, list.Assign)
		switch {
		case !ok:
			return nil, refuse(ReasonMalformedHeader, "the header %s is not a list of name%svalue with %q between them",
				e.scheme.Header, list.Assign, list.Separator)
		case name == list.Signature:
			texts = append(texts, text)
		case field != "" && name == field:
			if timed {
				return nil, refuse(ReasonMalformedHeader, "the header %s has %s%s twice", e.scheme.Header, field, list.Assign)
			}
			timed, m.timestamp = true, text
		default:
			f.Ignored++
		}
	}
	switch {
	case field != "" && !timed:
		return nil, refuse(ReasonMalformedHeader, "the header %s has no %s%s", e.scheme.Header, field, list.Assign)
	case len(texts) == 0:
		return nil, refuse(ReasonMalformedHeader, "the header %s has no %s%s", e.scheme.Header, list.Signature, list.Assign)
	case len(texts) > maxSignatures:
		return nil, refuse(ReasonMalformedHeader, "the header %s has more than %d signatures", e.scheme.Header, maxSignatures)
	}
	return texts, nil
}

// readHeaders puts what stands in headers of its own into m.
func (e *hmacEngine) readHeaders(m *message) (failure *Failure) {
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
func (e *hmacEngine) checkTime(m message, f *Findings) *Failure {
	if e.scheme.Timestamp == (Timestamp{}) {
		return nil
	}
	at, ok := unixTime(m.timestamp)
	if !ok {
		return refuse(ReasonUnreadableTimestamp, "the timestamp is not a number of Unix seconds")
	}
	skew := m.request.Now.Sub(at) // saturates, so no timestamp can wrap it round
	seconds := int64(skew / time.Second)
	f.SkewSeconds = &seconds
	tolerance, away := e.scheme.Tolerance.Std(), skew.Abs().Round(time.Millisecond)
	switch {
	case skew > tolerance:
		return refuse(ReasonStaleTimestamp, "the timestamp lies %v in the past; at most %v are allowed", away, tolerance)
	case skew < -tolerance:
		return refuse(ReasonStaleTimestamp, "the timestamp lies %v in the future; at most %v are allowed", away, tolerance)
	}
	return nil
}

func (e *hmacEngine) sign(r Request, key Key, id string) (http.Header, error) {
	raw, err := keyBytes(e.scheme.SecretFormat, key.Value)
	if err != nil {
		return nil, err
	}
	m := message{request: r}
	header := http.Header{}
	if e.scheme.Timestamp != (Timestamp{}) {
		m.timestamp = strconv.FormatInt(r.Now.Unix(), 10)
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
	text := e.codec.encode(e.sum(raw, m))
	header.Set(e.header.canonical, e.join(text, m.timestamp))
	return header, nil
}

// join is the reverse of split, for one signature.
func (e *hmacEngine) join(signature, timestamp string) string {
	list := e.scheme.List
	if list.Signature == "" {
		return e.scheme.Prefix + e.scheme.OptionalPrefix + signature
	}
	text := list.Signature + list.Assign + signature
	if field := e.scheme.Timestamp.Field; field != "" {
		text = field + list.Assign + timestamp + list.Separator + text
	}
	return text
}
