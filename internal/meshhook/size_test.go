package meshhook_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/meshhook"
)

func TestAboutSize(t *testing.T) {
	t.Parallel()
	for bytes, want := range map[uint64]string{0: "0 B", 1023: "1023 B", 1024: "1 KiB", 1<<20 - 1: "1024 KiB", 11 << 19: "5.5 MiB", 1536 << 20: "1.5 GiB", 1 << 60: "1048576 TiB"} {
		require.Equal(t, want, meshhook.AboutSize(bytes))
	}
}
