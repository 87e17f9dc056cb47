package egress

import (
	"context"
	"crypto/x509"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/meshhook"
)

func TestFetch(t *testing.T) {
	t.Parallel()
	type seen struct{ Method, Accept, ContentType, Body string }
	var got seen
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		got = seen{r.Method, r.Header.Get("Accept"), r.Header.Get("Content-Type"), string(body)}
		_, _ = io.WriteString(w, "the document")
	})
	c := newTestClient(t, Options{Allow: loopback})

	text, err := c.Fetch(t.Context(), s.URL, nil)
	require.NoError(t, err)
	require.Equal(t, "the document", string(text))
	require.Equal(t, seen{http.MethodGet, "*/*", "", ""}, got)

	text, err = c.Fetch(t.Context(), s.URL, []byte(`{"key_id":"a"}`))
	require.NoError(t, err)
	require.Equal(t, "the document", string(text))
	require.Equal(t, seen{http.MethodPost, "*/*", "application/json", `{"key_id":"a"}`}, got)

	_, err = c.Fetch(t.Context(), s.URL, []byte{})
	require.NoError(t, err)
	require.Equal(t, http.MethodPost, got.Method, "an empty body is one")
}

func TestFetch_TakesNothingButAWholeAnswer(t *testing.T) {
	t.Parallel()
	var answer http.HandlerFunc
	s := serve(t, func(w http.ResponseWriter, r *http.Request) { answer(w, r) })
	c := newTestClient(t, Options{Allow: loopback})
	for _, status := range []int{201, 204, 206, 301, 302, 304, 307, 308, 400, 401, 403, 404, 429, 500, 503} {
		answer = func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", "/elsewhere")
			w.WriteHeader(status)
		}
		text, err := c.Fetch(t.Context(), s.URL, nil)
		require.Nil(t, text)
		require.EqualError(t, err, fmt.Sprintf("the answer's status is %d and not 200", status))
		require.Equal(t, meshhook.CodeUnavailable, meshhook.ErrorCode(err))
	}
	for length, want := range map[int]string{256 << 10: "", 256<<10 + 1: "the answer is longer than 262144 bytes"} {
		answer = func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, strings.Repeat("x", length)) }
		text, err := c.Fetch(t.Context(), s.URL, nil)
		if want == "" {
			require.NoError(t, err)
			require.Len(t, text, length)
			continue
		}
		require.EqualError(t, err, want)
		require.Nil(t, text, "half a document is none")
	}
	answer = func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100")
		_, _ = io.WriteString(w, "half of it")
	}
	text, err := c.Fetch(t.Context(), s.URL, nil)
	require.Error(t, err)
	require.Nil(t, text)
}

// The guard holds for what is fetched as for what is called.
func TestFetch_PrivateAddresses(t *testing.T) {
	t.Parallel()
	s := serve(t, func(http.ResponseWriter, *http.Request) { t.Error("it was reached") })
	c := newTestClient(t, Options{})
	for _, address := range []string{s.URL, "http://169.254.169.254/latest/meta-data/", "http://[::1]:9/", "http://10.0.0.1/", "http://0x7f.1/", "file:///etc/passwd"} {
		_, err := c.Fetch(t.Context(), address, nil)
		require.Error(t, err, address)
	}
	_, err := c.Fetch(t.Context(), s.URL, nil)
	requireFailure(t, err, ReasonRefusedAddress, "is a private or special address", false)
}

func TestFetch_HTTPS(t *testing.T) {
	t.Parallel()
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "keys") }))
	s.Config.ErrorLog = log.New(io.Discard, "", 0) // of the handshake that is to fail
	s.StartTLS()
	t.Cleanup(s.Close)
	trusted := x509.NewCertPool()
	trusted.AddCert(s.Certificate())

	text, err := newTestClient(t, Options{Allow: loopback, RootCAs: trusted}).Fetch(t.Context(), s.URL, nil)
	require.NoError(t, err)
	require.Equal(t, "keys", string(text))

	_, err = newTestClient(t, Options{Allow: loopback, RootCAs: x509.NewCertPool()}).Fetch(t.Context(), s.URL, nil)
	requireFailure(t, err, ReasonTLS, "certificate signed by unknown authority", true)

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = newTestClient(t, Options{Allow: loopback, RootCAs: trusted}).Fetch(ctx, s.URL, nil)
	requireFailure(t, err, ReasonCanceled, "", true)
}
