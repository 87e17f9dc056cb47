package workflow_test

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/workflow"
)

var update = flag.Bool("update", false, "write what the parser says into testdata; read the difference")

// Each file of testdata/parse holds a document and every line that the parser
// has to say about it.
func TestParse_Golden(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/parse/*.txtar")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			t.Parallel()
			archive, err := txtar.ParseFile(file)
			require.NoError(t, err)
			require.Len(t, archive.Files, 2)
			_, err = workflow.ParseAll("workflow.yaml", archive.Files[0].Data)
			problems, ok := errors.AsType[workflow.Problems](err)
			require.True(t, ok, "the cause of %v", err)
			got := problems.Error() + "\n"
			if *update {
				archive.Files[1].Data = []byte(got)
				require.NoError(t, os.WriteFile(file, txtar.Format(archive), 0o600))
			}
			require.Equal(t, string(archive.Files[1].Data), got)
			requireWellFormed(t, problems, err)
		})
	}
}

// requireWellFormed checks that the error says the same in all its forms.
func requireWellFormed(t *testing.T, problems workflow.Problems, err error) {
	t.Helper()
	invalid, ok := errors.AsType[*meshhook.Error](err)
	require.True(t, ok)
	require.Equal(t, meshhook.CodeInvalid, invalid.Code)
	require.True(t, strings.HasPrefix(invalid.Message, problems[0].String()), invalid.Message)
	require.NotContains(t, invalid.Message, "\n")
	want := make([]meshhook.Problem, len(problems))
	for i, p := range problems {
		want[i] = meshhook.Problem{Path: p.Place(), Message: p.Message}
	}
	require.Equal(t, want, invalid.Details)
}
