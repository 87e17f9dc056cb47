package workflow_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/profullstack/meshhook/internal/workflow"
)

// examples returns the workflows of the folder examples.
func examples(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("../../examples/*/workflow*.yaml")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	return files
}

// fits returns what the schema says against a YAML document.
func fits(t *testing.T, src []byte) error {
	t.Helper()
	schema, err := jsonschema.UnmarshalJSON(bytes.NewReader(workflow.Schema()))
	require.NoError(t, err)
	c := jsonschema.NewCompiler()
	require.NoError(t, c.AddResource("urn:meshhook:workflow", schema))
	compiled, err := c.Compile("urn:meshhook:workflow")
	require.NoError(t, err)
	var value any
	if err := yaml.Unmarshal(src, &value); err != nil {
		return err
	}
	encoded, err := json.Marshal(value)
	require.NoError(t, err)
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(encoded))
	require.NoError(t, err)
	return compiled.Validate(document)
}

func TestSchema_Examples(t *testing.T) {
	t.Parallel()
	for _, file := range examples(t) {
		src, err := os.ReadFile(file)
		require.NoError(t, err)
		require.NoError(t, fits(t, src), file)
	}
}

// What the schema refuses the parser refuses as well; the other way round there
// is more that only the parser sees.
func TestSchema_RefusesLess(t *testing.T) {
	t.Parallel()
	onlyParser := map[string]bool{
		"circle.txtar": true, "circle_self.txtar": true, "expressions.txtar": true, // no schema can say it
		"several.txtar": true, "json.txtar": true, "json_twice.txtar": true, "misc.txtar": true, "syntax.txtar": true, "syntax_first_line.txtar": true, // no single document
		"bomb.txtar": true, "self_alias.txtar": true,
	}
	files, err := filepath.Glob("testdata/parse/*.txtar")
	require.NoError(t, err)
	for _, file := range files {
		if onlyParser[filepath.Base(file)] {
			continue
		}
		archive, err := txtar.ParseFile(file)
		require.NoError(t, err)
		require.Error(t, fits(t, archive.Files[0].Data), file)
	}
}

// The schema accepts what the parser accepts, key by key.
func TestSchema_Accepts(t *testing.T) {
	t.Parallel()
	for _, step := range []string{
		`if: false, transform: .`,
		`if: .x, needs: [], timeout: 1h30m, continue_on_error: true, transform: .`,
		`http: {url: "http://h"}`,
		`http: {method: patch, url: "http://h", headers: {X-A: 1, X-B: true, X-C: c}, body: [1, {a: null}], timeout: 1.5s, expect: 204}`,
		`http: {url: "http://h", body: null, expect: [200, 599], retry: {attempts: 1, initial: 1ms, max: 1h, multiplier: 1.5, jitter: 1}}`,
		`terminate: {}`,
		`terminate: {status: failed, message: why, output: {a: "{{ .x }}"}}`,
		`terminate: {status: succeeded, output: null}`,
	} {
		src := []byte("name: x\ndescription: d\ntimeout: 300us\nsteps: [{id: a, " + step + "}]")
		_, err := workflow.Parse("x.yaml", src)
		require.NoError(t, err, step)
		require.NoError(t, fits(t, src), step)
	}
}

// The keys of the schema are the parser's.
func TestSchema_Keys(t *testing.T) {
	t.Parallel()
	var schema struct {
		Properties map[string]any
		Required   []string
		Defs       map[string]struct {
			Properties map[string]any
			Required   []string
		} `json:"$defs"`
	}
	require.NoError(t, json.Unmarshal(workflow.Schema(), &schema))
	got := map[string]string{"workflow": keys(schema.Properties, schema.Required)}
	for name, def := range schema.Defs {
		if def.Properties != nil {
			got[name] = keys(def.Properties, def.Required)
		}
	}
	require.Equal(t, workflow.Keys(), got)
}

// keys lists keys in their order, the required ones with a star.
func keys(properties map[string]any, required []string) string {
	var list []string
	for key := range properties {
		for _, r := range required {
			if r == key {
				key += "*"
			}
		}
		list = append(list, key)
	}
	return workflow.SortedKeys(list)
}
