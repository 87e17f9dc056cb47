package api

import (
	"context"
	"crypto/sha256"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/profullstack/meshhook/internal/meshhook"
)

const (
	// maxFailures is how many requests without a valid token one address may send in a
	// minute before it is told to wait. It keeps those who guess from the database; a
	// token of 256 bits needs no protection from guessing.
	maxFailures = 20
	// tokenFresh is how long a token that was found is believed without asking
	// again: what makes revocation hold within a second.
	tokenFresh = 500 * time.Millisecond
	// maxKept is how many tokens are kept before the unused ones are let go.
	maxKept = 1000
)

// keyring knows tokens by their digests.
type keyring struct {
	store Store
	mu    sync.Mutex
	known map[[sha256.Size]byte]keptToken
	used  map[meshhook.ID]time.Time
}

// keptToken is a token and when the database was last asked for it.
type keptToken struct {
	meshhook.Token
	seen time.Time
}

func newKeyring(store Store) *keyring {
	return &keyring{store: store, known: map[[sha256.Size]byte]keptToken{}, used: map[meshhook.ID]time.Time{}}
}

// knows tells whether the digest was that of a token the last time it was looked
// for: those who have one are not held up by those who guess.
func (k *keyring) knows(digest [sha256.Size]byte) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	_, known := k.known[digest]
	return known
}

// find returns the token with the digest, if there is one that is valid now.
func (k *keyring) find(ctx context.Context, digest [sha256.Size]byte, now time.Time) (meshhook.Token, error) {
	k.mu.Lock()
	kept, known := k.known[digest]
	k.mu.Unlock()
	if !known || now.Sub(kept.seen) >= tokenFresh {
		token, err := k.store.TokenByDigest(ctx, digest[:])
		k.mu.Lock()
		defer k.mu.Unlock()
		if err != nil {
			if meshhook.ErrorCode(err) == meshhook.CodeNotFound {
				delete(k.known, digest)
			}
			return token, err
		}
		kept = keptToken{token, now}
		k.keep(digest, kept)
	}
	if !kept.ActiveAt(now) {
		return meshhook.Token{}, meshhook.Errorf(meshhook.CodeNotFound, "the token has expired")
	}
	return kept.Token, nil
}

// keep lets those go that nobody used for a minute, once there are many: tokens that
// were revoked or have expired are never asked for again.
func (k *keyring) keep(digest [sha256.Size]byte, kept keptToken) {
	if len(k.known) >= maxKept {
		for other, old := range k.known {
			if kept.seen.Sub(old.seen) > time.Minute {
				delete(k.known, other)
			}
		}
	}
	k.known[digest] = kept
}

// use notes that the token was used now.
func (k *keyring) use(id meshhook.ID, now time.Time) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.used[id] = now
}

// FlushUsed writes down when tokens were used since the last time. It is the Work
// of a loop, off the way of the requests.
func (h *Handler) FlushUsed(ctx context.Context) (more bool, err error) {
	k := h.tokens
	k.mu.Lock()
	used := k.used
	k.used = map[meshhook.ID]time.Time{}
	k.mu.Unlock()
	if len(used) == 0 {
		return false, nil
	}
	return false, h.Store.TouchTokens(ctx, used) // a time of use that is lost is no harm
}

// unauthorized is the one answer to whoever has no valid token: it does not say
// whether the token was unknown, revoked or expired.
func unauthorized(w http.ResponseWriter, given bool) error {
	challenge := `Bearer realm="meshhook"`
	message := "this needs a token; make one with 'meshhook token create', and send it as 'Authorization: Bearer TOKEN'"
	if given {
		challenge += `, error="invalid_token"`
		message = "the token is not known, or it was revoked or has expired"
	}
	w.Header().Set("WWW-Authenticate", challenge)
	return meshhook.Errorf(meshhook.CodeUnauthorized, "%s", message)
}

// authenticate finds out who asks, and whether they may.
func (h *Handler) authenticate(w http.ResponseWriter, r *http.Request, needed meshhook.Role) (token meshhook.Token, digest [sha256.Size]byte, err error) {
	now, sender := time.Now(), h.Sender(r)
	text, given := bearer(r.Header)
	digest, shaped := meshhook.TokenDigest(text)
	if wait, ok := h.failures.Peek(sender); !ok && !h.tokens.knows(digest) {
		w.Header().Set("Retry-After", strconv.Itoa(int(wait/time.Second)+1))
		return token, digest, meshhook.Errorf(meshhook.CodeRateLimited, "too many requests without a valid token came from your address; try again later")
	}
	if !shaped {
		h.failures.Take(sender)
		return token, digest, unauthorized(w, given)
	}
	token, err = h.tokens.find(r.Context(), digest, now)
	switch {
	case meshhook.ErrorCode(err) == meshhook.CodeNotFound:
		h.failures.Take(sender)
		return token, digest, unauthorized(w, given)
	case err != nil:
		return token, digest, err
	case !token.Role.Allows(needed):
		return token, digest, meshhook.Errorf(meshhook.CodeForbidden, "this needs a token of the role %s; yours has the role %s", needed, token.Role)
	}
	h.tokens.use(token.ID, now)
	return token, digest, nil
}

// bearer returns the token of the one Authorization header (RFC 6750, section 2.1).
func bearer(header http.Header) (token meshhook.Secret, given bool) {
	values := header.Values("Authorization")
	if len(values) != 1 {
		return token, len(values) > 0
	}
	scheme, text, _ := strings.Cut(values[0], " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return token, true
	}
	return meshhook.NewSecret(strings.Trim(text, " ")), true
}
