package postgres

import "context"

// Settings returns what the pool's connections carry of the settings that the
// row-level security policies read: nothing, between two transactions.
func (db *DB) Settings(ctx context.Context) (system, project string, err error) {
	err = db.pool.QueryRow(ctx, `SELECT coalesce(current_setting('meshhook.system', true), ''), coalesce(current_setting('meshhook.project', true), '')`).
		Scan(&system, &project)
	return system, project, err
}
