package cli

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/profullstack/meshhook/internal/config"
	"github.com/profullstack/meshhook/internal/daemon"
	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/seal"
	"github.com/profullstack/meshhook/internal/tail"
)

func newKeyCmd(a *app) *cobra.Command {
	return group(
		&cobra.Command{
			Use: "key", Aliases: []string{"keys"}, Short: "See and change the keys that seal what is stored",
			Long: `See and change the keys that seal what is stored. Values are sealed with data keys, which lie
in the database; the master key, which does not, wraps these.`,
			Example: "  meshhook key status\n  meshhook key rotate",
		},
		newKeyStatusCmd(a), newKeyRotateCmd(a),
	)
}

func newKeyStatusCmd(a *app) *cobra.Command {
	var exact bool
	cmd := &cobra.Command{
		Use: "status", Short: "Show the keys, and how much each has sealed",
		Long: `Show the keys, how much each has sealed, and where this machine has the master key from. Of
large tables a sample is counted, unless --exact is given. It also names the daemons that go
on, but could not start again, since their machine does not have the master key.`,
		Example: "  meshhook key status\n  meshhook key status --exact -o json",
		Args:    exactly(),
		RunE:    func(cmd *cobra.Command, _ []string) error { return runKeyStatus(cmd.Context(), a, exact) },
	}
	cmd.Flags().BoolVar(&exact, "exact", false, "count every value, which reads all tables")
	return cmd
}

func runKeyStatus(ctx context.Context, a *app, exact bool) error {
	return a.inProject(ctx, func(ctx context.Context, s *session) error {
		status, err := s.db.KeyStatus(ctx, exact)
		if err != nil {
			return err
		}
		status.MasterKeyFrom = masterKeyFrom(s.config)
		return a.print(status, func(w io.Writer) error { return writeKeyStatus(a, w, &status) })
	})
}

// masterKeyFrom says where this machine has the master key from.
func masterKeyFrom(c *config.Config) string {
	if c.MasterKey.IsZero() {
		return "file " + c.MasterKeyFile
	}
	return string(c.Origin("master_key"))
}

func writeKeyStatus(a *app, w io.Writer, status *meshhook.KeyStatus) error {
	f := &fields{}
	f.add("master key", status.MasterKeyID+", from the "+status.MasterKeyFrom)
	f.add("changed", status.ChangedAt)
	for _, key := range status.DataKeys {
		count := counted(key.Values, "value")
		if status.Estimated {
			count = "about " + count
		}
		text := map[string]string{
			meshhook.KeyPrimary: "seals", meshhook.KeyOld: "opens what it sealed before", meshhook.KeyNext: "is to seal next",
		}[key.State]
		f.add("data key", fmt.Sprintf("%s %s, %s", key.ID, text, count))
	}
	if status.Reencrypting != nil {
		f.add("re-encryption", cell{"begun at " + meshhook.FormatTime(*status.Reencrypting) + " and not ended; go on with 'meshhook key rotate --reencrypt'", tail.Warn})
	}
	for _, d := range status.Lacking {
		f.add("lacking", cell{fmt.Sprintf("the daemon on %s (pid %d) does not have this master key and could not start again; bring it there", d.Host, d.PID), tail.Bad})
	}
	return a.writeTable(w, &f.table)
}

// keyRotateOptions are what 'key rotate' was told.
type keyRotateOptions struct {
	dataOnly  bool
	reencrypt bool
}

func newKeyRotateCmd(a *app) *cobra.Command {
	o := &keyRotateOptions{}
	cmd := &cobra.Command{
		Use: "rotate", Short: "Change the master key and the data key",
		Long: `Make another master key and another data key, while daemons serve. What was sealed stays as it
is, and opens, until --reencrypt seals it anew and takes the old data keys out for good. It can
be interrupted at any time; run it again to go on.

The new master key is put in the place of the old one, which is kept beside it: dumps and
backups from before need it. If daemons run on other machines, too, lay the new key down beside
theirs first, as the file of the old one with .next behind its name.`,
		Example: `  meshhook key rotate
  meshhook key rotate --reencrypt
  meshhook key rotate --data-only`,
		Args: exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error { return runKeyRotate(cmd.Context(), a, o) },
	}
	cmd.Flags().BoolVar(&o.dataOnly, "data-only", false, "keep the master key")
	cmd.Flags().BoolVar(&o.reencrypt, "reencrypt", false, "seal anew what older keys sealed, and take them out")
	return cmd
}

// keysRotated is the answer of 'key rotate'.
type keysRotated struct {
	MasterKeyID    string `json:"master_key_id"`
	OldMasterKeyID string `json:"old_master_key_id,omitempty"`
	DataKeyID      string `json:"data_key_id"`
	*meshhook.Reencrypted
}

func runKeyRotate(ctx context.Context, a *app, o *keyRotateOptions) error {
	return a.inProject(ctx, func(ctx context.Context, s *session) error {
		before, err := s.db.KeyStatus(ctx, false)
		if err != nil {
			return err
		}
		if o.reencrypt && before.Reencrypting != nil && !o.dataOnly {
			a.note("going on with the re-encryption that began at %s, without other keys", meshhook.FormatTime(*before.Reencrypting))
		} else if err := s.db.Rotate(ctx, s.config, s.project, daemon.RotateOptions{DataOnly: o.dataOnly, Log: a.commandLog()}); err != nil {
			return err
		}
		did := keysRotated{}
		if o.reencrypt {
			report := a.progress(staleEstimate(&before))
			done, err := s.db.Reencrypt(ctx, s.project, report)
			report(-1)
			if err != nil {
				return err
			}
			did.Reencrypted = &done
		}
		after, err := s.db.KeyStatus(ctx, false)
		if err != nil {
			return err
		}
		return a.printRotated(s.config, did, &before, &after)
	})
}

// staleEstimate is about how many values are to be sealed anew: all that there are.
func staleEstimate(before *meshhook.KeyStatus) (count int64) {
	for _, key := range before.DataKeys {
		count += key.Values
	}
	return count
}

func (a *app) printRotated(c *config.Config, did keysRotated, before, after *meshhook.KeyStatus) error {
	did.MasterKeyID = after.MasterKeyID
	if before.MasterKeyID != after.MasterKeyID {
		did.OldMasterKeyID = before.MasterKeyID
		a.noteOldKey(c, before.MasterKeyID, after.MasterKeyID)
	}
	for _, key := range after.DataKeys {
		if key.State == meshhook.KeyPrimary {
			did.DataKeyID = key.ID
		}
	}
	return printFields(a, did, func(f *fields) {
		f.add("master key", did.MasterKeyID)
		f.add("data key", did.DataKeyID)
		if did.Reencrypted != nil {
			f.add("sealed anew", counted(did.Rows, "row"))
			f.add("taken out", strings.Join(did.Retired, ", "))
		}
	})
}

// noteOldKey says what is left to do with two master keys.
func (a *app) noteOldKey(c *config.Config, old, next string) {
	if !c.MasterKey.IsZero() {
		a.note("set MESHHOOK_MASTER_KEY to the new key (%s) wherever a daemon or a command runs, before it starts again, and unset MESHHOOK_MASTER_KEY_NEXT", next)
		a.note("keep the old key (%s) as long as you keep backups from before: nothing else opens them", old)
		return
	}
	a.note("the new master key is in %s; back it up, and copy it to every machine where a daemon runs, before that starts again", c.MasterKeyFile)
	a.note("the old one is in %s; keep it as long as you keep backups from before, and delete it then", seal.OldKeyFile(c.MasterKeyFile, old))
}
