package postgres

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/seal"
)

// resealPasses is how often the tables are gone through before what is left, because
// others held it each time, is given up on.
const resealPasses = 10

// Reencrypt seals anew what older data keys sealed, in small transactions beside the
// daemons that work, and then takes the old keys out of the keyset, for good. It may be
// interrupted at any time: what is done is done, and the next one goes on. progress
// hears how many rows were done so far; it may be nil.
//
// A value that does not open, or a row that is held all the time, keeps the old keys
// in: that is an error with CodeConflict, which says where.
func (db *DB) Reencrypt(ctx context.Context, by *Tenant, progress func(rows int64)) (did meshhook.Reencrypted, err error) {
	if progress == nil {
		progress = func(int64) {}
	}
	if _, err := db.pool.Exec(ctx, `UPDATE keysets SET reencrypting = coalesce(reencrypting, now())`); err != nil {
		return did, translate(err, "sealing anew")
	}
	if err := db.settle(ctx); err != nil {
		return did, err
	}
	r := &resealing{db: db, box: db.keys.box.Load(), progress: progress}
	for pass := 1; ; pass++ {
		if err := r.pass(ctx); err != nil {
			return r.did, err
		}
		left, err := db.staleValues(ctx, r.box)
		if err != nil {
			return r.did, err
		}
		if left == 0 {
			break
		}
		if r.unreadable != nil || pass == resealPasses {
			return r.did, errors.Join(meshhook.Errorf(meshhook.CodeConflict,
				"%d values could not be sealed anew, so the old keys stay; run 'meshhook key rotate --reencrypt' again, which goes on here", left), r.unreadable)
		}
		if err := pause(ctx, keyPause); err != nil {
			return r.did, err
		}
	}
	r.did.Retired, err = db.retire(ctx, by, r.box, r.did.Rows)
	return r.did, err
}

// settle waits until nothing can be committed any more that an older key sealed: until
// every process has asked for the keys, what was sealed before that and waited for a
// connection has begun or given up, and every transaction has ended that could have begun
// before.
func (db *DB) settle(ctx context.Context) error {
	if err := pause(ctx, keysFresh+writeTimeout); err != nil {
		return err
	}
	var writers []string
	if err := db.pool.QueryRow(ctx, writing).Scan(&writers); err != nil {
		return translate(err, "sealing anew")
	}
	for waited := time.Duration(0); waited < 2*transactionTimeout; waited += keyPause {
		var now []string
		if err := db.pool.QueryRow(ctx, writing).Scan(&now); err != nil {
			return translate(err, "sealing anew")
		}
		if !slices.ContainsFunc(now, func(one string) bool { return slices.Contains(writers, one) }) {
			return nil
		}
		if err := pause(ctx, keyPause); err != nil {
			return err
		}
	}
	return meshhook.Errorf(meshhook.CodeConflict, "a transaction has been writing for more than a minute, and may hold what an older key sealed; "+
		"end it ('meshhook doctor' names it), and run 'meshhook key rotate --reencrypt' again, which goes on here")
}

// writing lists the transactions that write to tables of this database: by their locks,
// which every role may see.
const writing = `
	SELECT coalesce(array_agg(DISTINCT l.virtualtransaction), '{}') FROM pg_locks l JOIN pg_class c ON c.oid = l.relation
	 WHERE l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
	   AND l.mode = 'RowExclusiveLock' AND c.relkind = 'r' AND l.pid <> pg_backend_pid()`

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return translate(ctx.Err(), "sealing anew")
	}
}

// resealing is one Reencrypt under way.
type resealing struct {
	db       *DB
	box      *seal.Box
	progress func(int64)
	did      meshhook.Reencrypted
	// unreadable is the first value that did not open.
	unreadable error
}

// pass goes through all tables once.
func (r *resealing) pass(ctx context.Context) error {
	for i := range sealedTables {
		table := &sealedTables[i]
		page, update := table.pageQuery(), table.updateQuery()
		for from := table.start(); from != nil; {
			err := r.db.inTx(ctx, "sealing "+table.name+" anew", func(tx pgx.Tx) (err error) {
				from, err = r.page(ctx, tx, table, page, update, from)
				return err
			})
			if err != nil {
				return err
			}
			r.progress(r.did.Rows)
		}
	}
	return nil
}

// sealedRow is a row of any table with sealed columns.
type sealedRow struct {
	key    []string
	values [][]byte
}

// page does the next rows of a table and returns the key of the last one, nil when there
// were none.
func (r *resealing) page(ctx context.Context, tx pgx.Tx, t *sealedTable, page, update string, from []string) (last []string, err error) {
	args := []any{keyPrefix(r.box.PrimaryKeyID())}
	for _, part := range from {
		args = append(args, part)
	}
	rows, err := tx.Query(ctx, page, args...)
	if err != nil {
		return nil, err
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (s sealedRow, err error) {
		err = row.Scan(&s.key, &s.values)
		return s, err
	})
	if err != nil || len(list) == 0 {
		return nil, err
	}
	batch := &pgx.Batch{}
	for _, row := range list {
		if args := r.reseal(t, row); args != nil {
			batch.Queue(update, args...)
		}
	}
	if err := tx.SendBatch(ctx, batch).Close(); err != nil {
		return nil, err
	}
	r.did.Rows += int64(batch.Len())
	return list[len(list)-1].key, nil
}

// reseal returns the arguments of the update; nil where a value does not open, which
// stays as it is.
func (r *resealing) reseal(t *sealedTable, row sealedRow) (args []any) {
	for i, sealed := range row.values {
		if sealed != nil && r.box.KeyID(sealed) != r.box.PrimaryKeyID() {
			place, err := t.place(t.columns[i], row.key)
			if err == nil {
				sealed, err = r.box.Reseal(sealed, place)
			}
			if err != nil {
				if r.unreadable == nil {
					r.unreadable = err
				}
				return nil
			}
		}
		args = append(args, sealed)
	}
	for _, part := range row.key {
		args = append(args, part)
	}
	return args
}

// keyPrefix is the key id of a sealed value, as it stands in it.
func keyPrefix(id uint32) []byte { return binary.BigEndian.AppendUint32(nil, id) }

// staleValues counts what another key than the primary has sealed.
func (db *DB) staleValues(ctx context.Context, box *seal.Box) (left int64, err error) {
	counts, _, err := db.countValues(ctx, true)
	for id, n := range counts {
		if id != box.PrimaryKeyID() {
			left += n
		}
	}
	return left, err
}

// retire takes the keys out that have nothing left to open.
func (db *DB) retire(ctx context.Context, by *Tenant, box *seal.Box, rows int64) (retired []string, err error) {
	stored, master, err := db.unwrappable(ctx)
	if err != nil {
		return nil, err
	}
	now, err := seal.Open(master, stored.wrapped)
	if err != nil {
		return nil, err
	}
	if now.PrimaryKeyID() != box.PrimaryKeyID() {
		return nil, replaced(0, nil)
	}
	wrapped, err := seal.Retire(master, stored.wrapped)
	if err != nil {
		return nil, err
	}
	for _, id := range now.KeyIDs() {
		if id != box.PrimaryKeyID() {
			retired = append(retired, dataKeyID(id))
		}
	}
	// The version stays: nobody needs to read the keys again for having too many.
	err = db.inTx(ctx, "retiring the old keys", func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `UPDATE keysets SET wrapped = $1, reencrypting = NULL, updated_at = now() WHERE wrapped = $2`, wrapped, stored.wrapped)
		if err := replaced(tag.RowsAffected(), err); err != nil {
			return err
		}
		return by.audit(ctx, tx, "data_key.retired", dataKeyID(box.PrimaryKeyID()), map[string]any{"retired": retired, "rows": rows})
	})
	return retired, err
}

// beginCount is beginSystem for statements that read whole tables.
const beginCount = "BEGIN; SET LOCAL jit = off; SET LOCAL meshhook.system = 'on'"

// samplePages is how many pages of a table an estimate looks at.
const samplePages = 1000

// countValues counts the sealed values by the key that sealed them: exactly, or as a
// sample says.
func (db *DB) countValues(ctx context.Context, exact bool) (counts map[uint32]int64, estimated bool, err error) {
	counts = map[uint32]int64{}
	// Not bounded as other transactions are: it reads all that is stored.
	err = pgx.BeginTxFunc(ctx, db.pool, pgx.TxOptions{BeginQuery: beginCount}, func(tx pgx.Tx) error {
		for i := range sealedTables {
			percent := 100.0
			if !exact {
				var pages int64
				if err := tx.QueryRow(ctx, `
					SELECT coalesce(sum(pg_relation_size(relid)), 0) / current_setting('block_size')::bigint
					  FROM pg_partition_tree($1::regclass) WHERE isleaf`, sealedTables[i].name).Scan(&pages); err != nil {
					return err
				}
				percent = min(100, 100*samplePages/float64(max(pages, 1)))
				estimated = estimated || percent < 100
			}
			if err := addCounts(ctx, tx, &sealedTables[i], percent, counts); err != nil {
				return err
			}
		}
		return nil
	})
	return counts, estimated, translate(err, "counting what is sealed")
}

func addCounts(ctx context.Context, tx pgx.Tx, t *sealedTable, percent float64, counts map[uint32]int64) error {
	rows, err := tx.Query(ctx, t.countQuery(percent))
	if err != nil {
		return err
	}
	var id []byte
	var n int64
	_, err = pgx.ForEachRow(rows, []any{&id, &n}, func() error {
		if len(id) != 4 {
			return fmt.Errorf("a value in %s is not sealed", t.name)
		}
		counts[binary.BigEndian.Uint32(id)] += int64(float64(n) * 100 / percent)
		return nil
	})
	return err
}

// KeyStatus returns how the keys stand, what the machine knows of itself left out. The
// values of each data key are estimated from a sample of large tables, unless exact.
func (db *DB) KeyStatus(ctx context.Context, exact bool) (s meshhook.KeyStatus, err error) {
	stored, err := readKeyset(ctx, db.pool)
	if err != nil {
		return s, translate(err, "reading the data keys")
	}
	s = meshhook.KeyStatus{MasterKeyID: stored.masterKeyID, Version: stored.version, ChangedAt: stored.updatedAt, Reencrypting: stored.reencrypting}
	inUTC(&s.ChangedAt, s.Reencrypting)
	counts, estimated, err := db.countValues(ctx, exact)
	if err != nil {
		return s, err
	}
	s.Estimated = estimated
	box := db.keys.box.Load()
	state := meshhook.KeyOld
	for _, id := range box.KeyIDs() {
		key := meshhook.DataKey{ID: dataKeyID(id), State: state, Values: counts[id]}
		if id == box.PrimaryKeyID() {
			key.State, state = meshhook.KeyPrimary, meshhook.KeyNext
		}
		s.DataKeys = append(s.DataKeys, key)
	}
	list, err := db.Daemons(ctx, daemonSeen)
	for _, d := range list {
		if d.MasterKeyID != stored.masterKeyID {
			s.Lacking = append(s.Lacking, d)
		}
	}
	return s, err
}
