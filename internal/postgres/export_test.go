package postgres

import (
	"context"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// Settings returns what the pool's connections carry of the settings that the
// row-level security policies read: nothing, between two transactions.
func (db *DB) Settings(ctx context.Context) (system, project string, err error) {
	err = db.pool.QueryRow(ctx, `SELECT coalesce(current_setting('meshhook.system', true), ''), coalesce(current_setting('meshhook.project', true), '')`).
		Scan(&system, &project)
	return system, project, err
}

// ExplainEvents returns the plan by which a page of events is read.
func ExplainEvents(ctx context.Context, t *Tenant, f meshhook.EventFilter) (plan string, err error) {
	query, args := t.eventsQuery(f, f.Limit)
	err = t.inTx(ctx, "explaining", func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, "EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF) "+query, args...)
		if err != nil {
			return err
		}
		lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
		plan = strings.Join(lines, "\n")
		return err
	})
	return plan, err
}

// ExplainSteps returns the plan by which the steps of runs are read for the engine, on
// a server with memory to spare.
func (db *DB) ExplainSteps(ctx context.Context, runs []meshhook.ID) (plan string, err error) {
	err = db.inTx(ctx, "explaining", func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "SET LOCAL work_mem = '1GB'"); err != nil {
			return err
		}
		rows, err := tx.Query(ctx, "EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF) "+stepsForEngine, runs)
		if err != nil {
			return err
		}
		lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
		plan = strings.Join(lines, "\n")
		return err
	})
	return plan, err
}

// ExplainClaim returns the plan by which ready runs are found.
func (db *DB) ExplainClaim(ctx context.Context) (plan string, err error) {
	err = db.inTx(ctx, "explaining", func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "PREPARE ready (bigint) AS "+readyRuns); err != nil {
			return err
		}
		rows, err := tx.Query(ctx, "EXPLAIN EXECUTE ready (64)", pgx.QueryExecModeSimpleProtocol)
		if err != nil {
			return err
		}
		lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
		plan = strings.Join(lines, "\n")
		return err
	})
	return plan, err
}

// DeleteBatch is how many events are deleted at once.
const DeleteBatch = deleteBatch

// DeleteEndpoints is the first part of DeleteProject.
func DeleteEndpoints(ctx context.Context, t *Tenant) error { return t.deleteEndpoints(ctx) }

// RateKeys lists the keys of the rate limits that are stored, over or not.
func (db *DB) RateKeys(ctx context.Context) ([]string, error) {
	rows, err := db.pool.Query(ctx, `SELECT key FROM rate_limits ORDER BY key`)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}

// SealedColumns lists what a rotation seals anew.
func SealedColumns() (list []string) {
	for _, t := range sealedTables {
		for _, column := range t.columns {
			list = append(list, t.name+"."+column)
		}
	}
	return list
}

// AgeKeys makes a process one that has not asked for the keys for an hour.
func AgeKeys(db *DB) {
	long := db.keys.fresh.Load().Add(-time.Hour)
	db.keys.fresh.Store(&long)
}

// RecordLate seals what is recorded, and writes it only after something else.
func (db *DB) RecordLate(ctx context.Context, in meshhook.Intake, before func()) error {
	row, err := db.sealIntake(in)
	if err != nil {
		return err
	}
	before()
	_, err = db.writeIntakes(ctx, []intakeRow{row})
	return err
}

// MoveLate seals a move, and writes it only after something else.
func (db *DB) MoveLate(ctx context.Context, m meshhook.RunMove, before func()) (held bool, err error) {
	row, err := db.sealMove(m)
	if err != nil {
		return false, err
	}
	before()
	list, err := db.writeMoves(ctx, []moveRow{row})
	return err == nil && list[0], err
}

// NotTakenUp is what a rotation says of a daemon that does not come along.
var NotTakenUp = notTakenUp

// SampleValues counts sealed values by a sample of so many per cent of the pages.
func SampleValues(ctx context.Context, db *DB, percent float64) (counts map[uint32]int64, err error) {
	counts = map[uint32]int64{}
	err = db.inTx(ctx, "counting", func(tx pgx.Tx) error {
		for i := range sealedTables {
			if err := addCounts(ctx, tx, &sealedTables[i], percent, counts); err != nil {
				return err
			}
		}
		return nil
	})
	return counts, err
}

// OpenAll opens every sealed value: place → value.
func OpenAll(ctx context.Context, db *DB) (map[string]string, error) {
	all := map[string]string{}
	err := db.inTx(ctx, "opening everything", func(tx pgx.Tx) error {
		for i := range sealedTables {
			t := &sealedTables[i]
			key := t.keyColumns(func(_ int, name, _ string) string { return name + "::text" })
			rows, err := tx.Query(ctx, "SELECT ARRAY["+key+"], ARRAY["+strings.Join(t.columns, ", ")+"] FROM "+t.name)
			if err != nil {
				return err
			}
			list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (s sealedRow, err error) {
				err = row.Scan(&s.key, &s.values)
				return s, err
			})
			if err != nil {
				return err
			}
			for _, row := range list {
				if err := openRow(db, t, row, all); err != nil {
					return err
				}
			}
		}
		return nil
	})
	return all, err
}

func openRow(db *DB, t *sealedTable, row sealedRow, all map[string]string) error {
	for i, sealed := range row.values {
		if sealed == nil {
			continue
		}
		place, err := t.place(t.columns[i], row.key)
		if err != nil {
			return err
		}
		value, err := db.opener(sealed).Open(sealed, place)
		if err != nil {
			return err
		}
		all[string(place)] = string(value)
	}
	return nil
}
