package cli

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode"

	"github.com/rogpeppe/go-internal/txtar"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/profullstack/meshhook/internal/workflow"
)

var update = flag.Bool("update", false, "write the drawings into testdata; look at the difference")

func viewOf(t *testing.T, src string) *graphView {
	t.Helper()
	d, err := workflow.Parse("workflow.yaml", []byte(src))
	require.NoError(t, err)
	return newGraphView(d, 0)
}

// Each file of testdata/graph holds a document and its drawings.
func TestGraph_Golden(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/graph/*.txtar")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		archive, err := txtar.ParseFile(file)
		require.NoError(t, err)
		view := viewOf(t, string(archive.Files[0].Data))
		got := &txtar.Archive{Comment: archive.Comment, Files: []txtar.File{
			archive.Files[0],
			{Name: "text", Data: []byte(textGraph(view))},
			{Name: "dot", Data: []byte(dotGraph(view))},
			{Name: "mermaid", Data: []byte(mermaidGraph(view))},
		}}
		if *update {
			require.NoError(t, os.WriteFile(file, txtar.Format(got), 0o600))
			continue
		}
		require.Equal(t, string(txtar.Format(archive)), string(txtar.Format(got)), file)
		checkCode(t, view)
	}
}

// arrows are the edges of a drawing, each as "from to".
type arrows struct{ solid, dotted, nodes []string }

// arrowsOf are the edges that a drawing must have.
func arrowsOf(b *graphBlock) (all arrows) {
	for i := range b.Steps {
		s := &b.Steps[i]
		all.nodes = append(all.nodes, s.ID)
		for _, id := range s.Needs {
			all.solid = append(all.solid, id+" "+s.ID)
		}
		for _, id := range s.entries() {
			all.dotted = append(all.dotted, s.ID+" "+id)
		}
		for k := range s.Blocks {
			inner := arrowsOf(&s.Blocks[k])
			all.nodes = append(all.nodes, inner.nodes...)
			all.solid, all.dotted = append(all.solid, inner.solid...), append(all.dotted, inner.dotted...)
		}
	}
	return all
}

// checkCode checks that what was written for the tools is in their languages, and
// says neither more nor less than the workflow.
func checkCode(t require.TestingT, view *graphView) {
	want := arrowsOf(&view.graphBlock)
	for name, got := range map[string]arrows{"dot": readDot(t, dotGraph(view)), "mermaid": readMermaid(t, mermaidGraph(view))} {
		require.ElementsMatch(t, want.nodes, got.nodes, name)
		require.ElementsMatch(t, want.solid, got.solid, name)
		require.ElementsMatch(t, want.dotted, got.dotted, name)
	}
}

// dotTokens cuts DOT into words, by its lexical rules: in quotes, only a backslash
// before a quote or a backslash means something.
func dotTokens(t require.TestingT, src string) (words []string) {
	for src = strings.TrimSpace(src); src != ""; src = strings.TrimLeftFunc(src, unicode.IsSpace) {
		end := 0
		switch {
		case src[0] == '"':
			for end = 1; src[end] != '"'; end++ {
				require.NotEqual(t, byte('\n'), src[end])
				if src[end] == '\\' && (src[end+1] == '"' || src[end+1] == '\\') {
					end++
				}
			}
			end++
		case strings.HasPrefix(src, "->"):
			end = 2
		case strings.ContainsRune("{}[]=;,", rune(src[0])):
			end = 1
		default:
			end = len(regexp.MustCompile(`^\w+`).FindString(src))
			require.Positive(t, end, "%.40q is no DOT", src)
		}
		words, src = append(words, src[:end]), src[end:]
	}
	return words
}

// readDot reads the part of DOT's grammar that is written.
func readDot(t require.TestingT, src string) (found arrows) {
	words := dotTokens(t, src)
	at, depth := 0, 1
	next := func(want ...string) {
		for _, w := range want {
			require.Equal(t, w, words[at])
			at++
		}
	}
	name := func() string {
		require.Equal(t, byte('"'), words[at][0], words[at])
		at++
		return strings.Trim(words[at-1], `"`)
	}
	next("digraph")
	name()
	next("{", "rankdir", "=", "TB", ";", "node", "[", "shape", "=", "box", ",", "style", "=", "rounded", "]", ";")
	for depth > 0 {
		switch words[at] {
		case "}":
			at, depth = at+1, depth-1
			continue
		case "subgraph":
			at, depth = at+1, depth+1
			name()
			next("{", "label", "=")
			name()
			next(";")
			continue
		}
		from := name()
		if words[at] == "[" {
			next("[", "label", "=")
			name()
			next("]")
			found.nodes = append(found.nodes, from)
		} else {
			next("->")
			edge := from + " " + name()
			if words[at] == "[" {
				next("[", "style", "=", "dotted", "]")
				found.dotted = append(found.dotted, edge)
			} else {
				found.solid = append(found.solid, edge)
			}
		}
		next(";")
	}
	require.Len(t, words, at)
	return found
}

var (
	mermaidNode = regexp.MustCompile(`^ +(?:s_(\w+)|subgraph \w+)\["(?:[\pL\pN _.,\-+/?!']|#\d+;|<br>)*"\]$`)
	mermaidEdge = regexp.MustCompile(`^ +s_(\w+) (-->|-\.->) s_(\w+)$`)
)

// readMermaid reads the part of Mermaid's grammar that is written.
func readMermaid(t require.TestingT, src string) (found arrows) {
	lines := strings.Split(strings.TrimSuffix(src, "\n"), "\n")
	require.Equal(t, "flowchart TB", lines[0])
	depth := 0
	for _, line := range lines[1:] {
		if edge := mermaidEdge.FindStringSubmatch(line); edge != nil {
			kind := &found.solid
			if edge[2] == "-.->" {
				kind = &found.dotted
			}
			*kind = append(*kind, edge[1]+" "+edge[3])
			continue
		}
		if strings.TrimSpace(line) == "end" {
			depth--
			continue
		}
		node := mermaidNode.FindStringSubmatch(line)
		require.NotNil(t, node, "%q", line)
		if node[1] == "" {
			depth++
		} else {
			found.nodes = append(found.nodes, node[1])
		}
	}
	require.Zero(t, depth)
	return found
}

// Whatever stands in a condition, it breaks out of no label and reaches no
// terminal.
func TestGraph_HostileLabels(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		hostile := rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{
			`\`, `"`, `\"`, `a\\"]; "evil" -> "x`, "x\n\"]\nend", "%%{init: {}}%%", "#34;", "<script>", "\x1b[2J", "\u202e", "style a:#1;", "--> s_evil",
		}))
		view := &graphView{Workflow: "x", graphBlock: graphBlock{Steps: []graphStep{
			{ID: "end", Kind: "branch", If: hostile.Draw(t, "if"), Blocks: []graphBlock{
				{Label: hostile.Draw(t, "label"), Steps: []graphStep{{ID: "a", Kind: "http"}, {ID: "b", Kind: "http", If: hostile.Draw(t, "inner"), Needs: []string{"a"}, Layer: 1}}},
			}},
		}}}
		checkCode(t, view)
		for line := range strings.Lines(textGraph(view)) {
			line = strings.TrimSuffix(line, "\n")
			require.LessOrEqual(t, cells(line), graphWidth, line)
			require.False(t, strings.ContainsFunc(line, unicode.IsControl), "%q", line)
		}
	})
}

// The largest workflows stay inside of 80 columns, and nothing that they need is
// left out.
func TestGraph_Large(t *testing.T) {
	t.Parallel()
	chain, wide := strings.Builder{}, strings.Builder{}
	var ids []string
	for i := range 999 {
		fmt.Fprintf(&chain, "  - { id: step%d, transform: . }\n", i)
		fmt.Fprintf(&wide, "  - { id: step%d, needs: [], transform: . }\n", i)
		ids = append(ids, fmt.Sprintf("step%d", i))
	}
	deep, ends := strings.Builder{}, ""
	for i := range 7 {
		fmt.Fprintf(&deep, "{id: l%d, foreach: {in: '.event.body[]', steps: [", i)
		ends += "]}}"
	}
	for name, src := range map[string]string{
		"chain": "name: x\nsteps:\n" + chain.String() + "  - { id: last, transform: . }\n",
		"wide":  "name: x\nsteps:\n" + wide.String() + "  - { id: last, needs: [" + strings.Join(ids, ", ") + "], transform: . }\n",
		"deep":  "{name: x, steps: [" + deep.String() + "{id: inner, if: .a, transform: .}" + ends + "]}",
	} {
		view := viewOf(t, src)
		text := textGraph(view)
		for line := range strings.Lines(text) {
			require.LessOrEqual(t, cells(strings.TrimSuffix(line, "\n")), graphWidth, name)
		}
		if name == "wide" {
			require.Equal(t, 1000, strings.Count(text, "●"))
			_, needs, found := strings.Cut(text, "← ")
			require.True(t, found)
			require.Equal(t, ids, strings.FieldsFunc(needs, func(r rune) bool { return unicode.IsSpace(r) || r == ',' }))
		}
		checkCode(t, view)
	}
}

func TestGraph_Command(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	u.in = "name: x\nsteps:\n  - { id: a, transform: . }\n"
	require.Equal(t, result{0, "x  1 step\n\n● a  transform\n", ""}, u.runs("workflow graph -f -"))
	require.Contains(t, u.runs("workflow graph -f - --dot").out, `"a" [label="a\ntransform"];`)
	require.Contains(t, u.runs("workflow graph -f - --mermaid").out, `s_a["a<br>transform"]`)
	require.Contains(t, u.runs("workflow graph -f - -o json").out, `"layer": 0`)
	for command, want := range map[string]string{
		"workflow graph":                       "NAME|ID",
		"workflow graph a b":                   "one argument too many",
		"workflow graph x -f -":                "-f draws a file",
		"workflow graph -f - --version 1":      "-f draws a file",
		"workflow graph x --version 0":         "versions count from 1",
		"workflow graph -f - --dot --mermaid":  "use one of",
		"workflow graph -f - --dot -o json":    "use one of",
		"workflow graph -f - --mermaid --json": "use one of",
	} {
		got := u.runs(command)
		require.Equal(t, 2, got.code, command)
		require.Contains(t, got.err, want, command)
	}
	u.in += "---\nname: y\nsteps:\n  - { id: a, transform: . }\n"
	require.Equal(t, result{1, "", "error: - holds 2 workflows; one is drawn at a time\n"}, u.runs("workflow graph -f -"))
	u.in = "name: x\nsteps: []\n"
	require.Equal(t, 1, u.runs("workflow graph -f -").code)
}
