package cli

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestFindingsAreReadable(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		findings string
		want     [][2]string
	}{
		{"", nil},
		{`{"reason":"mismatch","message":"m","findings":{"scheme":"stripe","headers":[{"name":"A","count":0},{"name":"B","count":1,"length":71},{"name":"C","count":2,"length":1}],
			"variants":["HMAC-SHA256 of {body}"],"timestamp_skew_seconds":301,"tolerance":"5m0s","signed_length":1,"signatures_tried":1,"values_ignored":2,"secrets_tried":2,"bad_secrets":1}}`, [][2]string{
			{"scheme", "stripe"},
			{"looked for", "HMAC-SHA256 of {body}"},
			{"header", "A is absent"},
			{"header", "B of 71 bytes"},
			{"header", "C came 2 times"},
			{"time", "signed 5m1s before it came; at most 5m are allowed"},
			{"signed", "1 byte"},
			{"tried", "1 signature with 2 secrets"},
			{"ignored", "2 values of another kind"},
			{"unusable", "1 secret, empty or not of the scheme's form"},
		}},
		{`{"reason":"keys_unavailable","message":"m","findings":{"scheme":"jwt","headers":null,"variants":null,"timestamp_skew_seconds":-9223372036854775808,"tolerance":"1m0s","signatures_tried":1,"secrets_tried":0,
			"token":{"alg":"RS256","kid":"k","iss":"i","aud":["a","b"],"exp":1700000000,"iat":1},"fetch_error":"refused"}}`, [][2]string{
			{"scheme", "jwt"},
			{"time", "signed 2562047h47m16s after it came; at most 1m are allowed"},
			{"tried", "1 signature with 0 secrets"},
			{"token alg", "RS256"},
			{"token kid", "k"},
			{"token iss", "i"},
			{"token aud", "a, b"},
			{"token exp", "2023-11-14T22:13:20.000Z"},
			{"token iat", "1970-01-01T00:00:01.000Z"},
			{"fetch error", "refused"},
		}},
		{`[{"path":"/a","message":"is missing"},{"path":"","message":"is no object"}]`, [][2]string{{"problem", "/a: is missing"}, {"problem", "is no object"}}},
		{`{"filter":"cannot"}`, [][2]string{{"filter failed", "cannot"}}},
		{`7`, [][2]string{{"findings", "7"}}},
	} {
		f := &fields{}
		f.addFindings(json.RawMessage(test.findings))
		var got [][2]string
		for _, row := range f.rows {
			got = append(got, [2]string{row[0].text, row[1].text})
		}
		require.Equal(t, test.want, got)
	}
}
