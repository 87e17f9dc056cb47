package postgres

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"strings"
	"syscall"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// SQLSTATE codes that are told apart (PostgreSQL manual, appendix A).
const (
	stateUniqueViolation     = "23505"
	stateForeignKeyViolation = "23503"
	stateInvalidPassword     = "28P01"
	stateInvalidAuth         = "28000"
	stateNoDatabase          = "3D000"
	stateNoPrivilege         = "42501"
	stateUndefinedTable      = "42P01"
	stateNoStatement         = "26000" // a prepared statement that is not there
	stateStatementExists     = "42P05" // or there already
	stateNotInEncoding       = "22021" // NUL, or bytes that are not UTF-8, in text
	stateUntranslatable      = "22P05" // an escaped NUL in JSON
)

// constraintMessages says, for each constraint that a user can run into, what
// the user did. Constraints are matched by name, never by text.
var constraintMessages = map[string]string{
	"projects_name_key":                  "a project of this name exists already",
	"workflows_name_key":                 "a workflow of this name exists already",
	"alert_configs_name_key":             "an alert of this name exists already; choose another, or change that one with 'meshhook alerts update'",
	"api_tokens_name_key":                "a token of this name exists already; choose another, or revoke that one with 'meshhook token revoke'",
	"webhook_endpoints_url_path_key":     "this path is taken by another webhook; choose another, or change that one with 'meshhook webhook update'",
	"webhook_endpoints_workflow_id_fkey": "webhooks still name this workflow; delete or change them first ('meshhook webhook list')",
}

// translate turns an error of pgx into one of ours, once, at the boundary:
// doing says what was attempted. Errors that are ours already pass unchanged.
func translate(err error, doing string) error {
	if err == nil {
		return nil
	}
	if _, ours := errors.AsType[*meshhook.Error](err); ours {
		return err
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return meshhook.Errorf(meshhook.CodeUnavailable, "%s: %w", doing, err)
	}
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		return translateServer(pg, err, doing)
	}
	if reason, ok := unreachable(err); ok {
		return &meshhook.Error{Code: meshhook.CodeUnavailable, Message: doing + ": " + reason, Err: err}
	}
	return meshhook.Errorf(meshhook.CodeInternal, "%s: %w", doing, err)
}

func translateServer(pg *pgconn.PgError, err error, doing string) error {
	wrap := func(code meshhook.Code, message string) error {
		return &meshhook.Error{Code: code, Message: doing + ": " + message, Err: err}
	}
	switch pg.Code {
	case stateUniqueViolation, stateForeignKeyViolation:
		if message, known := constraintMessages[pg.ConstraintName]; known {
			return &meshhook.Error{Code: meshhook.CodeConflict, Message: message, Err: err}
		}
		return wrap(meshhook.CodeConflict, pg.Message)
	case stateNotInEncoding, stateUntranslatable:
		return &meshhook.Error{Code: meshhook.CodeInvalid, Message: "a text holds NUL or is not UTF-8, which cannot be stored; leave that out", Err: err}
	case stateInvalidPassword, stateInvalidAuth:
		return wrap(meshhook.CodeUnavailable, "the server refuses the login ("+pg.Message+"); check user and password in the database URL")
	case stateNoDatabase:
		return wrap(meshhook.CodeUnavailable, pg.Message+"; create it with 'createdb', or name another in the database URL")
	case stateNoPrivilege:
		return wrap(meshhook.CodeUnavailable, pg.Message+"; the role must own MeshHook's database or tables")
	case stateNoStatement, stateStatementExists:
		return wrap(meshhook.CodeUnavailable, "a pooler in transaction mode stands in between, which loses prepared statements; connect to Postgres itself, or to the pooler in session mode ('meshhook doctor' tries it)")
	case stateUndefinedTable:
		return wrap(meshhook.CodeUnavailable, "the database has not been migrated; run 'meshhook migrate up'")
	}
	switch pg.Code[:min(2, len(pg.Code))] { // a server may send anything
	case "08", "53", "57", "58", "25": // connection, resources, operator, system, read-only server
		return wrap(meshhook.CodeUnavailable, pg.Message)
	}
	return wrap(meshhook.CodeInternal, pg.Message+" (SQLSTATE "+pg.Code+")")
}

// unreachable tells whether err means that the server could not be talked to,
// and says it in one sentence.
func unreachable(err error) (string, bool) {
	var dns *net.DNSError
	var op *net.OpError
	switch {
	case errors.As(err, &dns):
		return "the host " + dns.Name + " is not known; check the database URL", true
	case errors.Is(err, syscall.ECONNREFUSED):
		return "nothing answers at " + target(err) + "; is Postgres running there?", true
	case errors.Is(err, fs.ErrNotExist):
		return "there is no server socket at " + target(err) + "; is Postgres running there?", true
	case errors.As(err, &op):
		return op.Error(), true
	}
	var connect *pgconn.ConnectError
	if errors.As(err, &connect) || pgconn.SafeToRetry(err) || pgconn.Timeout(err) || strings.Contains(err.Error(), "closed pool") {
		return firstLine(err.Error()), true
	}
	if errors.Is(err, net.ErrClosed) || strings.HasSuffix(err.Error(), "unexpected EOF") || strings.HasSuffix(err.Error(), "conn closed") {
		return "the connection to the database was lost", true
	}
	return "", false
}

func target(err error) string {
	var op *net.OpError
	if errors.As(err, &op) && op.Addr != nil {
		return op.Addr.String()
	}
	return "the address in the database URL"
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	return line
}

// notFound returns a CodeNotFound error in the place of pgx's "no rows".
func notFound(err error, format string, args ...any) error {
	if errors.Is(err, pgx.ErrNoRows) {
		return meshhook.Errorf(meshhook.CodeNotFound, format, args...)
	}
	return err
}

// noSuch is notFound for a thing with a name.
func noSuch(err error, noun, name string) error {
	if errors.Is(err, pgx.ErrNoRows) {
		return meshhook.NoSuch(noun, name)
	}
	return err
}

// connectionLost tells whether a write failed for want of a server, so that
// trying its parts one by one would be of no use.
func connectionLost(err error) bool {
	return meshhook.ErrorCode(err) == meshhook.CodeUnavailable
}
