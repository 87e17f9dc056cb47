package config_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/config"
)

// The file of a package changes nothing but the data directory, as it is and with
// every line of it in force: so what it calls the defaults are the defaults.
func TestSystemFile(t *testing.T) {
	t.Parallel()
	load := func(text string) map[string]string {
		dir := t.TempDir()
		if text != "" {
			require.NoError(t, os.WriteFile(filepath.Join(dir, config.FileName), []byte(text), 0o600))
		}
		c, err := config.Load(config.Options{Dir: "/", SystemDir: dir, Root: true})
		require.NoError(t, err)
		values := map[string]string{}
		for _, s := range c.Show() {
			values[s.Key] = s.Value
		}
		return values
	}
	text := config.SystemFile()
	want := load("")
	require.Equal(t, want, load(text))
	inForce := regexp.MustCompile(`(?m)^#([a-z])`).ReplaceAllString(text, "$1")
	require.Equal(t, len(config.Keys()), strings.Count(inForce, "\n\n"))
	require.Equal(t, want, load(inForce))
	c, err := config.Load(config.Options{Dir: "/", Home: "/home/a", SystemDir: systemFile(t, text)})
	require.NoError(t, err)
	require.Equal(t, "/var/lib/meshhook", c.DataDir, "users other than root find the service's data, too")
}

func systemFile(t *testing.T, text string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, config.FileName), []byte(text), 0o600))
	return dir
}
