//go:build unix

package pgembed

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"syscall"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// Server is one user's hold on the cluster. Its methods may be called from
// several goroutines.
type Server struct {
	cluster *cluster
	users   *os.File // holds users.lock shared from Start to Stop

	mu      sync.Mutex
	current *postmaster // changes when the watch starts a successor

	endWatch context.CancelFunc
	watched  chan struct{} // closed when the watch has ended

	stop    sync.Once
	stopErr error
}

// Start returns once a server of the cluster takes connections, be it a new one
// or one that already ran. A missing cluster is made first. ctx bounds the start
// only.
//
// Errors are one line that says what to do: with CodeInvalid where the machine
// or the options do not fit (no Postgres, another version's data, a directory
// that may not be used), with CodeUnavailable where Postgres failed.
func Start(ctx context.Context, o Options) (*Server, error) {
	return start(ctx, o, defaultPatience)
}

func start(ctx context.Context, o Options, p patience) (*Server, error) {
	c, err := openCluster(o, p)
	if err != nil {
		return nil, err
	}
	s := &Server{cluster: c, watched: make(chan struct{})}
	if err := c.exclusively(ctx, func() error { return s.join(ctx) }); err != nil {
		return nil, err
	}
	watching, cancel := context.WithCancel(context.WithoutCancel(ctx))
	s.endWatch = cancel
	if o.TieToProcess {
		go s.watch(watching)
	} else {
		close(s.watched)
	}
	return s, nil
}

// join becomes a user of the cluster and brings it up.
func (s *Server) join(ctx context.Context) error {
	users, err := s.cluster.openLock(usersLock)
	if err != nil {
		return err
	}
	if err := s.joinAs(ctx, users); err != nil {
		return unlock(users, err)
	}
	return nil
}

func (s *Server) joinAs(ctx context.Context, users *os.File) error {
	// Nobody holds users.lock exclusively without supervisor.lock, which is ours.
	if err := waitLock(ctx, users, syscall.LOCK_SH); err != nil {
		return err
	}
	p, err := s.cluster.up(ctx)
	if err != nil {
		return err
	}
	s.users, s.current = users, p
	return nil
}

// DSN returns the connection string of the application's role and database, for
// every user that may use the cluster: root and the one that runs the server.
// The kernel vouches for the user (peer authentication), so it holds no secret.
func (s *Server) DSN() string {
	quote := strings.NewReplacer(`\`, `\\`, `'`, `\'`)
	return fmt.Sprintf("host='%s' port=%s user=%s dbname=%s sslmode=disable",
		quote.Replace(s.server().socketDir), port, Role, Database)
}

// Adopted reports whether the server was started by another user of the cluster.
func (s *Server) Adopted() bool { return s.server().adopted() }

func (s *Server) server() *postmaster {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.current
}

// Stop ends this use of the cluster, and the server with it if nobody else uses
// it. A server that is tied to this process stays for the others only until the
// process ends. Once ctx is done Stop waits no longer: it returns an error with
// CodeUnavailable and leaves the server to the next user. Further calls return
// what the first one did.
func (s *Server) Stop(ctx context.Context) error {
	s.stop.Do(func() {
		s.endWatch()
		<-s.watched
		// The lock is given up last: a Start must not find the server half stopped
		// and its last user gone.
		s.stopErr = unlock(s.users, s.cluster.exclusively(ctx, func() error { return s.leave(ctx) }))
	})
	return s.stopErr
}

// leave stops the server if no other user is left.
func (s *Server) leave(ctx context.Context) error {
	last, err := tryLock(s.users, syscall.LOCK_EX)
	if err != nil || !last {
		return err
	}
	p := s.server()
	if p.adopted() || p.hasExited() {
		// Another user may have started a successor that this one never saw.
		found, free, err := s.cluster.find(ctx)
		if err != nil {
			return err
		}
		if found == nil {
			return unlock(free, nil)
		}
		p = found
	}
	if err := s.cluster.halt(ctx, p); err != nil {
		return err
	}
	s.cluster.log.InfoContext(ctx, "postgres stopped", "pid", p.pid)
	return s.cluster.removeRuntimeDir()
}

// closing closes f and returns err, or where that is nil the error of closing.
func closing(f *os.File, err error) error {
	if closeErr := f.Close(); err == nil && closeErr != nil {
		return meshhook.Errorf(meshhook.CodeInternal, "close %s: %w", f.Name(), closeErr)
	}
	return err
}
