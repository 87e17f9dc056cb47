package daemon

import (
	"container/list"
	"crypto/tls"
	"net"
	"net/http"
	"sync"
	"time"
)

// leastQuiet is how long a connection has nothing to do before it may be closed for
// another one: a request may be on its way on it.
const leastQuiet = time.Second

// boundedListener holds so many connections at once. For one more, it closes the
// one that has been quiet the longest: idle between two requests, or without a first
// one. Where all have something to do, more wait in the queue of the operating system
// until one ends. The server tells by observe what they do.
type boundedListener struct {
	net.Listener
	most   int
	closed chan struct{}
	once   sync.Once

	mu   sync.Mutex
	open map[*boundedConn]struct{}
	// quiet are those of them that wait for a request, in the order in which they
	// began to.
	quiet *list.List
	// changed is closed, and renewed, whenever a connection changes its state.
	changed chan struct{}
}

func bounded(l net.Listener, connections int) *boundedListener {
	return &boundedListener{
		Listener: l, most: connections, closed: make(chan struct{}),
		open: map[*boundedConn]struct{}{}, quiet: list.New(), changed: make(chan struct{}),
	}
}

// Accept takes a connection, and gives it to the server once there is a place. So
// none is closed for one that nobody has made.
func (l *boundedListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	c := &boundedConn{Conn: conn, listener: l}
	for {
		victim, wait, changed := l.place(c)
		switch {
		case victim != nil:
			_ = victim.Close() // its place is free; nothing is lost with it
			continue
		case changed == nil:
			return c, nil
		}
		timer := time.NewTimer(wait)
		select {
		case <-changed:
		case <-timer.C:
		case <-l.closed:
			// The last one, beyond the bound: it was let in, and no more come.
			timer.Stop()
			l.force(c)
			return c, nil
		}
		timer.Stop()
	}
}

// place gives the connection a place. Where there is none it returns the connection
// to close for it, or else how long and for what to wait.
func (l *boundedListener) place(c *boundedConn) (victim *boundedConn, wait time.Duration, changed <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.open) < l.most {
		l.open[c] = struct{}{}
		l.note(c, true)
		return nil, 0, nil
	}
	first := l.quiet.Front()
	if first == nil {
		return nil, leastQuiet, l.changed
	}
	longest, _ := first.Value.(*boundedConn)
	if wait = leastQuiet - time.Since(longest.since); wait > 0 {
		return nil, wait, l.changed
	}
	return longest, 0, nil
}

// force gives the connection a place where there is none.
func (l *boundedListener) force(c *boundedConn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.open[c] = struct{}{}
	l.note(c, true)
}

// note keeps what a connection does from now on. The caller holds mu.
func (l *boundedListener) note(c *boundedConn, quiet bool) {
	if c.at != nil {
		l.quiet.Remove(c.at)
		c.at = nil
	}
	if quiet {
		c.at, c.since = l.quiet.PushBack(c), time.Now()
	}
	close(l.changed)
	l.changed = make(chan struct{})
}

// observe is the server's ConnState. A connection of HTTP/2 is idle while it has no
// streams.
func (l *boundedListener) observe(conn net.Conn, state http.ConnState) {
	if secure, is := conn.(*tls.Conn); is {
		conn = secure.NetConn()
	}
	c, is := conn.(*boundedConn)
	if !is {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, is := l.open[c]; !is {
		return // it is closed already
	}
	switch state {
	case http.StateActive:
		l.note(c, false)
	case http.StateIdle:
		l.note(c, true)
	case http.StateNew, http.StateClosed, http.StateHijacked: // they begin and end with Accept and Close
	}
}

// leave frees a connection's place, once.
func (l *boundedListener) leave(c *boundedConn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, is := l.open[c]; is {
		delete(l.open, c)
		l.note(c, false)
	}
}

// Close ends Accept, too, where it waits for a place.
func (l *boundedListener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return l.Listener.Close()
}

// boundedConn gives its place back when it is closed.
type boundedConn struct {
	net.Conn
	listener *boundedListener
	// at is its place among those that are quiet, since a time; nil while it has
	// something to do. The listener's mu guards them.
	at    *list.Element
	since time.Time
}

// Close closes the connection, and then lets another one in.
func (c *boundedConn) Close() error {
	defer c.listener.leave(c)
	return c.Conn.Close()
}
