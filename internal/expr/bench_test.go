package expr

import (
	"testing"

	"github.com/itchyny/gojq"
	"github.com/stretchr/testify/require"
)

// BenchmarkOverhead compares programs as they run here with gojq alone, which
// bounds nothing.
func BenchmarkOverhead(b *testing.B) {
	input := decode(b, `{"event":{"id":9007199254740993,"body":{"type":"charge.succeeded","amount":2000,"currency":"eur",
		"lines":[{"price":10,"quantity":2,"sku":"a"},{"price":5,"quantity":1,"sku":"b"},{"price":7,"quantity":3,"sku":"c"}]}},
		"steps":{"order":{"total":2000}}}`)
	for name, src := range map[string]string{
		"condition": `.steps.order.total > 0`,
		"both":      `.event.body.type == "charge.succeeded" and .event.body.amount >= 1000`,
		"build":     `{id: .event.id, total: .event.body.amount, currency: (.event.body.currency | ascii_upcase)}`,
		"lines":     `[.event.body.lines[] | {sku, total: (.price * .quantity)}] | sort_by(.total) | map(.sku) | join(",")`,
		"update":    `.event.body.lines |= map(.price += 1)`,
		"text":      `"\(.event.body.type): \(.event.body.amount / 100) \(.event.body.currency)"`,
		"gsub":      `.event.body.type | gsub("[aeiou]"; "_")`,
	} {
		b.Run(name+"/meshhook", func(b *testing.B) {
			p, err := Compile(src)
			require.NoError(b, err)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := p.One(b.Context(), input); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(name+"/gojq", func(b *testing.B) {
			query, err := gojq.Parse(src)
			require.NoError(b, err)
			code, err := gojq.Compile(query)
			require.NoError(b, err)
			b.ReportAllocs()
			for b.Loop() {
				if v, _ := code.RunWithContext(b.Context(), input).Next(); v == nil {
					b.Fatal("no result")
				}
			}
		})
	}
}

// BenchmarkCompile shows what a program costs that uses much of the prelude.
func BenchmarkCompile(b *testing.B) {
	for name, src := range map[string]string{
		"condition": `.steps.order.total > 0`,
		"much":      `[.lines[] | {sku, total: (.price * .quantity)}] | sort_by(.total) | map(.sku | gsub("a"; "b")) | join(",")`,
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Compile(src); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
