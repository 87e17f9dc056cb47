package schema

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestDraft(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`{}`:                          "2020-12",
		`true`:                        "2020-12",
		`{"$schema":"` + d2020 + `"}`: "2020-12",
		`{"$schema":"` + d2019 + `"}`: "2019-09",
		`{"$schema":"` + d7 + `"}`:    "draft-07",
		`{"$schema":"http://json-schema.org/draft-07/schema"}`:     "draft-07",
		`{"$schema":"https://json-schema.org/draft-07/schema#"}`:   "draft-07",
		`{"$schema":"http://json-schema.org/draft-06/schema#"}`:    "draft-06",
		`{"$schema":"http://json-schema.org/draft-04/schema#"}`:    "draft-04",
		`{"$schema":"http://json-schema.org/schema#","minimum":1}`: "2020-12",
	} {
		require.Equal(t, want, compile(t, text, Options{}).Draft(), text)
	}
	old := compile(t, `{"$schema":"http://json-schema.org/draft-04/schema#","minimum":1,"exclusiveMinimum":true}`, Options{})
	require.Equal(t, EngineStrict, old.Engine())
	require.Nil(t, old.Validate(decode(t, `2`)))
	require.Len(t, old.Validate(decode(t, `1`)), 1)
	require.Equal(t, `the schema at /$schema names "http://json-schema.org/draft-03/schema", which is not known; use draft-07, 2019-09 or 2020-12`,
		compileError(t, `{"$schema":"http://json-schema.org/draft-03/schema#"}`, Options{}).Message)
}
