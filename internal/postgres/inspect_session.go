package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// hearTime is how long a NOTIFY may take to be heard: on a server that is near it takes
// a millisecond.
const hearTime = 2 * time.Second

// Pooler tries what a pooler in transaction mode takes away: LISTEN on one connection and
// NOTIFY on another, and a statement that was prepared before.
func (db *DB) Pooler(ctx context.Context) (p meshhook.PoolerFacts, err error) {
	ear, err := pgx.ConnectConfig(ctx, db.direct.Copy())
	if err != nil {
		return p, translate(err, "listening")
	}
	defer closeConn(ear) //nolint:contextcheck // it is closed after its context has ended
	mouth, err := pgx.ConnectConfig(ctx, db.direct.Copy())
	if err != nil {
		return p, translate(err, "notifying")
	}
	defer closeConn(mouth) //nolint:contextcheck // as above
	// What is tried must not depend on statements that pgx prepares by itself.
	plainly := func(conn *pgx.Conn, sql string) error {
		_, err := conn.Exec(ctx, sql, pgx.QueryExecModeSimpleProtocol)
		return err
	}
	channel := "meshhook_doctor_" + strings.ReplaceAll(meshhook.NewID().String(), "-", "")
	if err := plainly(ear, "LISTEN "+channel); err != nil {
		return p, translate(err, "listening")
	}
	if p.Moved, err = hasMoved(ctx, ear, mouth); err != nil {
		return p, err
	}
	if err := plainly(mouth, "NOTIFY "+channel); err != nil {
		return p, translate(err, "notifying")
	}
	// A pooler hands out what the server says only with an answer.
	patience, cancel := context.WithTimeout(ctx, hearTime)
	defer cancel()
	n, err := ear.WaitForNotification(patience)
	p.Heard = err == nil && n.Channel == channel
	if ctx.Err() != nil {
		return p, translate(ctx.Err(), "listening")
	}
	p.Prepared, err = keepsPrepared(ctx, db.direct.Copy(), mouth)
	return p, err
}

// hasMoved tells whether transactions of one connection are served by several of the
// server's: while another transaction holds the one that it had, it gets another.
func hasMoved(ctx context.Context, a, b *pgx.Conn) (moved bool, err error) {
	pid := func(conn *pgx.Conn) (n int, err error) {
		err = conn.QueryRow(ctx, "SELECT pg_backend_pid()", pgx.QueryExecModeSimpleProtocol).Scan(&n)
		return n, err
	}
	first, err := pid(a)
	if err != nil {
		return false, translate(err, "asking the server")
	}
	if _, err := b.Exec(ctx, "BEGIN", pgx.QueryExecModeSimpleProtocol); err != nil {
		return false, translate(err, "asking the server")
	}
	held, noHeld := pid(b)
	second, noSecond := pid(a)
	_, noEnd := b.Exec(ctx, "ROLLBACK", pgx.QueryExecModeSimpleProtocol)
	if err := errors.Join(noHeld, noSecond, noEnd); err != nil {
		return false, translate(err, "asking the server")
	}
	// Two of ours on one of the server's at different times is a pooler, too.
	return first != second || held == first, nil
}

// keepsPrepared tells whether a statement is still there after another connection's
// transaction has taken what a pooler gave this one before.
func keepsPrepared(ctx context.Context, config *pgx.ConnConfig, conn *pgx.Conn) (kept bool, err error) {
	const name = "meshhook_doctor"
	other, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return false, translate(err, "preparing a statement")
	}
	defer closeConn(other) //nolint:contextcheck // it is closed after its context has ended
	if _, err := conn.Prepare(ctx, name, "SELECT 1"); err != nil {
		return false, lostStatement(err)
	}
	if _, err := other.Exec(ctx, "BEGIN; SELECT 1", pgx.QueryExecModeSimpleProtocol); err != nil {
		return false, translate(err, "preparing a statement")
	}
	if _, err := conn.Exec(ctx, name); err != nil {
		return false, lostStatement(err)
	}
	return true, nil
}

// lostStatement keeps an error that does not say that a statement is not there, or is
// there already since another client made it.
func lostStatement(err error) error {
	pg, ok := errors.AsType[*pgconn.PgError](err)
	if ok && (pg.Code == stateNoStatement || pg.Code == stateStatementExists) {
		return nil
	}
	return translate(err, "preparing a statement")
}

// CheckKeys opens one value of every kind that is sealed: whether the master key is right
// has been told by Unseal; this tells whether what is stored is.
func (db *DB) CheckKeys(ctx context.Context) (opened int, err error) {
	err = db.inTx(ctx, "opening what is stored", func(tx pgx.Tx) error {
		for i := range sealedTables {
			n, err := db.checkTable(ctx, tx, &sealedTables[i])
			if err != nil {
				return err
			}
			opened += n
		}
		return nil
	})
	return opened, err
}

func (db *DB) checkTable(ctx context.Context, tx pgx.Tx, t *sealedTable) (opened int, err error) {
	key := t.keyColumns(func(_ int, name, _ string) string { return name + "::text" })
	order := t.keyColumns(func(_ int, name, _ string) string { return name + " DESC" })
	var row sealedRow
	err = tx.QueryRow(ctx, fmt.Sprintf("SELECT ARRAY[%s], ARRAY[%s] FROM %s ORDER BY %s LIMIT 1", key, strings.Join(t.columns, ", "), t.name, order)).
		Scan(&row.key, &row.values)
	if errors.Is(err, pgx.ErrNoRows) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	for i, sealed := range row.values {
		if sealed == nil {
			continue
		}
		place, err := t.place(t.columns[i], row.key)
		if err != nil {
			return opened, err
		}
		if _, err := db.opener(sealed).Open(sealed, place); err != nil {
			return opened, meshhook.Errorf(meshhook.CodeInternal, "%w", err)
		}
		opened++
	}
	return opened, nil
}
