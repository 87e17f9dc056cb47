package daemon

import (
	"github.com/profullstack/meshhook/internal/config"
	"github.com/profullstack/meshhook/internal/schema"
)

// SchemaOptions returns how a configuration wants schemas to be read; the
// commands that take one in ask with the same as the daemon. onMismatch may be nil.
func SchemaOptions(c *config.Config, onMismatch func(detail string)) schema.Options {
	return schema.Options{Engine: c.Schema.Engine, AssertFormats: c.Schema.AssertFormats, OnMismatch: onMismatch}
}
