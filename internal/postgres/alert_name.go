package postgres

import (
	"context"
	"errors"
	"slices"
	"strconv"

	"github.com/jackc/pgx/v5"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// nameAlert gives an alert a name that has none, and checks that of any other.
func (t *Tenant) nameAlert(ctx context.Context, tx pgx.Tx, a *meshhook.Alert) error {
	if a.Name != "" {
		return meshhook.CheckName("alert", a.Name)
	}
	// Of two that choose at once, one waits for the other; the project's row is changed by
	// either before the commit anyway. Webhooks and workflows are locked before it by
	// everybody.
	if _, err := tx.Exec(ctx, `SELECT FROM projects WHERE id = $1 FOR NO KEY UPDATE`, t.id); err != nil {
		return err
	}
	base := a.DefaultName()
	rows, err := tx.Query(ctx, `SELECT name FROM alert_configs WHERE project_id = $1 AND id <> $2 AND starts_with(name, $3)`, t.id, a.ID, base)
	if err != nil {
		return err
	}
	taken, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return err
	}
	a.Name = base
	for n := 2; slices.Contains(taken, a.Name); n++ {
		a.Name = base + "-" + strconv.Itoa(n)
	}
	return nil
}

// AlertID returns the id of the alert with this name. An id is returned as it is, though
// there may be no alert of it: what is left of one that was deleted is found by it.
func (t *Tenant) AlertID(ctx context.Context, nameOrID string) (id meshhook.ID, err error) {
	if id, err = meshhook.ParseID(nameOrID); err == nil {
		return id, nil
	}
	err = t.inTx(ctx, "finding the alert", func(tx pgx.Tx) error {
		err := tx.QueryRow(ctx, `SELECT id FROM alert_configs WHERE project_id = $1 AND name = $2`, t.id, nameOrID).Scan(&id)
		if errors.Is(err, pgx.ErrNoRows) {
			return meshhook.NoSuch("alert", nameOrID)
		}
		return err
	})
	return id, err
}
