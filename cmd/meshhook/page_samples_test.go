package main

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/config"
)

// elided is what a sample leaves out: …, as a member of an object or a list.
var elided = regexp.MustCompile(`,?\s*…,?(\s*[}\]])`)

// TestPages_JSON reads every sample of JSON, but for what samples leave out.
func TestPages_JSON(t *testing.T) {
	t.Parallel()
	for _, page := range pagesOf(t) {
		for _, b := range blocksOf(readFile(t, page)) {
			if b.language != "json" {
				continue
			}
			decoder := json.NewDecoder(strings.NewReader(elided.ReplaceAllString(b.text, "$1")))
			for {
				var value any
				err := decoder.Decode(&value)
				if errors.Is(err, io.EOF) {
					break
				}
				require.NoError(t, err, "%s:%d", page, b.line)
			}
		}
	}
}

// TestPages_Settings reads the files of settings that docs/tls.md shows.
func TestPages_Settings(t *testing.T) {
	t.Parallel()
	files := 0
	for _, b := range blocksOf(readFile(t, "docs/tls.md")) {
		if b.language != "yaml" {
			continue
		}
		files++
		file := filepath.Join(t.TempDir(), "meshhook.yaml")
		require.NoError(t, os.WriteFile(file, []byte(b.text), 0o600))
		_, err := config.Load(config.Options{File: file, Dir: t.TempDir(), Home: t.TempDir()})
		require.NoError(t, err, "docs/tls.md:%d", b.line)
	}
	require.Equal(t, 3, files)
}

var createTable = regexp.MustCompile(`(?m)^CREATE (?:UNLOGGED )?TABLE (?:IF NOT EXISTS )?(\w+) \(`)

// TestArchitecture_Tables compares the page's list of tables with the migrations.
func TestArchitecture_Tables(t *testing.T) {
	t.Parallel()
	page := readFile(t, "docs/architecture.md")
	migrations, err := filepath.Glob(filepath.Join(root, "migrations", "*.sql"))
	require.NoError(t, err)
	tables := 0
	for _, file := range migrations {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		for _, found := range createTable.FindAllStringSubmatch(string(text), -1) {
			tables++
			require.Contains(t, page, "`"+found[1]+"`", "docs/architecture.md says what is in %s", found[1])
		}
	}
	require.Greater(t, tables, 15)
}
