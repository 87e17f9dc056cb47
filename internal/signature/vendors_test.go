package signature_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/signature"
)

// vendorFile is a file of testdata/vendors/vectors: requests that the vendor's own
// library signed or took for right, or that its documentation prints. The README
// beside it says which, for each scheme.
type vendorFile struct {
	Scheme string       `json:"scheme"`
	Source string       `json:"source"`
	Docs   string       `json:"docs"`
	Cases  []vendorCase `json:"cases"`
}

type vendorCase struct {
	Name         string                `json:"name"`
	Secret       string                `json:"secret"`
	Secrets      []string              `json:"secrets"`
	Method       string                `json:"method"`
	URL          string                `json:"url"`
	Headers      map[string]headerText `json:"headers"`
	Body         string                `json:"body"`
	BodyBase64   string                `json:"body_base64"`
	Verification struct {
		meshhook.Verification
		VerifyToken string `json:"verify_token"` // of Meta; it stands behind the secret
	} `json:"verification"`
	Now       time.Time         `json:"now"`
	Accept    bool              `json:"accept"`
	Why       string            `json:"why"`
	Keys      map[string]string `json:"keys"`
	Handshake *vendorAnswer     `json:"handshake"`
}

type vendorAnswer struct {
	Status      int               `json:"status"`
	ContentType string            `json:"content_type"`
	Headers     map[string]string `json:"headers"`
	Body        string            `json:"body"`
}

// headerText is a header's value, or several.
type headerText []string

// UnmarshalJSON reads a text or a list of texts.
func (h *headerText) UnmarshalJSON(text []byte) error {
	var one string
	if json.Unmarshal(text, &one) == nil {
		*h = headerText{one}
		return nil
	}
	return json.Unmarshal(text, (*[]string)(h))
}

// vendorFiles reads every vector.
func vendorFiles(t testing.TB) []vendorFile {
	t.Helper()
	names, err := filepath.Glob("testdata/vendors/vectors/*.json")
	require.NoError(t, err)
	require.NotEmpty(t, names)
	var files []vendorFile
	for _, name := range names {
		text, err := os.ReadFile(name)
		require.NoError(t, err)
		var file vendorFile
		decoder := json.NewDecoder(bytes.NewReader(text))
		require.NoError(t, decoder.Decode(&file), name)
		require.Equal(t, strings.TrimSuffix(filepath.Base(name), ".json"), file.Scheme)
		require.NotEmpty(t, file.Source, name)
		files = append(files, file)
	}
	return files
}

// request is the case as it came to the door.
func (c vendorCase) request(t testing.TB) signature.Request {
	t.Helper()
	r := signature.Request{Method: c.Method, URL: c.URL, Header: http.Header{}, Body: []byte(c.Body), Now: c.Now}
	if c.BodyBase64 != "" {
		var err error
		r.Body, err = base64.StdEncoding.DecodeString(c.BodyBase64)
		require.NoError(t, err)
	}
	for name, values := range c.Headers {
		for _, value := range values {
			r.Header.Add(name, value)
		}
	}
	return r
}

func (c vendorCase) keys() []signature.Key {
	if c.Verification.VerifyToken != "" {
		return keys(c.Secret + ":" + c.Verification.VerifyToken)
	}
	if c.Secret != "" {
		return keys(c.Secret)
	}
	return keys(c.Secrets...)
}

// verifier is that of the case, with the documents that it may fetch.
func (c vendorCase) verifier(t testing.TB, scheme string) *signature.Verifier {
	t.Helper()
	c.Verification.Scheme = scheme
	v := newVerifier(t, c.Verification.Verification)
	return v.WithKeyring(signature.NewKeyring(func(_ context.Context, address string, body []byte) ([]byte, error) {
		text, ok := c.Keys[address]
		if body != nil { // a look-up of one key by its id
			var asked struct {
				KeyID string `json:"key_id"`
			}
			require.NoError(t, json.Unmarshal(body, &asked))
			text, ok = c.Keys[address+"#"+asked.KeyID], c.Keys[address+"#"+asked.KeyID] != ""
			if !ok {
				text, ok = c.Keys[address]
			}
		}
		if !ok {
			return nil, errors.New("no such document: " + address)
		}
		return []byte(text), nil
	}))
}

func TestVendors(t *testing.T) {
	t.Parallel()
	for _, file := range vendorFiles(t) {
		for _, c := range file.Cases {
			t.Run(file.Scheme+"/"+c.Name, func(t *testing.T) {
				t.Parallel()
				if strings.HasPrefix(c.Name, "printed: the body came unescaped") {
					c.Accept = false // Box's library guesses at two bodies; what is signed is what came
				}
				v, r := c.verifier(t, file.Scheme), c.request(t)
				if c.Handshake != nil && !signedHandshake(v, r, c) {
					requireHandshake(t, v, r, c, false)
					return
				}
				_, failure := v.Verify(t.Context(), r, c.keys())
				if !c.Accept {
					require.NotNil(t, failure, c.Why)
					return
				}
				require.Nil(t, failure)
				if c.Handshake != nil {
					requireHandshake(t, v, r, c, true)
					return
				}
				if bytes.Contains(r.Body, []byte("SubscriptionConfirmation")) {
					reply, failure := v.Handshake(r, c.keys(), true)
					require.Nil(t, failure)
					require.True(t, strings.HasPrefix(reply.Confirm, "https://sns.eu-central-1.amazonaws.com/"))
					return
				}
				for _, verified := range []bool{false, true} {
					reply, failure := v.Handshake(r, c.keys(), verified)
					require.Nil(t, failure)
					require.Nil(t, reply, "an event is no handshake")
				}
			})
		}
	}
}

func signedHandshake(v *signature.Verifier, r signature.Request, c vendorCase) bool {
	reply, failure := v.Handshake(r, c.keys(), false)
	return reply == nil && failure == nil
}

func requireHandshake(t *testing.T, v *signature.Verifier, r signature.Request, c vendorCase, verified bool) {
	t.Helper()
	reply, failure := v.Handshake(r, c.keys(), verified)
	if !c.Accept {
		require.NotNil(t, failure)
		return
	}
	require.Nil(t, failure)
	require.NotNil(t, reply)
	require.Equal(t, c.Handshake.Status, reply.Status)
	if strings.HasPrefix(c.Handshake.Body, "{") {
		require.JSONEq(t, c.Handshake.Body, string(reply.Body))
	} else {
		require.Equal(t, c.Handshake.Body, string(reply.Body))
	}
	for name, value := range c.Handshake.Headers {
		if name == "X-Content-Type-Options" {
			continue // on every answer of ingress
		}
		require.Equal(t, value, reply.Header.Get(name))
	}
	if c.Handshake.ContentType != "" {
		media, _, _ := strings.Cut(reply.Header.Get("Content-Type"), ";")
		wanted, _, _ := strings.Cut(c.Handshake.ContentType, ";")
		require.Equal(t, wanted, media)
	}
}

// Every provider of the table has vectors.
func TestVendors_AreComplete(t *testing.T) {
	t.Parallel()
	var have []string
	for _, file := range vendorFiles(t) {
		if slices.ContainsFunc(file.Cases, func(c vendorCase) bool { return c.Accept && c.Handshake == nil }) {
			have = append(have, file.Scheme)
		}
	}
	own := []string{"basic", "ecdsa", "ed25519", "hmac", "none", "rsa-cert", "token"} // of no provider
	for _, s := range signature.Schemes() {
		if !slices.Contains(own, s.Name) {
			require.Contains(t, have, s.Name)
		}
	}
}

// What is taken as it came is refused after any change that matters.
func TestVendors_RefuseWhatWasChanged(t *testing.T) {
	t.Parallel()
	for _, file := range vendorFiles(t) {
		for _, c := range file.Cases {
			if !c.Accept || c.Handshake != nil || strings.HasPrefix(c.Name, "printed: the body came unescaped") {
				continue
			}
			t.Run(file.Scheme+"/"+c.Name, func(t *testing.T) {
				t.Parallel()
				v := c.verifier(t, file.Scheme)
				refused := func(what string, change func(*signature.Request)) {
					r := c.request(t)
					change(&r)
					_, failure := v.Verify(t.Context(), r, c.keys())
					require.NotNil(t, failure, what)
					require.NotEmpty(t, failure.Message)
				}
				changeHeaders(schemeOf(v, c), c.request(t), refused)
				changeTimes(v, c, refused)
				changeContent(v, c.request(t), refused)
				refuseOtherSecrets(t, v, c)
			})
		}
	}
}

// changeHeaders takes away, empties, cuts and doubles each header that counts.
func changeHeaders(s signature.Scheme, r signature.Request, refused func(string, func(*signature.Request))) {
	names := append([]string{s.Header, s.Timestamp.Header, s.IDHeader, s.Certificate.Header}, s.MoreHeaders...)
	present := slices.DeleteFunc(names, func(name string) bool { return name == "" || len(r.Header.Values(name)) == 0 })
	several := len(s.MoreHeaders) > 0 && len(present) > 1
	for _, name := range present {
		value := r.Header.Get(name)
		if !several || name == s.Timestamp.Header { // of several signatures one is enough
			refused(name+" missing", func(r *signature.Request) { r.Header.Del(name) })
			mark := s.List.Signature + s.List.Assign
			if name != s.Header || strings.Count(value, mark) < 2 && strings.LastIndex(value, mark) >= strings.LastIndex(value, s.List.Separator) { // or a signature is left
				refused(name+" cut", func(r *signature.Request) { r.Header.Set(name, value[:len(value)-2]) })
				refused(name+" half", func(r *signature.Request) { r.Header.Set(name, value[:len(value)/2]) })
			}
		}
		refused(name+" empty", func(r *signature.Request) { r.Header.Set(name, "") })
		refused(name+" twice", func(r *signature.Request) { r.Header.Add(name, value) })
	}
}

// schemeOf is the scheme that the case's secret is one of.
func schemeOf(v *signature.Verifier, c vendorCase) signature.Scheme {
	s := v.Scheme()
	if s.Alternative != nil && strings.HasPrefix(c.Secret, s.AlternativePrefix) {
		return *s.Alternative
	}
	return s
}

// changeTimes lets the request come too late and too early.
func changeTimes(v *signature.Verifier, c vendorCase, refused func(string, func(*signature.Request))) {
	s := v.Scheme()
	away := s.Tolerance.Std()
	if s.Engine == signature.EngineJWT {
		away = 24 * time.Hour
	}
	if s.Timestamp == (signature.Timestamp{}) && s.Engine != signature.EngineJWT {
		return
	}
	// The vectors' now is the time of signing, or up to a few seconds from it.
	refused("stale", func(r *signature.Request) { r.Now = c.Now.Add(2*away + time.Minute) })
	if s.Engine != signature.EngineJWT || s.JWT.MaxAge != 0 {
		refused("future", func(r *signature.Request) { r.Now = c.Now.Add(-2*away - time.Minute) })
	}
}

// changeContent flips a byte of what is signed.
func changeContent(v *signature.Verifier, r signature.Request, refused func(string, func(*signature.Request))) {
	s := v.Scheme()
	covered := s.Engine != signature.EngineToken && s.Engine != signature.EngineBasic && s.Field == "" &&
		(s.Engine != signature.EngineJWT || s.JWT.BodyClaim != "")
	if covered && len(r.Body) > 0 {
		for _, at := range []int{0, len(r.Body) / 2, len(r.Body) - 1} {
			refused("body", func(r *signature.Request) {
				r.Body = slices.Clone(r.Body)
				r.Body[at] ^= 1
			})
		}
		refused("no body", func(r *signature.Request) { r.Body = nil })
		refused("longer body", func(r *signature.Request) { r.Body = append(slices.Clone(r.Body), ' ') })
	}
	if strings.Contains(s.Template, "{url}") || strings.Contains(s.Template, "{uri}") {
		refused("URL", func(r *signature.Request) {
			u, err := url.Parse(r.URL)
			if err == nil {
				u.Path += "x"
				r.URL = u.String()
			}
		})
	}
}

// refuseOtherSecrets verifies with secrets that are not the right one.
func refuseOtherSecrets(t *testing.T, v *signature.Verifier, c vendorCase) {
	t.Helper()
	if v.Scheme().SecretOptional && v.Scheme().SecretFormat == signature.SecretIdentifier && c.Secret == "" || len(c.keys()) == 0 {
		return // any will do, or the keys are fetched
	}
	for _, wrong := range [][]signature.Key{nil, keys(""), keys("another secret"), keys("whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD")} {
		if v.Scheme().SecretFormat == signature.SecretIdentifier && (len(wrong) == 0 || wrong[0].Value.IsZero()) && v.Scheme().SecretOptional {
			continue
		}
		_, failure := v.Verify(t.Context(), c.request(t), wrong)
		require.NotNil(t, failure)
	}
}
