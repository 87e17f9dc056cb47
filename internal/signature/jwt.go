package signature

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// jwtAlgorithms are those of RFC 7518 and RFC 8037 that a token may be signed
// with. "none" is not among them, and never will be.
var jwtAlgorithms = []string{
	"HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA",
}

// maxKeyID is the longest kid by which a key is looked up, in bytes.
const maxKeyID = 256

// maxTokenTime is the last time that a token may name, in Unix seconds: the end of
// the year 9999.
const maxTokenTime = 253402300799

// jwtEngine verifies JSON Web Tokens (RFC 7519). The algorithm is the endpoint's
// and never the token's word (RFC 8725, section 3.1), and a public key never
// serves as the key of an HMAC.
type jwtEngine struct {
	scheme Scheme
	header headerName
	method jwt.SigningMethod
	parser *jwt.Parser
	// set is the last set of keys that was fetched, as it was read.
	set *keySet
}

func newJWT(s Scheme) (*jwtEngine, error) {
	if !slices.Contains(jwtAlgorithms, s.Algorithm) {
		return nil, meshhook.Errorf(meshhook.CodeInvalid, "algorithm %q is not one for tokens; write one of %s",
			clip(s.Algorithm), strings.Join(jwtAlgorithms, ", "))
	}
	if s.JWT.JWKSURL != "" && strings.HasPrefix(s.Algorithm, "HS") {
		return nil, meshhook.Errorf(meshhook.CodeInvalid, "the keys at a jwks_url are public, and %s needs a secret one; set algorithm to that of the sender, like RS256", s.Algorithm)
	}
	if u, err := url.Parse(s.JWT.JWKSURL); s.JWT.JWKSURL != "" && (err != nil || u.Scheme != "https" || u.Hostname() == "" || u.User != nil) {
		return nil, meshhook.Errorf(meshhook.CodeInvalid, "the jwks_url has to be an https URL, like https://login.example.com/.well-known/jwks.json")
	}
	// The secret is sent there, so whoever may change the webhook must not choose where.
	if s.JWT.KeyLookup && pinned(s.JWT.JWKSURL, s.JWT.Hosts) == nil {
		return nil, meshhook.Errorf(meshhook.CodeInvalid, "the jwks_url of scheme %s has to be on %s", s.Name, strings.Join(s.JWT.Hosts, ", "))
	}
	return &jwtEngine{
		set:    &keySet{},
		scheme: s,
		header: newHeaderName(s.Header),
		method: jwt.GetSigningMethod(s.Algorithm),
		// What a token claims is for checkClaims, by the request's own time.
		parser: jwt.NewParser(jwt.WithValidMethods([]string{s.Algorithm}), jwt.WithoutClaimsValidation(), jwt.WithJSONNumber(), jwt.WithStrictDecoding()),
	}, nil
}

// carriesSecret tells that the token itself opens the door again, unless it is
// bound to the body.
func (e *jwtEngine) carriesSecret() bool { return e.scheme.JWT.BodyClaim == "" }

func (e *jwtEngine) variants() []string {
	words := "the token in " + e.scheme.Header + ", signed with " + e.scheme.Algorithm
	if e.scheme.JWT.JWKSURL != "" {
		words += " by a key of " + e.scheme.JWT.JWKSURL
	}
	return []string{words}
}

func (e *jwtEngine) verify(ctx context.Context, r Request, keys []Key, f *Findings) (Key, *Failure) {
	value, failure := one(r.Header, e.header)
	if failure != nil {
		return Key{}, failure
	}
	text, ok := cutPrefixFold(value, e.scheme.Prefix)
	if !ok {
		return Key{}, refuse(ReasonMalformedHeader, "the header %s does not begin with %q", e.scheme.Header, e.scheme.Prefix)
	}
	claims := jwt.MapClaims{}
	token, _, err := e.parser.ParseUnverified(text, claims)
	if err != nil || strings.ContainsAny(text, "\r\n") { // which base64 would skip
		return Key{}, refuse(ReasonMalformedHeader, "the header %s holds no JSON Web Token", e.scheme.Header)
	}
	f.Signatures, f.Token = 1, describe(token, claims)
	if algorithm, _ := token.Header["alg"].(string); algorithm != e.scheme.Algorithm {
		return Key{}, refuse(ReasonBadToken, "the token's algorithm is not %s", e.scheme.Algorithm)
	}
	if _, critical := token.Header["crit"]; critical { // RFC 7515, section 4.1.11
		return Key{}, refuse(ReasonBadToken, "the token has critical extensions, none of which are known here")
	}
	kid, _ := token.Header["kid"].(string)
	key, failure := e.signer(ctx, r, text, kid, keys, f)
	if failure != nil {
		return Key{}, failure
	}
	return key, e.checkClaims(r, claims, f)
}

// signer returns the key that signed the token.
func (e *jwtEngine) signer(ctx context.Context, r Request, text, kid string, keys []Key, f *Findings) (Key, *Failure) {
	if e.fetches(keys) {
		return e.fetchedSigner(ctx, r, text, kid, keys, f)
	}
	for _, key := range keys {
		candidates, err := parseJWTKey(e.scheme.Algorithm, key.Value)
		if err != nil {
			f.BadSecrets++
			continue
		}
		f.Secrets++
		if e.signedBy(text, kid, candidates) {
			return key, nil
		}
	}
	return Key{}, noMatch(keys, f, "the token's signature does not fit the secret")
}

// fetches tells whether the keys are fetched. A look-up needs credentials, so
// that a secret which is a key stands for itself.
func (e *jwtEngine) fetches(keys []Key) bool {
	if !e.scheme.JWT.KeyLookup {
		return e.scheme.JWT.JWKSURL != ""
	}
	for _, key := range keys {
		if _, err := parseJWTKey(e.scheme.Algorithm, key.Value); err == nil {
			return false
		}
	}
	return true
}

// fetchedSigner looks for the signer among the keys at the scheme's URL.
func (e *jwtEngine) fetchedSigner(ctx context.Context, r Request, text, kid string, keys []Key, f *Findings) (Key, *Failure) {
	if e.scheme.JWT.KeyLookup {
		return e.lookedUpSigner(ctx, r, text, kid, keys, f)
	}
	address := e.scheme.JWT.JWKSURL
	for _, renew := range []bool{false, true} { // the key may be a new one
		document, failure := r.keys.get(ctx, wanted{name: address, url: address, renew: renew, check: checkKeySet})
		if failure != nil {
			return Key{}, failure
		}
		candidates, err := e.set.read(e.scheme.Algorithm, document)
		if err != nil && renew {
			return Key{}, unfetched(address + ": " + err.Error())
		}
		f.Secrets = len(candidates)
		if e.signedBy(text, kid, candidates) {
			return Key{}, nil
		}
		if err == nil && (kid == "" || slices.ContainsFunc(candidates, func(c jwk) bool { return c.id == kid })) {
			break // the key is known, and it is not its signature
		}
	}
	failure := refuse(ReasonMismatch, "the token is not signed by one of the keys at %s", e.scheme.JWT.JWKSURL)
	failure.private = true
	return Key{}, failure
}

// lookedUpSigner asks for the key by its id, with the secret as credentials.
func (e *jwtEngine) lookedUpSigner(ctx context.Context, r Request, text, kid string, keys []Key, f *Findings) (Key, *Failure) {
	if kid == "" || len(kid) > maxKeyID {
		return Key{}, refuse(ReasonBadToken, "the token does not name its key (kid) in 1 to %d bytes", maxKeyID)
	}
	var unanswered *Failure
	for _, key := range keys {
		client, secret, ok := strings.Cut(key.Value.Reveal(), ":")
		if !ok || client == "" || secret == "" {
			f.BadSecrets++
			continue
		}
		f.Secrets++
		candidates, failure := e.lookUp(ctx, r, client, secret, kid)
		if failure != nil { // other credentials may do
			unanswered = failure
			continue
		}
		if e.signedBy(text, kid, candidates) {
			return key, nil
		}
	}
	if unanswered != nil {
		return Key{}, unanswered
	}
	return Key{}, noMatch(keys, f, "the token's signature does not fit the key that its kid names")
}

// lookUp asks for one key. Answers are kept apart by the credentials as well, so
// that those of one endpoint that are wrong do not stand in the way of another's.
func (e *jwtEngine) lookUp(ctx context.Context, r Request, client, secret, kid string) ([]jwk, *Failure) {
	address := e.scheme.JWT.JWKSURL
	body, err := json.Marshal(map[string]string{"client_id": client, "secret": secret, "key_id": kid})
	if err != nil { // of texts: cannot happen
		return nil, unfetched(err.Error())
	}
	document, failure := r.keys.get(ctx, wanted{
		name: address + "#" + hex.EncodeToString(digest([]byte(address), string(body))), url: address, body: body, chosen: true,
		check: func(document []byte) error { _, err := readLookedUp(e.scheme.Algorithm, document); return err },
	})
	if failure != nil {
		return nil, failure
	}
	keys, err := readLookedUp(e.scheme.Algorithm, document)
	if err != nil { // it could be read when it was fetched
		return nil, unfetched(address + ": " + err.Error())
	}
	return keys, nil
}

// readLookedUp reads the answer to a look-up: {"key": {…}}.
func readLookedUp(algorithm string, document []byte) ([]jwk, error) {
	var answer struct {
		Key json.RawMessage `json:"key"`
	}
	if err := json.Unmarshal(document, &answer); err != nil || answer.Key == nil {
		return nil, meshhook.Errorf(meshhook.CodeUnavailable, "the answer is not JSON with a key in it")
	}
	return parseJWKS(algorithm, answer.Key)
}

// signedBy tells whether one of the keys signed the token. A token that names its
// key is only compared with keys of that name or of none.
func (e *jwtEngine) signedBy(text, kid string, keys []jwk) bool {
	dot := strings.LastIndexByte(text, '.')
	signature, err := e.parser.DecodeSegment(text[dot+1:])
	if err != nil {
		return false
	}
	for _, k := range keys {
		if kid != "" && k.id != "" && k.id != kid {
			continue
		}
		if e.method.Verify(text[:dot], signature, k.key) == nil {
			return true
		}
	}
	return false
}

// sign makes a token for a test request; only HMAC keys can.
func (e *jwtEngine) sign(r Request, key Key, id string) (http.Header, error) {
	if !strings.HasPrefix(e.scheme.Algorithm, "HS") {
		return nil, meshhook.Errorf(meshhook.CodeInvalid, "only the sender has the private key of these tokens, so none can be made here; use one of the sender's")
	}
	claims := jwt.MapClaims{"iat": r.Now.Unix(), "exp": r.Now.Add(5 * time.Minute).Unix(), "jti": id}
	for name, value := range e.scheme.JWT.Claims {
		claims[name] = value
	}
	if e.scheme.JWT.Issuer != "" {
		claims["iss"] = e.scheme.JWT.Issuer
	}
	if e.scheme.JWT.Audience != "" {
		claims["aud"] = e.scheme.JWT.Audience
	}
	signers, err := parseJWTKey(e.scheme.Algorithm, key.Value)
	if err != nil {
		return nil, err
	}
	text, err := jwt.NewWithClaims(e.method, claims).SignedString(signers[0].key)
	if err != nil {
		return nil, meshhook.Errorf(meshhook.CodeInvalid, "the token cannot be signed: %w", err)
	}
	header := http.Header{}
	header.Set(e.header.canonical, e.scheme.Prefix+text)
	return header, nil
}

// checkClaims checks what a token says by the time of the request, after it is
// known who says it.
func (e *jwtEngine) checkClaims(r Request, claims jwt.MapClaims, f *Findings) *Failure {
	asked, leeway := e.scheme.JWT, e.scheme.Tolerance.Std()
	expires, bad := claimedTime(claims, "exp")
	before, bad2 := claimedTime(claims, "nbf")
	issued, bad3 := claimedTime(claims, "iat")
	switch {
	case bad || bad2 || bad3:
		return refuse(ReasonUnreadableTimestamp, "a time in the token is not a number of Unix seconds")
	case expires == nil && asked.MaxAge == 0:
		return refuse(ReasonBadToken, "the token never expires; it needs exp")
	case expires != nil && r.Now.After(expires.Add(leeway)):
		return refuse(ReasonStaleTimestamp, "the token has expired")
	case before != nil && r.Now.Before(before.Add(-leeway)):
		return refuse(ReasonStaleTimestamp, "the token is not valid yet")
	case asked.MaxAge != 0 && issued == nil:
		return refuse(ReasonBadToken, "the token does not say when it was issued; it needs iat")
	case asked.MaxAge != 0:
		if failure := checkSkew(r.Now.Sub(*issued), asked.MaxAge.Std(), f); failure != nil {
			return failure
		}
	}
	if asked.BodyClaim != "" {
		sum := sha256.Sum256(r.Body)
		said, _ := claims[asked.BodyClaim].(string)
		if subtle.ConstantTimeCompare([]byte(strings.ToLower(said)), []byte(hex.EncodeToString(sum[:]))) != 1 {
			return refuse(ReasonMismatch, "the body is not the one that the token was made for")
		}
	}
	return e.checkParties(claims)
}

// claimedTime returns the time in a claim, nil where there is none, and whether it
// cannot be read. What no clock will ever show is not left to conversions, which
// make a time of long ago of 1e300 on some machines.
func claimedTime(claims jwt.MapClaims, name string) (at *time.Time, bad bool) {
	value, there := claims[name]
	if !there {
		return nil, false
	}
	number, is := value.(json.Number)
	seconds, err := number.Float64()
	if !is || err != nil || seconds < 0 || seconds > maxTokenTime {
		return nil, true
	}
	whole, part := math.Modf(seconds)
	t := time.Unix(int64(whole), int64(part*1e9))
	return &t, false
}

// checkParties checks who the token is from and for, and what else is asked.
func (e *jwtEngine) checkParties(claims jwt.MapClaims) *Failure {
	asked := e.scheme.JWT
	if issuer, err := claims.GetIssuer(); asked.Issuer != "" && (err != nil || issuer != asked.Issuer) {
		return refuse(ReasonBadToken, "the token's issuer (iss) is not the one that this webhook takes")
	}
	if audience, err := claims.GetAudience(); asked.Audience != "" && (err != nil || !slices.Contains(audience, asked.Audience)) {
		return refuse(ReasonBadToken, "the token's audience (aud) is not this webhook's")
	}
	for name, want := range asked.Claims {
		if !claimIs(claims[name], want) {
			return refuse(ReasonBadToken, "the token's claim %s is not what this webhook asks for", name)
		}
	}
	return nil
}

// claimIs compares a claim with the text that is asked for: a text, number or
// truth value as it stands, or a list that holds it.
func claimIs(claim any, want string) bool {
	switch claim := claim.(type) {
	case string:
		return claim == want
	case json.Number:
		return claim.String() == want
	case bool:
		return want == map[bool]string{true: "true", false: "false"}[claim]
	case []any:
		return slices.ContainsFunc(claim, func(element any) bool { return claimIs(element, want) })
	default:
		return false
	}
}

// describe is what a token says of itself.
func describe(token *jwt.Token, claims jwt.MapClaims) *TokenFinding {
	d := &TokenFinding{}
	algorithm, _ := token.Header["alg"].(string)
	kid, _ := token.Header["kid"].(string)
	d.Algorithm, d.KeyID = legible(algorithm), legible(kid)
	issuer, _ := claims.GetIssuer() // what cannot be read is left out of the description
	d.Issuer = legible(issuer)
	audience, _ := claims.GetAudience()
	for i, a := range audience {
		if i < 4 {
			d.Audience = append(d.Audience, legible(a))
		}
	}
	for name, to := range map[string]*int64{"exp": &d.ExpiresAt, "nbf": &d.NotBefore, "iat": &d.IssuedAt} {
		if at, _ := claimedTime(claims, name); at != nil {
			*to = at.Unix()
		}
	}
	return d
}
