package workflow_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/profullstack/meshhook/internal/workflow"
)

// layers are the ids of a block, a layer to each word.
func layers(b *workflow.Block) string {
	var words []string
	for _, layer := range b.Layers() {
		var ids []string
		for _, s := range layer {
			ids = append(ids, s.ID)
		}
		words = append(words, strings.Join(ids, ","))
	}
	return strings.Join(words, " ")
}

func TestLayers(t *testing.T) {
	t.Parallel()
	for src, want := range map[string]string{
		chain:    "a b c",
		tolerant: "a b",
		beside:   "a,b,c d",
		`{name: x, steps: [{id: late, needs: [b, c], transform: .}, {id: a, needs: [], transform: .}, {id: b, transform: .},
			{id: c, needs: [], transform: .}, {id: end, needs: [a, late], transform: .}]}`: "a,c b late end",
	} {
		require.Equal(t, want, layers(&parse(t, src).Block))
	}
	require.Empty(t, layers(&workflow.Block{}))
}

// Every step stands in one layer, below all that it needs and right below one of
// them.
func TestLayers_Property(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 12).Draw(t, "steps")
		src := "name: x\nsteps:\n"
		for i := range n {
			var needs []string
			for k := range i {
				if rapid.Bool().Draw(t, "needs") {
					needs = append(needs, "s"+string(rune('a'+k)))
				}
			}
			src += "  - { id: s" + string(rune('a'+i)) + ", needs: [" + strings.Join(needs, ", ") + "], transform: . }\n"
		}
		d, err := workflow.Parse("x", []byte(src))
		require.NoError(t, err)
		at := map[string]int{}
		for i, layer := range d.Layers() {
			for _, s := range layer {
				at[s.ID] = i
			}
		}
		require.Len(t, at, n)
		for _, s := range d.Steps {
			want := 0
			for _, id := range s.Needs {
				require.Less(t, at[id], at[s.ID])
				want = max(want, at[id]+1)
			}
			require.Equal(t, want, at[s.ID])
		}
	})
}
