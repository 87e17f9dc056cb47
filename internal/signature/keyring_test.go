package signature_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/signature"
)

// server is a host of documents that a test changes under the keyring's feet.
type server struct {
	mu        sync.Mutex
	documents map[string]string
	down      error
	delay     time.Duration
	asked     []string
}

func (h *server) fetch(ctx context.Context, url string, _ []byte) ([]byte, error) {
	h.mu.Lock()
	h.asked = append(h.asked, url)
	text, ok, down, delay := h.documents[url], h.documents[url] != "", h.down, h.delay
	h.mu.Unlock()
	select {
	case <-time.After(delay):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	switch {
	case down != nil:
		return nil, down
	case !ok:
		return nil, errors.New("the answer's status is 404 and not 200")
	}
	return []byte(text), nil
}

func (h *server) set(change func(*server)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	change(h)
}

// count is how often was asked since it was last called.
func (h *server) count() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	n := len(h.asked)
	h.asked = nil
	return n
}

const jwksURL = "https://login.example.com/jwks.json"

// fetching is an endpoint whose keys are at jwksURL, and its host.
func fetching(t testing.TB) (*server, *signature.Verifier) {
	t.Helper()
	h := &server{documents: map[string]string{jwksURL: keySet(t, rsaKey(), "first")}}
	v := newVerifier(t, meshhook.Verification{Scheme: "jwt", JWKSURL: jwksURL}).WithKeyring(signature.NewKeyring(h.fetch))
	return h, v
}

// bearer is a request with a token that expires in a year, signed by the key under a name.
func bearer(t testing.TB, kid string) signature.Request {
	t.Helper()
	token := makeToken(t, "RS256", map[string]any{"kid": kid}, map[string]any{"exp": now().AddDate(100, 0, 0).Unix()}, rsaKey())
	return signature.Request{Method: http.MethodPost, Header: http.Header{"Authorization": {"Bearer " + token}}, Now: time.Now()}
}

// pass lets time go by: at once, in a bubble of synctest.
func pass(d time.Duration) { <-time.After(d) }

func reason(f *signature.Failure) signature.Reason {
	if f == nil {
		return ""
	}
	return f.Reason
}

func TestKeyring_KeepsWhatItFetched(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h, v := fetching(t)
		verify := func() signature.Reason {
			_, failure := v.Verify(t.Context(), bearer(t, "first"), nil)
			return reason(failure)
		}
		for range 3 {
			require.Empty(t, verify())
		}
		require.Equal(t, 1, h.count())

		pass(time.Hour - time.Second)
		require.Empty(t, verify())
		require.Zero(t, h.count(), "an hour is not over")

		pass(time.Second)
		require.Empty(t, verify())
		require.Equal(t, 1, h.count(), "after an hour it is fetched again")

		h.set(func(h *server) { h.down = errors.New("the host is down") })
		pass(time.Hour)
		for range 3 {
			require.Empty(t, verify(), "the old one serves")
		}
		require.Equal(t, 1, h.count())
		pass(time.Minute)
		require.Empty(t, verify())
		synctest.Wait()
		require.Equal(t, 1, h.count(), "once a minute it is tried again")

		pass(22*time.Hour + 59*time.Minute)
		_, failure := v.Verify(t.Context(), bearer(t, "first"), nil)
		require.Equal(t, signature.ReasonKeysUnavailable, reason(failure), "after a day the old one is too old")
		require.Equal(t, "the host is down", failure.Findings.Fetch)
		require.NotContains(t, failure.Message, "down", "which is nothing to the sender")

		h.set(func(h *server) { h.down = nil })
		pass(10 * time.Second)
		require.Empty(t, verify(), "without any it is tried again every ten seconds")
	})
}

func TestKeyring_OldKeysServeAtOnceWhileTheHostHangs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h, v := fetching(t)
		_, failure := v.Verify(t.Context(), bearer(t, "first"), nil)
		require.Nil(t, failure)
		h.set(func(h *server) { h.delay = time.Hour })
		pass(time.Hour)

		begin := time.Now()
		_, failure = v.Verify(t.Context(), bearer(t, "first"), nil)
		require.Nil(t, failure)
		require.Equal(t, 10*time.Second, time.Since(begin), "nobody knew yet that it hangs")

		pass(time.Minute)
		begin = time.Now()
		_, failure = v.Verify(t.Context(), bearer(t, "first"), nil)
		require.Nil(t, failure)
		require.Zero(t, time.Since(begin))
		pass(10 * time.Second) // until the fetch gives up
	})
}

func TestKeyring_AsksForAnUnknownKeyOnceAMinute(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h, v := fetching(t)
		_, failure := v.Verify(t.Context(), bearer(t, "first"), nil)
		require.Nil(t, failure)
		require.Equal(t, 1, h.count())
		h.set(func(h *server) { h.documents[jwksURL] = keySet(t, rsaKey(), "second") })

		for i := range 100 { // a flood of names that nobody has
			_, failure := v.Verify(t.Context(), bearer(t, fmt.Sprint("made up ", i)), nil)
			require.Equal(t, signature.ReasonMismatch, reason(failure))
		}
		require.Zero(t, h.count(), "the last fetch was not a minute ago")

		pass(time.Minute)
		_, failure = v.Verify(t.Context(), bearer(t, "second"), nil)
		require.Nil(t, failure, "the sender has a new key")
		require.Equal(t, 1, h.count())
		_, failure = v.Verify(t.Context(), bearer(t, "first"), nil)
		require.Equal(t, signature.ReasonMismatch, reason(failure), "and the old one is gone")
		require.Zero(t, h.count())

		pass(time.Minute)
		h.set(func(h *server) { h.documents[jwksURL] = "<html>we are moving" })
		_, failure = v.Verify(t.Context(), bearer(t, "third"), nil)
		require.Equal(t, signature.ReasonMismatch, reason(failure))
		_, failure = v.Verify(t.Context(), bearer(t, "second"), nil)
		require.Nil(t, failure, "what is no set of keys does not take the place of one that is")
	})
}

func TestKeyring_OneFetchForAll(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h, v := fetching(t)
		h.set(func(h *server) { h.delay = 3 * time.Second })
		first, leave := context.WithCancel(t.Context())
		var group sync.WaitGroup
		group.Go(func() {
			_, failure := v.Verify(first, bearer(t, "first"), nil)
			if reason(failure) != signature.ReasonKeysUnavailable {
				t.Error("who leaves knows nothing of the request")
			}
		})
		synctest.Wait() // the fetch is the first one's
		for range 50 {
			group.Go(func() {
				if _, failure := v.Verify(t.Context(), bearer(t, "first"), nil); failure != nil {
					t.Error(failure)
				}
			})
		}
		pass(time.Second)
		leave()
		group.Wait()
		require.Equal(t, 1, h.count())
	})
}

func TestKeyring_ASlowHostHoldsUpNobodyElse(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		slow := &server{delay: time.Hour}
		keyring := signature.NewKeyring(func(ctx context.Context, url string, body []byte) ([]byte, error) {
			if url == jwksURL {
				return []byte(keySet(t, rsaKey(), "first")), nil
			}
			return slow.fetch(ctx, url, body)
		})
		hanging := newVerifier(t, meshhook.Verification{Scheme: "jwt", JWKSURL: "https://slow.example.com/"}).WithKeyring(keyring)
		fine := newVerifier(t, meshhook.Verification{Scheme: "jwt", JWKSURL: jwksURL}).WithKeyring(keyring)
		var group sync.WaitGroup
		group.Go(func() {
			if _, failure := hanging.Verify(t.Context(), bearer(t, "first"), nil); reason(failure) != signature.ReasonKeysUnavailable {
				t.Error("a fetch ends after ten seconds")
			}
		})
		synctest.Wait()
		begin := time.Now()
		_, failure := fine.Verify(t.Context(), bearer(t, "first"), nil)
		require.Nil(t, failure)
		require.Zero(t, time.Since(begin))
		group.Wait()
		require.Equal(t, 10*time.Second, time.Since(begin))
	})
}

// snsRequest asks for a certificate by a name.
func snsRequest(t testing.TB, url string) signature.Request {
	t.Helper()
	m := snsMessage(t, "arn:aws:sns:eu-central-1:111111111111:orders", "hello")
	m["SigningCertURL"] = url
	return signature.Request{Method: http.MethodPost, Header: http.Header{}, Body: asJSON(t, m), Now: now()}
}

// Strangers choose the URLs of certificates. A flood of them costs few fetches, and
// neither what is known already nor other webhooks suffer.
func TestKeyring_AFloodOfCertificates(t *testing.T) {
	t.Parallel()
	certificate := provider().certificate
	synctest.Test(t, func(t *testing.T) {
		h := &server{documents: map[string]string{snsCertificate: certificate, jwksURL: keySet(t, rsaKey(), "first")}}
		keyring := signature.NewKeyring(h.fetch)
		known := newVerifier(t, meshhook.Verification{Scheme: "sns"}).WithKeyring(keyring)
		_, failure := known.Verify(t.Context(), snsRequest(t, snsCertificate), nil)
		require.Nil(t, failure)
		require.Equal(t, 1, h.count())

		for i := range 500 {
			_, failure := known.Verify(t.Context(), snsRequest(t, fmt.Sprintf("https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-%d.pem", i)), nil)
			require.Equal(t, signature.ReasonKeysUnavailable, reason(failure))
		}
		require.Equal(t, 29, h.count(), "thirty a minute, and one was before")
		_, failure = known.Verify(t.Context(), snsRequest(t, snsCertificate), nil)
		require.Nil(t, failure, "what is known stays")

		other := newVerifier(t, meshhook.Verification{Scheme: "sns"}).WithKeyring(keyring)
		h.set(func(h *server) {
			h.documents["https://sns.us-east-1.amazonaws.com/SimpleNotificationService-1.pem"] = certificate
		})
		_, failure = other.Verify(t.Context(), snsRequest(t, "https://sns.us-east-1.amazonaws.com/SimpleNotificationService-1.pem"), nil)
		require.Nil(t, failure, "another webhook has its own allowance")

		for range 20 { // far more than are kept
			pass(time.Minute)
			for i := range 30 {
				_, failure = known.Verify(t.Context(), snsRequest(t, fmt.Sprintf("https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-%d-%d.pem", time.Now().Unix(), i)), nil)
				require.Equal(t, signature.ReasonKeysUnavailable, reason(failure))
			}
		}
		require.Equal(t, 601, h.count())
		_, failure = known.Verify(t.Context(), snsRequest(t, snsCertificate), nil)
		require.Nil(t, failure)
		require.Zero(t, h.count(), "what could not be fetched goes first")
	})
}

// Of more documents than are kept, those go that nobody used for longest.
func TestKeyring_KeepsWhatIsUsed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := &server{documents: map[string]string{}}
		keyring := signature.NewKeyring(h.fetch)
		verify := func(i int) {
			address := fmt.Sprintf("https://login.example.com/%d", i)
			h.set(func(h *server) { h.documents[address] = keySet(t, rsaKey(), "first") })
			v := newVerifier(t, meshhook.Verification{Scheme: "jwt", JWKSURL: address}).WithKeyring(keyring)
			_, failure := v.Verify(t.Context(), bearer(t, "first"), nil)
			require.Nil(t, failure)
			pass(time.Millisecond)
		}
		for i := range 256 {
			verify(i)
		}
		require.Equal(t, 256, h.count())
		verify(0)
		require.Zero(t, h.count(), "all are kept")
		verify(256)
		require.Equal(t, 1, h.count())
		verify(0)
		require.Zero(t, h.count(), "it was used a moment ago")
		verify(1)
		require.Equal(t, 1, h.count(), "it was not")
	})
}

func TestKeyring_None(t *testing.T) {
	t.Parallel()
	v := newVerifier(t, meshhook.Verification{Scheme: "sns"})
	for _, v := range []*signature.Verifier{v, v.WithKeyring(nil)} {
		_, failure := v.Verify(t.Context(), snsRequest(t, snsCertificate), nil)
		require.Equal(t, signature.ReasonKeysUnavailable, reason(failure))
		require.Equal(t, "there is nothing to fetch with here", failure.Findings.Fetch)
	}
}

// Who cannot wait for a new set of keys does not hear that a new key is wrong.
func TestKeyring_ANewKeyIsNotRefusedByAnOldSet(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h, v := fetching(t)
		hurried, cancel := context.WithCancel(t.Context())
		cancel()
		verify := func(ctx context.Context, kid string) signature.Reason {
			_, failure := v.Verify(ctx, bearer(t, kid), nil)
			return reason(failure)
		}
		require.Equal(t, signature.ReasonKeysUnavailable, verify(hurried, "first"))
		require.Empty(t, verify(t.Context(), "first"))
		require.Empty(t, verify(hurried, "first"), "it is there")

		pass(time.Minute)
		h.set(func(h *server) { h.documents[jwksURL], h.delay = keySet(t, rsaKey(), "second"), time.Second })
		require.Equal(t, signature.ReasonKeysUnavailable, verify(hurried, "second"))
		require.Equal(t, signature.ReasonKeysUnavailable, verify(hurried, "first"), "the next set may not have it")
		require.Empty(t, verify(t.Context(), "second"))
		require.Equal(t, 2, h.count())
	})
}
