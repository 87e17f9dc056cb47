package signature

import (
	"bytes"
	"crypto"
	"crypto/hmac"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// Handshake is a question by which a provider makes sure of an endpoint, and its
// answer. It is no event: the daemon answers, and no run starts.
type Handshake struct {
	// Signed tells that the question has to be verified before it is answered.
	Signed bool `json:"signed,omitempty"`
	// Method is the HTTP method of the question; empty for those that the webhook
	// answers anyway.
	Method string `json:"method,omitempty"`
	// When is what a request has to have to be the question; all of it.
	When []Condition `json:"when,omitempty"`
	// Token is the query parameter that has to equal the endpoint's token.
	Token string `json:"token,omitempty"`
	// Adopt is the header whose value becomes the endpoint's secret, if it has none.
	Adopt string `json:"adopt,omitempty"`
	// Confirm is the path in the body of a URL that has to be called to confirm a
	// subscription; on the hosts of the scheme's certificate.
	Confirm string `json:"confirm,omitempty"`
	// Status of the answer; 0 is 200.
	Status int `json:"status,omitempty"`
	// Headers of the answer.
	Headers map[string]Value `json:"headers,omitempty"`
	// Text is the answer's body, or Fields are, as JSON.
	Text   Value            `json:"text,omitzero"`
	Fields map[string]Value `json:"fields,omitempty"`
}

// Condition is something that a request has: at a place, and equal to a text
// unless that is empty.
type Condition struct {
	Place
	Equals string `json:"equals,omitempty"`
	// Absent turns it round: the place is not there.
	Absent bool `json:"absent,omitempty"`
}

// Place is where a value stands in a request. One of its fields is set.
type Place struct {
	Query  string `json:"query,omitempty"`
	Header string `json:"header,omitempty"`
	Field  string `json:"field,omitempty"` // a path in the body
}

// Value is a piece of an answer: what stands at a place, literal text, or the
// keyed hash (SHA-256, by the endpoint's newest secret) of what stands there.
type Value struct {
	Place
	Literal string `json:"literal,omitempty"`
	// MAC is hex or base64 for the keyed hash; empty for the value itself. Of
	// questions that are not signed, only a token68 is hashed, and no body of that
	// form is taken: the key is that of the bodies, and whoever asks may be anybody.
	MAC    string `json:"mac,omitempty"`
	Prefix string `json:"prefix,omitempty"`
	// Raw tells that the literal is JSON and not text.
	Raw bool `json:"raw,omitempty"`
}

// maxAnswer bounds what of a request is sent back, in bytes.
const maxAnswer = 4096

// maxQuestion bounds what is hashed for anybody, in bytes.
const maxQuestion = 128

// Reply is what a handshake is answered with.
type Reply struct {
	Status int
	Header http.Header
	Body   []byte
	// Adopt is the secret that came with it, for an endpoint that has none.
	Adopt meshhook.Secret
	// Confirm is a URL to call so that the subscription is confirmed.
	Confirm string
}

// Asks tells whether r, of which the body need not have come, is a question of the
// provider's by a method of its own.
func (v *Verifier) Asks(r Request) bool {
	return slices.ContainsFunc(v.scheme.Handshakes, func(h Handshake) bool {
		return h.Method != "" && h.Method == r.Method && !h.Signed && h.asks(newMessage(r, v.scheme))
	})
}

// Methods are the HTTP methods that the scheme's handshakes bring along.
func (v *Verifier) Methods() []string {
	var methods []string
	for _, h := range v.scheme.Handshakes {
		if h.Method != "" && !slices.Contains(methods, h.Method) {
			methods = append(methods, h.Method)
		}
	}
	return methods
}

// Handshake answers r where it is a handshake of the scheme; nil where it is not.
// Those that the provider signs are answered when verified says that r was. The
// failure is a handshake whose own token is not right.
func (v *Verifier) Handshake(r Request, keys []Key, verified bool) (*Reply, *Failure) {
	if len(v.scheme.Handshakes) == 0 {
		return nil, nil
	}
	m := newMessage(r, v.scheme)
	for _, h := range v.scheme.Handshakes {
		if h.Signed != verified || !h.asks(m) {
			continue
		}
		if failure := h.checkToken(m, keys); failure != nil {
			failure.Findings = Findings{Scheme: v.scheme.Name, Secrets: len(keys)}
			return nil, failure
		}
		return h.reply(v.scheme, m, keys)
	}
	return nil, nil
}

// asks tells whether the request is this handshake.
func (h Handshake) asks(m *message) bool {
	if h.Method != "" && m.request.Method != h.Method {
		return false
	}
	for _, c := range h.When {
		// A body is only parsed when it may say what is looked for.
		if c.Field != "" && !c.Absent && !bytes.Contains(m.request.Body, []byte(c.needle())) {
			return false
		}
		value, there := c.in(m)
		if there == c.Absent || c.Equals != "" && !c.Absent && value != c.Equals {
			return false
		}
	}
	return true
}

// needle is a text that a body has to hold to fulfil the condition.
func (c Condition) needle() string {
	if c.Equals != "" {
		return c.Equals
	}
	return c.Field[strings.LastIndexByte(c.Field, '.')+1:]
}

// in returns what stands at the place, and whether it is there.
func (p Place) in(m *message) (string, bool) {
	switch {
	case p.Header != "":
		values := m.request.Header.Values(p.Header)
		if len(values) != 1 {
			return "", false
		}
		return values[0], true
	case p.Query != "":
		u, err := url.Parse(m.request.URL)
		if err != nil || len(u.Query()[p.Query]) != 1 {
			return "", false
		}
		return u.Query().Get(p.Query), true
	default:
		return m.document.lookup(p.Field)
	}
}

// checkToken compares the handshake's token with those of the keys.
func (h Handshake) checkToken(m *message, keys []Key) *Failure {
	if h.Token == "" {
		return nil
	}
	came, there := Place{Query: h.Token}.in(m)
	for _, key := range keys {
		secret, token, has := strings.Cut(key.Value.Reveal(), ":")
		if !has {
			token = secret
		}
		if there && token != "" && subtle.ConstantTimeCompare(digest(nil, came), digest(nil, token)) == 1 {
			return nil
		}
	}
	return refuse(ReasonBadHandshake, "%s is not the token that this webhook was given", h.Token)
}

func (h Handshake) reply(s Scheme, m *message, keys []Key) (*Reply, *Failure) {
	r := &Reply{Status: h.Status, Header: http.Header{}}
	if r.Status == 0 {
		r.Status = http.StatusOK
	}
	for name, value := range h.Headers {
		text, failure := value.text(h, s, m, keys)
		if failure != nil {
			return nil, failure
		}
		r.Header.Set(name, text)
	}
	text, failure := h.Text.text(h, s, m, keys)
	if failure != nil {
		return nil, failure
	}
	switch {
	case h.Fields != nil:
		if r.Body, failure = h.object(s, m, keys); failure != nil {
			return nil, failure
		}
		r.Header.Set("Content-Type", "application/json")
	case text != "":
		r.Body = []byte(text)
		r.Header.Set("Content-Type", "text/plain; charset=utf-8")
	}
	if h.Adopt != "" {
		value, _ := Place{Header: h.Adopt}.in(m)
		r.Adopt = meshhook.NewSecret(value)
	}
	if h.Confirm != "" {
		address := m.document.value(h.Confirm)
		if pinned(address, s.Certificate.Hosts) == nil {
			return nil, refuse(ReasonBadHandshake, "the URL that would confirm the subscription is not one of the provider's")
		}
		r.Confirm = address
	}
	return r, nil
}

func (h Handshake) object(s Scheme, m *message, keys []Key) ([]byte, *Failure) {
	object := map[string]any{}
	for name, value := range h.Fields {
		text, failure := value.text(h, s, m, keys)
		if failure != nil {
			return nil, failure
		}
		object[name] = text
		if value.Raw {
			object[name] = json.RawMessage(text)
		}
	}
	text, err := json.Marshal(object)
	if err != nil { // of texts and of literals of ours: cannot happen
		return nil, refuse(ReasonBadHandshake, "the answer cannot be written as JSON")
	}
	return text, nil
}

// text is the value in a request's answer.
func (v Value) text(h Handshake, s Scheme, m *message, keys []Key) (string, *Failure) {
	if v.Place == (Place{}) {
		return v.Literal, nil
	}
	text, _ := v.in(m)
	if len(text) > maxAnswer || v.Header != "" && strings.ContainsFunc(text, isControl) {
		return "", refuse(ReasonBadHandshake, "what is to be sent back is longer than %d bytes, or no text", maxAnswer)
	}
	if v.MAC == "" {
		return v.Prefix + text, nil
	}
	if !h.Signed && !isToken68(text) {
		return "", refuse(ReasonBadHandshake, "the question is not 1 to %d letters, digits and marks of a token, so it is not answered", maxQuestion)
	}
	if len(keys) == 0 {
		return "", refuse(ReasonNoSecret, "the webhook has no active secret, so the question cannot be answered")
	}
	key, err := keyBytes(s.SecretFormat, keys[0].Value)
	if err != nil {
		return "", refuse(ReasonBadSecret, "the webhook's secret cannot be used, so the question cannot be answered")
	}
	mac := hmac.New(crypto.SHA256.New, key)
	mac.Write([]byte(text))
	if v.MAC == "hex" {
		return v.Prefix + hex.EncodeToString(mac.Sum(nil)), nil
	}
	return v.Prefix + base64.StdEncoding.EncodeToString(mac.Sum(nil)), nil
}

// hashesForAnybody tells whether the scheme answers a question that is not signed
// with a keyed hash of it.
func (s Scheme) hashesForAnybody() bool {
	return slices.ContainsFunc(s.Handshakes, func(h Handshake) bool {
		return !h.Signed && slices.ContainsFunc(slices.Collect(maps.Values(h.Fields)), func(v Value) bool { return v.MAC != "" })
	})
}

// isToken68 tells whether a text is a short token68 (RFC 9110, section 11.2). JSON
// objects and lists are none.
func isToken68(text string) bool {
	const marks = "-._~+/="
	return text != "" && len(text) <= maxQuestion && !strings.ContainsFunc(text, func(c rune) bool {
		letter := 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
		return !letter && !('0' <= c && c <= '9') && !strings.ContainsRune(marks, c)
	})
}
