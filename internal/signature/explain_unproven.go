package signature

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// byTimeFormat tries the other ways in which a time is written.
func (v *Verifier) byTimeFormat(r Request, keys []Key) []trial {
	if refusals(v.scheme).timestamp != "" {
		return nil
	}
	var trials []trial
	for _, format := range []TimeFormat{TimeUnix, TimeUnixMilli, TimeRFC3339} {
		s := v.scheme
		s.Timestamp.Format = format
		trials = append(trials, trial{suspectFormat(format), s, r, keys})
	}
	return trials
}

func suspectFormat(format TimeFormat) Suspicion {
	return suspect(MistakeFormat, "meshhook webhook update PATH --verify-timestamp-format "+string(format), "the sender writes the time of signing as %s", format.words())
}

// unproven says what is true, or likely, where no trial fits: failure is how the
// request is refused now, was how it was then.
func (v *Verifier) unproven(r Request, keys []Key, failure, was *Failure) []Suspicion {
	if was != nil && (v.forgotten(r) || was.Reason == ReasonBadHandshake) {
		failure = was // what is kept of it says less, or is about something else
	}
	switch failure.Reason {
	case ReasonNoSecret, ReasonBadSecret:
		return []Suspicion{v.withoutSecret(failure)}
	case ReasonKeysUnavailable:
		return []Suspicion{suspect(MistakeKeys, "make the keys' address reachable for the daemon, and have the sender send it again; or 'meshhook event replay' it where its signature is kept",
			"nothing is known of the signature, since its keys could not be fetched: %s", failure.Findings.Fetch)}
	case ReasonMissingHeader:
		if s, found := v.unsigned(r, keys, failure); found {
			return []Suspicion{s}
		}
	case ReasonUnreadableTimestamp:
		return []Suspicion{v.unreadTime(r, failure)}
	case ReasonMismatch:
		return []Suspicion{v.mismatch(failure)}
	}
	if v.scheme.Engine == EngineJWT {
		return []Suspicion{v.aboutToken(failure)}
	}
	return []Suspicion{v.byReason(failure)}
}

// forgotten tells that the log does not hold what the scheme reads, nor a digest of it.
func (v *Verifier) forgotten(r Request) bool {
	return r.Presented == nil && v.scheme.Header != "" && r.Header.Get(v.scheme.Header) == Redacted
}

func (v *Verifier) withoutSecret(failure *Failure) Suspicion {
	switch {
	case failure.Reason == ReasonBadSecret:
		return suspect(MistakeSecret, "set one of the scheme's form with 'meshhook webhook rotate-secret PATH': "+v.scheme.SecretHint, "the webhook's secret is not what the scheme %s takes", v.scheme.Name)
	case v.scheme.SecretOptional:
		return suspect(MistakeNoSecret, "'meshhook webhook rotate-secret PATH' sets it: "+v.scheme.SecretHint, "the webhook has no active secret yet; the sender shows it before the first event")
	default:
		return suspect(MistakeNoSecret, "set one with 'meshhook webhook rotate-secret PATH'", "the webhook has no active secret")
	}
}

// unsigned says what the request has instead of a signature, unless it has something
// of one.
func (v *Verifier) unsigned(r Request, keys []Key, failure *Failure) (s Suspicion, found bool) {
	if len(keys) == 0 && v.scheme.SecretFormat != SecretUnused && !v.scheme.SecretOptional {
		return v.withoutSecret(&Failure{Reason: ReasonNoSecret}), true
	}
	if r.Presented != nil || slices.ContainsFunc(v.headers(), func(name string) bool { return len(r.Header.Values(name)) > 0 }) {
		return s, false
	}
	for _, s := range Schemes() {
		if s.Header != "" && s.Header != v.scheme.Header && s.Header != "Authorization" && s.Header != "X-Signature" && len(r.Header.Values(s.Header)) > 0 {
			return suspect(MistakeScheme, "meshhook webhook update PATH --verify "+s.Name+", with the secret of that sender",
				"the request has the header %s, as %s sends it, and not what %s reads (%s)", s.Header, s.Name, v.scheme.Name, v.scheme.Place()), true
		}
	}
	remedy := "enter the secret at the sender"
	if f := v.scheme.SecretFormat; f == SecretUnused || f == SecretPublicKey || f == SecretIdentifier || f == SecretJWTKey {
		remedy = "have the sender sign its requests"
	}
	switch {
	case v.scheme.Header != "":
		return suspect(MistakeNoAttempt, remedy+"; or name the header that it uses with --verify-header", "the request has no header %s and nothing else that looks like a signature", v.scheme.Header), true
	case v.scheme.Query != "":
		return suspect(MistakeNoAttempt, "put ?"+v.scheme.Query+"= and the secret behind the URL at the sender", "the URL has no parameter %s", v.scheme.Query), true
	default:
		return suspect(MistakeNoAttempt, "see whether it is "+v.scheme.Name+" that sends here, and in the form that signs: 'meshhook event show' has the body", "%s", failure.Message), true
	}
}

// unreadTime says how the time seems to be written, where that can be told.
func (v *Verifier) unreadTime(r Request, failure *Failure) Suspicion {
	text := r.Header.Get(v.scheme.Timestamp.Header)
	for _, format := range []TimeFormat{TimeUnix, TimeUnixMilli, TimeRFC3339} {
		_, ok := readTime(format, text)
		if ok && v.scheme.Timestamp.Header != "" && refusals(v.scheme).timestamp == "" {
			return suspectFormat(format)
		}
	}
	return suspect(MistakeFormat, "have the sender write it so, or change the webhook's scheme to what the sender does", "%s", failure.Message)
}

// mismatch says what it means that the signature does not fit, by who has the key.
func (v *Verifier) mismatch(failure *Failure) Suspicion {
	s := v.scheme
	again := "; or the body was changed on its way, which whatever stands between may do"
	switch {
	case s.Engine == EngineJWT && s.JWT.JWKSURL != "" && !s.JWT.KeyLookup:
		return suspect(MistakeSigner, "name the keys of the issuer that makes these tokens: meshhook webhook update PATH --verify-jwks-url URL", "%s%s", failure.Message, claimed(failure))
	case s.Certificate.Identifier != "" && failure.Message == messageOther(s):
		return suspect(MistakeSigner, "set the identifier of the right one with 'meshhook webhook rotate-secret PATH', or end the other's subscription", "%s", failure.Message)
	case s.SecretFormat == SecretIdentifier:
		return suspect(MistakeSigner, "compare the identifier with the provider's page, and set it with 'meshhook webhook rotate-secret PATH'", "the signature is not for this webhook's identifier (%s)%s", s.SecretHint, again)
	case s.SecretFormat == SecretPublicKey, s.Engine == EngineJWT && !strings.HasPrefix(s.Algorithm, "HS"):
		return suspect(MistakeSigner, "set the sender's public key with 'meshhook webhook rotate-secret PATH'", "the signature was not made with the private key of the webhook's public one%s%s", again, claimed(failure))
	case strings.HasPrefix(failure.Message, "the body is"):
		return suspect(MistakeBody, "have the sender send what the scheme signs; 'meshhook event show' has the body", "%s", failure.Message)
	default:
		return suspect(MistakeSecret, "copy the sender's secret once more, and set it with 'meshhook webhook rotate-secret PATH'", "none of the usual mistakes fits: most likely the sender has another secret")
	}
}

// aboutToken compares what a token says of itself with what the webhook asks for.
func (v *Verifier) aboutToken(failure *Failure) Suspicion {
	t, asked := failure.Findings.Token, v.scheme.JWT
	const meant = "if its tokens are meant for this webhook"
	switch {
	case t == nil || failure.Reason == ReasonMalformedHeader:
		return v.byReason(failure)
	case t.Algorithm != v.scheme.Algorithm && slices.Contains(jwtAlgorithms, t.Algorithm):
		return suspect(MistakeToken, "meshhook webhook update PATH --verify-algorithm "+t.Algorithm+", "+meant, "the token is signed with %s, and the webhook takes %s", t.Algorithm, v.scheme.Algorithm)
	case failure.Reason == ReasonStaleTimestamp:
		return suspect(MistakeTime, "have the sender make a new token for each request; if its clock differs, allow that with --tolerance", "%s%s", failure.Message, claimed(failure))
	case asked.Issuer != "" && t.Issuer != asked.Issuer:
		return suspect(MistakeToken, "set --verify-issuer to the sender's issuer, "+meant, "the token's issuer (iss) is %s, and the webhook takes %s", said(t.Issuer), said(asked.Issuer))
	case asked.Audience != "" && !slices.Contains(t.Audience, asked.Audience):
		return suspect(MistakeToken, "have the sender ask for tokens of this audience; or set --verify-audience to theirs, "+meant, "the token's audience (aud) is not this webhook's: it is %s, and the webhook takes %s", said(strings.Join(t.Audience, ", ")), said(asked.Audience))
	default:
		return suspect(MistakeToken, "have the sender make its tokens so, or ask for something else with the --verify flags of 'meshhook webhook update PATH'", "%s%s", failure.Message, claimed(failure))
	}
}

func said(text string) string {
	if text == "" {
		return "not there"
	}
	return fmt.Sprintf("%q", text)
}

// claimed is what a token says of its key and its time, for the end of a sentence.
func claimed(failure *Failure) string {
	t := failure.Findings.Token
	if t == nil {
		return ""
	}
	var parts []string
	for name, text := range map[string]string{"kid": t.KeyID, "iss": t.Issuer} {
		if text != "" {
			parts = append(parts, name+" "+said(text))
		}
	}
	for name, seconds := range map[string]int64{"exp": t.ExpiresAt, "nbf": t.NotBefore, "iat": t.IssuedAt} {
		if seconds != 0 {
			parts = append(parts, name+" "+meshhook.FormatTime(time.Unix(seconds, 0)))
		}
	}
	if parts == nil {
		return ""
	}
	slices.Sort(parts)
	return " (" + strings.Join(parts, ", ") + ")"
}

// byReason says what is left to say: the refusal itself, and where to look.
func (v *Verifier) byReason(failure *Failure) Suspicion {
	switch failure.Reason {
	case ReasonBadCertificate:
		return suspect(MistakeSigner, "look at what the request names as its certificate, with 'meshhook event show': it is not from "+v.scheme.Name+", or "+v.scheme.Name+" has moved its certificates", "%s", failure.Message)
	case ReasonDuplicateHeader:
		return suspect(MistakeFormat, "find out which proxy adds it, and have it replace the header instead", "%s", failure.Message)
	case ReasonStaleTimestamp:
		return suspect(MistakeTime, "set the clocks of both machines by NTP; if the sender delivers late, allow it with --tolerance", "%s", failure.Message)
	case ReasonBadHandshake:
		return suspect(MistakeSecret, "compare the token that you typed at the provider with the webhook's secret: "+v.scheme.SecretHint, "%s", failure.Message)
	default:
		return suspect(MistakeFormat, "compare it with what the scheme reads ('meshhook webhook schemes'); 'meshhook event show' has it as it came", "%s", failure.Message)
	}
}
