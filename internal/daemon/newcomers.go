package daemon

import (
	"context"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// newcomerTime is how long a server that shuts down waits for the first requests of
// connections that it has accepted: as long as net/http would.
const newcomerTime = 5 * time.Second

// newcomers are the connections of a server whose first request has not come to its
// handler yet. http.Server.Shutdown answers none of them: what it reads of a request
// after it was called it drops. Their senders were let in, so they are answered first.
type newcomers struct {
	mu    sync.Mutex
	conns map[net.Conn]struct{}
	// none is closed when the last one is gone; nil while nobody waits.
	none chan struct{}
}

// newcomer is what a connection's context knows of it.
type newcomer struct {
	net.Conn
	begun atomic.Bool
}

type newcomerKey struct{}

// attend has the server tell of its connections.
func (n *newcomers) attend(s *http.Server) {
	n.conns = map[net.Conn]struct{}{}
	// Serve calls it between two Accepts: when Serve has returned, all are known.
	s.ConnContext = func(ctx context.Context, conn net.Conn) context.Context {
		n.mu.Lock()
		defer n.mu.Unlock()
		n.conns[conn] = struct{}{}
		return context.WithValue(ctx, newcomerKey{}, &newcomer{Conn: conn})
	}
	observe := s.ConnState
	s.ConnState = func(conn net.Conn, state http.ConnState) {
		if state == http.StateClosed || state == http.StateHijacked {
			n.gone(conn)
		}
		if observe != nil {
			observe(conn, state)
		}
	}
	handler := s.Handler
	s.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if c, is := r.Context().Value(newcomerKey{}).(*newcomer); is && !c.begun.Swap(true) {
			n.gone(c.Conn)
		}
		handler.ServeHTTP(w, r)
	})
}

func (n *newcomers) gone(conn net.Conn) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.conns, conn)
	if len(n.conns) == 0 && n.none != nil {
		close(n.none)
		n.none = nil
	}
}

// wait returns when there is none any more, or when ctx ends. New ones do not come:
// it is called once, after the last Accept.
func (n *newcomers) wait(ctx context.Context) {
	n.mu.Lock()
	if len(n.conns) == 0 {
		n.mu.Unlock()
		return
	}
	none := make(chan struct{})
	n.none = none
	n.mu.Unlock()
	select {
	case <-none:
	case <-ctx.Done():
	}
}

// shutdown accepts no more, answers what was accepted, and waits for the requests
// under way.
func (s *server) shutdown(ctx context.Context) error {
	_ = s.listener.Close() // of a listener that is closed already there is nothing to say
	s.SetKeepAlivesEnabled(false)
	<-s.done
	waiting, cancel := context.WithTimeout(ctx, newcomerTime)
	defer cancel()
	s.newcomers.wait(waiting)
	return s.Shutdown(ctx)
}
