package signature_test

import (
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"net/url"
	"sort"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/signature"
)

// twilioSignature is the algorithm of twilio.com/docs/usage/security, written down
// once more: the URL, then the parameters in the order of their names.
func twilioSignature(secret, address string, form map[string][]string) string {
	var names []string
	for name := range form {
		names = append(names, name)
	}
	sort.Strings(names)
	text := address
	for _, name := range names {
		once := map[string]bool{}
		var values []string
		for _, value := range form[name] {
			if !once[value] {
				values = append(values, value)
			}
			once[value] = true
		}
		sort.Strings(values)
		for _, value := range values {
			text += name + value
		}
	}
	h := hmac.New(sha1.New, []byte(secret))
	h.Write([]byte(text))
	return base64.StdEncoding.EncodeToString(h.Sum(nil))
}

const formType = "application/x-www-form-urlencoded"

// twilioRequest came to one URL and was signed for another.
func twilioRequest(address, signedAddress, contentType, body string, form url.Values) signature.Request {
	h := http.Header{"X-Twilio-Signature": {twilioSignature("auth token", signedAddress, form)}}
	if contentType != "" {
		h.Set("Content-Type", contentType)
	}
	return signature.Request{Method: http.MethodPost, URL: address, Header: h, Body: []byte(body), Now: now()}
}

func TestTwilio_WhatIsCovered(t *testing.T) {
	t.Parallel()
	v := newVerifier(t, meshhook.Verification{Scheme: "twilio"})
	const address, form = "https://example.org/hooks/t?a=b", "To=%2B1&Body=hi+there&A=&Body=x"
	pairs := url.Values{"To": {"+1"}, "Body": {"hi there", "x"}, "A": {""}}
	sum := sha256.Sum256([]byte(body))
	hashed := address + "&bodySHA256=" + hex.EncodeToString(sum[:])
	formSum := sha256.Sum256([]byte(form))
	both := address + "&bodySHA256=" + hex.EncodeToString(formSum[:])
	for name, test := range map[string]struct {
		address, contentType, body string
		form                       url.Values
		want                       bool
	}{
		"a form":                         {address, formType, form, pairs, true},
		"with a charset":                 {address, formType + "; charset=UTF-8", form, pairs, true},
		"in capitals":                    {address, "Application/X-WWW-Form-Urlencoded", form, pairs, true},
		"another type":                   {address, "text/plain", form, pairs, false},
		"no type":                        {address, "", form, pairs, false},
		"two types":                      {address, formType + ", application/json", form, pairs, false},
		"a bad parameter":                {address, formType + "; charset", form, pairs, true},
		"nothing":                        {address, "", "", nil, true},
		"an empty form":                  {address, formType, "", nil, true},
		"a form that cannot be read":     {address, formType, form + ";", pairs, false},
		"too long a form":                {address, formType, "a=" + strings.Repeat("a", 1<<20), url.Values{"a": {strings.Repeat("a", 1<<20)}}, false},
		"JSON that nothing covers":       {address, "application/json", body, nil, false},
		"JSON with its hash":             {hashed, "application/json", body, nil, true},
		"other JSON":                     {hashed, "application/json", body + " ", nil, false},
		"no JSON":                        {hashed, "application/json", "", nil, false},
		"the hash in capitals":           {strings.Replace(hashed, hex.EncodeToString(sum[:]), strings.ToUpper(hex.EncodeToString(sum[:])), 1), "application/json", body, nil, true},
		"an empty hash":                  {address + "&bodySHA256=", "application/json", body, nil, false},
		"a hash without value":           {address + "&bodySHA256", "application/json", body, nil, false},
		"two hashes, right first":        {hashed + "&bodySHA256=00", "application/json", body, nil, true},
		"two hashes, right second":       {address + "&bodySHA256=00&" + hashed[len(address)+1:], "application/json", body, nil, false},
		"a form with its hash":           {both, formType, form, nil, true},
		"a form with its hash, signed":   {both, formType, form, pairs, false},
		"a form with the hash of others": {hashed, formType, form, nil, false},
	} {
		_, failure := v.Verify(t.Context(), twilioRequest(test.address, test.address, test.contentType, test.body, test.form), keys("auth token"))
		require.Equal(t, test.want, failure == nil, "%s: %v", name, failure)
	}
	_, err := v.Sign(signature.Request{URL: address, Body: []byte(body), Now: now()}, keys("auth token")[0], "")
	require.EqualError(t, err, "the body is no form and the URL has no bodySHA256, so the signature does not cover it; give a form, with the Content-Type application/x-www-form-urlencoded")
	header, err := v.Sign(signature.Request{URL: hashed, Body: []byte(body), Now: now()}, keys("auth token")[0], "")
	require.NoError(t, err)
	require.Equal(t, twilioSignature("auth token", hashed, nil), header.Get("X-Twilio-Signature"))
}

func TestTwilio_Ports(t *testing.T) {
	t.Parallel()
	v := newVerifier(t, meshhook.Verification{Scheme: "twilio"})
	for _, test := range []struct {
		came, signed string
		want         bool
	}{
		{"https://example.org/a", "https://example.org:443/a", true},
		{"https://example.org:443/a", "https://example.org/a", true},
		{"https://example.org:8443/a", "https://example.org/a", true},
		{"https://example.org/a", "https://example.org:8443/a", false},
		{"http://example.org/a", "http://example.org:80/a", true},
		{"http://example.org/a", "http://example.org:443/a", false},
		{"https://example.org", "https://example.org:443", true},
		{"https://example.org?a=/b", "https://example.org:443?a=/b", true},
		{"https://user:pass@example.org/a", "https://user:pass@example.org:443/a", true},
		{"https://example.org:1@example.org/a", "https://example.org:1@example.org:443/a", true},
		{"https://s/x", "https://s:443/x", true},
		{"https://[::1]/a", "https://[::1]:443/a", true},
		{"https://[::1]:8443/a", "https://[::1]/a", true},
		{"https://example.org/a#b", "https://example.org:443/a#b", true},
		{"https://ex%80mple.org/a", "https://ex%80mple.org:443/a", true},
		{"https://example.org:/a", "https://example.org:443/a", true},
		{"https://example.org/a", "https://example.org/b", false},
		{"https://example.org/a", "http://example.org/a", false},
		{"https://example.org/a", "https://EXAMPLE.org/a", false},
		{"/a", "/a", true},
		{"ftp://example.org/a", "ftp://example.org:/a", false},
		{"https://exa mple/%", "https://exa mple/%", true}, // no URL, but what was signed
	} {
		_, failure := v.Verify(t.Context(), twilioRequest(test.came, test.signed, formType, "a=b", url.Values{"a": {"b"}}), keys("auth token"))
		require.Equal(t, test.want, failure == nil, "%s for %s", test.came, test.signed)
	}
}

func TestHubSpot_Escapes(t *testing.T) {
	t.Parallel()
	v := newVerifier(t, meshhook.Verification{Scheme: "hubspot"})
	r := signature.Request{Method: http.MethodPost, URL: "https://example.org/h?a=1:2/3?4@5!6$7'8(9)0*1,2;3&b=%26%25%20%2B", Body: []byte(body), Now: now()}
	header, err := v.Sign(r, keys("secret")[0], "")
	require.NoError(t, err)
	r.Header = header
	for address, want := range map[string]bool{
		r.URL: true,
		"https://example.org/h?a=1%3A2%2F3%3F4%405%216%247%278%289%290%2A1%2C2%3B3&b=%26%25%20%2B": true,
		"https://example.org/h?a=1%3a2%2f3%3f4%405%216%247%278%289%290%2a1%2c2%3b3&b=%26%25%20%2B": true,
		"https://example.org/h?a=1%253A2/3?4@5!6$7'8(9)0*1,2;3&b=%26%25%20%2B":                     false, // undone once
		"https://example.org/h?a=1:2/3?4@5!6$7'8(9)0*1,2;3&b=&%25%20%2B":                           false,
		"https://example.org/h?a=1:2/3?4@5!6$7'8(9)0*1,2;3&b=%26%25+%2B":                           false,
	} {
		r.URL = address
		_, failure := v.Verify(t.Context(), r, keys("secret"))
		require.Equal(t, want, failure == nil, address)
	}
}
