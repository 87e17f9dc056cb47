package signature_test

import (
	"bytes"
	"testing"

	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/signature"
)

// BenchmarkVerify is the hot path of ingress: a body of 2 KB, one secret.
func BenchmarkVerify(b *testing.B) {
	for _, scheme := range []string{"github", "stripe", "standard-webhooks", "token"} {
		b.Run(scheme, func(b *testing.B) {
			v := newVerifier(b, meshhook.Verification{Scheme: scheme})
			r, key := signed(b, v)
			r.Body = bytes.Repeat([]byte("a"), 2048)
			header, err := v.Sign(r, key, "msg_1")
			if err != nil {
				b.Fatal(err)
			}
			r.Header = header
			active := []signature.Key{key}
			b.ReportAllocs()
			for b.Loop() {
				if _, failure := v.Verify(b.Context(), r, active); failure != nil {
					b.Fatal(failure)
				}
			}
		})
	}
}
