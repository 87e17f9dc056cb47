package signature

import (
	"context"
	"sync"
	"time"
)

// How long fetched keys are believed, and how often they are asked for.
const (
	keyTTL      = time.Hour        // after which a document is fetched again
	keyGrace    = 24 * time.Hour   // how long an old one serves while its host does not answer
	keyRefresh  = time.Minute      // the least time between two fetches of one document
	maxFetched  = 256              // documents kept
	maxFetches  = 30               // documents that the senders of one webhook can have fetched in a minute
	fetchExpiry = 10 * time.Second // of one fetch
)

// Fetch gets a document over the network: POSTs body where there is one, and GETs
// otherwise. Redirects, addresses of private networks and anything but a 200 are
// its errors; what it returns is bounded.
type Fetch func(ctx context.Context, url string, body []byte) ([]byte, error)

// Keyring fetches and keeps the keys and certificates that schemes verify by. It
// is safe for concurrent use.
type Keyring struct {
	fetch Fetch

	mu      sync.Mutex // of all that follows, and of the entries
	entries map[string]*entry
}

// entry is one document.
type entry struct {
	text    []byte
	fetched time.Time // of text; zero when there is none
	tried   time.Time // the last fetch, whatever became of it
	used    time.Time
	failed  error         // of the last fetch
	done    chan struct{} // closed when the fetch under way has ended; nil when none is
}

// NewKeyring returns an empty Keyring that fetches by fetch.
func NewKeyring(fetch Fetch) *Keyring {
	return &Keyring{fetch: fetch, entries: map[string]*entry{}}
}

// wanted is a document that a verification needs.
type wanted struct {
	// name tells documents apart, and holds no secret.
	name, url string
	// body is POSTed, if there is one.
	body []byte
	// chosen tells that the sender's word is what it is fetched for, and not the
	// owner's.
	chosen bool
	// renew asks for a new one, of who did not find in the old one what they looked
	// for; but at most once in keyRefresh.
	renew bool
	// check says why an answer is no such document. Another than one that can be read
	// does not take the place of one that can.
	check func([]byte) error
}

// source is a verifier's share of a keyring. Each has its own allowance of fetches
// that strangers can cause, so that a flood at one webhook is not felt at another.
type source struct {
	keyring *Keyring

	mu      sync.Mutex
	minute  time.Time
	fetches int
}

// get returns a document, fetched or kept. Those that want it at once wait for one
// fetch, each as long as their ctx lasts; it goes on when they leave.
func (s *source) get(ctx context.Context, w wanted) ([]byte, *Failure) {
	if s == nil || s.keyring == nil {
		return nil, unfetched("there is nothing to fetch with here")
	}
	k := s.keyring
	k.mu.Lock()
	defer k.mu.Unlock()
	now := time.Now()
	e := k.entries[w.name]
	if e == nil {
		e = &entry{}
	}
	e.used = now
	// While the host is known to be down, an old document serves at once.
	wait := w.renew || !e.serves(now) || e.failed == nil
	if e.due(now, w.renew) {
		if w.chosen && !e.serves(now) && !s.mayFetch(now) {
			return nil, unfetched("senders asked for too many different documents")
		}
		k.keep(w.name, e)
		e.tried, e.done = now, make(chan struct{})
		// Others wait for this fetch, so it does not end with the one who began it.
		go k.load(context.WithoutCancel(ctx), e, w)
	}
	if done := e.done; done != nil && wait {
		k.mu.Unlock()
		select {
		case <-done:
		case <-ctx.Done():
		}
		k.mu.Lock()
	}
	switch {
	case e.done != nil && wait && ctx.Err() != nil: // an old document would say no to a new key
		return nil, unfetched("the request ended before the answer came")
	case e.serves(time.Now()):
		return e.text, nil
	case e.failed != nil:
		return nil, unfetched(e.failed.Error())
	default:
		return nil, unfetched("the answer did not come")
	}
}

// serves tells whether there is a document that is not too old.
func (e *entry) serves(now time.Time) bool {
	return !e.fetched.IsZero() && now.Sub(e.fetched) < keyGrace
}

// due tells whether the document is to be fetched now.
func (e *entry) due(now time.Time, renew bool) bool {
	if e.done != nil || e.serves(now) && !renew && now.Sub(e.fetched) < keyTTL {
		return false
	}
	pause := keyRefresh
	if !e.serves(now) { // there is nothing to lose by asking sooner
		pause = fetchExpiry
	}
	return e.tried.IsZero() || now.Sub(e.tried) >= pause
}

// load fetches an entry's document.
func (k *Keyring) load(ctx context.Context, e *entry, w wanted) {
	ctx, cancel := context.WithTimeout(ctx, fetchExpiry)
	defer cancel()
	text, err := k.fetch(ctx, w.url, w.body)
	if err == nil {
		err = w.check(text)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if e.failed = err; err == nil {
		e.text, e.fetched = text, time.Now()
	}
	close(e.done)
	e.done = nil
}

// keep puts an entry among those kept. For one too many goes the one that nobody
// used for longest, and first of all one without a document: of those, strangers
// can make as many as they like.
func (k *Keyring) keep(name string, e *entry) {
	if k.entries[name] == nil && len(k.entries) >= maxFetched {
		var worst string
		var least *entry
		for name, old := range k.entries {
			if least == nil || old.fetched.IsZero() && !least.fetched.IsZero() ||
				old.fetched.IsZero() == least.fetched.IsZero() && old.used.Before(least.used) {
				worst, least = name, old
			}
		}
		delete(k.entries, worst)
	}
	k.entries[name] = e
}

// mayFetch counts the fetches that strangers cause.
func (s *source) mayFetch(now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if now.Sub(s.minute) >= time.Minute {
		s.minute, s.fetches = now, 0
	}
	s.fetches++
	return s.fetches <= maxFetches
}

// unfetched is the refusal for want of keys, and why for the endpoint's owner.
func unfetched(why string) *Failure {
	f := refuse(ReasonKeysUnavailable, "the keys of the signature could not be fetched, so nothing can be verified now; send it again later")
	f.Findings.Fetch = why
	return f
}
