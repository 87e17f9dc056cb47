package workflow

import (
	_ "embed"
	"slices"
)

//go:embed schema.json
var schema []byte

// Schema returns the JSON Schema (draft 2020-12) of the language, for editors.
// It is written by hand: a test holds its keys against the parser's tables.
// Parse refuses more than a schema can, bad expressions and circles above all.
func Schema() []byte { return slices.Clone(schema) }
