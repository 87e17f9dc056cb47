package seal_test

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/seal"
)

// pushBody returns a JSON body of about size bytes that compresses as a
// provider's does: the same keys again and again, with different values.
func pushBody(size int) []byte {
	random := make([]byte, 20)
	var body strings.Builder
	body.WriteString(`{"ref":"refs/heads/main","commits":[`)
	for i := 0; body.Len() < size-200; i++ {
		_, _ = rand.Read(random)
		fmt.Fprintf(&body, `{"id":%q,"message":"Change number %d","timestamp":"2026-11-22T10:%02d:00Z",`+
			`"author":{"name":"Ada","email":"ada@example.com"},"distinct":true},`,
			hex.EncodeToString(random), i, i%60)
	}
	body.WriteString(`null]}`)
	if pad := size - body.Len(); pad > 0 {
		body.WriteString(strings.Repeat(" ", pad))
	}
	return []byte(body.String())[:size]
}

func benchSizes(b *testing.B, run func(b *testing.B, box *seal.Box, body, ad []byte)) {
	for _, size := range []int{128, 256, 512, 2 << 10, 16 << 10, 1 << 20} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			b.SetBytes(int64(size))
			b.ReportAllocs()
			run(b, newBox(b), pushBody(size), seal.AD("events.body", meshhook.NewID()))
		})
	}
}

func BenchmarkSeal(b *testing.B) {
	benchSizes(b, func(b *testing.B, box *seal.Box, body, ad []byte) {
		for b.Loop() {
			_, err := box.Seal(body, ad)
			require.NoError(b, err)
		}
	})
}

func BenchmarkSealBody(b *testing.B) {
	benchSizes(b, func(b *testing.B, box *seal.Box, body, ad []byte) {
		var sealed []byte
		for b.Loop() {
			var err error
			sealed, err = box.SealBody(body, ad)
			require.NoError(b, err)
		}
		b.ReportMetric(float64(len(sealed)), "sealed-B")
	})
}

func BenchmarkOpenBody(b *testing.B) {
	benchSizes(b, func(b *testing.B, box *seal.Box, body, ad []byte) {
		sealed, err := box.SealBody(body, ad)
		require.NoError(b, err)
		for b.Loop() {
			_, err := box.OpenBody(sealed, ad)
			require.NoError(b, err)
		}
	})
}
