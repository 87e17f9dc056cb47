package signature_test

import (
	"crypto/elliptic"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/signature"
)

// tokenSecret is what both sides of HS256 know here.
const tokenSecret = "correct horse battery staple, twice"

// inAnHour are claims that are in time.
func inAnHour() map[string]any { return map[string]any{"exp": now().Add(time.Hour).Unix()} }

// verifyToken verifies a request with a token in Authorization.
func verifyToken(t testing.TB, v *signature.Verifier, token string, secret ...string) *signature.Failure {
	t.Helper()
	r := signature.Request{Method: http.MethodPost, Header: http.Header{"Authorization": {"Bearer " + token}}, Body: []byte(body), Now: now()}
	_, failure := v.Verify(t.Context(), r, keys(secret...))
	return failure
}

func TestJWT_EveryAlgorithm(t *testing.T) {
	t.Parallel()
	es384, es512 := ecKeyOn(elliptic.P384()), ecKeyOn(elliptic.P521())
	for _, test := range []struct {
		algorithms []string
		key        any
		public     any
	}{
		{[]string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"}, rsaKey(), rsaKey().Public()},
		{[]string{"ES256"}, ecKey(), ecKey().Public()},
		{[]string{"ES384"}, es384, es384.Public()},
		{[]string{"ES512"}, es512, es512.Public()},
		{[]string{"EdDSA"}, edKey(), edKey().Public()},
	} {
		for _, algorithm := range test.algorithms {
			v := newVerifier(t, meshhook.Verification{Scheme: "jwt", Algorithm: algorithm})
			token := makeToken(t, algorithm, map[string]any{"kid": "a"}, inAnHour(), test.key)
			public := der(t, test.public)
			for _, secret := range []string{
				inPEM("PUBLIC KEY", public), base64.StdEncoding.EncodeToString(public), hex.EncodeToString(public),
				string(asJSON(t, jwkOf(t, test.key, ""))), keySet(t, test.key, "a"),
			} {
				require.NoError(t, v.CheckSecret(meshhook.NewSecret(secret)), algorithm)
				require.Nil(t, verifyToken(t, v, token, secret), algorithm)
			}
			require.Equal(t, signature.ReasonMismatch, reason(verifyToken(t, v, token, keySet(t, test.key, "b"))), "a key of another name")
			require.Equal(t, signature.ReasonMismatch, reason(verifyToken(t, v, flipLetter(token), keySet(t, test.key, "a"))))
			for _, other := range []string{"HS256", "RS256", "ES256", "ES384", "EdDSA", "PS256"} {
				if other != algorithm {
					require.NotNil(t, verifyToken(t, newVerifier(t, meshhook.Verification{Scheme: "jwt", Algorithm: other}), token, keySet(t, test.key, "a")), other)
				}
			}
			require.True(t, v.GenerateSecret().IsZero(), "only the sender can make these")
			_, err := v.Sign(signature.Request{Now: now()}, keys(keySet(t, test.key, "a"))[0], "id")
			require.EqualError(t, err, "only the sender has the private key of these tokens, so none can be made here; use one of the sender's")
		}
	}
}

// What everybody knows is no secret, in whatever spelling it comes.
func TestJWT_PublicKeysSignNoHMAC(t *testing.T) {
	t.Parallel()
	v := newVerifier(t, meshhook.Verification{Scheme: "jwt"})
	for _, key := range []any{rsaKey(), ecKey(), edKey()} {
		public := der(t, publicOf(t, key))
		for _, secret := range []string{
			inPEM("PUBLIC KEY", public), "\n" + inPEM("PUBLIC KEY", public), "garbage\n" + inPEM("PUBLIC KEY", public),
			base64.StdEncoding.EncodeToString(public), hex.EncodeToString(public),
			string(asJSON(t, jwkOf(t, key, ""))), keySet(t, key, ""), provider().certificate,
			inPEM("RSA PUBLIC KEY", x509.MarshalPKCS1PublicKey(&rsaKey().PublicKey)),
			base64.StdEncoding.EncodeToString(x509.MarshalPKCS1PublicKey(&rsaKey().PublicKey)),
		} {
			token := makeToken(t, "HS256", nil, inAnHour(), []byte(secret))
			require.Equal(t, signature.ReasonBadSecret, reason(verifyToken(t, v, token, secret)), secret)
			require.Error(t, v.CheckSecret(meshhook.NewSecret(secret)), secret)
		}
	}
	for _, k := range []string{"", "AA", "AAAAAAAA", "?", base64.RawURLEncoding.EncodeToString(make([]byte, 64))} { // NUL only is the empty key
		secret := `{"kty":"oct","k":"` + k + `"}`
		require.Error(t, v.CheckSecret(meshhook.NewSecret(secret)), k)
		require.Equal(t, signature.ReasonBadSecret, reason(verifyToken(t, v, makeToken(t, "HS256", nil, inAnHour(), []byte{}), secret)))
	}
	oct := `{"kty":"oct","kid":"a","k":"` + segment(tokenSecret) + `"}`
	require.Nil(t, verifyToken(t, v, makeToken(t, "HS256", nil, inAnHour(), []byte(tokenSecret)), oct))
	header, err := v.Sign(signature.Request{Now: now()}, keys(oct)[0], "id")
	require.NoError(t, err)
	require.Nil(t, verifyToken(t, v, strings.TrimPrefix(header.Get("Authorization"), "Bearer "), oct))
}

func TestJWT_MalformedTokens(t *testing.T) {
	t.Parallel()
	v := newVerifier(t, meshhook.Verification{Scheme: "jwt"})
	exp := fmt.Sprintf(`{"exp":%d}`, now().Add(time.Hour).Unix())
	sign := func(header, claims string) string { return signToken(t, "HS256", header, claims, []byte(tokenSecret)) }
	good := sign(`{"alg":"HS256"}`, exp)
	require.Nil(t, verifyToken(t, v, good, tokenSecret))
	parts := strings.Split(good, ".")
	const malformed, bad = signature.ReasonMalformedHeader, signature.ReasonBadToken
	// The last character of 32 bytes in base64 holds two bits that count for nothing.
	last := strings.IndexByte("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_", good[len(good)-1])
	noncanonical := good[:len(good)-1] + string("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"[last+1])

	for name, test := range map[string]struct {
		token string
		want  signature.Reason
	}{
		"none":                    {segment(`{"alg":"none"}`) + "." + segment(exp) + ".", bad},
		"None":                    {segment(`{"alg":"None"}`) + "." + segment(exp) + ".", malformed},
		"none, signed":            {sign(`{"alg":"none"}`, exp), bad},
		"no algorithm":            {sign(`{}`, exp), malformed},
		"empty algorithm":         {sign(`{"alg":""}`, exp), malformed},
		"algorithm's case":        {sign(`{"alg":"hs256"}`, exp), malformed},
		"algorithm no text":       {sign(`{"alg":["HS256"]}`, exp), malformed},
		"its name's case":         {sign(`{"Alg":"HS256"}`, exp), malformed},
		"another algorithm":       {signToken(t, "HS512", `{"alg":"HS512"}`, exp, []byte(tokenSecret)), bad},
		"the last of two counts":  {sign(`{"alg":"HS256","alg":"none"}`, exp), bad},
		"and it is ours":          {sign(`{"alg":"none","alg":"HS256"}`, exp), ""},
		"critical":                {sign(`{"alg":"HS256","crit":["b64"],"b64":false}`, exp), bad},
		"critical, nothing":       {sign(`{"alg":"HS256","crit":null}`, exp), bad},
		"kid no text":             {sign(`{"alg":"HS256","kid":{"a":1}}`, exp), ""},
		"kid":                     {sign(`{"alg":"HS256","kid":"../../dev/null"}`, exp), ""},
		"header no object":        {sign(`["HS256"]`, exp), malformed},
		"header null":             {sign(`null`, exp), malformed},
		"header no JSON":          {sign(`{`, exp), malformed},
		"claims no object":        {sign(`{"alg":"HS256"}`, `[]`), malformed},
		"claims no JSON":          {sign(`{"alg":"HS256"}`, `{"exp"`), malformed},
		"claims null":             {sign(`{"alg":"HS256"}`, `null`), bad},
		"two parts":               {parts[0] + "." + parts[1], malformed},
		"four parts":              {good + ".", malformed},
		"four parts, full":        {good + ".x", malformed},
		"a dot before":            {"." + good, malformed},
		"dots":                    {"..", malformed},
		"nothing":                 {"", malformed},
		"no signature":            {parts[0] + "." + parts[1] + ".", signature.ReasonMismatch},
		"padded":                  {good + "=", malformed},
		"trailing bits":           {noncanonical, malformed},
		"a line break":            {good + "\n", malformed},
		"a line break inside":     {good[:len(good)-5] + "\r\n" + good[len(good)-5:], malformed},
		"a space":                 {good + " ", malformed},
		"base64, not url":         {parts[0] + "." + parts[1] + "." + strings.NewReplacer("-", "+", "_", "/").Replace(strings.Repeat("-_", 21)+"A"), malformed},
		"padded header":           {strings.TrimRight(parts[0], "=") + "==." + parts[1] + "." + parts[2], malformed},
		"deep":                    {sign(`{"alg":"HS256"}`, strings.Repeat("[", 3000)), malformed},
		"too long for the header": {sign(`{"alg":"HS256"}`, `{"a":"`+strings.Repeat("a", 8192)+`"}`), malformed},
	} {
		failure := verifyToken(t, v, test.token, tokenSecret)
		require.Equal(t, test.want, reason(failure), "%s: %v", name, failure)
	}
	for _, header := range []string{"", "Bearer", "Bearer ", "Basic " + good, good, "Bearer  " + good, "Bearer " + good + ", Bearer " + good} {
		_, failure := v.Verify(t.Context(), signature.Request{Header: http.Header{"Authorization": {header}}, Now: now()}, keys(tokenSecret))
		require.NotNil(t, failure, header)
	}
	_, failure := v.Verify(t.Context(), signature.Request{Header: http.Header{"Authorization": {"bEARER " + good}}, Now: now()}, keys(tokenSecret))
	require.Nil(t, failure, "RFC 9110: the name of the scheme has no case")
}

// Keys that a token brings along are the attacker's.
func TestJWT_TrustsNoKeyInTheToken(t *testing.T) {
	t.Parallel()
	attacker := ecKeyOn(elliptic.P256())
	v := newVerifier(t, meshhook.Verification{Scheme: "jwt", Algorithm: "ES256"})
	own := keySet(t, ecKey(), "a")
	for _, header := range []map[string]any{
		{"kid": "a"},
		{"kid": ""},
		{"jwk": jwkOf(t, attacker, "a")},
		{"kid": "a", "jwk": jwkOf(t, attacker, "a")},
		{"jku": "https://evil.example.com/jwks.json"},
		{"x5u": "https://evil.example.com/cert.pem"},
		{"x5c": []string{base64.StdEncoding.EncodeToString(der(t, attacker.Public()))}},
	} {
		require.Equal(t, signature.ReasonMismatch, reason(verifyToken(t, v, makeToken(t, "ES256", header, inAnHour(), attacker), own)), header)
		require.Nil(t, verifyToken(t, v, makeToken(t, "ES256", header, inAnHour(), ecKey()), own), "%v", header)
	}
}

func TestJWT_KeySets(t *testing.T) {
	t.Parallel()
	other := ecKeyOn(elliptic.P256())
	set := func(keys ...map[string]any) string { return string(asJSON(t, map[string]any{"keys": keys})) }
	with := func(key map[string]any, name string, value any) map[string]any { key[name] = value; return key }
	own := func() map[string]any { return jwkOf(t, ecKey(), "a") }
	var many []map[string]any
	for range 64 {
		many = append(many, jwkOf(t, other, ""))
	}
	for name, test := range map[string]struct {
		set  string
		want signature.Reason
	}{
		"another before it":        {set(jwkOf(t, other, "b"), own()), ""},
		"two of one name":          {set(jwkOf(t, other, "a"), own()), ""},
		"another kind beside it":   {set(jwkOf(t, rsaKey(), "a"), jwkOf(t, edKey(), "a"), own()), ""},
		"what is no key beside it": {set(map[string]any{"kty": 1}, map[string]any{}, own()), ""},
		"for signatures":           {set(with(own(), "use", "sig")), ""},
		"for encryption":           {set(with(own(), "use", "enc")), signature.ReasonBadSecret},
		"to verify":                {set(with(own(), "key_ops", []string{"sign", "verify"})), ""},
		"to encrypt":               {set(with(own(), "key_ops", []string{"encrypt"})), signature.ReasonBadSecret},
		"for the algorithm":        {set(with(own(), "alg", "ES256")), ""},
		"for another":              {set(with(own(), "alg", "ES384")), signature.ReasonBadSecret},
		"of another curve":         {set(with(own(), "crv", "P-384")), signature.ReasonBadSecret},
		"of no curve":              {set(with(own(), "crv", "secp256k1")), signature.ReasonBadSecret},
		"not on the curve":         {set(with(own(), "x", segment(strings.Repeat("x", 32)))), signature.ReasonBadSecret},
		"too short":                {set(with(own(), "x", segment("x"))), signature.ReasonBadSecret},
		"not base64":               {set(with(own(), "y", "?")), signature.ReasonBadSecret},
		"expired (Plaid)":          {set(with(own(), "expired_at", 1600000000)), signature.ReasonBadSecret},
		"not expired":              {set(with(own(), "expired_at", nil)), ""},
		"empty":                    {`{"keys":[]}`, signature.ReasonBadSecret},
		"no list":                  {`{"keys":{}}`, signature.ReasonBadSecret},
		"the sixty-fourth":         {set(append(many[:63:63], own())...), ""},
		"the sixty-fifth":          {set(append(many[:64:64], own())...), signature.ReasonMismatch},
	} {
		v := newVerifier(t, meshhook.Verification{Scheme: "jwt", Algorithm: "ES256"})
		failure := verifyToken(t, v, makeToken(t, "ES256", map[string]any{"kid": "a"}, inAnHour(), ecKey()), test.set)
		require.Equal(t, test.want, reason(failure), "%s: %v", name, failure)
	}
	rsa := func(name, value string) string { return set(with(jwkOf(t, rsaKey(), ""), name, value)) }
	for name, set := range map[string]string{
		"exponent 1": rsa("e", "AQ"), "exponent 2": rsa("e", "Ag"), "even exponent": rsa("e", "AQAA"), "no exponent": rsa("e", ""),
		"long exponent": rsa("e", "AQAAAAAB"), "small": rsa("n", segment(strings.Repeat("\xff", 255))), "large": rsa("n", segment(strings.Repeat("\xff", 1025))),
		"even modulus": rsa("n", segment(strings.Repeat("\xfe", 256))), "not base64": rsa("n", "?"),
		"zero Ed25519": string(asJSON(t, map[string]any{"kty": "OKP", "crv": "Ed25519", "x": base64.RawURLEncoding.EncodeToString(make([]byte, 32))})),
	} {
		for _, algorithm := range []string{"RS256", "EdDSA"} {
			require.Error(t, newVerifier(t, meshhook.Verification{Scheme: "jwt", Algorithm: algorithm}).CheckSecret(meshhook.NewSecret(set)), name)
		}
	}
}

func TestJWT_Times(t *testing.T) {
	t.Parallel()
	v := newVerifier(t, meshhook.Verification{Scheme: "jwt"})
	at := now().Unix()
	const stale, unreadable, bad = signature.ReasonStaleTimestamp, signature.ReasonUnreadableTimestamp, signature.ReasonBadToken
	for claims, want := range map[string]signature.Reason{
		fmt.Sprintf(`{"exp":%d}`, at+1):                  "",
		fmt.Sprintf(`{"exp":%d}`, at-60):                 "", // the leeway of a minute, both ways
		fmt.Sprintf(`{"exp":%d}`, at-61):                 stale,
		fmt.Sprintf(`{"exp":%d.5}`, at-60):               "",
		fmt.Sprintf(`{"exp":%d.5}`, at-61):               stale,
		fmt.Sprintf(`{"exp":%d,"nbf":%d}`, at+1, at+60):  "",
		fmt.Sprintf(`{"exp":%d,"nbf":%d}`, at+1, at+61):  stale,
		fmt.Sprintf(`{"exp":%d,"iat":%d}`, at+1, at+999): "", // nothing is asked of it
		fmt.Sprintf(`{"exp":"%d"}`, at+1):                unreadable,
		fmt.Sprintf(`{"exp":[%d]}`, at+1):                unreadable,
		fmt.Sprintf(`{"exp":%d,"nbf":"0"}`, at+1):        unreadable,
		fmt.Sprintf(`{"exp":%d,"iat":null}`, at+1):       unreadable,
		fmt.Sprintf(`{"exp":%d,"nbf":1e300}`, at+1):      unreadable,
		fmt.Sprintf(`{"exp":%d,"nbf":1e999}`, at+1):      unreadable,
		fmt.Sprintf(`{"exp":%d,"iat":-1}`, at+1):         unreadable,
		fmt.Sprintf(`{"exp":%d,"exp":%d}`, at+1, at-99):  stale, // the last counts
		fmt.Sprintf(`{"EXP":%d}`, at+1):                  bad,
		`{}`:                                             bad,
		`{"exp":null}`:                                   unreadable,
		`{"exp":0}`:                                      stale,
		`{"exp":-1}`:                                     unreadable,
		`{"exp":1e12}`:                                   unreadable,
		`{"exp":253402300799}`:                           "",
		`{"exp":253402300800}`:                           unreadable,
		`{"exp":1e300}`:                                  unreadable,
		`{"exp":true}`:                                   unreadable,
		`{"iat":1700000000}`:                             bad,
	} {
		failure := verifyToken(t, v, makeToken(t, "HS256", nil, claims, []byte(tokenSecret)), tokenSecret)
		require.Equal(t, want, reason(failure), "%s: %v", claims, failure)
	}
	strict := newVerifier(t, meshhook.Verification{Scheme: "jwt", Tolerance: meshhook.Duration(time.Second)})
	require.Equal(t, stale, reason(verifyToken(t, strict, makeToken(t, "HS256", nil, map[string]any{"exp": at - 2}, []byte(tokenSecret)), tokenSecret)))
}

func TestJWT_Claims(t *testing.T) {
	t.Parallel()
	v := newVerifier(t, meshhook.Verification{
		Scheme: "jwt", Issuer: "https://issuer.example.com", Audience: "us",
		Claims: map[string]string{"role": "sender", "level": "3", "live": "true"},
	})
	right := func() map[string]any {
		return map[string]any{
			"exp": now().Unix(), "iss": "https://issuer.example.com", "aud": []string{"them", "us"},
			"role": []any{"reader", "sender"}, "level": 3, "live": true,
		}
	}
	for name, test := range map[string]struct {
		change func(map[string]any)
		want   string
	}{
		"all right":              {func(map[string]any) {}, ""},
		"one audience":           {func(c map[string]any) { c["aud"] = "us" }, ""},
		"another audience":       {func(c map[string]any) { c["aud"] = "them" }, "the token's audience (aud) is not this webhook's"},
		"no audience":            {func(c map[string]any) { delete(c, "aud") }, "the token's audience (aud) is not this webhook's"},
		"an empty list":          {func(c map[string]any) { c["aud"] = []string{} }, "the token's audience (aud) is not this webhook's"},
		"an audience of numbers": {func(c map[string]any) { c["aud"] = []any{"us", 1} }, "the token's audience (aud) is not this webhook's"},
		"an audience in another": {func(c map[string]any) { c["aud"] = "usa" }, "the token's audience (aud) is not this webhook's"},
		"another issuer":         {func(c map[string]any) { c["iss"] = "https://issuer.example.com/" }, "the token's issuer (iss) is not the one that this webhook takes"},
		"no issuer":              {func(c map[string]any) { delete(c, "iss") }, "the token's issuer (iss) is not the one that this webhook takes"},
		"a list of issuers":      {func(c map[string]any) { c["iss"] = []string{"https://issuer.example.com"} }, "the token's issuer (iss) is not the one that this webhook takes"},
		"one role":               {func(c map[string]any) { c["role"] = "sender" }, ""},
		"another role":           {func(c map[string]any) { c["role"] = "senders" }, "the token's claim role is not what this webhook asks for"},
		"no role":                {func(c map[string]any) { delete(c, "role") }, "the token's claim role is not what this webhook asks for"},
		"an object":              {func(c map[string]any) { c["role"] = map[string]any{"sender": true} }, "the token's claim role is not what this webhook asks for"},
		"the number as text":     {func(c map[string]any) { c["level"] = "3" }, ""},
		"another number":         {func(c map[string]any) { c["level"] = 3.5 }, "the token's claim level is not what this webhook asks for"},
		"not live":               {func(c map[string]any) { c["live"] = false }, "the token's claim live is not what this webhook asks for"},
	} {
		claims := right()
		test.change(claims)
		failure := verifyToken(t, v, makeToken(t, "HS256", nil, claims, []byte(tokenSecret)), tokenSecret)
		if test.want == "" {
			require.Nil(t, failure, name)
			continue
		}
		require.Equal(t, test.want, failure.Message, name)
		require.Equal(t, signature.ReasonBadToken, failure.Reason)
	}

	key := keys(tokenSecret)[0]
	header, err := v.Sign(signature.Request{Now: now()}, key, "id-1")
	require.NoError(t, err)
	require.Nil(t, verifyToken(t, v, strings.TrimPrefix(header.Get("Authorization"), "Bearer "), tokenSecret), "what is asked for is signed in")
}

func TestJWT_FindingsAreShortAndOpen(t *testing.T) {
	t.Parallel()
	v := newVerifier(t, meshhook.Verification{Scheme: "jwt", Audience: "us"})
	long := strings.Repeat("x", 500)
	token := makeToken(t, "HS256", map[string]any{"kid": long}, map[string]any{
		"exp": 1700003600, "nbf": 1, "iat": 2, "iss": long, "aud": []string{"a", "b", "c", "d", "e"},
	}, []byte(tokenSecret))
	failure := verifyToken(t, v, token, tokenSecret)
	short := strings.Repeat("x", 64) + "…"
	require.Equal(t, &signature.TokenFinding{
		Algorithm: "HS256", KeyID: short, Issuer: short, Audience: []string{"a", "b", "c", "d"}, ExpiresAt: 1700003600, NotBefore: 1, IssuedAt: 2,
	}, failure.Findings.Token)
	require.Equal(t, []string{"the token in Authorization, signed with HS256"}, failure.Findings.Variants)
	text, err := json.Marshal(failure)
	require.NoError(t, err)
	require.NotContains(t, string(text), token[len(token)-20:])
	other := makeToken(t, "HS256", map[string]any{"kid": "\x1b[2Jä\x00\u202e"}, inAnHour(), []byte(tokenSecret))
	require.Equal(t, "\ufffd[2Jä\ufffd\ufffd", verifyToken(t, v, other, tokenSecret).Findings.Token.KeyID, "terminals take it for no command")
	require.NotContains(t, string(text), tokenSecret)
}

func TestJWT_KeysOfAnotherCurve(t *testing.T) {
	t.Parallel()
	v := newVerifier(t, meshhook.Verification{Scheme: "jwt", Algorithm: "ES256"})
	for _, curve := range []elliptic.Curve{elliptic.P224(), elliptic.P384(), elliptic.P521()} {
		secret := inPEM("PUBLIC KEY", der(t, ecKeyOn(curve).Public()))
		require.EqualError(t, v.CheckSecret(meshhook.NewSecret(secret)), "the key's curve is not that of ES256", curve.Params().Name)
		require.Equal(t, signature.ReasonBadSecret, reason(verifyToken(t, v, makeToken(t, "ES256", nil, inAnHour(), ecKey()), secret)))
	}
}
