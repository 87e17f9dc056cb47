package postgres

import (
	"fmt"
	"strings"

	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/seal"
)

// sealedTable is a table with sealed columns, and how the rows of it are named.
type sealedTable struct {
	name string
	// key is the primary key, in its order: names and types.
	key [][2]string
	// id is which of the key's columns the seals name.
	id      int
	columns []string
	// suffix is which of the key's columns stands behind the column's name in the
	// seals; 0, which is an id always, for none.
	suffix int
}

// byID is the key of most tables.
var byID = [][2]string{{"id", "uuid"}}

// sealedTables are all tables with sealed columns: small ones first, so that what a
// leaked key would open soonest is sealed anew soonest.
var sealedTables = []sealedTable{
	{name: "secrets", key: byID, columns: []string{"value"}},
	{name: "endpoint_secrets", key: byID, columns: []string{"value"}},
	{name: "alert_secrets", key: byID, columns: []string{"value"}},
	{name: "alert_configs", key: byID, columns: []string{"url", "headers", "payload"}},
	{name: "circuits", key: byID, columns: []string{"host"}},
	{name: "deliveries", key: byID, columns: []string{"snapshot", "circuit", "error", "request"}},
	{name: "alert_logs", key: byID, columns: []string{"request", "answer", "error"}},
	{name: "runs", key: byID, columns: []string{"input", "output", "failure"}},
	{name: "run_steps", key: [][2]string{{"run_id", "uuid"}, {"step_id", "text"}}, columns: []string{"input", "output", "failure", "decision"}, suffix: 1},
	{name: "events", key: byID, columns: []string{"head", "body"}},
	{name: "journal", key: [][2]string{{"project_id", "uuid"}, {"xact", "xid8"}, {"id", "uuid"}}, id: 2, columns: []string{"detail"}},
}

// place is what the seal of a value names: its column and its row.
func (t *sealedTable) place(column string, key []string) ([]byte, error) {
	id, err := meshhook.ParseID(key[t.id])
	if t.suffix > 0 {
		column += "/" + key[t.suffix]
	}
	return seal.AD(t.name+"."+column, id), err
}

// start is before every key.
func (t *sealedTable) start() []string {
	zero := map[string]string{"uuid": meshhook.ID{}.String(), "text": "", "xid8": "0"}
	key := make([]string, len(t.key))
	for i, column := range t.key {
		key[i] = zero[column[1]]
	}
	return key
}

// keyColumns lists the key's columns, each as format says.
func (t *sealedTable) keyColumns(format func(i int, name, kind string) string) string {
	parts := make([]string, len(t.key))
	for i, column := range t.key {
		parts[i] = format(i, column[0], column[1])
	}
	return strings.Join(parts, ", ")
}

// each lists the sealed columns, each as format says.
func (t *sealedTable) each(separator, format string) string {
	parts := make([]string, len(t.columns))
	for i, column := range t.columns {
		parts[i] = strings.ReplaceAll(format, "%c", column)
	}
	return strings.Join(parts, separator)
}

// stale is the condition of a row that another key than $1 sealed a part of.
func (t *sealedTable) stale() string {
	return "(" + t.each(" OR ", "substr(%c, 2, 4) <> $1") + ")"
}

// How much is sealed anew in one transaction: rows, and bytes of what is read.
const (
	resealRows  = 200
	resealBytes = 16 << 20
)

// pageQuery reads the rows behind a key that are stale and that nobody else holds; it
// waits for no lock, so it is part of no deadlock. Of long rows it takes fewer, but one.
func (t *sealedTable) pageQuery() string {
	key := t.keyColumns(func(_ int, name, _ string) string { return name })
	text := t.keyColumns(func(_ int, name, _ string) string { return name + "::text" })
	from := t.keyColumns(func(i int, _, kind string) string { return fmt.Sprintf("$%d::text::%s", i+2, kind) })
	columns := strings.Join(t.columns, ", ")
	size := t.each(" + ", "coalesce(octet_length(%c), 0)")
	return fmt.Sprintf(`
		SELECT ARRAY[%[1]s], ARRAY[%[2]s] FROM (
			SELECT *, row_number() OVER w AS n, sum(%[3]s) OVER w AS size FROM (
				SELECT %[4]s, %[2]s FROM %[5]s
				 WHERE (%[4]s) > (%[6]s) AND %[7]s
				 ORDER BY %[4]s LIMIT %[8]d FOR UPDATE SKIP LOCKED) AS page
			WINDOW w AS (ORDER BY %[4]s)) AS sized
		 WHERE n = 1 OR size <= %[9]d
		 ORDER BY n`, text, columns, size, key, t.name, from, t.stale(), resealRows, resealBytes)
}

// updateQuery writes a row: first the sealed columns, then the key.
func (t *sealedTable) updateQuery() string {
	set := make([]string, len(t.columns))
	for i, column := range t.columns {
		set[i] = fmt.Sprintf("%s = $%d", column, i+1)
	}
	where := make([]string, len(t.key))
	for i, column := range t.key {
		where[i] = fmt.Sprintf("%s = $%d::text::%s", column[0], len(t.columns)+i+1, column[1])
	}
	return "UPDATE " + t.name + " SET " + strings.Join(set, ", ") + " WHERE " + strings.Join(where, " AND ")
}

// countQuery counts the sealed values by the key that sealed them, in a sample of so
// many per cent of the table's pages.
func (t *sealedTable) countQuery(percent float64) string {
	sample := ""
	if percent < 100 {
		sample = fmt.Sprintf("TABLESAMPLE SYSTEM (%g)", percent)
	}
	return fmt.Sprintf(`
		SELECT substr(v, 2, 4), count(*) FROM %s AS t %s, LATERAL (VALUES %s) AS x(v)
		 WHERE v IS NOT NULL GROUP BY 1`, t.name, sample, t.each(", ", "(t.%c)"))
}
