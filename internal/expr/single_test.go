package expr_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/expr"
)

func TestSingle(t *testing.T) {
	t.Parallel()
	for source, want := range map[string]bool{
		".":                               true,
		".a.b":                            true,
		".a[0]":                           true,
		".a[1:]":                          true,
		".a[.i]":                          true,
		".a[]":                            false,
		".a[]?":                           false,
		".a[.b[]]":                        false,
		".a, .b":                          false,
		"..":                              false,
		"[.a[]]":                          true,
		"[.a[] | select(.b)]":             true,
		".a | map(.b[])":                  true,
		".a | select(.b)":                 true,
		".a | select(.b[])":               false,
		".a // []":                        true,
		".a // .b[]":                      false,
		"if .a then .b else .c end":       true,
		"if .a then .b[] else .c end":     false,
		"{a: .b}":                         true,
		"{a: .b[]}":                       false,
		"{(.a[]): 1}":                     false,
		"range(3)":                        false,
		"[range(3)]":                      true,
		"reduce .a[] as $x (0; . + $x)":   true,
		"foreach .a[] as $x (0; . + $x)":  false,
		".a as $x | $x":                   true,
		".a[] as $x | $x":                 false,
		"def f: .a[]; f":                  false,
		"try .a catch .b":                 true,
		".a? // \"x\"":                    true,
		"first(.a[])":                     true,
		".a | split(\",\")":               true,
		"\"\\(.a) \\(.b)\"":               true,
		"-.a":                             true,
		"label $out | .a":                 false,
		".a |= map(.b)":                   true,
		".a | to_entries | map(.value)":   true,
		".a | sort_by(.b, .c)":            true,
		"@base64 \"\\(.a)\"":              true,
		".a + .b[]":                       false,
		".event.body.lines | .[] | .id":   false,
		"empty":                           true,
		".a | (.b | (.c))":                true,
		".a | unique_by(.b) | length > 0": true,
	} {
		p, err := expr.Compile(source)
		require.NoError(t, err, source)
		require.Equal(t, want, p.Single(), source)
	}
}

func TestAssigns(t *testing.T) {
	t.Parallel()
	for source, want := range map[string]bool{
		".a = 1": true, ".a |= . + 1": true, ".a += 1": true, "(.a = 1)": true, ".b | .a = 1": true, ".a == 1": false, "(.a = 1) | .b": false, ".a": false, "[.a = 1]": false,
	} {
		p, err := expr.Compile(source)
		require.NoError(t, err, source)
		require.Equal(t, want, p.Assigns(), source)
	}
}
