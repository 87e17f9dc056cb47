package main

import (
	"os"

	"github.com/rogpeppe/go-internal/testscript"
)

// private is
//
//	private        the script's meshhook has no database URL and no master key any
//	               more: it makes a private cluster in a new data directory
//
// The directory lies where the user that runs Postgres can get at it, which the
// script's own is not.
func private(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) > 0 {
		ts.Fatalf("usage: private")
	}
	dir, err := os.MkdirTemp("", "meshhook-script-")
	ts.Check(err)
	ts.Defer(func() { ts.Check(os.RemoveAll(dir)) })
	ts.Check(os.Chmod(dir, 0o755)) //nolint:gosec // the user that runs Postgres must get in
	ts.Setenv("MESHHOOK_DATA_DIR", dir)
	ts.Setenv("MESHHOOK_DATABASE_URL", "")
	ts.Setenv("MESHHOOK_MASTER_KEY", "")
}
