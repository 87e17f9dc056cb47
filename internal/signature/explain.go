package signature

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// Suspicion is a usual mistake that explains why a request was refused.
type Suspicion struct {
	// Mistake names it, from the closed set below.
	Mistake Mistake `json:"mistake"`
	// Message says what was done, and Remedy what to do about it. Neither holds a
	// secret or a signature that would have been right.
	Message string `json:"message"`
	Remedy  string `json:"remedy"`
	// Proven tells that the request verifies with the mistake undone; otherwise it
	// is only likely.
	Proven bool `json:"proven"`
}

// Mistake names a kind of mistake.
type Mistake string

// The mistakes that Explain knows.
const (
	MistakeMended    Mistake = "mended"         // it verifies by the present configuration
	MistakeTime      Mistake = "time"           // only the time is wrong
	MistakeExpired   Mistake = "expired_secret" // signed with a secret that is no longer active
	MistakeSecret    Mistake = "secret"         // the secret was copied or read in another way
	MistakeEncoding  Mistake = "encoding"       // another encoding, prefix or hash
	MistakeTemplate  Mistake = "template"       // another signed string
	MistakeURL       Mistake = "url"            // the sender knows the webhook under another URL
	MistakeBody      Mistake = "body"           // the body was changed on its way
	MistakeScheme    Mistake = "scheme"         // it is signed by another scheme
	MistakeFormat    Mistake = "format"         // a header or a time is written in another way
	MistakeToken     Mistake = "token"          // a JWT is out of time, or claims other things
	MistakeSigner    Mistake = "signer"         // it is meant for somebody else, or from somebody else
	MistakeKeys      Mistake = "keys"           // the keys could not be fetched
	MistakeNoSecret  Mistake = "no_secret"      // the webhook has none
	MistakeNoAttempt Mistake = "unsigned"       // nothing of a signature came
	MistakeTruncated Mistake = "truncated"      // too little of it was kept to say anything
)

// forever is a tolerance that lets any time pass.
const forever = meshhook.Duration(100 * 365 * 24 * time.Hour)

// trial is a mistake with what it would take to be right.
type trial struct {
	Suspicion
	scheme  Scheme
	request Request
	keys    []Key
}

// Explain tries the usual mistakes on a request that was refused and returns those
// that explain it, the likeliest first; when none of them fits, what is true of it by
// its scheme. Keys are the active ones, expired those that no longer are. r.Now is the
// time at which the request came, and was how it was refused then, or nil. Remedies
// name the webhook as PathInRemedy.
func (v *Verifier) Explain(ctx context.Context, r Request, keys, expired []Key, was *Failure) []Suspicion {
	r.keys = v.keys
	now := v.asItIs(r, keys)
	_, failure := v.Verify(ctx, r, keys)
	if failure == nil {
		return []Suspicion{now.proven()}
	}
	if failure.Reason == ReasonUnreadableTimestamp || failure.Reason == ReasonStaleTimestamp {
		if found := first(ctx, v.byTimeFormat(r, keys)); found != nil {
			return found
		}
	}
	var found []Suspicion
	for _, trials := range [][]trial{
		v.inTime(r, keys), v.byExpired(r, expired), v.bySecret(r, keys), v.byEncoding(r, keys),
		v.byTemplate(r, keys), v.byURL(r, keys), v.byBody(r, keys),
	} {
		found = append(found, first(ctx, trials)...)
	}
	for _, t := range v.byScheme(r, keys) {
		if len(found) < maxSuspicions && t.fits(ctx) {
			found = append(found, t.proven())
		}
	}
	if found == nil {
		found = v.unproven(r, keys, failure, was)
	}
	return found
}

// first is the first trial that fits: one mistake that several trials undo is one
// finding.
func first(ctx context.Context, trials []trial) []Suspicion {
	for _, t := range trials {
		if t.fits(ctx) {
			return []Suspicion{t.proven()}
		}
	}
	return nil
}

// PathInRemedy stands in a remedy for the webhook's path.
const PathInRemedy = "PATH"

// maxSuspicions bounds what is returned.
const maxSuspicions = 5

func (t trial) proven() Suspicion {
	s := t.Suspicion
	s.Proven = true
	return s
}

func (t trial) fits(ctx context.Context) bool {
	e, err := newEngine(t.scheme)
	if err != nil {
		return false
	}
	_, failure := e.verify(ctx, t.request, t.keys, &Findings{})
	return failure == nil
}

// patient is the scheme as it would be without looking at the clock.
func patient(s Scheme) Scheme {
	if s.Timestamp != (Timestamp{}) || s.Engine == EngineJWT {
		s.Tolerance = forever
	}
	if s.JWT.MaxAge != 0 {
		s.JWT.MaxAge = forever
	}
	if s.Alternative != nil {
		other := patient(*s.Alternative)
		s.Alternative = &other
	}
	return s
}

func suspect(mistake Mistake, remedy, format string, args ...any) Suspicion {
	return Suspicion{Mistake: mistake, Message: fmt.Sprintf(format, args...), Remedy: remedy}
}

func (v *Verifier) asItIs(r Request, keys []Key) trial {
	return trial{
		suspect(MistakeMended, "'meshhook event replay' verifies it again and starts its run", "the request verifies by the webhook's present configuration"),
		v.scheme, r, keys,
	}
}

func (v *Verifier) inTime(r Request, keys []Key) []trial {
	if v.scheme.Tolerance == 0 {
		return nil
	}
	return []trial{{
		suspect(MistakeTime, "set the clocks of both machines by NTP; if the sender delivers late, allow it with --tolerance", "the signature is right, but its time lies more than %v from the time at which it came", v.scheme.Tolerance),
		patient(v.scheme), r, keys,
	}}
}

func (v *Verifier) byExpired(r Request, expired []Key) []trial {
	var trials []trial
	for _, key := range expired {
		trials = append(trials, trial{
			suspect(MistakeExpired, "give the sender the new secret, or this one back to the webhook with 'meshhook webhook rotate-secret PATH'", "it is signed with the secret %s, which has expired", key.ID),
			patient(v.scheme), r,
			[]Key{key},
		})
	}
	return trials
}

// byURL tries the ways in which the sender may know the webhook.
func (v *Verifier) byURL(r Request, keys []Key) []trial {
	if !strings.Contains(v.scheme.Template, "{"+fieldURL+"}") && !strings.Contains(v.scheme.Template, "{"+fieldURI+"}") {
		return nil
	}
	var trials []trial
	for _, address := range otherURLs(r) {
		with := r
		with.URL = address
		trials = append(trials, trial{
			suspect(MistakeURL, "set public_url to the beginning of that URL, or name the proxy in trusted_proxies", "the sender signs the URL %s, and here it is %s", clipURL(address), clipURL(r.URL)),
			patient(v.scheme), with, keys,
		})
	}
	return trials
}

// clipURL shows a URL without what may be a secret in its query.
func clipURL(address string) string {
	path, _, _ := strings.Cut(address, "?")
	return clip(path)
}

// byBody tries what middleware makes of a body.
func (v *Verifier) byBody(r Request, keys []Key) []trial {
	if !v.scheme.signs() || v.scheme.Field != "" {
		return nil
	}
	var trials []trial
	for _, b := range otherBodies(r.Body) {
		with := r
		with.Body = b.body
		trials = append(trials, trial{
			suspect(MistakeBody, "let whatever stands between the sender and MeshHook pass the bytes on as they come", "the sender signed other bytes: %s", b.how),
			patient(v.scheme), with, keys,
		})
	}
	return trials
}

// byScheme tries every other scheme with the same secret.
func (v *Verifier) byScheme(r Request, keys []Key) []trial {
	var trials []trial
	for _, s := range Schemes() {
		if s.Name == v.scheme.Name || s.Engine == EngineNone || s.SecretFormat == SecretIdentifier || s.JWT.JWKSURL != "" {
			continue
		}
		trials = append(trials, trial{
			suspect(MistakeScheme, "meshhook webhook update PATH --verify "+s.Name, "it is signed as %s signs", s.Name),
			patient(s), r, keys,
		})
	}
	return trials
}
