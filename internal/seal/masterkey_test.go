package seal_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/seal"
)

// The key of bytes 0, 1, … 31.
const countingKey = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="

func TestParseMasterKey(t *testing.T) {
	want, err := seal.ParseMasterKey(meshhook.NewSecret(countingKey))
	require.NoError(t, err)
	require.Equal(t, "687cedf7", want.ID(), "the fingerprint stands in databases: it must never change")
	for _, text := range []string{countingKey, strings.TrimSuffix(countingKey, "="), "  " + countingKey + "\r\n"} {
		key, err := seal.ParseMasterKey(meshhook.NewSecret(text))
		require.NoError(t, err)
		require.Equal(t, want, key)
		require.Equal(t, countingKey, key.Text().Reveal())
	}
	for name, text := range map[string]string{
		"empty":          "",
		"no base64":      "correct horse battery staple",
		"31 bytes":       "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHg==",
		"33 bytes":       "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8g",
		"dirty padding":  "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh9=",
		"two keys":       countingKey + "\n" + countingKey,
		"hexadecimal":    "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
		"base64 for URL": "__________________________________________8=",
	} {
		t.Run(name, func(t *testing.T) {
			_, err := seal.ParseMasterKey(meshhook.NewSecret(text))
			require.EqualError(t, err, "the master key is not 32 bytes in base64; `openssl rand -base64 32` makes one")
			require.Equal(t, meshhook.CodeInvalid, meshhook.ErrorCode(err))
		})
	}
}

func FuzzParseMasterKey(f *testing.F) {
	f.Add(countingKey)
	f.Add("====")
	f.Fuzz(func(t *testing.T, text string) {
		key, err := seal.ParseMasterKey(meshhook.NewSecret(text))
		if err != nil {
			require.Zero(t, key)
			return
		}
		again, err := seal.ParseMasterKey(key.Text())
		require.NoError(t, err)
		require.Equal(t, key, again)
	})
}

func TestMasterKey_PrintsMasked(t *testing.T) {
	key, err := seal.ParseMasterKey(meshhook.NewSecret(countingKey))
	require.NoError(t, err)
	holder := struct{ Key seal.MasterKey }{key}
	var out bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		fmt.Fprintf(&out, verb+verb+"\n", key, holder)
	}
	slog.New(slog.NewTextHandler(&out, nil)).Info("key", "key", key)
	slog.New(slog.NewJSONHandler(&out, nil)).Info("key", "holder", holder)
	asJSON, err := json.Marshal(holder)
	require.NoError(t, err)
	asYAML, err := yaml.Marshal(holder)
	require.NoError(t, err)
	out.Write(asJSON)
	out.Write(asYAML)

	for _, leak := range []string{countingKey[:10], "\x01\x02\x03", "010203", "0 1 2 3"} {
		require.NotContains(t, out.String(), leak)
	}
	require.JSONEq(t, `{"Key":"`+meshhook.Mask+`"}`, string(asJSON))
}

func TestGenerateMasterKey_NeverTheSame(t *testing.T) {
	one, two := newMasterKey(t), newMasterKey(t)
	require.NotEqual(t, one, two)
}

func TestCreateMasterKeyFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "data", "master.key")
	created, err := seal.CreateMasterKeyFile(path)
	require.NoError(t, err)
	require.Equal(t, []string{"master.key"}, namesIn(t, filepath.Dir(path)), "nothing is left over")
	require.Equal(t, fs.FileMode(0o600), modeOf(t, path))
	require.Equal(t, fs.FileMode(0o700), modeOf(t, filepath.Dir(path)))
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, created.Text().Reveal()+"\n", string(text))

	loaded, err := seal.LoadMasterKeyFile(path)
	require.NoError(t, err)
	require.Equal(t, created, loaded)
	again, err := seal.CreateMasterKeyFile(path)
	require.NoError(t, err)
	require.Equal(t, created, again, "a key that stands is never written over")
}

func TestCreateMasterKeyFile_RacersAgree(t *testing.T) {
	for range 3 {
		path := filepath.Join(t.TempDir(), "master.key")
		keys, errs := make([]seal.MasterKey, 8), make([]error, 8)
		start := make(chan struct{})
		var group sync.WaitGroup
		for i := range keys {
			group.Go(func() {
				<-start
				keys[i], errs[i] = seal.CreateMasterKeyFile(path)
			})
		}
		close(start)
		group.Wait()
		require.NoError(t, errors.Join(errs...))
		for _, key := range keys {
			require.Equal(t, keys[0].ID(), key.ID())
		}
		require.Equal(t, []string{"master.key"}, namesIn(t, filepath.Dir(path)))
	}
}

func TestCreateMasterKeyFile_Fails(t *testing.T) {
	dir := t.TempDir()
	file := writeKey(t, filepath.Join(dir, "file"), "x", 0o600)
	_, err := seal.CreateMasterKeyFile(filepath.Join(file, "master.key"))
	require.EqualError(t, err, "cannot create the master key file "+file+"/master.key: not a directory; "+
		"make it by hand with `openssl rand -base64 32` and mode 0600, or set MESHHOOK_MASTER_KEY")
	require.Equal(t, meshhook.CodeInvalid, meshhook.ErrorCode(err))

	long := filepath.Join(dir, strings.Repeat("k", 250))
	_, err = seal.CreateMasterKeyFile(long)
	require.ErrorContains(t, err, "file name too long", "no room for the temporary file's name")

	_, err = seal.CreateMasterKeyFile(file)
	require.EqualError(t, err, "the master key file "+file+" is damaged: "+
		"the master key is not 32 bytes in base64; `openssl rand -base64 32` makes one")
	require.Equal(t, "x", readAll(t, file), "a damaged key is left for its owner to mend")
}

func TestLoadMasterKeyFile_Fails(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, syscall.Mkfifo(filepath.Join(dir, "pipe"), 0o600))
	writeKey(t, filepath.Join(dir, "short"), "AAEC\n", 0o600)
	padded := countingKey + strings.Repeat("\n", 4<<10-len(countingKey))
	writeKey(t, filepath.Join(dir, "huge"), padded+"\n", 0o600)
	writeKey(t, filepath.Join(dir, "shared"), countingKey, 0o644)
	writeKey(t, filepath.Join(dir, "group"), countingKey, 0o640)
	for _, test := range []struct {
		name, want string
		code       meshhook.Code
	}{
		{"missing", "there is no master key file PATH; put the key that sealed the database there: no such file or directory", meshhook.CodeNotFound},
		{".", "cannot read the master key file PATH: it is not a regular file", meshhook.CodeInvalid},
		{"pipe", "cannot read the master key file PATH: it is not a regular file", meshhook.CodeInvalid},
		{"short/file", "cannot read the master key file PATH: not a directory", meshhook.CodeInvalid},
		{"huge", "cannot read the master key file PATH: it is too large to be a key", meshhook.CodeInvalid},
		{"short", "the master key file PATH is damaged: the master key is not 32 bytes in base64; `openssl rand -base64 32` makes one", meshhook.CodeInvalid},
		{"shared", "the master key file PATH is open to other users (mode 0644); run `chmod 600 PATH`, and change the key if they are not trusted", meshhook.CodeInvalid},
		{"group", "the master key file PATH is open to other users (mode 0640); run `chmod 600 PATH`, and change the key if they are not trusted", meshhook.CodeInvalid},
	} {
		t.Run(test.name, func(t *testing.T) {
			path := filepath.Join(dir, test.name)
			_, err := seal.LoadMasterKeyFile(path)
			require.EqualError(t, err, strings.ReplaceAll(test.want, "PATH", path))
			require.Equal(t, test.code, meshhook.ErrorCode(err))
			require.Equal(t, test.code == meshhook.CodeNotFound, errors.Is(err, fs.ErrNotExist))
		})
	}
	_, err := seal.LoadMasterKeyFile(writeKey(t, filepath.Join(dir, "padded"), padded, 0o600))
	require.NoError(t, err, "4 KiB is the largest")
}

func namesIn(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	names := make([]string, 0, len(entries))
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	return names
}

func modeOf(t *testing.T, path string) fs.FileMode {
	t.Helper()
	info, err := os.Stat(path)
	require.NoError(t, err)
	return info.Mode().Perm()
}

func writeKey(t *testing.T, path, text string, mode fs.FileMode) string {
	t.Helper()
	require.NoError(t, os.WriteFile(path, []byte(text), mode))
	require.NoError(t, os.Chmod(path, mode)) // whatever the umask
	return path
}

func readAll(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(text)
}
