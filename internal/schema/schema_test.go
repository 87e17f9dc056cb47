package schema

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/meshhook"
)

func TestEngineChoice(t *testing.T) {
	t.Parallel()
	const inside, outside = `{"type":"null"}`, `{"multipleOf":2}`
	for _, test := range []struct{ schema, option, engine, why string }{
		{inside, "", EngineQri, "the schema is inside the subset that qri is proven for"},
		{inside, EngineAuto, EngineQri, "the schema is inside the subset that qri is proven for"},
		{inside, EngineQri, EngineQri, "the schema is inside the subset that qri is proven for"},
		{inside, EngineStrict, EngineStrict, "the strict engine was asked for"},
		{outside, "", EngineStrict, "the schema is outside the subset that qri is proven for: it uses multipleOf"},
	} {
		s := compile(t, test.schema, Options{Engine: test.option})
		require.Equal(t, test.engine, s.Engine())
		require.Equal(t, test.why, s.Why())
	}
	require.Equal(t, "the schema is outside the subset that qri is proven for: it uses multipleOf; use engine auto",
		compileError(t, outside, Options{Engine: EngineQri}).Message)
	require.Equal(t, `there is no schema engine "fast"; use auto, qri or strict`,
		compileError(t, inside, Options{Engine: "fast"}).Message)
}

// watched returns a schema in which the quick engine has another document than
// the strict one, and what is reported.
func watched(t *testing.T, strictText, quickText string) (*Schema, *[]string) {
	t.Helper()
	var details []string
	s := compile(t, strictText, Options{OnMismatch: func(detail string) { details = append(details, detail) }})
	require.Equal(t, EngineQri, s.Engine())
	s.quick = newSpares(newQuick(t, quickText), func() (*quick, error) { return nil, errors.New("no more") })
	return s, &details
}

func TestMismatchPinsTheStrictEngine(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ strict, quick, payload, want string }{
		{`{"type":"null"}`, `true`, `{"a":1}`, `qri accepted what fails "type" at ""`},
		{`{"items":{"type":"null"}}`, `true`, `[1]`, `qri accepted what fails "type" at "/0"`},
		{`true`, `false`, `1`, "qri refused a valid payload"},
		{`{"type":"null"}`, `{"allOf":[null]}`, `1`, "the quick engine failed: runtime error: invalid memory address or nil pointer dereference"},
	} {
		s, details := watched(t, test.strict, test.quick)
		want := compile(t, test.strict, Options{Engine: EngineStrict}).Validate(decode(t, test.payload))
		for range 3 {
			require.Equal(t, want, s.Validate(decode(t, test.payload)), "the strict verdict stands")
		}
		require.Equal(t, []string{"the strict engine has taken over: " + test.want}, *details, "said once")
		require.Equal(t, EngineStrict, s.Engine())
		require.Equal(t, (*details)[0], s.Why())
	}
}

func TestShadowCheckIsASample(t *testing.T) {
	t.Parallel()
	s, details := watched(t, `{"not":{"const":"bad"}}`, `true`)
	for range shadowFirst {
		require.Nil(t, s.Validate("good"))
	}
	for range shadowEvery - 1 {
		require.Nil(t, s.Validate("bad"), "not looked at twice")
	}
	require.Empty(t, *details)
	require.Len(t, s.Validate("bad"), 1, "the 200th is")
	require.Equal(t, EngineStrict, s.Engine())
	require.Len(t, s.Validate("bad"), 1)
}

// What the quick engine says no to is never refused on its word alone.
func TestRefusalsAreChecked(t *testing.T) {
	t.Parallel()
	s, _ := watched(t, `true`, `{"const":"good"}`)
	for range shadowFirst + 1 {
		require.Nil(t, s.Validate("good"))
	}
	require.Nil(t, s.Validate("other"))
	require.Equal(t, EngineStrict, s.Engine())
}

func TestLargePayloadsGoToTheStrictEngine(t *testing.T) {
	t.Parallel()
	s, details := watched(t, `{"items":{"not":{"const":"bad"}}}`, `true`)
	heavy := make([]any, maxQuickWork/s.size+1)
	for i := range heavy {
		heavy[i] = "bad"
	}
	require.Len(t, s.Validate(heavy), maxProblems)
	require.Len(t, s.Validate([]any{"bad", strings.Repeat("x", maxQuickWork*64)}), 1)
	require.Len(t, s.Validate([]any{"bad", map[string]any{strings.Repeat("x", maxQuickWork*64): "x"}}), 1)
	require.Len(t, s.Validate(decode(t, `["bad",1e3]`)), 1)
	require.Equal(t, EngineQri, s.Engine(), "it was not asked")
	require.Empty(t, *details)
}

func TestFailingEngines(t *testing.T) {
	t.Parallel()
	want := []meshhook.Problem{{Message: "cannot be checked: the schema engine failed"}}
	s, details := watched(t, `true`, `true`)
	s.strict = newSpares(&strict{}, func() (*strict, error) { return nil, errors.New("no more") })
	require.Equal(t, want, s.Validate(nil))
	require.Equal(t, []string{"the strict engine failed: runtime error: invalid memory address or nil pointer dereference"}, *details)
	require.Equal(t, EngineQri, s.Engine(), "no verdict, no difference")

	lender := newSpares(1, func() (int, error) { return 0, errors.New("no more") })
	first, err := lender.take()
	require.NoError(t, err)
	for range 3 {
		_, err = lender.take()
		require.Error(t, err, "the place is not lost")
	}
	lender.give(first)
	s.quick = &spares[*quick]{unmade: make(chan struct{}, 1), compile: func() (*quick, error) { return nil, errors.New("no more") }}
	s.quick.unmade <- struct{}{}
	require.Equal(t, want, s.Validate(nil))
	require.Equal(t, EngineStrict, s.Engine())
}

// Independent schemas and one shared by many, with and without an $id that the
// other engine would put into a registry of the whole process.
func TestConcurrentUse(t *testing.T) {
	t.Parallel()
	const definitions = `"properties":{"id":{"$ref":"#/definitions/id"}},"definitions":{"id":{"type":"integer","maximum":100}}`
	shared := compile(t, "{"+definitions+"}", Options{})
	require.Equal(t, EngineQri, shared.Engine())
	good, bad := decode(t, `{"id":5,"list":[1,2,{"a":"b"}]}`), decode(t, `{"id":5000}`)
	var group sync.WaitGroup
	for worker := range 16 {
		group.Go(func() {
			own, err := Compile([]byte("{"+definitions+"}"), Options{})
			if err != nil {
				t.Error(err)
				return
			}
			// Another tenant's schema with the same $id is looser.
			loose, err := Compile([]byte(`{"$id":"https://example.com/same","maximum":`+fmt.Sprint(worker)+`}`), Options{})
			if err != nil {
				t.Error(err)
				return
			}
			for range 150 {
				for _, s := range []*Schema{shared, own} {
					if problems := s.Validate(good); problems != nil {
						t.Error(problems)
					}
					if problems := s.Validate(bad); len(problems) != 1 {
						t.Error(problems)
					}
				}
				if loose.Validate(decode(t, fmt.Sprint(worker))) != nil || loose.Validate(decode(t, fmt.Sprint(worker+1))) == nil {
					t.Error("another worker's schema answered")
				}
			}
		})
	}
	group.Wait()
	require.Equal(t, EngineQri, shared.Engine())
}

func BenchmarkValidate(b *testing.B) {
	text, err := os.ReadFile("testdata/push.json") // 2 KB, in the form of a GitHub push event
	require.NoError(b, err)
	payload := decode(b, string(text))
	for _, engine := range []string{EngineQri, EngineStrict} {
		b.Run(engine, func(b *testing.B) {
			s := compile(b, pushSchema, Options{Engine: engine})
			for range shadowFirst {
				s.Validate(payload)
			}
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if s.Validate(payload) != nil {
						b.Error("not valid")
					}
				}
			})
		})
	}
}

// pushSchema is what a user would write for push events.
const pushSchema = `{
	"$schema": "http://json-schema.org/draft-07/schema#",
	"type": "object",
	"required": ["ref", "before", "after", "repository", "commits"],
	"properties": {
		"ref": {"type": "string", "pattern": "^refs/"},
		"before": {"$ref": "#/definitions/sha"},
		"after": {"$ref": "#/definitions/sha"},
		"commits": {"type": "array", "items": {
			"type": "object",
			"required": ["id", "message"],
			"properties": {"id": {"$ref": "#/definitions/sha"}, "timestamp": {"type": "string", "format": "date-time"}}
		}},
		"repository": {
			"type": "object",
			"required": ["id", "full_name"],
			"properties": {
				"id": {"type": "integer", "minimum": 1},
				"full_name": {"type": "string", "minLength": 3},
				"license": {"type": ["object", "null"]},
				"owner": {"$ref": "#/definitions/user"}
			}
		},
		"sender": {"$ref": "#/definitions/user"}
	},
	"definitions": {
		"sha": {"type": "string", "minLength": 40, "maxLength": 40},
		"user": {"type": "object", "required": ["login"], "properties": {"type": {"enum": ["User", "Organization", "Bot"]}}}
	}
}`
