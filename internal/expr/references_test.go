package expr

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestReferences(t *testing.T) {
	for src, want := range map[string][]string{
		`.steps.order.total > 0`:           {"steps.order"},
		`.event.body.a.b`:                  {"event.body"},
		`.["event"]["body"].x + ."run".id`: {"event.body", "run.id"},
		`.secrets.crm_token`:               {"secrets.crm_token"},
		`.secrets`:                         {"secrets"},
		`.secrets[.event.name]`:            {"event.name", "secrets"},
		`.`:                                {"."},
		`..`:                               {"."},
		`tojson`:                           {"."},
		`.[]`:                              {"."},
		`keys`:                             {"."},
		`1`:                                nil,
		`.item`:                            {"item"},
		`{event, r: .run.id, "steps": 1, (.item.k): 2}`: {"event", "item.k", "run.id"},
		`{"item"}`:                                    {"item"},
		`. as $c | $c.steps.a.x`:                      {"steps.a"},
		`.steps as $s | $s.a, $s.b`:                   {"steps.a", "steps.b"},
		`. as {steps: $s} | $s.a`:                     {"."},
		`{a: 1} as $o | {$o}`:                         nil,
		`.steps | .a.x, .b`:                           {"steps.a", "steps.b"},
		`.steps.a | map(.x) | .[0]`:                   {"steps.a"},
		`.event.body.items | map(select(.price > 1))`: {"event.body"},
		`select(.event.body.ok)`:                      {".", "event.body"},
		`.event | select(.body.ok) | .id`:             {"event.body", "event.id"},
		`if .event.a then .event.b elif .event.c then 1 else .event.d end`: {"event.a", "event.b", "event.c", "event.d"},
		`"x \(.event.id) \(.run.id)"`:                                      {"event.id", "run.id"},
		`@base64 "\(.event.id)"`:                                           {"event.id"},
		`.event | @json`:                                                   {"event"},
		`[.event.a, .event.b]`:                                             {"event.a", "event.b"},
		`-.event.n`:                                                        {"event.n"},
		`try .event.a catch .`:                                             {"event.a"},
		`reduce .event.items[] as $x (0; . + $x)`:                          {"event.items"},
		`foreach .event.items[] as $x (.event.n; . + $x; [.])`:             {"event.items", "event.n"},
		`label $out | .event.a, break $out`:                                {"event.a"},
		`def f: .steps.a; f`:                                               {".", "steps.a"},
		`.event.a = 1`:                                                     {".", "event.a"},
		`.event.a += .event.b`:                                             {".", "event.a", "event.b"},
		`.event.a // .event.b`:                                             {"event.a", "event.b"},
		`first(.event.a, .event.b)`:                                        {"event.a", "event.b"},
		`any(.event.items[]; .ok)`:                                         {"event.items", "ok"},
		`error(.event.a)`:                                                  {"event.a"},
		`.event["\(.run.id)"]`:                                             {"event", "run.id"},
		`.event.list[.run.n:.run.m]`:                                       {"event.list", "run.m", "run.n"},
		`.["\(.run.id)x"]`:                                                 {".", "run.id"},
		`{"k\(.run.id)"}`:                                                  {".", "run.id"},
		`getpath(["secrets", "a"])`:                                        {"."},
	} {
		p, err := Compile(src)
		require.NoError(t, err, src)
		require.Equal(t, want, p.References(), src)
	}
}
