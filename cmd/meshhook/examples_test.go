package main

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/pgtest"
)

// decide answers the approval that a run waits for:
//
//	decide approve|reject RUN [NOTE]
//
// It waits until the run does.
func decide(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 || len(args) > 3 || args[0] != "approve" && args[0] != "reject" {
		ts.Fatalf("usage: decide approve|reject RUN [NOTE]")
	}
	await(ts, false, []string{`"waiting_for": "approval"`, "meshhook", "run", "show", args[1], "-o", "json"})
	id, err := meshhook.ParseID(args[1])
	ts.Check(err)
	note := strings.Join(args[2:], "")
	project := pgtest.Project(sceneOf(ts).t, pgtest.Open(sceneOf(ts).t, ts.Getenv("MESHHOOK_DATABASE_URL")))
	_, err = project.Decide(context.Background(), id, "", args[0] == "approve", note)
	ts.Check(err)
}

// command is a line of an example's page that makes what the example needs.
var exampleCommand = regexp.MustCompile(`(?m)^    \./bin/(meshhook (?:workflow apply|webhook create) .*)$`)

// Every example has a script that runs it, with the commands of its page: so these
// are true.
func TestExamples_AreRun(t *testing.T) {
	t.Parallel()
	pages, err := filepath.Glob("../../examples/*/README.md")
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(pages), 6)
	for _, page := range pages {
		name := filepath.Base(filepath.Dir(page))
		if name == "github-to-chat" {
			continue // main_job.txtar is its script, and the main page's
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
