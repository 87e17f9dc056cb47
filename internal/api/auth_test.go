package api_test

import (
	"context"
	"net/http"
	"net/netip"
	"strconv"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/api"
	"github.com/profullstack/meshhook/internal/meshhook"
)

func TestWhoIsLetIn(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	token := h.tokens[meshhook.RoleRead]
	soon := time.Now().Add(time.Hour)
	past := time.Now().Add(-time.Second)
	valid := newToken(t, h.project, "valid", meshhook.RoleRead, &soon)
	expired := newToken(t, h.project, "expired", meshhook.RoleRead, &past)
	for name, c := range map[string]struct {
		values []string
		status int
	}{
		"a token":                {[]string{"Bearer " + token}, 200},
		"in lower case":          {[]string{"bearer " + token}, 200},
		"with spaces":            {[]string{"Bearer   " + token}, 200},
		"one that will expire":   {[]string{"Bearer " + valid}, 200},
		"one that has expired":   {[]string{"Bearer " + expired}, 401},
		"none":                   {nil, 401},
		"an empty one":           {[]string{"Bearer "}, 401},
		"no scheme":              {[]string{token}, 401},
		"another scheme":         {[]string{"Basic " + token}, 401},
		"a letter too many":      {[]string{"Bearer " + token + "a"}, 401},
		"two":                    {[]string{"Bearer " + token, "Bearer " + token}, 401},
		"another's":              {[]string{"Bearer " + meshhook.NewToken().Reveal()}, 401},
		"the digest of one, hex": {[]string{"Bearer mhk_e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"}, 401},
	} {
		re := h.as(t, "", "GET", "/api/webhooks", "", func(r *http.Request) { r.Header["Authorization"] = c.values })
		require.Equal(t, c.status, re.status, name)
		if c.status == 401 {
			requireError(t, meshhook.CodeUnauthorized, re)
		}
	}
	// It is nowhere but in the header.
	require.Equal(t, 401, h.as(t, "", "GET", "/api/webhooks?access_token="+token, "").status)
}

func TestARevokedTokenOpensNothing(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	token := newToken(t, h.project, "guest", meshhook.RoleRead, nil)
	require.Equal(t, 200, h.as(t, token, "GET", "/api/webhooks", "").status)
	_, err := h.project.RevokeToken(t.Context(), "guest")
	require.NoError(t, err)
	revoked := time.Now()
	require.Eventually(t, func() bool { return h.as(t, token, "GET", "/api/webhooks", "").status == 401 }, patience, 10*time.Millisecond)
	require.Less(t, time.Since(revoked), time.Second)
}

func TestFailuresOfOneSenderAreLimited(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	from := func(address string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set("X-Forwarded-For", address) }
	}
	known := h.tokens[meshhook.RoleRead]
	require.Equal(t, 200, h.as(t, known, "GET", "/api/webhooks", "").status)
	const address = "203.0.113.9"
	for range api.MaxFailures {
		require.Equal(t, 401, h.as(t, "nonsense", "GET", "/api/webhooks", "", from(address)).status)
	}
	var re reply
	require.Eventually(t, func() bool { // one more is allowed every three seconds
		re = h.as(t, "more nonsense", "GET", "/api/webhooks", "", from(address))
		return re.status == 429
	}, patience, time.Millisecond)
	requireError(t, meshhook.CodeRateLimited, re)
	wait, err := strconv.Atoi(re.header.Get("Retry-After"))
	require.NoError(t, err)
	require.Positive(t, wait)
	require.LessOrEqual(t, wait, 60)
	require.Equal(t, 429, h.as(t, "", "GET", "/api/webhooks", "", from(address)).status)
	// Others come in, and so does who has a token, known already or not.
	require.Equal(t, 401, h.as(t, meshhook.NewToken().Reveal(), "GET", "/api/webhooks", "", from(address)).status)
	require.Equal(t, 200, h.as(t, h.tokens[meshhook.RoleAdmin], "GET", "/api/webhooks", "", from(address)).status)
	require.Equal(t, 401, h.as(t, "nonsense", "GET", "/api/webhooks", "", from("203.0.113.10")).status)
	require.Equal(t, 200, h.as(t, known, "GET", "/api/webhooks", "", from(address)).status)
}

func TestWhenATokenWasUsedIsNoted(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	handler, _ := h.inside(t, nil)
	require.Equal(t, 200, answer(t, handler, h.tokens[meshhook.RoleRead], "GET", "/api/webhooks", "").Code)
	more, err := handler.FlushUsed(t.Context())
	require.NoError(t, err)
	require.False(t, more)
	tokens, err := h.project.Tokens(t.Context())
	require.NoError(t, err)
	for _, token := range tokens {
		if token.Name == "read" {
			require.WithinDuration(t, time.Now(), *token.LastUsedAt, time.Minute)
		} else {
			require.Nil(t, token.LastUsedAt)
		}
	}
	more, err = handler.FlushUsed(t.Context())
	require.NoError(t, err)
	require.False(t, more)
}

// asked is a store that counts how often it is asked for tokens, of which it knows
// none.
type asked struct {
	api.Store
	times atomic.Int64
	// hold, unless it is nil, holds the answers up.
	hold chan struct{}
}

func (a *asked) TokenByDigest(context.Context, []byte) (meshhook.Token, error) {
	a.times.Add(1)
	if a.hold != nil {
		<-a.hold
	}
	return meshhook.Token{}, meshhook.Errorf(meshhook.CodeNotFound, "there is no such token")
}

// Those who try tokens do not get at the database more often than it can bear.
func TestUnknownTokensAreLookedForWithinABudget(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h, store := house{}, &asked{}
		sender := netip.MustParseAddr("192.0.2.1")
		handler, _ := h.inside(t, func(o *api.Options) {
			o.Store = store
			o.Sender = func(*http.Request) netip.Addr { return sender }
		})
		try := func(token meshhook.Secret) int {
			return answer(t, handler, token.Reveal(), "GET", "/api/webhooks", "").Code
		}
		same := meshhook.NewToken()
		for range 10 {
			require.Equal(t, 401, try(same))
		}
		require.EqualValues(t, 1, store.times.Load(), "it was not there a moment ago")
		<-time.After(time.Second) // of the bubble's clock
		require.Equal(t, 401, try(same))
		require.EqualValues(t, 2, store.times.Load())

		var refused int
		for range 1000 {
			if try(meshhook.NewToken()) == 429 {
				refused++
			}
		}
		require.Equal(t, int64(1002-refused), store.times.Load())
		require.LessOrEqual(t, store.times.Load(), int64(2+api.MaxFailures+api.MaxSuspected))
		// Others are not held up by that, but by what all of them do.
		<-time.After(time.Second)
		store.times.Store(0)
		for range 2 * api.MaxLookups {
			sender = sender.Next()
			try(meshhook.NewToken())
		}
		require.EqualValues(t, api.MaxLookups, store.times.Load())
	})
}

// One question is enough for all who wait for its answer.
func TestOneTokenIsLookedForOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := &asked{hold: make(chan struct{})}
		find, _ := api.Keyring(store)
		token := meshhook.NewToken()
		errs := make(chan error, 10)
		impatient, leave := context.WithCancel(t.Context())
		go func() { errs <- find(impatient, token, time.Now()) }()
		synctest.Wait()
		for range 9 {
			go func() { errs <- find(t.Context(), token, time.Now()) }()
		}
		synctest.Wait()
		leave()
		require.ErrorIs(t, <-errs, context.Canceled)
		close(store.hold)
		for range 9 {
			require.Equal(t, meshhook.CodeNotFound, meshhook.ErrorCode(<-errs))
		}
		require.EqualValues(t, 1, store.times.Load())
	})
}

// counting is a store in which every token is known; it counts how often it is
// asked.
type counting struct {
	api.Store
	asked int
}

func (c *counting) TokenByDigest(context.Context, []byte) (meshhook.Token, error) {
	c.asked++
	return meshhook.Token{ID: meshhook.NewID()}, nil
}

// The database is asked for a token twice a second at most, and old ones are let
// go.
func TestTokensAreKeptForAMoment(t *testing.T) {
	t.Parallel()
	ctx, now, store := t.Context(), time.Now(), &counting{}
	find, kept := api.Keyring(store)
	token := meshhook.NewToken()
	for _, after := range []time.Duration{0, 1, 499 * time.Millisecond} {
		require.NoError(t, find(ctx, token, now.Add(after)))
		require.Equal(t, 1, store.asked)
	}
	require.NoError(t, find(ctx, token, now.Add(500*time.Millisecond)))
	require.Equal(t, 2, store.asked)
	for range api.MaxKept - 1 {
		require.NoError(t, find(ctx, meshhook.NewToken(), now))
	}
	require.Equal(t, api.MaxKept, kept())
	require.NoError(t, find(ctx, meshhook.NewToken(), now.Add(time.Minute)))
	require.Equal(t, api.MaxKept+1, kept(), "all of them are still in use")
	require.NoError(t, find(ctx, meshhook.NewToken(), now.Add(2*time.Minute)))
	require.Equal(t, 2, kept())
}
