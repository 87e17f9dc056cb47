//go:build !unix

package pgembed

import (
	"context"
	"runtime"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// Server stands for a cluster that cannot run here: it needs Unix sockets with
// peer authentication.
type Server struct{}

// Start returns an error with CodeInvalid.
func Start(context.Context, Options) (*Server, error) {
	return nil, meshhook.Errorf(meshhook.CodeInvalid,
		"MeshHook cannot run a Postgres of its own on %s: set MESHHOOK_DATABASE_URL", runtime.GOOS)
}

// DSN returns "".
func (*Server) DSN() string { return "" }

// Adopted returns false.
func (*Server) Adopted() bool { return false }

// Stop does nothing.
func (*Server) Stop(context.Context) error { return nil }
