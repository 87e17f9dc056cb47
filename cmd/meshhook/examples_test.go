package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// command is a line of an example's page that makes what the example needs.
var exampleCommand = regexp.MustCompile(`(?m)^    \./bin/(meshhook (?:apply|workflow apply|webhook create) .*)$`)

// Every example has a script that runs it, with the commands of its page: so these
// are true.
func TestExamples_AreRun(t *testing.T) {
	t.Parallel()
	pages, err := filepath.Glob("../../examples/*/README.md")
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(pages), 6)
	for _, page := range pages {
		name := filepath.Base(filepath.Dir(page))
		if name == "github-to-chat" || len(workflowsOf(t, page)) == 0 {
			continue // main_job.txtar is the script of the first, and the main page's; the others are no workflows
		}
		text, err := os.ReadFile(page)
		require.NoError(t, err)
		script, err := os.ReadFile(filepath.Join("testdata", "script", "example_"+strings.ReplaceAll(name, "-", "_")+".txtar"))
		require.NoError(t, err)
		commands := exampleCommand.FindAllStringSubmatch(string(text), -1)
		require.GreaterOrEqual(t, len(commands), 2, page)
		for _, command := range commands {
			require.Contains(t, string(script), "\nexec "+strings.ReplaceAll(command[1], " examples/", " $EXAMPLES/")+"\n", page)
		}
	}
}

// workflowsOf are the workflows beside an example's page.
func workflowsOf(t *testing.T, page string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(filepath.Dir(page), "workflow*.yaml"))
	require.NoError(t, err)
	return files
}
