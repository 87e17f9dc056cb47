package main

import (
	"encoding/xml"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/stretchr/testify/require"
)

// picture is what 'make picture' sets: the directory for what the sessions draw.
var picture = flag.String("picture", "", "write the pictures of the documentation into this directory")

// maxPicture bounds a picture in bytes: the page that shows it is read over slow lines, too.
const maxPicture = 60_000

// TestPicture plays the sessions whose screens the documentation shows, and draws them.
func TestPicture(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: filepath.Join("testdata", "picture"), RequireExplicitExec: true, Cmds: verbs(), Setup: func(env *testscript.Env) error {
			env.Setenv("PICTURES", *picture)
			return setup(env)
		},
	})
}

// drawScreen draws the screen into a file, which goes to the directory of -picture, too.
func drawScreen(ts *testscript.TestScript, file string) {
	tmux(ts, "capture-pane", "-e", "-p", "-t", "screen")
	drawn := drawing(ts.ReadFile("stdout"))
	if len(drawn) > maxPicture {
		ts.Fatalf("%s has %d bytes, more than %d", file, len(drawn), maxPicture)
	}
	ts.Check(os.WriteFile(ts.MkAbs(file), []byte(drawn), 0o600))
	if dir := ts.Getenv("PICTURES"); dir != "" {
		ts.Check(os.WriteFile(filepath.Join(dir, file), []byte(drawn), 0o644)) //nolint:gosec // a file of the repository
	}
}

// The pictures of the pages are whole, small, and say what they show to who cannot see them.
func TestPictures_AreSound(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(filepath.Join(root, "docs", "images", "*.svg"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		require.Less(t, len(text), maxPicture, file)
		require.Contains(t, string(text), "<title>", file)
		requireXML(t, string(text))
	}
}

func requireXML(t *testing.T, text string) {
	t.Helper()
	decoder := xml.NewDecoder(strings.NewReader(text))
	for {
		_, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			return
		}
		require.NoError(t, err)
	}
}
