package api_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/api"
	"github.com/profullstack/meshhook/internal/meshhook"
)

// The examples of RFC 7396, appendix A.
func TestMergeIsThatOfTheRFC(t *testing.T) {
	t.Parallel()
	for _, c := range [][3]string{
		{`{"a":"b"}`, `{"a":"c"}`, `{"a":"c"}`},
		{`{"a":"b"}`, `{"b":"c"}`, `{"a":"b","b":"c"}`},
		{`{"a":"b"}`, `{"a":null}`, `{}`},
		{`{"a":"b","b":"c"}`, `{"a":null}`, `{"b":"c"}`},
		{`{"a":["b"]}`, `{"a":"c"}`, `{"a":"c"}`},
		{`{"a":"c"}`, `{"a":["b"]}`, `{"a":["b"]}`},
		{`{"a":{"b":"c"}}`, `{"a":{"b":"d","c":null}}`, `{"a":{"b":"d"}}`},
		{`{"a":[{"b":"c"}]}`, `{"a":[1]}`, `{"a":[1]}`},
		{`["a","b"]`, `["c","d"]`, `["c","d"]`},
		{`{"a":"b"}`, `["c"]`, `["c"]`},
		{`{"a":"foo"}`, `null`, `null`},
		{`{"a":"foo"}`, `"bar"`, `"bar"`},
		{`{"e":null}`, `{"a":1}`, `{"e":null,"a":1}`},
		{`[1,2]`, `{"a":"b","c":null}`, `{"a":"b"}`},
		{`{}`, `{"a":{"bb":{"ccc":null}}}`, `{"a":{"bb":{}}}`},
		// and that a number is not rounded
		{`{}`, `{"a":12345678901234567890.123456789}`, `{"a":12345678901234567890.123456789}`},
		{`{"validation_schema":{"a":1}}`, `{"validation_schema":{"b":null}}`, `{"validation_schema":{"b":null}}`},
	} {
		merged, err := api.Merge(c[0], c[1])
		require.NoError(t, err)
		require.JSONEq(t, c[2], merged, "%s + %s", c[0], c[1])
	}
}

// seeds are bodies that are near to what is right.
var seeds = []string{
	full, `{}`, `{"url_path":"x","workflow_id":"y"}`, `{"rate_limit":"5/s"}`, `{"rate_limit":{"type":"simple","value":"5/s"}}`, `{"rate_limit":{}}`,
	`{"allowed_ips":["::/0","10.0.0.1","fe80::1%eth0"]}`, `{"verification":{"scheme":"hmac","tolerance":"5m"}}`, `{"verification":null}`,
	`{"response":{"status":200,"headers":{"a":"b"},"body":[1,{"a":null}]}}`, `{"validation_schema":true}`, `{"validation_schema":null}`,
	`{"enabled":null,"methods":[null]}`, `{"max_body_bytes":-1}`, `{"max_body_bytes":1e3}`, `{"URL_PATH":"x"}`, `[]`, `null`, `"x"`, "", " ", "{\"a\":\"\xff\"}",
	`{"filter":"\ud800"}`, `{"a":1,"a":2}`, strings.Repeat(`{"response":`, 200), `{"description":"\u0000"}`,
}

func FuzzCreateWebhookBody(f *testing.F) {
	for _, seed := range seeds {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		e, err := api.DecodeWebhook(body)
		if err != nil {
			requireClient(t, err)
			return
		}
		require.True(t, json.Valid(body))
		require.NotEmpty(t, e.Path)
		// What is stored can be read back, and says the same.
		text, err := json.Marshal(e)
		require.NoError(t, err)
		var again meshhook.Endpoint
		require.NoError(t, json.Unmarshal(text, &again))
	})
}

func FuzzPatchWebhookBody(f *testing.F) {
	for _, seed := range seeds {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		before := meshhook.Endpoint{
			ID: meshhook.NewID(), Path: "x", WorkflowID: meshhook.NewID(), Enabled: true, Methods: []string{"POST"}, MaxBody: 9,
			Schema: json.RawMessage(`{"a": 1}`), RateLimit: &meshhook.RateLimit{Limit: 1, Period: time.Second},
			Verification: meshhook.Verification{Scheme: "hmac", Header: "X"}, Response: &meshhook.Response{Status: 202, Body: map[string]any{"a": "b"}},
		}
		after := before
		err := api.PatchWebhook(body, &after)
		if err != nil {
			requireClient(t, err)
			return
		}
		require.Equal(t, before.ID, after.ID)
		require.NotEmpty(t, after.Path)
		// A patch that was applied changes nothing when it is applied again.
		twice := after
		require.NoError(t, api.PatchWebhook(body, &twice))
		require.Equal(t, after, twice)
	})
}

// requireClient wants an error of whoever sent the body, short and without it.
func requireClient(t *testing.T, err error) {
	t.Helper()
	require.Contains(t, []int{400, 422}, meshhook.HTTPStatus(meshhook.ErrorCode(err)), err)
	require.Less(t, len(err.Error()), 1000)
}
