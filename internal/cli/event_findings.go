package cli

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/signature"
)

// addFindings appends what was found out about an event: about its signature, its
// payload, or an expression that failed.
func (f *fields) addFindings(text json.RawMessage) {
	var refused signature.Failure
	var problems []meshhook.Problem
	var failed map[string]string
	switch {
	case len(text) == 0:
	case json.Unmarshal(text, &refused) == nil && refused.Reason != "":
		f.addSignature(refused.Findings)
	case json.Unmarshal(text, &problems) == nil:
		for _, p := range problems {
			f.add("problem", strings.TrimPrefix(p.Path+": "+p.Message, ": "))
		}
	case json.Unmarshal(text, &failed) == nil:
		for _, name := range slices.Sorted(maps.Keys(failed)) {
			f.add(name+" failed", failed[name])
		}
	default:
		f.add("findings", string(text))
	}
}

// addSignature appends what was looked at before a signature was refused.
func (f *fields) addSignature(found signature.Findings) {
	f.add("scheme", found.Scheme)
	f.add("looked for", strings.Join(found.Variants, "; "))
	for _, h := range found.Headers {
		switch h.Count {
		case 0:
			f.add("header", h.Name+" is absent")
		case 1:
			f.add("header", fmt.Sprintf("%s of %s", h.Name, counted(int64(h.Length), "byte")))
		default:
			f.add("header", fmt.Sprintf("%s came %d times", h.Name, h.Count))
		}
	}
	if found.SkewSeconds != nil {
		f.add("time", skewText(*found.SkewSeconds, found.Tolerance))
	}
	if found.SignedLength > 0 {
		f.add("signed", counted(int64(found.SignedLength), "byte"))
	}
	f.add("tried", fmt.Sprintf("%s with %s", counted(int64(found.Signatures), "signature"), counted(int64(found.Secrets), "secret")))
	if found.Ignored > 0 {
		f.add("ignored", counted(int64(found.Ignored), "value")+" of another kind")
	}
	if found.BadSecrets > 0 {
		f.add("unusable", counted(int64(found.BadSecrets), "secret")+", empty or not of the scheme's form")
	}
	f.addToken(found.Token)
	f.add("fetch error", found.Fetch)
}

// skewText says how far a time of signing lay from the time at which it came.
func skewText(seconds int64, tolerance meshhook.Duration) string {
	const most = int64(1<<63-1) / int64(time.Second)
	side := "before it came"
	if seconds < 0 {
		seconds, side = -max(seconds, -most), "after it came"
	}
	away := meshhook.Duration(time.Duration(min(seconds, most)) * time.Second)
	return fmt.Sprintf("signed %s %s; at most %s are allowed", away, side, tolerance)
}

// addToken appends what a JSON Web Token says of itself.
func (f *fields) addToken(t *signature.TokenFinding) {
	if t == nil {
		return
	}
	f.add("token alg", t.Algorithm)
	f.add("token kid", t.KeyID)
	f.add("token iss", t.Issuer)
	f.add("token aud", strings.Join(t.Audience, ", "))
	for _, at := range []struct {
		name    string
		seconds int64
	}{{"token exp", t.ExpiresAt}, {"token nbf", t.NotBefore}, {"token iat", t.IssuedAt}} {
		if at.seconds != 0 {
			f.add(at.name, time.Unix(at.seconds, 0))
		}
	}
}
