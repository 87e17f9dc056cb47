package postgres

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/meshhook"
)

func TestTranslate(t *testing.T) {
	t.Parallel()
	server := func(code, constraint string) error {
		return fmt.Errorf("wrapped: %w", &pgconn.PgError{Code: code, Message: "it says", ConstraintName: constraint})
	}
	ours := meshhook.Errorf(meshhook.CodeNotFound, "ours")
	const schemaless = "doing: the database has not been migrated; run 'meshhook migrate up'"
	tests := []struct {
		name    string
		err     error
		code    meshhook.Code
		message string
	}{
		{"none", nil, "", ""},
		{"ours", ours, meshhook.CodeNotFound, "ours"},
		{"ours, wrapped", fmt.Errorf("x: %w", ours), meshhook.CodeNotFound, "x: ours"},
		{"canceled", context.Canceled, meshhook.CodeUnavailable, "doing: context canceled"},
		{"too late", context.DeadlineExceeded, meshhook.CodeUnavailable, "doing: context deadline exceeded"},
		{"a taken path", server("23505", "webhook_endpoints_url_path_key"), meshhook.CodeConflict, "this path is taken by another webhook; choose another, or change that one with 'meshhook webhook update'"},
		{"a taken name", server("23505", "workflows_name_key"), meshhook.CodeConflict, "a workflow of this name exists already"},
		{"a needed workflow", server("23503", "webhook_endpoints_workflow_id_fkey"), meshhook.CodeConflict, "webhooks still name this workflow; delete or change them first ('meshhook webhook list')"},
		{"another constraint", server("23505", "runs_pkey"), meshhook.CodeConflict, "doing: it says"},
		{"NUL in a text", server("22021", ""), meshhook.CodeInvalid, "a text holds NUL or is not UTF-8, which cannot be stored; leave that out"},
		{"NUL in JSON", server("22P05", ""), meshhook.CodeInvalid, "a text holds NUL or is not UTF-8, which cannot be stored; leave that out"},
		{"a taken token", server("23505", "api_tokens_name_key"), meshhook.CodeConflict, "a token of this name exists already; choose another, or revoke that one with 'meshhook token revoke'"},
		{"wrong password", server("28P01", ""), meshhook.CodeUnavailable, "doing: the server refuses the login (it says); check user and password in the database URL"},
		{"no login", server("28000", ""), meshhook.CodeUnavailable, "doing: the server refuses the login (it says); check user and password in the database URL"},
		{"a lost statement", server("26000", ""), meshhook.CodeUnavailable, "doing: a pooler in transaction mode stands in between, which loses prepared statements; connect to Postgres itself, or to the pooler in session mode ('meshhook doctor' tries it)"},
		{"no database", server("3D000", ""), meshhook.CodeUnavailable, "doing: it says; create it with 'createdb', or name another in the database URL"},
		{"no privilege", server("42501", ""), meshhook.CodeUnavailable, "doing: it says; the role must own MeshHook's database or tables"},
		{"no table", server("42P01", ""), meshhook.CodeUnavailable, schemaless},
		{"a lost connection", server("08006", ""), meshhook.CodeUnavailable, "doing: it says"},
		{"a full disk", server("53100", ""), meshhook.CodeUnavailable, "doing: it says"},
		{"a shutdown", server("57P01", ""), meshhook.CodeUnavailable, "doing: it says"},
		{"a broken file", server("58030", ""), meshhook.CodeUnavailable, "doing: it says"},
		{"a read-only server", server("25006", ""), meshhook.CodeUnavailable, "doing: it says"},
		{"a wrong statement", server("42601", ""), meshhook.CodeInternal, "doing: it says (SQLSTATE 42601)"},
		{"no code", server("", ""), meshhook.CodeInternal, "doing: it says (SQLSTATE )"},
		{"an unknown host", &net.DNSError{Name: "db.example", Err: "no such host"}, meshhook.CodeUnavailable, "doing: the host db.example is not known; check the database URL"},
		{"a broken pipe", &net.OpError{Op: "write", Net: "tcp", Err: errors.New("broken pipe")}, meshhook.CodeUnavailable, "doing: write tcp: broken pipe"},
		{"an end", fmt.Errorf("receive: %w", io.ErrUnexpectedEOF), meshhook.CodeUnavailable, "doing: the connection to the database was lost"},
		{"a closed connection", net.ErrClosed, meshhook.CodeUnavailable, "doing: the connection to the database was lost"},
		{"a closed pool", errors.New("closed pool"), meshhook.CodeUnavailable, "doing: closed pool"},
		{"no rows", pgx.ErrNoRows, meshhook.CodeInternal, "doing: no rows in result set"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			err := translate(test.err, "doing")
			require.Equal(t, test.code, meshhook.ErrorCode(err))
			if test.err == nil {
				require.NoError(t, err)
				return
			}
			require.EqualError(t, err, test.message)
			require.ErrorIs(t, err, test.err)
		})
	}
}
