package alert

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/signature"
)

// Headers of messages.
const (
	HeaderID        = "Webhook-Id"
	HeaderTimestamp = "Webhook-Timestamp"
	HeaderSignature = "Webhook-Signature"

	headerHMAC         = "X-Signature"
	headerHMACPrevious = "X-Signature-Previous"
)

const (
	// The length of a secret of v1, in bytes (Standard Webhooks, "Signature scheme").
	minSecret, maxSecret = 24, 64
	// minHMAC is the shortest secret of hmac: fewer characters can be guessed.
	minHMAC = 16

	whsec, whsk, whpk = "whsec_", "whsk_", "whpk_"
)

// The verifiers of package signature make and check all that has a secret in common.
var (
	standard = mustVerifier(meshhook.Verification{Scheme: "standard-webhooks"})
	hmacOnly = mustVerifier(meshhook.Verification{Scheme: "hmac"})
)

func mustVerifier(v meshhook.Verification) *signature.Verifier {
	verifier, err := signature.New(v)
	if err != nil {
		panic("the scheme " + v.Scheme + " of package signature is not what alerts are signed by: " + err.Error())
	}
	return verifier
}

// NewSecret makes a secret for a way of signing, from the system's random source:
// whsec_… for v1, the private key whsk_… for v1a, hex for hmac, and none for none.
func NewSecret(signing meshhook.Signing) meshhook.Secret {
	switch signing {
	case meshhook.SigningV1:
		return standard.GenerateSecret()
	case meshhook.SigningV1a:
		_, private, _ := ed25519.GenerateKey(rand.Reader) // never an error: without randomness the program ends
		return meshhook.NewSecret(whsk + base64.StdEncoding.EncodeToString(private))
	case meshhook.SigningHMAC:
		return hmacOnly.GenerateSecret()
	default:
		return meshhook.Secret{}
	}
}

// CheckSecret says with CodeInvalid why messages cannot be signed by the secret. It
// never shows it.
func CheckSecret(signing meshhook.Signing, secret meshhook.Secret) error {
	switch signing {
	case meshhook.SigningV1:
		text, found := strings.CutPrefix(secret.Reveal(), whsec)
		key, err := base64.StdEncoding.Strict().DecodeString(text)
		if !found || err != nil || strings.ContainsAny(text, "\r\n") {
			return meshhook.Errorf(meshhook.CodeInvalid, "the secret of v1 is whsec_ followed by base64; leave it out to have one made")
		}
		if len(key) < minSecret || len(key) > maxSecret {
			return meshhook.Errorf(meshhook.CodeInvalid, "the secret of v1 has %d bytes after whsec_; Standard Webhooks asks for %d to %d", len(key), minSecret, maxSecret)
		}
		return standard.CheckSecret(secret)
	case meshhook.SigningV1a:
		_, err := privateKey(secret)
		return err
	case meshhook.SigningHMAC:
		if len(secret.Reveal()) < minHMAC {
			return meshhook.Errorf(meshhook.CodeInvalid, "the secret of hmac has fewer than %d characters, which can be guessed; leave it out to have one made", minHMAC)
		}
		for _, prefix := range []string{whsec, whsk, whpk} { // Verify tells kinds of keys apart by these
			if strings.HasPrefix(secret.Reveal(), prefix) {
				return meshhook.Errorf(meshhook.CodeInvalid, "the secret begins with %s, as those of Standard Webhooks do; give signing v1 or v1a, or another secret", prefix)
			}
		}
		return hmacOnly.CheckSecret(secret)
	default:
		if secret.IsZero() {
			return nil
		}
		return meshhook.Errorf(meshhook.CodeInvalid, "messages that are not signed take no secret; give signing v1, or leave the secret out")
	}
}

// PublicKey returns the public key whpk_… of a private key whsk_…, which is what the
// recipient of messages signed by v1a is given.
func PublicKey(secret meshhook.Secret) (string, error) {
	private, err := privateKey(secret)
	if err != nil {
		return "", err
	}
	public, _ := private.Public().(ed25519.PublicKey)
	return whpk + base64.StdEncoding.EncodeToString(public), nil
}

// privateKey reads whsk_ and the base64 of a private key of Ed25519: of its seed
// (RFC 8032), or of that with the public key behind it, as most libraries keep it.
func privateKey(secret meshhook.Secret) (ed25519.PrivateKey, error) {
	text, found := strings.CutPrefix(secret.Reveal(), whsk)
	raw, err := base64.StdEncoding.Strict().DecodeString(text)
	if !found || err != nil || strings.ContainsAny(text, "\r\n") || len(raw) != ed25519.SeedSize && len(raw) != ed25519.PrivateKeySize {
		return nil, meshhook.Errorf(meshhook.CodeInvalid, "the secret of v1a is whsk_ followed by the base64 of an Ed25519 key of 32 or 64 bytes; leave it out to have one made")
	}
	private := ed25519.NewKeyFromSeed(raw[:ed25519.SeedSize])
	// With another public key than its own, a key of 64 bytes gives its seed away.
	if len(raw) == ed25519.PrivateKeySize && !private.Equal(ed25519.PrivateKey(raw)) {
		return nil, meshhook.Errorf(meshhook.CodeInvalid, "the two halves of the secret do not belong together; leave it out to have one made")
	}
	return private, nil
}

// Sign returns the headers by which a message is known and its sender proven, for
// one attempt at the time at. secrets are the active ones, the newest first.
//
// v1 and v1a have one signature for each secret, so that a recipient that knows any
// of them is content. hmac has room for one: X-Signature is made by the newest, and
// while a second is active X-Signature-Previous by that. none leaves only the id and
// the time. A message that is to be signed and has no secret is CodeInvalid.
func Sign(signing meshhook.Signing, id meshhook.ID, at time.Time, body []byte, secrets []meshhook.Secret) (http.Header, error) {
	headers := http.Header{}
	headers.Set(HeaderID, id.String())
	headers.Set(HeaderTimestamp, strconv.FormatInt(at.Unix(), 10))
	if signing == meshhook.SigningNone {
		return headers, nil
	}
	if len(secrets) == 0 {
		return nil, meshhook.Errorf(meshhook.CodeInvalid, "the alert has no active secret to sign by; rotate it to have one made")
	}
	signatures := make([]string, len(secrets))
	for i, secret := range secrets {
		var err error
		if signatures[i], err = signOne(signing, id, at, body, secret); err != nil {
			return nil, err
		}
	}
	if signing != meshhook.SigningHMAC {
		headers.Set(HeaderSignature, strings.Join(signatures, " "))
		return headers, nil
	}
	headers.Set(headerHMAC, signatures[0])
	if len(signatures) > 1 {
		headers.Set(headerHMACPrevious, signatures[1])
	}
	return headers, nil
}

// signOne makes the signature of one secret, as its header has it.
func signOne(signing meshhook.Signing, id meshhook.ID, at time.Time, body []byte, secret meshhook.Secret) (string, error) {
	if err := CheckSecret(signing, secret); err != nil {
		return "", err
	}
	request := signature.Request{Method: http.MethodPost, Header: http.Header{}, Body: body, Now: at}
	key := signature.Key{Value: secret}
	switch signing {
	case meshhook.SigningV1a:
		private, err := privateKey(secret)
		if err != nil {
			return "", err
		}
		signed := append([]byte(id.String()+"."+strconv.FormatInt(at.Unix(), 10)+"."), body...)
		return "v1a," + base64.StdEncoding.EncodeToString(ed25519.Sign(private, signed)), nil
	case meshhook.SigningHMAC:
		headers, err := hmacOnly.Sign(request, key, "")
		if err != nil {
			return "", err
		}
		return "sha256=" + strings.TrimPrefix(headers.Get(headerHMAC), "sha256="), nil
	default:
		headers, err := standard.Sign(request, key, id.String())
		if err != nil {
			return "", err
		}
		return headers.Get(HeaderSignature), nil
	}
}
