package signature_test

import (
	"context"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/signature"
)

// FuzzJWT: of all headers, only the one with the token that was signed passes.
func FuzzJWT(f *testing.F) {
	v := newVerifier(f, meshhook.Verification{Scheme: "jwt"})
	good := makeToken(f, "HS256", map[string]any{"kid": "a"}, inAnHour(), []byte(tokenSecret))
	parts := strings.Split(good, ".")
	f.Add("Bearer " + good)
	f.Add("Bearer " + segment(`{"alg":"none"}`) + "." + parts[1] + ".")
	f.Add("Bearer " + segment(`{"alg":"HS256","crit":["b64"],"b64":false}`) + "." + parts[1] + "." + parts[2])
	f.Add("Bearer " + parts[0] + "." + segment(`{"exp":1e300,"nbf":"x","aud":[1]}`) + "." + parts[2])
	f.Fuzz(func(t *testing.T, value string) {
		_, failure := v.Verify(t.Context(), signature.Request{Header: http.Header{"Authorization": {value}}, Now: now()}, keys(tokenSecret))
		require.Equal(t, len(value) > 7 && strings.EqualFold(value[:7], "Bearer ") && value[7:] == good, failure == nil)
		if failure != nil {
			_, err := json.Marshal(failure)
			require.NoError(t, err)
		}
	})
}

// FuzzKeys: what is read as a key is used as one without harm, and no text is both a
// public key and the secret of an HMAC.
func FuzzKeys(f *testing.F) {
	f.Add(inPEM("PUBLIC KEY", der(f, ecKey().Public())))
	f.Add(keySet(f, rsaKey(), "a"))
	f.Add(keySet(f, edKey(), "a"))
	f.Add(`{"kty":"oct","k":"AAEC"}`)
	f.Add(provider().certificate)
	f.Add("whpk_11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=")
	f.Fuzz(func(t *testing.T, text string) {
		var public bool
		for _, algorithm := range []string{"RS256", "PS512", "ES256", "ES384", "ES512", "EdDSA", "HS256"} {
			v := newVerifier(t, meshhook.Verification{Scheme: "jwt", Algorithm: algorithm})
			err := v.CheckSecret(meshhook.NewSecret(text))
			failure := verifyToken(t, v, segment(`{"alg":"`+algorithm+`"}`)+"."+segment(`{"exp":1800000000}`)+"."+segment(strings.Repeat("x", 64)), text)
			require.NotNil(t, failure)
			if err != nil {
				require.Equal(t, meshhook.CodeInvalid, meshhook.ErrorCode(err))
				continue
			}
			raw := algorithm == "EdDSA" // 32 bytes are a key of this kind, and may be anything else
			switch {
			case algorithm == "HS256":
				require.False(t, public && !strings.Contains(text, `"keys"`), "%q serves as both", text)
			case !raw:
				public = true
			}
		}
		for _, scheme := range []string{"ecdsa", "ed25519", "rsa-cert", "standard-webhooks"} {
			v := newVerifier(t, meshhook.Verification{Scheme: scheme})
			_, failure := v.Verify(t.Context(), signedBody(v.Scheme().Header, strings.Repeat("00", 64)), keys(text))
			require.NotNil(t, failure)
		}
	})
}

// FuzzCertificate: whatever a provider's host gives, only its key verifies.
func FuzzCertificate(f *testing.F) {
	f.Add([]byte(provider().certificate))
	f.Add([]byte(inPEM("CERTIFICATE", []byte("x"))))
	f.Add([]byte("\n\n" + provider().certificate + provider().certificate))
	request := paypalRequest(f, provider(), paypalCertificate)
	f.Fuzz(func(t *testing.T, document []byte) {
		v := newVerifier(t, meshhook.Verification{Scheme: "paypal"}).WithKeyring(serving(map[string]string{paypalCertificate: string(document)}))
		if _, failure := v.Verify(t.Context(), request, keys(paypalWebhook)); failure != nil {
			return
		}
		block, _ := pem.Decode(document)
		certificate, err := x509.ParseCertificate(block.Bytes)
		require.NoError(t, err)
		key, ok := certificate.PublicKey.(*rsa.PublicKey)
		require.True(t, ok)
		require.True(t, key.Equal(provider().key.Public()))
	})
}

// FuzzCertificateURL: only the provider's files are fetched.
func FuzzCertificateURL(f *testing.F) {
	for _, address := range []string{paypalCertificate, snsCertificate, paypalCertificate + "?a", "https://sns.s3.amazonaws.com/SimpleNotificationService-a.pem", "https://api.paypal.com@evil/v1/notifications/certs/a"} {
		f.Add(address)
	}
	paypal := regexp.MustCompile(`^https://api(-m)?(\.sandbox)?\.paypal\.com/v1/notifications/certs/[A-Za-z0-9._-]+$`)
	sns := regexp.MustCompile(`^https://sns\.[a-z]{2}(-[a-z]+)+-[0-9]+\.amazonaws\.com(\.cn)?/SimpleNotificationService-[A-Za-z0-9._-]+$`)
	f.Fuzz(func(t *testing.T, address string) {
		var fetched []string
		keyring := signature.NewKeyring(func(_ context.Context, url string, _ []byte) ([]byte, error) {
			fetched = append(fetched, url)
			return []byte("no certificate"), nil
		})
		_, failure := newVerifier(t, meshhook.Verification{Scheme: "paypal"}).WithKeyring(keyring).Verify(t.Context(), paypalRequest(t, provider(), address), keys(paypalWebhook))
		require.NotNil(t, failure)
		for _, url := range fetched {
			require.Regexp(t, paypal, url)
		}
		fetched = nil
		message := asJSON(t, map[string]string{"Signature": "AAAA", "SignatureVersion": "2", "SigningCertURL": address, "Timestamp": now().UTC().Format(time.RFC3339)})
		_, failure = newVerifier(t, meshhook.Verification{Scheme: "sns"}).WithKeyring(keyring).Verify(t.Context(), signature.Request{Header: http.Header{}, Body: message, Now: now()}, nil)
		require.NotNil(t, failure)
		for _, url := range fetched {
			require.Regexp(t, sns, url)
		}
	})
}

// FuzzTimestamp: what passes lies within the tolerance, by another reading of it.
func FuzzTimestamp(f *testing.F) {
	f.Add(uint8(0), "1700000000")
	f.Add(uint8(1), "1700000000000")
	f.Add(uint8(2), "2023-11-14T22:13:20Z")
	f.Add(uint8(2), "2023-11-14T22:13:20,5+24:00")
	f.Add(uint8(0), "+1700000000")
	formats := []string{"unix", "unix-ms", "rfc3339"}
	plain := newVerifier(f, meshhook.Verification{Scheme: "hmac"})
	f.Fuzz(func(t *testing.T, which uint8, text string) {
		format := formats[int(which)%len(formats)]
		v := newVerifier(t, meshhook.Verification{Scheme: "hmac", Template: "{timestamp}.{body}", TimestampHeader: "X-Time", TimestampFormat: format})
		header, err := plain.Sign(signature.Request{Body: []byte(text + "." + body)}, keys("s")[0], "")
		require.NoError(t, err)
		r := signedBody("X-Signature", header.Get("X-Signature"))
		r.Header["X-Time"] = []string{text}
		if _, failure := v.Verify(t.Context(), r, keys("s")); failure != nil {
			return
		}
		at, err := time.Parse(time.RFC3339, text)
		if format != "rfc3339" {
			var n uint64
			n, err = strconv.ParseUint(text, 10, 62)
			at = time.Unix(int64(n), 0)
			if format == "unix-ms" {
				at = time.UnixMilli(int64(n))
			}
		}
		require.NoError(t, err)
		require.LessOrEqual(t, now().Sub(at).Abs(), 5*time.Minute)
	})
}

// FuzzDocument: whatever the body is, nothing breaks, and no element of a list that
// passes goes without the token.
func FuzzDocument(f *testing.F) {
	f.Add("application/json", []byte(`{"value":[{"clientState":"s"}]}`))
	f.Add("text/plain", asJSON(f, snsMessage(f, "arn", "a\nb")))
	f.Add("application/x-www-form-urlencoded", []byte("timestamp=1700000000&token=a&signature=00"))
	f.Add("application/json", []byte(`{"signature":{"timestamp":"1700000000","token":"a","signature":"00"},"webhookTimestamp":1700000000000}`))
	f.Add("application/json", []byte(`{"value":[{"clientState":"s"}]}{"value":[]}`))
	f.Fuzz(func(t *testing.T, contentType string, text []byte) {
		h := http.Header{"Content-Type": {contentType}, "Linear-Signature": {strings.Repeat("00", 32)}, "X-Gitea-Signature": {strings.Repeat("00", 32)}}
		r := signature.Request{Method: http.MethodPost, Header: h, Body: text, Now: now()}
		for _, scheme := range []string{"sns", "mailgun", "linear", "gitea", "slack", "discord", "zoom", "xero", "notion", "azure-eventgrid"} {
			v := newVerifier(t, meshhook.Verification{Scheme: scheme}).WithKeyring(serving(nil))
			_, failure := v.Verify(t.Context(), r, keys("s"))
			require.NotNil(t, failure, scheme)
			for _, verified := range []bool{false, true} {
				if reply, failure := v.Handshake(r, keys("s"), verified); failure == nil && reply != nil {
					require.LessOrEqual(t, len(reply.Body), 64<<10)
				}
			}
		}
		if _, failure := newVerifier(t, meshhook.Verification{Scheme: "msgraph"}).Verify(t.Context(), r, keys("s")); failure == nil {
			var read map[string]json.RawMessage
			require.NoError(t, json.Unmarshal(text, &read))
			var elements []map[string]any
			require.NoError(t, json.Unmarshal(read["value"], &elements))
			require.NotEmpty(t, elements)
			for _, element := range elements {
				require.Equal(t, "s", element["clientState"])
			}
		}
	})
}

// FuzzTwilio: Twilio's algorithm, written down once more, comes to the same.
func FuzzTwilio(f *testing.F) {
	f.Add("example.org", "/a?b=c", "To=%2B1&Body=hi+there&A=&Body=x&Body=x", uint8(0))
	f.Add("[::1]", "", "a", uint8(1))
	f.Add("user:pass@example.org", "?b=/c#d", "=&&=", uint8(2))
	f.Add("example.org", "/a", "a;b=c", uint8(0))
	v := newVerifier(f, meshhook.Verification{Scheme: "twilio"})
	f.Fuzz(func(t *testing.T, host, path, form string, port uint8) {
		if path != "" && !strings.ContainsAny(path[:1], "/?#") {
			return
		}
		came := "https://" + host + path
		signedAddress := came
		if u, err := url.Parse(came); err == nil && u.Port() == "" && u.Hostname() != "" && !strings.HasSuffix(host, ":") && !strings.ContainsAny(host, "/?#") && port%2 == 1 {
			signedAddress = "https://" + host + ":443" + path
		}
		pairs, err := url.ParseQuery(form)
		r := twilioRequest(came, signedAddress, formType, form, pairs)
		_, failure := v.Verify(t.Context(), r, keys("auth token"))
		if u, parsed := url.Parse(came); parsed == nil && u.Query().Has("bodySHA256") {
			require.NotNil(t, failure)
			return
		}
		require.Equal(t, err == nil || form == "", failure == nil, "%v", failure)
		r.Header.Set("X-Twilio-Signature", twilioSignature("auth token", signedAddress+"x", pairs))
		_, failure = v.Verify(t.Context(), r, keys("auth token"))
		require.NotNil(t, failure)
	})
}

// FuzzRedactQuery: no value of a secret parameter stays, and everything else does.
func FuzzRedactQuery(f *testing.F) {
	f.Add("key=s3cret&a=b")
	f.Add("a=b;key=s3;cret&%6bey=x&key")
	f.Add("k%zz=s3cret&=&&key==")
	v := newVerifier(f, meshhook.Verification{Scheme: "token", Query: "key"})
	f.Fuzz(func(t *testing.T, query string) {
		redacted := v.RedactQuery(query, nil)
		before, _ := url.ParseQuery(query)
		after, _ := url.ParseQuery(redacted)
		for _, value := range after["key"] {
			require.Contains(t, []string{"", signature.Redacted}, value)
		}
		require.GreaterOrEqual(t, len(after["key"]), len(before["key"]), "also of pairs that cannot be read")
		delete(before, "key")
		delete(after, "key")
		if !strings.ContainsAny(query, ";%") { // what cannot be read in one way is redacted in both
			require.Equal(t, before, after)
		}
		require.Equal(t, redacted, v.RedactQuery(redacted, nil))
	})
}

// FuzzHandshake: no question breaks anything, no answer carries more than text, and
// none is a signature for what asked for it.
func FuzzHandshake(f *testing.F) {
	f.Add("GET", "crc_token={}", "X-Hook-Secret", "s", []byte(`{"type":"url_verification","challenge":"c"}`))
	f.Add("OPTIONS", "validationToken=%3Cscript%3E", "WebHook-Request-Origin", "a\r\nb: c", []byte(`[{"data":{"validationCode":"c"}}]`))
	f.Add("POST", "hub.mode=subscribe&hub.challenge=1&hub.verify_token=s", "Aeg-Event-Type", "SubscriptionValidation", []byte(`{"event":"endpoint.url_validation","payload":{"plainToken":"{}"}}`))
	f.Fuzz(func(t *testing.T, method, query, name, value string, text []byte) {
		r := signature.Request{Method: method, URL: "https://example.org/?" + query, Header: http.Header{}, Body: text, Now: now()}
		r.Header.Set(name, value)
		for _, s := range signature.Schemes() {
			v := newVerifier(t, meshhook.Verification{Scheme: s.Name})
			for _, verified := range []bool{false, true} {
				reply, failure := v.Handshake(r, keys("secret"), verified)
				if failure != nil || reply == nil {
					continue
				}
				for _, values := range reply.Header {
					require.NotContains(t, strings.Join(values, ""), "\n")
					require.NotContains(t, strings.Join(values, ""), "\r")
				}
				if reply.Header.Get("Content-Type") == "application/json" {
					require.True(t, json.Valid(reply.Body))
				}
				if verified || s.Name != "twitter" {
					continue
				}
				var answer map[string]string
				require.NoError(t, json.Unmarshal(reply.Body, &answer))
				u, err := url.Parse(r.URL)
				require.NoError(t, err)
				forged := signature.Request{Header: http.Header{"X-Twitter-Webhooks-Signature": {answer["response_token"]}}, Body: []byte(u.Query().Get("crc_token"))}
				_, failure = v.Verify(t.Context(), forged, keys("secret"))
				require.NotNil(t, failure)
			}
		}
	})
}

// FuzzVerification: no spec of a user's breaks anything.
func FuzzVerification(f *testing.F) {
	for _, s := range signature.Schemes() {
		f.Add([]byte(`{"scheme":"`+s.Name+`"}`), "secret")
	}
	f.Add([]byte(`{"scheme":"jwt","jwks_url":"https://example.com/","claims":{"a":"b"},"audience":"x","tolerance":"1s"}`), "{}")
	f.Add([]byte(`{"scheme":"hmac","timestamp_format":"rfc3339","timestamp_header":"X-T","template":"{timestamp}{url}{body}","secret_encoding":"hex"}`), "00ff")
	f.Add([]byte(`{"scheme":"twilio","template":"{body}{url}","encoding":"hex","algorithm":"sha512"}`), "a")
	f.Fuzz(func(t *testing.T, spec []byte, secret string) {
		var verification meshhook.Verification
		if json.Unmarshal(spec, &verification) != nil {
			return
		}
		v, err := signature.New(verification)
		if err != nil {
			require.Equal(t, meshhook.CodeInvalid, meshhook.ErrorCode(err))
			return
		}
		v = v.WithKeyring(serving(nil))
		key := keys(secret)[0]
		_, failure := v.Verify(t.Context(), signature.Request{Header: http.Header{}, Now: now()}, []signature.Key{key})
		require.Equal(t, v.Scheme().Engine == signature.EngineNone, failure == nil)
		r := signature.Request{Method: http.MethodPost, URL: v.SignedURL("https://example.org/", key), Body: []byte(body), Now: now()}
		r.Header, err = v.Sign(r, key, "id")
		if err != nil {
			require.Equal(t, meshhook.CodeInvalid, meshhook.ErrorCode(err), "%v", err)
			return
		}
		_, failure = v.Verify(t.Context(), r, []signature.Key{key})
		require.Nil(t, failure, "%s with %q", spec, secret)
	})
}
