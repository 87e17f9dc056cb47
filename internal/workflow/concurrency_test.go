package workflow_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/workflow"
)

func TestProgram_Place(t *testing.T) {
	t.Parallel()
	for key, want := range map[string]*workflow.Place{
		"":                                 {},
		`.event.body.name`:                 {Key: "Octo Cat", Shown: "Octo Cat"},
		`.event.body.missing`:              {Key: "null", Shown: "null"},
		`.event.body.id`:                   {Key: "9007199254740993", Shown: "9007199254740993"},
		`{b: 1, a: .event.body.no}`:        {Key: `{"a":null,"b":1}`, Shown: `{"a":null,"b":1}`},
		`"of " + .secrets.token`:           {Key: "of s3cret/+ value", Shown: "of ••••••"},
		`[range(201)] | map("é") | add`:    {Key: strings.Repeat("é", 201), Shown: strings.Repeat("é", 200) + "…"},
		`[range(200)] | map("é") | add`:    {Key: strings.Repeat("é", 200), Shown: strings.Repeat("é", 200)},
		`.event.body.name | explode | 1/0`: nil,
	} {
		source := "name: x\nconcurrency: { limit: 3 }\nsteps: [{ id: a, transform: 1 }]\n"
		if key != "" {
			source = "name: x\nconcurrency:\n  limit: 3\n  key: '" + key + "'\nsteps: [{ id: a, transform: \"1\" }]\n"
		} else {
			source = strings.Replace(source, "transform: 1", `transform: "1"`, 1)
		}
		p := compile(t, source)
		require.Equal(t, 3, p.Definition().RunLimit())
		got, err := p.Place(t.Context(), state())
		require.Equal(t, want == nil, err != nil, "%s: %v", key, err)
		require.Equal(t, want, got, key)
	}
	p := compile(t, "name: x\nsteps: [{ id: a, transform: \"1\" }]\n")
	require.Zero(t, p.Definition().RunLimit())
	p = compile(t, "name: x\nconcurrency: { limit: 1, key: .secrets.token }\nsteps: [{ id: a, transform: . }]\n")
	require.Equal(t, []string{"token"}, p.Definition().References().Secrets)
	p = compile(t, "name: x\nsteps: [{ id: a, transform: . }]\n")
	place, err := p.Place(t.Context(), state())
	require.NoError(t, err)
	require.Nil(t, place)
}
