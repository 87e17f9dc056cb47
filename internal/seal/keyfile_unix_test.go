//go:build unix

package seal

import (
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestForbidden(t *testing.T) {
	for _, test := range []struct {
		mode              fs.FileMode
		rootGives, refuse bool
	}{
		{0o600, false, false},
		{0o400, false, false},
		{0o640, false, true},
		{0o604, false, true},
		{0o400, true, false},
		{0o440, true, false}, // a service's group, as systemd and Kubernetes mount it
		{0o444, true, true},
		{0o460, true, true},
	} {
		require.Equal(t, test.refuse, test.mode&forbidden(test.rootGives) != 0, "%v, given by root: %v", test.mode, test.rootGives)
	}
}

// A key that root makes belongs to whom its directory belongs to.
func TestKeyIsHandedOver(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root gives files away")
	}
	dir := t.TempDir()
	path := filepath.Join(dir, "master.key")
	require.NoError(t, os.Chown(dir, 65532, 65531))
	_, err := CreateMasterKeyFile(path)
	require.NoError(t, err)
	info, err := os.Stat(path)
	require.NoError(t, err)
	stat, is := info.Sys().(*syscall.Stat_t)
	require.True(t, is)
	require.Equal(t, [2]uint32{65532, 65531}, [2]uint32{stat.Uid, stat.Gid})
	require.Equal(t, fs.FileMode(0o600), info.Mode().Perm())
}
