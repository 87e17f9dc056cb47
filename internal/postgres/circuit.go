package postgres

import (
	"context"
	"crypto/sha256"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/profullstack/meshhook/internal/meshhook"
)

const (
	// maxCircuits bounds the circuits of a project that are not closed: every daemon
	// reads all of them every second, and URLs that are made of payloads can name any
	// number of dead hosts.
	maxCircuits = 1000
	// circuitKept is how long after its retry_at a circuit is kept of which no call
	// has taken the probe.
	circuitKept = time.Hour
)

// circuitColumns are read by circuits. How long it is until retry_at is counted by the
// server, whose clock may be another.
const circuitColumns = `id, project_id, host, failures, calls, reason, trips, opened_at, retry_at - clock_timestamp(), probe`

// circuitKey is what a host is found by: its name is sealed.
func circuitKey(host string) []byte {
	sum := sha256.Sum256([]byte(host))
	return sum[:16]
}

// circuits reads the rows of circuitColumns. One whose host cannot be read is left
// out, since it must not hold up the others: its host is called as if it were closed.
func (db *DB) circuits(ctx context.Context, tx pgx.Tx, query string, args ...any) ([]meshhook.Circuit, error) {
	rows, err := tx.Query(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	list := []meshhook.Circuit{}
	var c meshhook.Circuit
	var sealed []byte
	var wait time.Duration
	var probe *meshhook.ID
	_, err = pgx.ForEachRow(rows, []any{&c.ID, &c.ProjectID, &sealed, &c.Failures, &c.Calls, &c.Reason, &c.Trips, &c.OpenedAt, &wait, &probe}, func() error {
		host, err := db.openText("circuits.host", c.ID, sealed)
		if err != nil {
			db.log.Error("a circuit cannot be read", "project_id", c.ProjectID, "circuit", c.ID, "error", err)
			return nil
		}
		one := c
		one.Host, one.State, one.RetryAt = host, meshhook.CircuitOpen, time.Now().Add(wait).UTC()
		if probe != nil {
			one.State, one.Probe = meshhook.CircuitHalfOpen, *probe
		}
		inUTC(&one.OpenedAt)
		list = append(list, one)
		return nil
	})
	return list, err
}

// circuit is circuits for the one row that there may be; pgx.ErrNoRows if there is none.
func (db *DB) circuit(ctx context.Context, tx pgx.Tx, query string, args ...any) (meshhook.Circuit, error) {
	list, err := db.circuits(ctx, tx, query, args...)
	if err == nil && len(list) == 0 {
		err = pgx.ErrNoRows
	}
	if err != nil {
		return meshhook.Circuit{}, err
	}
	return list[0], nil
}

// Circuits renews the leases of probes and returns every circuit that is not
// closed, of all projects.
func (db *DB) Circuits(ctx context.Context, probes []meshhook.ID, lease time.Duration) (list []meshhook.Circuit, err error) {
	err = db.inTx(ctx, "reading circuits", func(tx pgx.Tx) error {
		if len(probes) > 0 {
			if _, err := tx.Exec(ctx, `UPDATE circuits SET retry_at = clock_timestamp() + $2::interval WHERE probe = ANY ($1)`, probes, lease); err != nil {
				return err
			}
		}
		list, err = db.circuits(ctx, tx, `SELECT `+circuitColumns+` FROM circuits`)
		return err
	})
	return list, err
}

// OpenCircuit records c as open for the time of wait, and returns what stands: that
// of another daemon, if it was first. CodeConflict when the project has too many.
func (db *DB) OpenCircuit(ctx context.Context, c meshhook.Circuit, wait time.Duration) (stands meshhook.Circuit, err error) {
	host, err := db.sealText("circuits.host", c.ID, c.Host)
	if err != nil {
		return c, err
	}
	told := 0
	err = db.inTx(ctx, "opening a circuit", func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `
			INSERT INTO circuits (id, project_id, key, host, failures, calls, reason, trips, retry_at)
			SELECT $1, $2, $3, $4, $5, $6, $7, $8, clock_timestamp() + $9::interval
			 WHERE (SELECT count(*) FROM circuits WHERE project_id = $2) < $10
			    ON CONFLICT ON CONSTRAINT circuits_key DO NOTHING`,
			c.ID, c.ProjectID, circuitKey(c.Host), host, c.Failures, c.Calls, c.Reason, c.Trips, wait, maxCircuits)
		if err != nil {
			return err
		}
		if tag.RowsAffected() == 1 {
			if err := db.insertEntries(ctx, tx, circuitEntry(&c, meshhook.EntryCircuitOpened, c.Why())); err != nil {
				return err
			}
			if told, err = db.tellOfCircuit(ctx, tx, &c); err != nil {
				return err
			}
		}
		stands, err = db.circuit(ctx, tx, `SELECT `+circuitColumns+` FROM circuits WHERE project_id = $1 AND key = $2`, c.ProjectID, circuitKey(c.Host))
		if errors.Is(err, pgx.ErrNoRows) {
			return meshhook.Errorf(meshhook.CodeConflict, "the project has %d circuits that are not closed, so %s gets none", maxCircuits, c.Host)
		}
		return err
	})
	if err == nil && stands.ID == c.ID {
		db.Ring(BellCircuits, BellJournal)
		db.ringFor(told > 0, BellDeliveries)
	}
	return stands, err
}

// ProbeCircuit gives the next probe of an open circuit, if it is due, to probe for
// the time of the lease, and returns the circuit as it stands: probe has it if it is
// the circuit's Probe. CodeNotFound when the circuit is closed.
func (db *DB) ProbeCircuit(ctx context.Context, project meshhook.ID, host string, probe meshhook.ID, lease time.Duration) (c meshhook.Circuit, err error) {
	err = db.inTx(ctx, "probing a circuit", func(tx pgx.Tx) error {
		// Of several that ask, all but one wait for the row, and find it taken then.
		c, err = db.circuit(ctx, tx, `
			UPDATE circuits SET probe = $3, retry_at = clock_timestamp() + $4::interval
			 WHERE project_id = $1 AND key = $2 AND retry_at <= clock_timestamp()
			RETURNING `+circuitColumns, project, circuitKey(host), probe, lease)
		if !errors.Is(err, pgx.ErrNoRows) {
			return err
		}
		c, err = db.circuit(ctx, tx, `SELECT `+circuitColumns+` FROM circuits WHERE project_id = $1 AND key = $2`, project, circuitKey(host))
		return notFound(err, "the circuit of %s is closed", host)
	})
	return c, err
}

// SettleCircuit ends the probe c.Probe: the circuit is closed, or open as c says for
// the time of wait. It returns what stands; CodeLeaseLost when the probe is over.
func (db *DB) SettleCircuit(ctx context.Context, c meshhook.Circuit, wait time.Duration) (stands meshhook.Circuit, err error) {
	err = db.inTx(ctx, "settling a circuit", func(tx pgx.Tx) error {
		if c.State == meshhook.CircuitClosed {
			stands = c
			tag, err := tx.Exec(ctx, `DELETE FROM circuits WHERE project_id = $1 AND key = $2 AND probe = $3`, c.ProjectID, circuitKey(c.Host), c.Probe)
			if err == nil && tag.RowsAffected() == 0 {
				err = pgx.ErrNoRows
			}
			if err != nil {
				return probeLost(err)
			}
			return db.insertEntries(ctx, tx, circuitEntry(&c, meshhook.EntryCircuitClosed, "it answers again"))
		}
		stands, err = db.circuit(ctx, tx, `
			UPDATE circuits SET probe = NULL, failures = $4, calls = $5, reason = $6, trips = $7, retry_at = clock_timestamp() + $8::interval
			 WHERE project_id = $1 AND key = $2 AND probe = $3
			RETURNING `+circuitColumns, c.ProjectID, circuitKey(c.Host), c.Probe, c.Failures, c.Calls, c.Reason, c.Trips, wait)
		return probeLost(err)
	})
	if err == nil {
		db.Ring(BellCircuits, BellJournal)
	}
	return stands, err
}

func probeLost(err error) error {
	if errors.Is(err, pgx.ErrNoRows) {
		return meshhook.Errorf(meshhook.CodeLeaseLost, "the probe of the circuit is in other hands, or the circuit is closed")
	}
	return err
}

func circuitEntry(c *meshhook.Circuit, kind meshhook.EntryKind, detail string) meshhook.Entry {
	return meshhook.Entry{ProjectID: c.ProjectID, At: time.Now(), Kind: kind, Status: string(c.State), Detail: c.Host + ": " + detail}
}

// expireCircuits closes the circuits that nobody has probed for so long that nobody
// calls the host any more, and those that cannot be read.
func (db *DB) expireCircuits(ctx context.Context) error {
	var gone []meshhook.Circuit
	err := db.inTx(ctx, "expiring circuits", func(tx pgx.Tx) (err error) {
		gone, err = db.circuits(ctx, tx, `
			DELETE FROM circuits WHERE id = ANY (ARRAY(
				SELECT id FROM circuits WHERE retry_at < clock_timestamp() - $1::interval FOR UPDATE SKIP LOCKED))
			RETURNING `+circuitColumns, circuitKept)
		if err != nil {
			return err
		}
		entries := make([]meshhook.Entry, 0, len(gone))
		for i := range gone {
			gone[i].State = meshhook.CircuitClosed
			entries = append(entries, circuitEntry(&gone[i], meshhook.EntryCircuitClosed, "nobody calls it any more"))
		}
		return db.insertEntries(ctx, tx, entries...)
	})
	if len(gone) > 0 && err == nil {
		db.Ring(BellCircuits, BellJournal)
	}
	return err
}
