package postgres

import (
	"strings"
	"time"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// column collects one value of each row: an array for unnest.
func column[R, V any](rows []R, value func(*R) V) []V {
	values := make([]V, len(rows))
	for i := range rows {
		values[i] = value(&rows[i])
	}
	return values
}

// ids collects one id of each row, in the form that pgx encodes without going
// through text.
func ids[R any](rows []R, value func(*R) meshhook.ID) [][16]byte {
	return column(rows, func(r *R) [16]byte { return value(r) })
}

// nullableIDs is ids for a column that may be NULL.
func nullableIDs[R any](rows []R, value func(*R) *meshhook.ID) []*[16]byte {
	return column(rows, func(r *R) *[16]byte { return (*[16]byte)(value(r)) })
}

// only returns the rows that satisfy keep.
func only[R any](rows []R, keep func(*R) bool) []R {
	kept := make([]R, 0, len(rows))
	for i := range rows {
		if keep(&rows[i]) {
			kept = append(kept, rows[i])
		}
	}
	return kept
}

// text makes of what a stranger sent what a text column takes: valid UTF-8
// without NUL.
func text(s string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\ufffd"), "\x00", "\ufffd")
}

// The functions below lay intakes out as the columns of the statements in
// intake.go, in their order.

func dedupColumns(rows []intakeRow) []any {
	return []any{
		ids(rows, func(r *intakeRow) meshhook.ID { return r.Event.EndpointID }),
		column(rows, func(r *intakeRow) []byte { return r.dedupKey }),
		ids(rows, func(r *intakeRow) meshhook.ID { return r.Event.ProjectID }),
		ids(rows, func(r *intakeRow) meshhook.ID { return r.Event.ID }),
		column(rows, func(r *intakeRow) time.Time { return r.DedupUntil }),
	}
}

func eventColumns(rows []intakeRow) []any {
	return []any{
		ids(rows, func(r *intakeRow) meshhook.ID { return r.Event.ID }),
		ids(rows, func(r *intakeRow) meshhook.ID { return r.Event.ProjectID }),
		ids(rows, func(r *intakeRow) meshhook.ID { return r.Event.EndpointID }),
		column(rows, func(r *intakeRow) string { return r.Event.Webhook }),
		column(rows, func(r *intakeRow) string { return string(r.Event.Status) }),
		column(rows, func(r *intakeRow) string { return string(r.Event.Code) }),
		column(rows, func(r *intakeRow) time.Time { return r.Event.ReceivedAt }),
		column(rows, func(r *intakeRow) string { return text(r.Event.RemoteAddr) }),
		column(rows, func(r *intakeRow) string { return text(r.Event.Method) }),
		column(rows, func(r *intakeRow) string { return text(r.Event.Path) }),
		column(rows, func(r *intakeRow) string { return text(r.Event.ContentType) }),
		column(rows, func(r *intakeRow) []byte { return r.head }),
		column(rows, func(r *intakeRow) []byte { return r.body }),
		column(rows, func(r *intakeRow) int64 { return r.Event.BodySize }),
		column(rows, func(r *intakeRow) bool { return r.Event.BodyTruncated }),
		nullableIDs(rows, func(r *intakeRow) *meshhook.ID { return r.Event.SecretID }),
		column(rows, func(r *intakeRow) []byte { return r.dedupKey }),
	}
}

func runColumns(rows []intakeRow) []any {
	return []any{
		ids(rows, func(r *intakeRow) meshhook.ID { return r.Run.ID }),
		ids(rows, func(r *intakeRow) meshhook.ID { return r.Run.ProjectID }),
		ids(rows, func(r *intakeRow) meshhook.ID { return r.Run.WorkflowID }),
		column(rows, func(r *intakeRow) string { return r.Run.Workflow }),
		column(rows, func(r *intakeRow) int { return r.Run.Version }),
		ids(rows, func(r *intakeRow) meshhook.ID { return r.Event.ID }),
		column(rows, func(r *intakeRow) string { return r.Event.Webhook }),
		ids(rows, func(r *intakeRow) meshhook.ID { return r.Event.EndpointID }),
		column(rows, func(r *intakeRow) []byte { return r.dedupKey }),
	}
}

func intakeEntryColumns(rows []intakeRow) []any {
	return []any{
		ids(rows, func(r *intakeRow) meshhook.ID { return r.entry }),
		ids(rows, func(r *intakeRow) meshhook.ID { return r.Event.ProjectID }),
		column(rows, func(r *intakeRow) time.Time { return r.Event.ReceivedAt }),
		ids(rows, func(r *intakeRow) meshhook.ID { return r.Event.ID }),
		column(rows, func(r *intakeRow) string { return r.Event.Webhook }),
		nullableIDs(rows, func(r *intakeRow) *meshhook.ID {
			if r.Run == nil {
				return nil
			}
			return &r.Run.ID
		}),
		column(rows, func(r *intakeRow) string {
			if r.Run == nil {
				return ""
			}
			return r.Run.Workflow
		}),
		column(rows, func(r *intakeRow) string { return string(r.Event.Status) }),
		column(rows, func(r *intakeRow) string { return string(r.Event.Code) }),
		ids(rows, func(r *intakeRow) meshhook.ID { return r.Event.EndpointID }),
		column(rows, func(r *intakeRow) []byte { return r.dedupKey }),
	}
}
