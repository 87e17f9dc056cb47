package api

import (
	"context"
	"crypto/sha256"
	"maps"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/profullstack/meshhook/internal/limit"
	"github.com/profullstack/meshhook/internal/meshhook"
)

const (
	// maxFailures is how many requests without a valid token one address may send in a
	// minute. A token of 256 bits needs no protection from guessing, so what has the
	// form of one is looked for all the same: somebody else behind that address may
	// have a valid one. What has not is told to wait.
	maxFailures = 20
	// maxLookups is how many tokens that are not known the database is asked for in a
	// second, and maxSuspected how many for all addresses with too many failures.
	maxLookups   = 100
	maxSuspected = 20
	// refusedFresh is how long a token that was not found is not looked for again.
	refusedFresh = time.Second
	// tokenFresh is how long a token that was found is believed without asking
	// again: what makes revocation hold within a second.
	tokenFresh = 500 * time.Millisecond
	// maxKept is how many tokens are kept before the unused ones are let go.
	maxKept = 1000
	// lookupTimeout bounds the question to the database.
	lookupTimeout = 10 * time.Second
)

// keyring knows tokens by their digests.
type keyring struct {
	store Store
	// lookups are under way: one for each digest, whoever waits for it.
	lookups singleflight.Group
	mu      sync.Mutex
	known   map[[sha256.Size]byte]keptToken
	// refused is when digests were not found.
	refused map[[sha256.Size]byte]time.Time
	used    map[meshhook.ID]time.Time
}

// keptToken is a token and when the database was last asked for it.
type keptToken struct {
	meshhook.Token
	seen time.Time
}

func newKeyring(store Store) *keyring {
	return &keyring{
		store: store, known: map[[sha256.Size]byte]keptToken{}, refused: map[[sha256.Size]byte]time.Time{}, used: map[meshhook.ID]time.Time{},
	}
}

// everybody is the one key of a limit that holds for all senders together.
var everybody netip.Addr

// perSecond is a limit for all senders together.
func perSecond(count int64) *limit.Senders {
	return limit.NewSenders(meshhook.RateLimit{Limit: count, Period: time.Second})
}

// find returns the token with the digest, if there is one that is valid now:
// CodeNotFound otherwise. A token that is not known is looked for within the budget;
// beyond that it is a CodeRateLimited. Those who are known are not held up by that.
func (k *keyring) find(ctx context.Context, digest [sha256.Size]byte, now time.Time, budget *limit.Senders) (meshhook.Token, error) {
	k.mu.Lock()
	kept, known := k.known[digest]
	refused, tried := k.refused[digest]
	k.mu.Unlock()
	if known && now.Sub(kept.seen) < tokenFresh {
		return kept.valid(now)
	}
	if tried && now.Sub(refused) < refusedFresh {
		return meshhook.Token{}, meshhook.Errorf(meshhook.CodeNotFound, "there is no such token")
	}
	if !known {
		if _, ok := budget.Take(everybody); !ok {
			return meshhook.Token{}, meshhook.Errorf(meshhook.CodeRateLimited, "too many tokens that are not known are being tried; try again in a second")
		}
	}
	// Who gives up does not take the answer away from the others who wait for it.
	flight := k.lookups.DoChan(string(digest[:]), func() (any, error) {
		within, cancel := context.WithTimeout(context.WithoutCancel(ctx), lookupTimeout)
		defer cancel()
		return k.look(within, digest, now)
	})
	select {
	case found := <-flight:
		if found.Err != nil {
			return meshhook.Token{}, found.Err
		}
		kept, _ = found.Val.(keptToken) // which look returns
		return kept.valid(now)
	case <-ctx.Done():
		return meshhook.Token{}, ctx.Err()
	}
}

// look asks the database, and remembers what it said.
func (k *keyring) look(ctx context.Context, digest [sha256.Size]byte, now time.Time) (keptToken, error) {
	token, err := k.store.TokenByDigest(ctx, digest[:])
	k.mu.Lock()
	defer k.mu.Unlock()
	switch {
	case meshhook.ErrorCode(err) == meshhook.CodeNotFound:
		delete(k.known, digest)
		if len(k.refused) >= maxKept {
			maps.DeleteFunc(k.refused, func(_ [sha256.Size]byte, at time.Time) bool { return now.Sub(at) >= refusedFresh })
		}
		k.refused[digest] = now
		return keptToken{}, err
	case err != nil:
		return keptToken{}, err
	}
	kept := keptToken{token, now}
	k.keep(digest, kept)
	return kept, nil
}

// valid returns the token unless it has expired.
func (t keptToken) valid(now time.Time) (meshhook.Token, error) {
	if !t.ActiveAt(now) {
		return meshhook.Token{}, meshhook.Errorf(meshhook.CodeNotFound, "the token has expired")
	}
	return t.Token, nil
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
	budget := h.strangers
	if wait, ok := h.failures.Peek(sender); !ok {
		if budget = h.suspects; !shaped {
			w.Header().Set("Retry-After", strconv.Itoa(int(wait/time.Second)+1))
			return token, digest, meshhook.Errorf(meshhook.CodeRateLimited, "too many requests without a valid token came from your address; try again later")
		}
	}
	if !shaped {
		h.failures.Take(sender)
		return token, digest, unauthorized(w, given)
	}
	token, err = h.tokens.find(r.Context(), digest, now, budget)
	switch {
	case meshhook.ErrorCode(err) == meshhook.CodeNotFound:
		h.failures.Take(sender)
		return token, digest, unauthorized(w, given)
	case meshhook.ErrorCode(err) == meshhook.CodeRateLimited:
		w.Header().Set("Retry-After", "1")
		return token, digest, err
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
