package manifest_test

import (
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/alert"
	"github.com/profullstack/meshhook/internal/manifest"
	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/workflow"
)

var sourcesOfSchemas = map[manifest.Kind]func() []byte{
	manifest.KindWorkflow: workflow.Schema, manifest.KindWebhook: manifest.WebhookSchema, manifest.KindAlert: manifest.AlertSchema,
}

var schemas = sync.OnceValue(func() map[manifest.Kind]*jsonschema.Schema {
	compiled := map[manifest.Kind]*jsonschema.Schema{}
	for kind, source := range sourcesOfSchemas {
		schema, err := jsonschema.UnmarshalJSON(bytes.NewReader(source()))
		if err != nil {
			panic(err)
		}
		c := jsonschema.NewCompiler()
		if err := c.AddResource("urn:"+string(kind), schema); err != nil {
			panic(err)
		}
		compiled[kind] = c.MustCompile("urn:" + string(kind))
	}
	return compiled
})

// fit holds a document against the schema of its kind.
func fit(t require.TestingT, kind manifest.Kind, source string) {
	sections, problems := workflow.ReadSections("f", []byte(source), workflow.SectionLimits{Bytes: 1 << 20, Documents: 1})
	require.Empty(t, problems)
	root, ok := sections[0].Root()
	require.True(t, ok)
	encoded, err := json.Marshal(root.Data())
	require.NoError(t, err)
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(encoded))
	require.NoError(t, err)
	require.NoError(t, schemas()[kind].Validate(document), source)
}

func TestTheExamplesFitTheirSchemas(t *testing.T) {
	t.Parallel()
	seen := 0
	for _, dir := range []string{"workflows", "webhooks", "alerts"} {
		files, err := filepath.Glob("../../examples/as-code/" + dir + "/*.yaml")
		require.NoError(t, err)
		for _, file := range files {
			source, err := os.ReadFile(file)
			require.NoError(t, err)
			for document := range strings.SplitSeq(string(source), "\n---\n") {
				fit(t, manifest.Kind(strings.TrimSuffix(dir, "s")), document)
				seen++
			}
		}
	}
	require.Equal(t, 5, seen)
}

// The keys of the schemas are those of the tables.
func TestTheSchemasHaveTheKeys(t *testing.T) {
	t.Parallel()
	got := map[string][]string{}
	for kind, source := range sourcesOfSchemas {
		if kind == manifest.KindWorkflow {
			continue
		}
		var schema struct {
			Properties map[string]struct {
				Properties map[string]any
				Enum       []string
			}
			Defs map[string]struct{ Properties map[string]any } `json:"$defs"`
		}
		require.NoError(t, json.Unmarshal(source(), &schema))
		got[string(kind)] = slices.Sorted(maps.Keys(schema.Properties))
		for name, property := range schema.Properties {
			if len(property.Properties) > 0 {
				got[name] = slices.Sorted(maps.Keys(property.Properties))
			}
		}
		got["secret"] = slices.Sorted(maps.Keys(schema.Defs["secret"].Properties))
		if kind == manifest.KindAlert {
			require.Equal(t, alert.Presets(), schema.Properties["preset"].Enum)
			var signings []string
			for _, s := range meshhook.Signings() {
				signings = append(signings, string(s))
			}
			require.Equal(t, signings, schema.Properties["signing"].Enum)
		}
	}
	require.Equal(t, manifest.Keys(), got)
}

// The documents of the guide are as it says, with every key that there is.
func TestTheGuideIsTrue(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/apply.md")
	require.NoError(t, err)
	var source string
	var found [][]string
	for _, block := range regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllStringSubmatch(string(page), -1) {
		source += "---\n" + block[1]
		keys := regexp.MustCompile(`(?m)^[a-z_]+`).FindAllString(block[1], -1)
		slices.Sort(keys)
		found = append(found, keys)
		fit(t, manifest.Kind(regexp.MustCompile(`^\w+`).FindString(block[1])), block[1])
	}
	file := manifest.File{Name: "docs/apply.md", Key: "1/x", Source: []byte(source), Read: func(string) ([]byte, error) { return []byte(`{"type": "object"}`), nil }}
	_, err = manifest.Parse([]manifest.File{file}, options)
	require.NoError(t, err)
	keys := manifest.Keys()
	alertKeys := slices.DeleteFunc(keys["alert"], func(key string) bool { return key == "all_workflows" })
	require.Equal(t, [][]string{keys["webhook"], alertKeys}, found)
}
