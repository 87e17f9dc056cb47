package main

import (
	"bytes"
	"compress/gzip"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/cli"
	"github.com/profullstack/meshhook/internal/config"
)

// commandCount is how many commands there are, the first included.
func commandCount() int {
	var count func(*cobra.Command) int
	count = func(cmd *cobra.Command) int {
		n := 1
		for _, child := range cmd.Commands() {
			if child.IsAvailableCommand() {
				n += count(child)
			}
		}
		return n
	}
	return count(cli.Commands())
}

func TestGenerate(t *testing.T) {
	t.Parallel()
	read := func(dir string) map[string][]byte {
		files := map[string][]byte{}
		require.NoError(t, filepath.WalkDir(dir, func(path string, entry os.DirEntry, err error) error {
			if err != nil || entry.IsDir() {
				return err
			}
			files[path[len(dir)+1:]], err = os.ReadFile(path)
			return err
		}))
		return files
	}
	first, second := t.TempDir(), t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(first, "man"), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(first, "man", "meshhook-gone.1.gz"), nil, 0o600))
	require.NoError(t, generate([]string{"1.2.3", first}, "1700000000"))
	require.NoError(t, generate([]string{"1.2.3", second}, "1700000000"))
	files := read(first)
	require.Equal(t, files, read(second), "the same sources make the same bytes")
	require.Len(t, files, commandCount()+1)
	require.Equal(t, config.SystemFile(), string(files[config.FileName]))

	r, err := gzip.NewReader(bytes.NewReader(files["man/meshhook-webhook-create.1.gz"]))
	require.NoError(t, err)
	page, err := io.ReadAll(r)
	require.NoError(t, err)
	require.Contains(t, string(page), `.TH "MESHHOOK-WEBHOOK-CREATE" "1" "Nov 2023" "MeshHook 1.2.3" "MeshHook"`)
	require.Contains(t, string(page), ".SH EXAMPLE")
	require.Contains(t, string(page), `\fBmeshhook-webhook(1)\fP`)
	require.NotContains(t, string(page), "Auto generated")
}

func TestGenerate_Refuses(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	require.ErrorContains(t, generate(nil, "0"), "usage: packaging VERSION DIR")
	for _, epoch := range []string{"", "now", "-1", "1.5"} {
		require.ErrorContains(t, generate([]string{"1", dir}, epoch), "SOURCE_DATE_EPOCH must be the time of the sources in Unix seconds, not \""+epoch+"\"")
	}
	file := filepath.Join(dir, "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	require.Error(t, generate([]string{"1", file}, "0"))
	require.Error(t, man(file, cli.Commands(), "1", time.Unix(0, 0)))
}
