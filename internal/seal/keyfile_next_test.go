package seal_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/seal"
)

func TestPromoteKeyFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "master.key")
	old, err := seal.CreateMasterKeyFile(path)
	require.NoError(t, err)
	require.NoError(t, seal.PromoteKeyFile(path), "without a next one there is nothing to do")
	next, err := seal.CreateMasterKeyFile(seal.NextKeyFile(path))
	require.NoError(t, err)

	// What an interrupted one leaves is no hindrance: the old key has its second name
	// already.
	require.NoError(t, os.Link(path, seal.OldKeyFile(path, old.ID())))
	require.NoError(t, seal.PromoteKeyFile(path))
	require.NoError(t, seal.PromoteKeyFile(path), "twice is the same as once")
	for file, want := range map[string]seal.MasterKey{path: next, seal.OldKeyFile(path, old.ID()): old} {
		key, err := seal.LoadMasterKeyFile(file)
		require.NoError(t, err)
		require.Equal(t, want.ID(), key.ID())
	}
	require.NoFileExists(t, seal.NextKeyFile(path))
}

func TestPromoteKeyFile_Fails(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "master.key")
	_, err := seal.CreateMasterKeyFile(seal.NextKeyFile(path))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, []byte("no key"), 0o600))
	err = seal.PromoteKeyFile(path)
	require.Equal(t, meshhook.CodeInvalid, meshhook.ErrorCode(err))
	require.ErrorContains(t, err, "by hand")
	require.FileExists(t, seal.NextKeyFile(path))

	// No old one: the next one takes the place.
	require.NoError(t, os.Remove(path))
	require.NoError(t, seal.PromoteKeyFile(path))
	require.FileExists(t, path)
}
