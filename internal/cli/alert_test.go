package cli

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/tail"
)

func TestFlagsOfAlerts(t *testing.T) {
	t.Parallel()
	var on conditionsFlag
	require.NoError(t, on.Set("failed, delayed"))
	require.NoError(t, on.Set("failed,canceled"))
	require.Equal(t, "failed,delayed,canceled", on.String())
	for _, bad := range []string{"", "failed,", "FAILED", "failed;delayed"} {
		require.EqualError(t, on.Set(bad), "use failed, succeeded, delayed, waiting, canceled, recovered, absent, exhausted or circuit_open, with commas between")
	}

	var d durationFlag
	require.NoError(t, d.Set("5m"))
	require.Equal(t, "5m", d.String())
	require.NoError(t, d.Set(""))
	require.Empty(t, d.String())
	require.Error(t, d.Set("5"))

	var s scheduleFlag
	require.NoError(t, s.Set("0s, 5s,2h"))
	require.Equal(t, []meshhook.Duration{0, meshhook.Duration(5 * time.Second), meshhook.Duration(2 * time.Hour)}, s.list)
	require.Equal(t, "0s,5s,2h", s.String())
	require.Error(t, s.Set("0s,,5s"))
	require.NoError(t, s.Set(""))
	require.Nil(t, s.list)

	var q quietFlag
	require.NoError(t, q.Set("22:00-07:00 Europe/Berlin"))
	require.Equal(t, &meshhook.QuietHours{From: "22:00", To: "07:00", Zone: "Europe/Berlin"}, q.hours)
	require.Equal(t, "22:00-07:00 Europe/Berlin", q.String())
	require.NoError(t, q.Set("22:00-07:00"))
	require.Equal(t, "22:00-07:00", q.String())
	for _, bad := range []string{" ", "nightly", "22:00 - 07:00", "22:00-07:00 in Berlin"} {
		require.ErrorIs(t, q.Set(bad), errQuiet, bad)
	}
	require.NoError(t, q.Set(""))
	require.Empty(t, q.String())
}

func TestHeadersOfAlerts(t *testing.T) {
	t.Parallel()
	headers, err := (&alertFlags{headers: []string{"x-key: {{ .run.id }}", "X-B:"}}).headerMap()
	require.NoError(t, err)
	require.Equal(t, map[string]string{"X-Key": "{{ .run.id }}", "X-B": ""}, headers)
	headers, err = (&alertFlags{headers: []string{""}}).headerMap()
	require.NoError(t, err)
	require.Nil(t, headers)
	for _, bad := range [][]string{{"X-A: 1", "x-a: 2"}, {"X-A"}, {"", "X-A: 1"}} {
		_, err := (&alertFlags{headers: bad}).headerMap()
		require.Equal(t, meshhook.CodeUsage, meshhook.ErrorCode(err), "%q", bad)
	}
}

func TestPayloadsAreReadByWhatTheyAre(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	a := &app{IO: IO{In: strings.NewReader("{{ .run.id }}\n")}}
	for name, test := range map[string][2]string{
		"a.json":  {`{"a": {{ .b }}}`, ""},
		"b.json":  {` "text" `, `"text"`},
		"c":       {` {"a": "{{ .b }}"}`, `{"a": "{{ .b }}"}`},
		"d.txt":   {`[1]`, `[1]`},
		"e.txt":   {`[1`, ""},
		"f.txt":   {"{{ .a }}\n", `"{{ .a }}"`},
		"g.yaml":  {"a: {b: [1, x]}", `{"a":{"b":[1,"x"]}}`},
		"h.yml":   {"a: b: c", ""},
		"i.yaml":  {"a: .nan", ""},
		"j.txt":   {" \n", ""},
		"k":       {"\"quoted\"", `"\"quoted\""`},
		"l.yaml":  {"just a text", `"just a text"`},
		"m.yaml":  {"1: one", ""},
		"n.jsonl": {"{}", "{}"},
		"o.yaml":  {"a: 1\n---\nb: 2\n", ""},
		"p.yaml":  {"a: 1\n---\n[", ""},
		"q.yaml":  {"---\na: 1\n...\n", `{"a":1}`},
		"r.yaml":  {"# nothing\n", ""},
		"s.yaml":  {"n: .nan", ""},
		"t.txt":   {"caf\xe9", ""},
	} {
		payload, err := a.readPayload(u.file(name, test[0]))
		if test[1] == "" {
			require.Equal(t, meshhook.CodeInvalid, meshhook.ErrorCode(err), "%s: %s", name, payload)
			continue
		}
		require.NoError(t, err, name)
		require.Equal(t, test[1], string(payload), name)
	}
	payload, err := a.readPayload("-")
	require.NoError(t, err)
	require.Equal(t, `"{{ .run.id }}"`, string(payload))
	payload, err = a.readPayload("")
	require.NoError(t, err)
	require.Nil(t, payload)
	_, err = a.readPayload("missing.json")
	require.ErrorContains(t, err, "cannot read missing.json")
}

func TestPlacesInPayloads(t *testing.T) {
	t.Parallel()
	payload := json.RawMessage(`{"a/b": [{"~": "x"}], "c": null}`)
	require.Equal(t, "x", payloadAt(payload, "a~1b/0/~0"))
	for _, nowhere := range []string{"a~1b/1", "a~1b/x", "a~1b/-1", "a~1b/0/~0/more", "c", "nope"} {
		require.Nil(t, payloadAt(payload, nowhere), nowhere)
	}
	require.Nil(t, payloadAt(json.RawMessage(`{`), ""))
	require.Equal(t, "x", payloadAt(json.RawMessage(`"x"`), ""))
	for path, flag := range map[string]string{
		"/on/0": "--on", "/delay_threshold": "--delay-threshold", "/expect/within": "--within", "/expect/webhook": "--expect", "/quiet_hours/zone": "--quiet-hours",
		"/headers/X-A~1B": "--header X-A/B", "/payload": "--payload", "/payload/a/0": "--payload at /a/0", "/schedule/3": "--schedule",
	} {
		require.Equal(t, flag, flagOf(path))
	}
	_, err := checkAlert(meshhook.Alert{})
	require.Equal(t, meshhook.CodeInvalid, meshhook.ErrorCode(err))
	require.ErrorContains(t, err, "--url: an alert needs a url")
	require.NoError(t, syntaxAt(meshhook.Alert{}, "/timeout"))
}

func TestAlertsOnATerminal(t *testing.T) {
	t.Parallel()
	u := newUser(t).withDatabase()
	u.must("alerts create --all-workflows --on failed --url https://example.com")
	id, _, _ := strings.Cut(u.must("alerts list"), "\t")
	u.terminal = true
	require.Contains(t, u.must("alerts list"), "NAME        WORKFLOW  ON      PRESET   URL                  ENABLED\n"+id+"  all-failed  (all)     failed")
	question := "Delete the alert all-failed and its secrets? [y/N] "
	u.in = "\n"
	require.Equal(t, result{1, "", question + "nothing was deleted\n"}, u.runs("alerts delete "+id))
	u.in = "y\n"
	require.Equal(t, result{0, "", question + "alert all-failed deleted\n"}, u.runs("alerts delete "+id))
	require.Equal(t, cell{"no (gone)", tail.Warn}, enabledText(meshhook.Alert{DisabledReason: "gone"}))
	require.Equal(t, "Hello", payloadText(json.RawMessage(`"Hello"`)))
	require.Equal(t, `{"a":1}`, payloadText(json.RawMessage(`{"a": 1}`)))
}

func TestRotatingWhatDoesNotSign(t *testing.T) {
	t.Parallel()
	u := newUser(t).withDatabase()
	u.must("alerts create --all-workflows --on failed --url https://example.com --signing none")
	id, _, _ := strings.Cut(u.must("alerts list"), "\t")
	r := u.runs("alerts rotate-secret " + id)
	require.Equal(t, 4, r.code)
	require.Contains(t, r.err, "does not sign its messages")
	require.Equal(t, 3, u.runs("alerts rotate-secret "+meshhook.NewID().String()).code)
	require.Equal(t, 3, u.runs("alerts update nonsense --on failed").code)
	// With the way of signing, its secret is given, too.
	require.Equal(t, 1, u.runs("alerts update "+id+" --signing v1 --secret short").code)
	require.NotContains(t, u.must("alerts update "+id+" --signing hmac --secret hush-hush-hush-hush"), "hush")
	require.Contains(t, u.must("alerts rotate-secret "+id), "secret\t")
}
