package expr

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestClosingBraces(t *testing.T) {
	for _, c := range []struct {
		src  string
		want string // what stands before the braces; "-" if there are none
	}{
		{` .a }} rest`, ` .a `},
		{`}}`, ``},
		{`{a: 1}}}`, `{a: 1}`},
		{`{a:{b:1}}}}`, `{a:{b:1}}`},
		{` {a: {b: {}}} }}}}`, ` {a: {b: {}}} `},
		{` "}}" }}`, ` "}}" `},
		{` "\"}}" }}`, ` "\"}}" `},
		{` "\\" }}`, ` "\\" `},
		{` "\(.a)}}" }}`, ` "\(.a)}}" `},
		{` "\({a: {b: 1}})}}" }}`, ` "\({a: {b: 1}})}}" `},
		{` "\("\("}}")}}")}}" }}`, ` "\("\("}}")}}")}}" `},
		{` @json "}}\((1))}}" }}`, ` @json "}}\((1))}}" `},
		{` .["}}"] }}`, ` .["}}"] `},
		{` .a # }} comment` + "\n" + `}}`, ` .a # }} comment` + "\n"},
		{` .a # }} comment` + "\r\n" + `}}`, ` .a # }} comment` + "\r\n"},
		{` .a # }} \` + "\n" + ` }} more` + "\n" + `}}`, ` .a # }} \` + "\n" + ` }} more` + "\n"},
		{` .a # }} \` + "\r\n" + ` }} more` + "\n" + `}}`, ` .a # }} \` + "\r\n" + ` }} more` + "\n"},
		{` .a # }} \\` + "\n" + `}}`, ` .a # }} \\` + "\n"},
		{` .a # \`, `-`},
		{` (.a }} `, ` (.a `},
		{` [{a: 1} }} `, ` [{a: 1} `},
		{` .a } }}`, ` .a } `},
		{` .a `, `-`},
		{` "}} `, `-`},
		{` "\(}} `, ` "\(`},
		{` {a: 1}} `, `-`},
		{` .a # }}`, `-`},
		{` "\`, `-`},
		{` $x.foo | @base64 1.5 .. é }}`, ` $x.foo | @base64 1.5 .. é `},
	} {
		want := len(c.want)
		if c.want == "-" {
			want = -1
		}
		require.Equal(t, want, closingBraces(c.src, 0), c.src)
		if want >= 0 {
			want += 2
		}
		require.Equal(t, want, closingBraces("{{"+c.src, 2), c.src)
	}
}

func TestFindWord(t *testing.T) {
	for _, c := range []struct {
		src, word string
		want      int
	}{
		{`now`, `now`, 0},
		{`.now | now`, `now`, 7},
		{`"now" | now`, `now`, 8},
		{`"\(now)"`, `now`, 3},
		{"# now\nnow", `now`, 6},
		{`nowhere | now`, `now`, 10},
		{`$now | now`, `now`, 7},
		{`. | $ENV`, `$ENV`, 4},
		{`.a`, `now`, 0},
	} {
		require.Equal(t, c.want, findWord(c.src, c.word), c.src)
	}
}

// FuzzClosingBraces checks that an expression of jq is found as a whole,
// whatever is in it.
func FuzzClosingBraces(f *testing.F) {
	for _, src := range corpus {
		f.Add(src)
	}
	f.Fuzz(func(t *testing.T, src string) {
		if _, err := Compile(src); err != nil {
			closingBraces(src, 0)
			return
		}
		if strings.Contains(src, "#") {
			src += "\n" // else the comment would take the braces
		}
		if strings.HasSuffix(src, "\\\n") {
			return
		}
		require.Equal(t, len(src)+2, closingBraces("{{"+src+"}}", 2))
	})
}
