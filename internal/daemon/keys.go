package daemon

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"log/slog"

	"github.com/profullstack/meshhook/internal/config"
	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/postgres"
	"github.com/profullstack/meshhook/internal/seal"
)

// masterKeys finds the master keys of this machine: from the environment, or from the
// file. While a rotation is under way there is a next one, too.
func masterKeys(c *config.Config) postgres.MasterKeys {
	return func() ([]seal.MasterKey, error) {
		if !c.MasterKey.IsZero() {
			key, err := seal.ParseMasterKey(c.MasterKey)
			if err != nil || c.MasterKeyNext.IsZero() {
				return []seal.MasterKey{key}, err
			}
			next, err := parseNext(c)
			return []seal.MasterKey{key, next}, err
		}
		key, err := seal.LoadMasterKeyFile(c.MasterKeyFile)
		if err != nil {
			return nil, err
		}
		// One that cannot be read is no reason to stop: mostly it is not needed.
		if next, err := seal.LoadMasterKeyFile(seal.NextKeyFile(c.MasterKeyFile)); err == nil {
			return []seal.MasterKey{key, next}, nil
		}
		return []seal.MasterKey{key}, nil
	}
}

func parseNext(c *config.Config) (seal.MasterKey, error) {
	key, err := seal.ParseMasterKey(c.MasterKeyNext)
	if err != nil {
		return key, meshhook.Errorf(meshhook.CodeInvalid, "master_key_next: %w", err)
	}
	return key, nil
}

// makeMasterKey makes the file of the master key for a database that has no keys yet.
// For one that has, a missing file is an error: a new key could open nothing.
func makeMasterKey(ctx context.Context, db *postgres.DB, c *config.Config) error {
	if !c.MasterKey.IsZero() {
		return nil
	}
	_, err := seal.LoadMasterKeyFile(c.MasterKeyFile)
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	sealed, err := db.IsSealed(ctx)
	if err != nil {
		return err
	}
	if sealed {
		return meshhook.Errorf(meshhook.CodeInvalid, "this database is sealed with a master key that is not at %s; copy that file here from the machine that made it, or set MESHHOOK_MASTER_KEY", c.MasterKeyFile)
	}
	_, err = seal.CreateMasterKeyFile(c.MasterKeyFile)
	return err
}

// promoteMasterKey ends a rotation on this machine: one that was interrupted between the
// database and the file, or that went on elsewhere with the key that was laid down here.
func (db *Database) promoteMasterKey(ctx context.Context, c *config.Config, log *slog.Logger) error {
	if !c.MasterKey.IsZero() {
		return nil
	}
	wraps, err := db.MasterKeyID(ctx)
	if err != nil {
		return err
	}
	next, err := seal.LoadMasterKeyFile(seal.NextKeyFile(c.MasterKeyFile))
	if err != nil || next.ID() != wraps {
		return nil // there is none, or the database is not wrapped by it yet
	}
	if err := seal.PromoteKeyFile(c.MasterKeyFile); err != nil {
		log.Warn("the master key was changed, and its file could not be", "error", err)
		return nil
	}
	log.Info("the next master key is in its place", "file", c.MasterKeyFile, "key", wraps)
	return nil
}

// CheckKeys opens what is stored with the master key of this machine, and changes
// nothing. opened is how many values it tried; sealed tells that there are keys at all.
func (db *Database) CheckKeys(ctx context.Context, c *config.Config) (opened int, sealed bool, err error) {
	masters := masterKeys(c)
	if _, err := masters(); err != nil {
		return 0, true, err
	}
	if sealed, err = db.IsSealed(ctx); err != nil || !sealed {
		return 0, sealed, err
	}
	if err := db.UnsealBy(ctx, masters); err != nil {
		return 0, true, err
	}
	opened, err = db.DB.CheckKeys(ctx)
	return opened, true, err
}

// NextMasterKey returns the master key that a rotation changes to. From a file it is made,
// unless it lies there already: brought by the operator, so that other machines have it,
// too, or left by a rotation that was interrupted. With a master key from the environment
// the operator has to give it; how, the error with CodeUsage says.
func NextMasterKey(c *config.Config) (seal.MasterKey, error) {
	switch {
	case c.MasterKey.IsZero():
		return seal.CreateMasterKeyFile(seal.NextKeyFile(c.MasterKeyFile))
	case !c.MasterKeyNext.IsZero():
		return parseNext(c)
	}
	return seal.MasterKey{}, meshhook.Errorf(meshhook.CodeUsage, "the master key comes from the environment (%s), which this command cannot change.\n"+
		"Make another with 'openssl rand -base64 32', set it as MESHHOOK_MASTER_KEY_NEXT for every daemon and restart them one by one;\n"+
		"run 'meshhook key rotate' with both set; then set it as MESHHOOK_MASTER_KEY and unset the other. Or rotate the data key alone: --data-only",
		c.Origin("master_key"))
}

// RotateOptions say what Rotate does.
type RotateOptions struct {
	// DataOnly leaves the master key as it is.
	DataOnly bool
	Log      *slog.Logger
}

// Rotate has another data key seal, and another master key wrap the data keys, and puts
// that in its place. It may be interrupted at any time: everything opens before and
// after, and the next one goes on. Errors have CodeConflict where a daemon stands in the
// way, and CodeUsage where the next master key has to be given.
func (db *Database) Rotate(ctx context.Context, c *config.Config, project *postgres.Tenant, o RotateOptions) error {
	var next seal.MasterKey
	if !o.DataOnly {
		var err error
		if next, err = NextMasterKey(c); err != nil {
			return err
		}
	}
	id, err := db.AddDataKey(ctx)
	if err != nil {
		return err
	}
	if err := db.PromoteDataKey(ctx, id); err != nil || o.DataOnly {
		return err
	}
	if err := db.Rewrap(ctx, project, next); err != nil {
		return err
	}
	return db.promoteMasterKey(ctx, c, o.Log)
}

// told is what a daemon has told of its keys.
type told struct {
	version int64
	// master is the master key of this machine that fits, lacking the one that would, of
	// which one is "".
	master, lacking string
}

// renewKeys takes up data keys that have changed, tells the others that it has, and
// warns of a master key that this daemon could not start with again.
func (d *Daemon) renewKeys(ctx context.Context) error {
	lacking, err := d.db.RenewKeys(ctx)
	if err != nil {
		return err
	}
	told := told{lacking: lacking}
	told.version, told.master = d.db.KeysInUse()
	if told == d.told {
		return nil
	}
	if lacking != "" && lacking != d.told.lacking {
		d.log.Warn("the master key was changed, and this machine does not have the new one: the daemon goes on, but could not start again; bring the new key here",
			"key", lacking, "place", cmp.Or(string(d.config.Origin("master_key")), d.config.MasterKeyFile))
	}
	if err := d.beat(ctx); err != nil {
		return err
	}
	d.told = told
	return nil
}
