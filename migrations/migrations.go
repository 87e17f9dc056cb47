// Package migrations embeds the database's schema: numbered SQL files that only
// ever go forward, applied by internal/postgres.
package migrations

import "embed"

// FS holds the migration files, NNNN_name.sql.
//
//go:embed *.sql
var FS embed.FS
