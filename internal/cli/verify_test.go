package cli

import (
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/alert"
	"github.com/profullstack/meshhook/internal/meshhook"
)

func TestHeadersAreReadHoweverTheyWereKept(t *testing.T) {
	t.Parallel()
	want := http.Header{"Webhook-Id": {"a: b"}, "X": {"1", "2"}}
	for name, text := range map[string]string{
		"lines":         "webhook-id: a: b\nx: 1\nX:2\n",
		"CRLF":          "webhook-id: a: b\r\nx: 1\r\nX: 2\r\n\r\n{\"the\": \"body\"}",
		"of an answer":  "HTTP/1.1 200 OK\r\nwebhook-id: a: b\r\nx: 1\r\nx: 2",
		"of HTTP/2":     "HTTP/2 204\nwebhook-id: a: b\nx: 1\nx: 2",
		"of a request":  "POST /alerts?x=y HTTP/1.1\nwebhook-id: a: b\nx: 1\nx: 2",
		"curl -v":       "> POST / HTTP/1.1\n> webhook-id: a: b\n> x: 1\n> x: 2\n>\n< HTTP/1.1 200 OK",
		"JSON":          `{"webhook-id": "a: b", "x": ["1", "2"]}`,
		"JSON, indent":  "\ufeff\n {\n\"Webhook-ID\": [\"a: b\"], \"X\": [\"1\", \"2\"]}\n",
		"leading lines": "\n\nwebhook-id: a: b\nx: 1\nx: 2",
	} {
		got, err := parseHeaderFile("f", []byte(text))
		require.NoError(t, err, name)
		require.Equal(t, want, got, name)
	}
	for text, message := range map[string]string{
		"":                     "f holds no headers; write a line like 'webhook-id: …' for each",
		"{}":                   "f holds no headers",
		"HTTP/1.1 200 OK\n":    "f holds no headers",
		"nonsense":             `f:1: "nonsense" is no header`,
		"a: 1\nb c: 2":         `f:2: "b c: 2" is no header`,
		": 1":                  `f:1: ": 1" is no header`,
		`{"a": 1}`:             "f is no JSON object of headers",
		`{"a": [1]}`:           "f is no JSON object of headers",
		`{"a": "1"} {}`:        "f is no JSON object of headers",
		"a: 1\nGET / HTTP/1.1": `f:2: "GET / HTTP/1.1" is no header`,
	} {
		_, err := parseHeaderFile("f", []byte(text))
		require.Equal(t, meshhook.CodeInvalid, meshhook.ErrorCode(err), text)
		require.ErrorContains(t, err, message)
	}
}

func FuzzParseHeaderFile(f *testing.F) {
	for _, seed := range []string{"a: b", "HTTP/1.1 200 OK\r\na:b\r\n\r\nx", `{"a":["b"]}`, "> a: b\n>", "\ufeff{"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		headers, err := parseHeaderFile("f", text)
		if err != nil {
			require.Equal(t, meshhook.CodeInvalid, meshhook.ErrorCode(err))
			return
		}
		require.NotEmpty(t, headers)
	})
}

func TestARecipientVerifies(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	secret := alert.NewSecret(meshhook.SigningV1)
	u.env = append(u.env, "ALERT_SECRET="+secret.Reveal())
	body := `{"type":"run.failed"}`
	signed := func(at time.Time) string {
		headers, err := alert.Sign(meshhook.SigningV1, meshhook.NewID(), at, []byte(body), []meshhook.Secret{secret})
		require.NoError(t, err)
		var lines strings.Builder
		require.NoError(t, headers.Write(&lines))
		return lines.String()
	}
	u.file("body.json", body)
	u.file("now.txt", signed(time.Now()))
	u.file("old.txt", signed(time.Now().Add(-time.Hour)))
	verify := func(headers, more string) result {
		return u.runs("verify --headers " + filepath.Join(u.dir, headers) + " --body " + filepath.Join(u.dir, "body.json") + " " + more)
	}
	require.Equal(t, 0, verify("now.txt", "--secret-env ALERT_SECRET").code)
	r := verify("old.txt", "--secret-env ALERT_SECRET")
	require.Equal(t, 1, r.code)
	require.Contains(t, r.err, "may be a replayed one")
	r = verify("old.txt", "--secret-env ALERT_SECRET --tolerance 2h")
	require.Equal(t, 0, r.code, r.err)
	require.Contains(t, r.out, "signing\tv1\n")
	u.in = signed(time.Now())
	require.Equal(t, 0, u.runs("verify --headers - --body "+filepath.Join(u.dir, "body.json")+" --secret-env ALERT_SECRET").code)
	for command, message := range map[string]string{
		"verify":                      "give both --headers and --body",
		"verify --headers - --body -": "standard input can be one thing only",
		"verify --headers - --body x --secret-stdin": "standard input can be one thing only",
		"verify --headers a --body b":                "give the secret in one way",
		"verify --headers a --body b --tolerance 0s": "--tolerance is more than 0",
	} {
		r := u.runs(command)
		require.Equal(t, 2, r.code, command)
		require.Contains(t, r.err, message)
	}
	require.Equal(t, 1, verify("missing.txt", "--secret-env ALERT_SECRET").code)
	require.Equal(t, 1, verify("body.json", "--secret-env ALERT_SECRET").code)
	require.Equal(t, 1, verify("now.txt", "--secret whsec_short -o json").code)
	u.file("no.txt", "nonsense")
	require.Equal(t, 1, verify("no.txt", "--secret-env ALERT_SECRET").code)
	require.Equal(t, 1, u.runs("verify --headers "+filepath.Join(u.dir, "now.txt")+" --body missing --secret-env ALERT_SECRET").code)
}
