//go:build !unix

package cli

import (
	"context"
	"os"
)

// hangup returns when ctx ends: only a write tells here that nobody reads.
func hangup(ctx context.Context, _ *os.File) { <-ctx.Done() }
