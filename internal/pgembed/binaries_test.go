//go:build unix

package pgembed

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestParseVersion(t *testing.T) {
	t.Parallel()
	for out, want := range map[string]int{
		"postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n": 15,
		"postgres (PostgreSQL) 19beta1\n":                        19,
		"postgres (PostgreSQL) 18":                               18,
		"postgres (EnterpriseDB) 17.2\n":                         17,
		"postgres (PostgreSQL) 9.6.24\n":                         9,
		"postgres (PostgreSQL) 1500.1\n":                         0,
		"psql (PostgreSQL) 15.18\n":                              0,
		"":                                                       0,
	} {
		major, ok := parseVersion(out)
		require.Equal(t, want, major, out)
		require.Equal(t, want > 0, ok, out)
	}
}

func FuzzParseVersion(f *testing.F) {
	f.Add("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n")
	f.Fuzz(func(t *testing.T, out string) {
		if major, ok := parseVersion(out); ok {
			require.True(t, major >= 0 && major < 1000)
			require.Regexp(t, `\) 0*`+strconv.Itoa(major), out)
		}
	})
}

func TestChoose(t *testing.T) {
	t.Parallel()
	found := []binaries{{"a", 13}, {"b", 14}, {"c", 16}, {"d", 15}}
	for want, expected := range map[int]binaries{0: {"c", 16}, 13: {"a", 13}, 14: {"b", 14}, 15: {"d", 15}, 17: {}} {
		got, ok := choose(found, want)
		require.Equal(t, expected, got)
		require.Equal(t, expected.major > 0, ok)
	}
	_, ok := choose(found[:1], 0)
	require.False(t, ok, "13 is too old for a new cluster")
}

func TestBinaryDirs(t *testing.T) {
	root := t.TempDir()
	install := func(dir string, names ...string) string {
		dir = filepath.Join(root, dir)
		require.NoError(t, os.MkdirAll(dir, 0o755))
		for _, name := range names {
			require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"), 0o600))
			require.NoError(t, os.Chmod(filepath.Join(dir, name), 0o755))
		}
		return dir
	}
	whole := install("15/bin", "postgres", "initdb")
	install("16/bin", "postgres") // a client package, or half an installation
	inPath := install("path", "postgres", "initdb")
	require.NoError(t, os.Symlink(whole, filepath.Join(root, "current")))
	require.NoError(t, os.MkdirAll(filepath.Join(root, "17/bin/postgres"), 0o755))
	require.NoError(t, os.MkdirAll(filepath.Join(root, "18/bin"), 0o755))
	require.NoError(t, os.Symlink(filepath.Join(whole, "postgres"), filepath.Join(root, "18/bin/postgres")))

	t.Setenv("PATH", inPath)
	patterns := []string{root + "/*/bin", root + "/current", "[", root + "/nowhere"}
	require.Equal(t, []string{whole, inPath}, binaryDirs(patterns))
	t.Setenv("PATH", root)
	require.Equal(t, []string{whole}, binaryDirs(patterns))
}

func TestInstallCommand(t *testing.T) {
	t.Parallel()
	for name, want := range map[string][2]string{
		"apt-get": {"apt install postgresql", "apt install postgresql-16"},
		"dnf":     {"dnf install postgresql-server", "dnf install postgresql16-server"},
		"apk":     {"apk add postgresql", "apk add postgresql16"},
		"pacman":  {"pacman -S postgresql", "pacman -S postgresql (version 16)"},
		"zypper":  {"zypper install postgresql-server", "zypper install postgresql16-server"},
		"pkg":     {"pkg install postgresql17-server", "pkg install postgresql16-server"},
		"brew":    {"brew install postgresql@17", "brew install postgresql@16"},
		"none":    {"install the package of the PostgreSQL server", "install the package of the PostgreSQL 16 server"},
	} {
		look := func(manager string) (string, error) {
			if manager == name {
				return "/bin/" + name, nil
			}
			return "", errors.New("not found")
		}
		require.Equal(t, want, [2]string{installCommand(0, look), installCommand(16, look)}, name)
	}
}

func TestEnvironmentOfThePrograms(t *testing.T) {
	t.Setenv("PGPORT", "9999")
	t.Setenv("MESHHOOK_MASTER_KEY", "secret")
	t.Setenv("LD_LIBRARY_PATH", "/opt/lib")
	t.Setenv("PATH", "/bin")
	cmd := new(cluster).command(t.Context(), "/bin/true")
	require.Equal(t, "LC_ALL=C TZ=UTC PATH=/bin LD_LIBRARY_PATH=/opt/lib", strings.Join(cmd.Env, " "))
}
