//go:build unix

package pgembed

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// versionFile holds the major version of a cluster. initdb writes it early, so it
// marks a complete cluster only because clusters are made elsewhere and renamed.
const versionFile = "PG_VERSION"

// dataVersion returns the major version of the data, 0 if there are none yet.
// Whatever else stands in their place is left for a person to judge.
func (c *cluster) dataVersion() (int, error) {
	text, err := readSmall(filepath.Join(c.data, versionFile))
	switch {
	case err == nil:
		major, err := strconv.Atoi(strings.TrimSpace(text))
		if err != nil || major < 1 {
			return 0, meshhook.Errorf(meshhook.CodeInvalid,
				"%s does not name a version of Postgres: restore the data from a backup (nothing was changed)",
				filepath.Join(c.data, versionFile))
		}
		return major, nil
	case !errors.Is(err, fs.ErrNotExist):
		return 0, c.fileError("read the data in", c.data, err)
	}
	entries, err := os.ReadDir(c.data)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return 0, c.fileError("read the data in", c.data, err)
	}
	if len(entries) > 0 {
		return 0, meshhook.Errorf(meshhook.CodeInvalid,
			"%s holds files, but no Postgres cluster: move them away, or set data_dir to another directory (nothing was changed)", c.data)
	}
	return 0, nil
}

// create makes the cluster beside its place and renames it once it is complete
// and on the disk, so that a half-made one never counts.
func (c *cluster) create(ctx context.Context, b binaries) error {
	began := time.Now()
	made := c.data + ".new"
	// What a killed predecessor left: we hold supervisor.lock, so nobody makes it now.
	if err := os.RemoveAll(made); err != nil {
		return c.fileError("remove the unfinished cluster", made, err)
	}
	if err := c.fill(ctx, b, made); err != nil {
		if rmErr := os.RemoveAll(made); rmErr != nil {
			c.log.WarnContext(ctx, "the unfinished cluster stays until the next start", "error", rmErr)
		}
		return err
	}
	if err := os.Rename(made, c.data); err != nil {
		return c.fileError("put the new cluster to", c.data, err)
	}
	if err := syncDir(c.dir); err != nil {
		return c.fileError("sync the directory", c.dir, err)
	}
	c.log.InfoContext(ctx, "postgres cluster made", "dir", c.data, "version", b.major, "took", time.Since(began))
	return nil
}

// fill makes a complete cluster in dir. Everything runs without fsync, and one
// pass at the end syncs it all: that is quicker, and as safe.
func (c *cluster) fill(ctx context.Context, b binaries, dir string) error {
	initdb := filepath.Join(b.dir, "initdb")
	_, err := c.runTool(ctx, initdb, "", "--pgdata="+dir, "--username="+AdminRole,
		"--encoding=UTF8", "--locale=C", "--data-checksums",
		"--auth-local=peer", "--auth-host=reject", "--no-sync")
	if err != nil {
		return err
	}
	_, err = c.runTool(ctx, filepath.Join(b.dir, "postgres"), strings.Join(firstStatements(), "\n")+"\n",
		"--single", "-F", "-D", dir, "-c", "exit_on_error=on", "-c", "log_checkpoints=off", "postgres")
	if err != nil {
		return err
	}
	if c.options.Settings["fsync"] == "off" {
		return nil
	}
	_, err = c.runTool(ctx, initdb, "", "--pgdata="+dir, "--sync-only")
	return err
}

// firstStatements returns what a new cluster executes, one line each, as the
// superuser. The settings are defaults that the operator may change with ALTER
// SYSTEM; durability (fsync, synchronous_commit) is on by itself.
func firstStatements() []string {
	return []string{
		// CREATEDB lets tests clone databases; in a cluster with no other
		// application it gives away nothing.
		"CREATE ROLE " + Role + " LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEROLE NOREPLICATION CREATEDB",
		"CREATE DATABASE " + Database + " OWNER " + Role,
		"ALTER SYSTEM SET max_connections = 100",
		"ALTER SYSTEM SET shared_buffers = '128MB'",
		"ALTER SYSTEM SET wal_compression = on",
		// Statements and details hold customers' data; whoever ran the statement
		// has got the whole error already.
		"ALTER SYSTEM SET log_min_messages = warning",
		"ALTER SYSTEM SET log_min_error_statement = panic",
		"ALTER SYSTEM SET log_error_verbosity = terse",
		"ALTER SYSTEM SET log_checkpoints = off",
	}
}

// writeAccess writes who may connect. It is written at every start, for the user
// that runs the server may have changed, and stands outside the data.
func (c *cluster) writeAccess() error {
	files := map[string]string{
		hbaFile: "# Written by MeshHook at every start.\n" +
			"local all " + Role + " peer map=mh\n" +
			"local all " + AdminRole + " peer map=mh\n" +
			"host all all all reject\n",
		// Nobody else gets through the directory's mode, so this is the second wall.
		identFile: "# Written by MeshHook at every start.\n" +
			"mh " + c.account.name + " " + Role + "\n" +
			"mh root " + Role + "\n" +
			"mh " + c.account.name + " " + AdminRole + "\n",
	}
	for name, text := range files {
		if err := replaceFile(filepath.Join(c.dir, name), text); err != nil {
			return c.fileError("write", filepath.Join(c.dir, name), err)
		}
	}
	return nil
}

// replaceFile puts a file that everybody may read to path in one move.
func replaceFile(path, text string) error {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	if err == nil {
		err = f.Chmod(0o644) // the directory keeps strangers out
	}
	if err = closing(f, err); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}

func syncDir(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return closing(f, f.Sync())
}
