package signature

import (
	"context"
	"errors"
	"sync"
	"time"
)

// How long fetched keys are believed, and how often they are asked for.
const (
	keyTTL      = time.Hour        // after which a document is fetched again
	keyGrace    = 24 * time.Hour   // how long an old one serves while its host does not answer
	keyRefresh  = time.Minute      // the least time between two fetches of one document
	maxFetched  = 256              // documents kept
	maxFetches  = 30               // new documents fetched in a minute: senders choose the URLs of certificates
	fetchExpiry = 10 * time.Second // of one fetch
)

// Fetch gets a document over the network: POSTs body where there is one, and GETs
// otherwise. Redirects, addresses of private networks and anything but a 200 are
// its errors; what it returns is bounded.
type Fetch func(ctx context.Context, url string, body []byte) ([]byte, error)

// Keyring fetches and keeps the keys and certificates that schemes verify by. It
// is safe for concurrent use. The zero of *Keyring fetches nothing.
type Keyring struct {
	fetch Fetch
	now   func() time.Time

	mu      sync.Mutex
	entries map[string]*entry
	minute  time.Time
	fetches int
}

// entry is one document. Its own lock makes those that want it at once wait for
// one fetch.
type entry struct {
	mu      sync.Mutex
	text    []byte
	fetched time.Time // of text
	tried   time.Time // the last fetch, whatever became of it
	failed  error
}

// NewKeyring returns an empty Keyring that fetches by fetch.
func NewKeyring(fetch Fetch) *Keyring {
	return &Keyring{fetch: fetch, now: time.Now, entries: map[string]*entry{}}
}

var errTooManyFetches = errors.New("too many different documents were asked for")

// document returns the document at a URL, fetched or kept.
func (k *Keyring) document(ctx context.Context, url string) ([]byte, *Failure) {
	return k.get(ctx, url, url, nil, false)
}

// renewed is document for who did not find in it what they looked for: it is
// fetched again, but at most once a minute.
func (k *Keyring) renewed(ctx context.Context, url string) ([]byte, *Failure) {
	return k.get(ctx, url, url, nil, true)
}

// answer returns what the URL answers to a POST of body; name tells such
// documents apart, and holds no secret.
func (k *Keyring) answer(ctx context.Context, name, url string, body []byte) ([]byte, *Failure) {
	return k.get(ctx, name, url, body, false)
}

func (k *Keyring) get(ctx context.Context, name, url string, body []byte, renew bool) ([]byte, *Failure) {
	if k == nil {
		return nil, refuse(ReasonKeysUnavailable, "the keys of the signature cannot be fetched here")
	}
	e := k.entry(name)
	e.mu.Lock()
	defer e.mu.Unlock()
	now := k.now()
	have := e.text != nil && now.Sub(e.fetched) < keyGrace
	if have && !renew && now.Sub(e.fetched) < keyTTL {
		return e.text, nil
	}
	// An old document or an old error serves until the next fetch is due.
	due := keyRefresh
	if !have {
		due = fetchExpiry
	}
	if !e.tried.IsZero() && now.Sub(e.tried) < due {
		return e.result(have)
	}
	if e.text == nil && !k.mayFetch(now) {
		e.failed = errTooManyFetches
		return e.result(false)
	}
	e.tried = now
	// Others wait for this fetch, so it does not end with the one who began it.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), fetchExpiry)
	defer cancel()
	text, err := k.fetch(ctx, url, body)
	e.failed = err
	if err == nil {
		e.text, e.fetched, have = text, now, true
	}
	return e.result(have)
}

func (e *entry) result(have bool) ([]byte, *Failure) {
	if have {
		return e.text, nil
	}
	f := refuse(ReasonKeysUnavailable, "the keys of the signature could not be fetched, so nothing can be verified now; send it again later")
	f.Findings.Fetch = e.failed.Error()
	return nil, f
}

func (k *Keyring) entry(name string) *entry {
	k.mu.Lock()
	defer k.mu.Unlock()
	if e := k.entries[name]; e != nil {
		return e
	}
	if len(k.entries) >= maxFetched {
		for old := range k.entries { // any will do: it is fetched again when it is needed
			delete(k.entries, old)
			break
		}
	}
	e := &entry{}
	k.entries[name] = e
	return e
}

// mayFetch counts the fetches of new documents.
func (k *Keyring) mayFetch(now time.Time) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if now.Sub(k.minute) >= time.Minute {
		k.minute, k.fetches = now, 0
	}
	k.fetches++
	return k.fetches <= maxFetches
}
