package alert

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/signature"
)

// DefaultTolerance is how far the time of signing may lie from now, in both
// directions, where a recipient names nothing else.
const DefaultTolerance = 5 * time.Minute

// Proof is what a signature that was verified tells.
type Proof struct {
	// Signing is how the message is signed.
	Signing meshhook.Signing `json:"signing"`
	// ID is the webhook-id, the same on every attempt, by which a recipient knows a
	// message that it had before. Of hmac it is not signed.
	ID string `json:"id,omitempty"`
	// At is when the attempt was signed; zero for hmac, which signs no time.
	At time.Time `json:"at,omitzero"`
	// Key is the number of the key, from 0, among those given.
	Key int `json:"key"`
}

// Verify checks for a recipient that a message comes from who holds one of the
// keys: secrets whsec_… (v1), keys whsk_… or whpk_… (v1a), or the text of an hmac
// secret. body is raw, as it came. A tolerance of 0 is DefaultTolerance.
//
// The error says in a sentence what is wrong and what to look at. It wraps a
// *signature.Failure, whose Reason is of a closed set, unless a key cannot be used,
// which is CodeInvalid. Signatures are compared in constant time.
func Verify(headers http.Header, body []byte, keys []meshhook.Secret, now time.Time, tolerance time.Duration) (Proof, error) {
	if len(keys) == 0 {
		return Proof{}, meshhook.Errorf(meshhook.CodeInvalid, "give the secret (whsec_…), the public key (whpk_…) or the hmac secret that the alert was made with")
	}
	if tolerance < 0 {
		return Proof{}, meshhook.Errorf(meshhook.CodeInvalid, "the tolerance is not negative; write it like 5m")
	}
	if tolerance == 0 {
		tolerance = DefaultTolerance
	}
	var standardKeys, hmacKeys []signature.Key
	for i, key := range keys {
		ours := signature.Key{ID: strconv.Itoa(i), Value: key}
		switch text := key.Reveal(); {
		case strings.HasPrefix(text, whsk):
			public, err := PublicKey(key)
			if err != nil {
				return Proof{}, err
			}
			ours.Value = meshhook.NewSecret(public)
			standardKeys = append(standardKeys, ours)
		case strings.HasPrefix(text, whsec), strings.HasPrefix(text, whpk):
			if err := standard.CheckSecret(key); err != nil {
				return Proof{}, err
			}
			standardKeys = append(standardKeys, ours)
		case key.IsZero():
			return Proof{}, meshhook.Errorf(meshhook.CodeInvalid, "the secret is empty")
		default:
			hmacKeys = append(hmacKeys, ours)
		}
	}
	request := signature.Request{Method: http.MethodPost, Header: canonical(headers), Body: body, Now: now}
	return verify(request, standardKeys, hmacKeys, tolerance)
}

// verify tries the keys of Standard Webhooks and then, where there are any or there
// is such a signature, those of hmac. Where both fail, the failure of the kind that
// came counts.
func verify(r signature.Request, standardKeys, hmacKeys []signature.Key, tolerance time.Duration) (Proof, error) {
	var failure *signature.Failure
	if len(standardKeys) > 0 {
		verifier, err := signature.New(meshhook.Verification{Scheme: "standard-webhooks", Tolerance: meshhook.Duration(tolerance)})
		if err != nil {
			return Proof{}, err
		}
		key, failed := verifier.Verify(context.Background(), r, standardKeys)
		if failed == nil {
			return standardProof(r, key), nil
		}
		failure = failed
	}
	if len(hmacKeys) > 0 && (failure == nil || r.Header.Get(HeaderSignature) == "") {
		for _, header := range []string{headerHMACPrevious, headerHMAC} { // the failure of the last one counts
			if header == headerHMACPrevious && r.Header.Get(header) == "" {
				continue
			}
			verifier, err := signature.New(meshhook.Verification{Scheme: "hmac", Header: header})
			if err != nil {
				return Proof{}, err
			}
			key, failed := verifier.Verify(context.Background(), r, hmacKeys)
			if failed == nil {
				return Proof{Signing: meshhook.SigningHMAC, ID: r.Header.Get(HeaderID), Key: number(key)}, nil
			}
			failure = failed
		}
	}
	return Proof{}, explain(failure, r)
}

func standardProof(r signature.Request, key signature.Key) Proof {
	proof := Proof{Signing: meshhook.SigningV1, ID: r.Header.Get(HeaderID), Key: number(key)}
	if strings.HasPrefix(key.Value.Reveal(), whpk) {
		proof.Signing = meshhook.SigningV1a
	}
	if seconds, err := strconv.ParseInt(r.Header.Get(HeaderTimestamp), 10, 64); err == nil {
		proof.At = time.Unix(seconds, 0).UTC()
	}
	return proof
}

func number(key signature.Key) int {
	n, _ := strconv.Atoi(key.ID)
	return n
}

// advice says what a recipient can do about a failure.
var advice = map[signature.Reason]string{
	signature.ReasonMissingHeader:       "pass on all headers of the request, as they came",
	signature.ReasonDuplicateHeader:     "a proxy or a copy has doubled it; give it once",
	signature.ReasonStaleTimestamp:      "an old message may be a replayed one; to check one that was kept, allow for its age by the tolerance",
	signature.ReasonUnreadableTimestamp: "pass on the header webhook-timestamp as it came",
	signature.ReasonMismatch:            "check that it is this alert's secret, and that the body is the raw one, before anything parsed or formatted it",
}

// explain words a failure for a recipient.
func explain(failure *signature.Failure, r signature.Request) error {
	message := failure.Message
	if hint := advice[failure.Reason]; hint != "" {
		message += "; " + hint
	}
	if failure.Reason == signature.ReasonMissingHeader {
		switch {
		case failure.Findings.Scheme == "hmac" && r.Header.Get(HeaderSignature) != "":
			message = "the message is signed by Standard Webhooks, but the key given is none of it; give the secret whsec_… or the public key whpk_…"
		case failure.Findings.Scheme != "hmac" && r.Header.Get(HeaderSignature) == "" && r.Header.Get(headerHMAC) != "":
			message = "the message is signed by hmac (X-Signature), but the key given is one of Standard Webhooks; give the text of the hmac secret"
		}
	}
	return &meshhook.Error{Code: meshhook.CodeInvalidSignature, Message: message, Err: failure}
}

// canonical returns headers by their canonical names, however a file has them. The
// other names of the standard's headers, svix-…, are not ours, and left out.
func canonical(headers http.Header) http.Header {
	all := make(http.Header, len(headers))
	for name, values := range headers {
		if strings.HasPrefix(http.CanonicalHeaderKey(name), "Svix-") {
			continue
		}
		for _, value := range values {
			all.Add(name, value)
		}
	}
	return all
}
