package engine_test

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
)

// hit is a request as it came to a sink.
type hit struct {
	Method, Path, Key, Body string
	Header                  http.Header
}

// sink is a server that keeps what it was sent.
type sink struct {
	URL string
	// came delivers each hit before it is answered.
	came chan hit

	mu   sync.Mutex
	hits []hit
}

// newSink starts a server. answer is told how many requests with this one's key
// came so far, this one included; nil answers 200 with the body that came.
func newSink(t *testing.T, answer func(w http.ResponseWriter, r *http.Request, n int)) *sink {
	t.Helper()
	s := &sink{came: make(chan hit, 10000)}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return // its caller died
		}
		n := s.keep(hit{r.Method, r.URL.EscapedPath(), r.Header.Get("Idempotency-Key"), string(body), r.Header})
		w.Header()["Date"] = nil // two answers are the same
		w.Header().Set("Content-Type", "application/json")
		if answer != nil {
			answer(w, r, n)
			return
		}
		_, _ = w.Write(body)
	}))
	t.Cleanup(server.Close)
	s.URL = server.URL
	return s
}

func (s *sink) keep(h hit) (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hits = append(s.hits, h)
	s.came <- h
	for _, other := range s.hits {
		if other.Key == h.Key {
			n++
		}
	}
	return n
}

// keys counts the hits by their key.
func (s *sink) keys() map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	keys := map[string]int{}
	for _, h := range s.hits {
		keys[h.Key]++
	}
	return keys
}

// counter is a server that keeps nothing of what it was sent.
type counter struct {
	url string
	// count is how many requests came, now how many are there, most how many were
	// there at once.
	count, now, most atomic.Int64
}

func newCounter(t *testing.T) *counter {
	t.Helper()
	c := &counter{}
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, _ *http.Request) {
		c.count.Add(1)
		now := c.now.Add(1)
		for most := c.most.Load(); now > most && !c.most.CompareAndSwap(most, now); most = c.most.Load() {
		}
		c.now.Add(-1)
	}))
	t.Cleanup(server.Close)
	c.url = server.URL
	return c
}

// safeBuffer is a bytes.Buffer for several goroutines.
type safeBuffer struct {
	mu     sync.Mutex
	buffer bytes.Buffer
}

func (b *safeBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.Write(p)
}

func (b *safeBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.String()
}
