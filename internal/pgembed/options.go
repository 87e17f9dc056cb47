// Package pgembed runs the private Postgres cluster of an installation that was
// given no database of its own. It finds the server programs of the system,
// makes the cluster once, and keeps one postgres process for all who use it.
//
// Every user, daemon or command, holds a shared lock on users.lock from Start to
// Stop; whoever leaves last stops the server. Making, starting and stopping
// happen under supervisor.lock, so of many who start at once one does the work
// and the others adopt the result. The server's processes inherit server.lock
// and so hold it for as long as one of them lives: that lock, and no process
// number in a file, tells whether a server runs.
//
// Nothing here ever removes or re-initialises a cluster that was once complete.
package pgembed

import "log/slog"

// The names inside the cluster.
const (
	// Role is the role of the application. It is no superuser, since row-level
	// security does not bind superusers.
	Role = "meshhook"
	// AdminRole is the superuser that initdb makes. MeshHook never uses it; it is
	// there for the operator, who becomes it as the user that runs the server.
	AdminRole = "meshhook_admin"
	// Database is the database of the application, owned by Role.
	Database = "meshhook"
)

// Options say where the cluster is and how its server is run.
type Options struct {
	// Dir is the home of the cluster. It is made, with mode 0700, where it is
	// missing; when root starts the cluster it belongs to the user that runs
	// Postgres, who must be able to search every directory above it.
	Dir string
	// BinDir holds the programs postgres and initdb; "" searches the places where
	// packages put them.
	BinDir string
	// TieToProcess makes the server end with this process, however that ends, and
	// makes this process bring the server up again whenever it is gone. It is for
	// daemons. A server that is not tied survives the death of its starter and is
	// stopped by its last user.
	TieToProcess bool
	// Log gets what the server says and what is done about it; nil discards it.
	Log *slog.Logger
	// Settings are further settings of the server, by name, for tests: with
	// fsync=off a new cluster is not synced to disk either.
	Settings map[string]string
}
