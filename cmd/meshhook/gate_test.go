package main

import (
	"fmt"
	"io"
	"net"
	"net/url"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"
)

// gate stands before a database, and shuts: connections break, and no new ones are
// served until it opens.
type gate struct {
	t        *testing.T
	listener net.Listener
	network  string
	target   string
	url      string

	mu     sync.Mutex
	closed bool
	conns  []net.Conn
}

func newGate(t *testing.T, dsn string) *gate {
	t.Helper()
	parsed, err := pgx.ParseConfig(dsn)
	require.NoError(t, err)
	g := &gate{t: t}
	g.network, g.target = pgconn.NetworkAddress(parsed.Host, parsed.Port)
	var config net.ListenConfig
	g.listener, err = config.Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	g.url = fmt.Sprintf("postgres://%s@%s/%s?sslmode=disable", url.UserPassword(parsed.User, parsed.Password), g.listener.Addr(), parsed.Database)
	done := make(chan struct{})
	go func() {
		defer close(done)
		g.serve()
	}()
	t.Cleanup(func() {
		require.NoError(t, g.listener.Close())
		g.shut()
		<-done
	})
	return g
}

func (g *gate) serve() {
	for {
		in, err := g.listener.Accept()
		if err != nil {
			return
		}
		g.mu.Lock()
		var out net.Conn
		if !g.closed {
			var dialer net.Dialer
			out, err = dialer.DialContext(g.t.Context(), g.network, g.target)
		}
		if out == nil || err != nil {
			_ = in.Close()
			g.mu.Unlock()
			continue
		}
		g.conns = append(g.conns, in, out)
		g.mu.Unlock()
		for _, way := range [][2]net.Conn{{in, out}, {out, in}} {
			go func() {
				_, _ = io.Copy(way[0], way[1]) // a broken connection is what the gate is for
				_ = way[0].Close()
			}()
		}
	}
}

func (g *gate) shut() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.closed = true
	for _, c := range g.conns {
		_ = c.Close() // it may have ended by itself
	}
	g.conns = nil
}

func (g *gate) open() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.closed = false
}
