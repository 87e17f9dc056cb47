package main

import (
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/pgtest"
)

// A rotation that is killed at any moment leaves everything readable, and the next one
// comes to its end.
func TestRotationsThatAreKilled(t *testing.T) {
	t.Parallel()
	const values = 3000
	url := pgtest.URL(t)
	dir := t.TempDir()
	env := append(os.Environ(), "MESHHOOK_DATABASE_URL="+url, "MESHHOOK_MASTER_KEY=", "HOME="+t.TempDir(), "XDG_DATA_HOME=", "MESHHOOK_DATA_DIR="+dir)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "master.key"), []byte(pgtest.MasterKeyText+"\n"), 0o600))
	db := pgtest.Open(t, url)
	project := pgtest.Project(t, db)
	applied, err := project.Apply(t.Context(), "w", "", meshhook.Version{Digest: strings.Repeat("0", 64), Source: "name: w"})
	require.NoError(t, err)
	var runs []meshhook.ID
	for i := range values {
		run := meshhook.Run{ID: meshhook.NewID(), WorkflowID: applied.Workflow.ID, Workflow: "w", Version: 1, Input: fmt.Appendf(nil, `{"n":%d}`, i)}
		require.NoError(t, project.StartRun(t.Context(), run))
		runs = append(runs, run.ID)
	}
	d, _, err := launch(env, t.TempDir(), "--only", "admin")
	require.NoError(t, err)
	t.Cleanup(d.kill)

	for round := range 6 {
		// Half of them are killed while they change the keys, half while they seal anew,
		// which begins after five seconds.
		moment := time.Duration(rand.IntN(1500)) * time.Millisecond //nolint:gosec // any moment will do
		if round%2 == 1 {
			moment += 5 * time.Second
		}
		rotation := command(t, env, "key", "rotate", "--reencrypt")
		require.NoError(t, rotation.Start())
		<-time.After(moment)
		_ = rotation.Process.Kill() // it may have ended
		_ = rotation.Wait()
		show := command(t, env, "run", "show", runs[rand.IntN(values)].String()) //nolint:gosec // any run will do
		show.Stdout = io.Discard
		require.NoError(t, show.Run(), "it reads what is stored")
	}
	require.NoError(t, command(t, env, "key", "rotate", "--reencrypt").Run())
	out, err := output(command(t, env, "key", "status", "--exact"))
	require.NoError(t, err)
	require.NotContains(t, out, "opens what it sealed before")
	require.NotContains(t, out, "re-encryption")
	for _, id := range runs[:50] {
		require.NoError(t, command(t, env, "run", "show", id.String()).Run())
	}
}

// command is meshhook with these arguments.
func command(t *testing.T, env []string, args ...string) *exec.Cmd {
	t.Helper()
	self, err := exec.LookPath("meshhook") // testscript.Main puts it on the path
	require.NoError(t, err)
	cmd := exec.CommandContext(t.Context(), self, args...) //nolint:gosec // the arguments are the test's
	cmd.Env, cmd.Dir = env, t.TempDir()
	cmd.Stderr = os.Stderr
	return cmd
}

func output(cmd *exec.Cmd) (string, error) {
	out, err := cmd.Output()
	return string(out), err
}
