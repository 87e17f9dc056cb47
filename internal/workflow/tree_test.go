package workflow_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/workflow"
)

var sectionLimits = workflow.SectionLimits{Bytes: 1 << 20, Documents: 3}

func TestSections(t *testing.T) {
	t.Parallel()
	sections, problems := workflow.ReadSections("f", []byte("\ufeffa: [1, {b: yes it is}]\nc: true\n---\n# nothing\n"), sectionLimits)
	require.Empty(t, problems)
	require.Len(t, sections, 1, "the end of a file that says nothing is no document")
	root, ok := sections[0].Root()
	require.True(t, ok)
	require.Equal(t, workflow.Mapping, root.Kind())
	var keys []string
	for key := range root.Fields() {
		keys = append(keys, key.Text())
	}
	require.Equal(t, []string{"a", "c"}, keys)
	list, there := root.Get("a")
	require.True(t, there)
	require.Len(t, list.Items(), 2)
	require.Nil(t, root.Items())
	_, there = root.Get("x")
	require.False(t, there)
	require.Equal(t, map[string]any{"a": []any{json.Number("1"), map[string]any{"b": "yes it is"}}, "c": true}, root.Data())
	nothing, problems := workflow.ReadSections("f", []byte("# nothing\n"), sectionLimits)
	require.Empty(t, problems)
	_, ok = nothing[0].Root()
	require.False(t, ok)

	// Problems gather in the section, with their places; a line that nobody may see is
	// not quoted.
	text, _ := list.Items()[1].Get("b")
	text.Problem("first")
	text.ProblemAt(4, "second")
	text.ProblemUnseen("third")
	require.Equal(t, "f:1:12: first\nf:1:16: second\nf:1:12: third", sections[0].Problems().Error())
	require.Equal(t, "a: [1, {b: yes it is}]", sections[0].Problems()[0].Source)
	require.Empty(t, sections[0].Problems()[2].Source)
	require.Equal(t, meshhook.CodeInvalid, meshhook.ErrorCode(sections[0].Problems().Err()))
	require.Equal(t, "f:1:12", text.Place().Place())
	sections[0].Forget()
	require.NoError(t, sections[0].Problems().Err())

	require.Equal(t, `; did you mean "filter"?`, workflow.DidYouMean("filtre", []string{"filter"}))
	require.Equal(t, `"x"`, workflow.Quote("x"))
}

func TestSectionsAreWorkflows(t *testing.T) {
	t.Parallel()
	sections, problems := workflow.ReadSections("f", []byte("name: a\nsteps: [{id: x, transform: .}]\n---\nname: b\nsteps: 1\n"), sectionLimits)
	require.Empty(t, problems)
	require.Equal(t, "a", sections[0].Workflow().Name)
	require.Nil(t, sections[1].Workflow())
	require.Equal(t, "f:5:8", sections[1].Problems()[0].Place())
}

func TestFilesThatAreNoSections(t *testing.T) {
	t.Parallel()
	for source, want := range map[string]string{
		strings.Repeat("x", 1<<20+1): "f:1:1: the file is larger than 1048576 bytes",
		"a: \x00":                    "f:1:1: the file is not text in UTF-8",
		"a: \xff":                    "f:1:1: the file is not text in UTF-8",
		strings.Repeat("--- a\n", 4): "f:1:1: the file holds more than 3 documents",
	} {
		_, problems := workflow.ReadSections("f", []byte(source), sectionLimits)
		require.EqualError(t, problems, want)
	}
	sections, problems := workflow.ReadSections("f", []byte(strings.Repeat("x", 1<<20)), sectionLimits)
	require.Empty(t, problems)
	require.Len(t, sections, 1)
	sections, _ = workflow.ReadSections("f", []byte("a: ["), sectionLimits)
	require.NotEmpty(t, sections[0].Problems())
	sections, _ = workflow.ReadSections("f", []byte("name: a\nsteps: [{id: x, transform: .}]\n# "+strings.Repeat("x", 1<<20)), workflow.SectionLimits{Bytes: 2 << 20, Documents: 1})
	require.Nil(t, sections[0].Workflow())
	require.Equal(t, "f:1:1: the workflow is larger than 1 MiB", sections[0].Problems()[0].String())
}
