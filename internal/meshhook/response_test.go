package meshhook_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/meshhook"
)

func TestResponseFillsDefaults(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ given, want meshhook.Response }{
		{meshhook.Response{}, meshhook.Response{Status: 202}},
		{meshhook.Response{Status: 204, Body: ""}, meshhook.Response{Status: 204, Body: ""}},
		{meshhook.Response{From: "run"}, meshhook.Response{From: "run", Status: 200, Timeout: meshhook.Duration(10 * time.Second)}},
		{
			meshhook.Response{From: "run", Status: 201, Timeout: meshhook.Duration(time.Second)},
			meshhook.Response{From: "run", Status: 201, Timeout: meshhook.Duration(time.Second)},
		},
	} {
		e := meshhook.Endpoint{Path: "a", Response: &c.given}
		require.NoError(t, e.Validate())
		require.Equal(t, c.want, *e.Response)
		require.NoError(t, e.Validate(), "validating again changes nothing")
		require.Equal(t, c.want, *e.Response)
	}
}

func TestResponseValidate(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		response meshhook.Response
		want     string // "" when it is valid
	}{
		{meshhook.Response{Status: 199}, "a response status of 199 would tell senders that their request failed"},
		{meshhook.Response{Status: 299}, ""},
		{meshhook.Response{Status: 300}, "use 200 to 299"},
		{meshhook.Response{Status: 204, Body: map[string]any{}}, "a response of status 204 has no body"},
		{meshhook.Response{Status: 205, Body: "x"}, "a response of status 205 has no body"},
		{meshhook.Response{Status: 204, ContentType: "text/plain"}, "a response of status 204 has no body"},
		{meshhook.Response{From: "steps"}, `"steps" is nothing that a response comes from; write run`},
		{meshhook.Response{Timeout: 1}, "a timeout and nothing to wait for"},
		{meshhook.Response{From: "run", Body: "x"}, "leave body out"},
		{meshhook.Response{From: "run", Status: 204}, ""},
		{meshhook.Response{From: "run", Timeout: meshhook.Duration(100 * time.Millisecond)}, ""},
		{meshhook.Response{From: "run", Timeout: meshhook.Duration(100*time.Millisecond - 1)}, "is out of range; use 100ms to 30s"},
		{meshhook.Response{From: "run", Timeout: meshhook.Duration(30 * time.Second)}, ""},
		{meshhook.Response{From: "run", Timeout: meshhook.Duration(30*time.Second + 1)}, "is out of range; use 100ms to 30s"},
		{meshhook.Response{From: "run", Status: 302}, "use 200 to 299"},
		{meshhook.Response{ContentType: "text/xml; charset=utf-8"}, ""},
		{meshhook.Response{ContentType: "xml"}, `"xml" is not a content type`},
		{meshhook.Response{ContentType: "text/xml\r\nX: y"}, "is not a content type"},
		{meshhook.Response{Headers: map[string]string{"X-Ok": ""}}, ""},
		{meshhook.Response{Headers: map[string]string{"X Y": ""}}, `"X Y" cannot name a header`},
		{meshhook.Response{Headers: map[string]string{"": ""}}, `"" cannot name a header`},
		{meshhook.Response{Headers: map[string]string{"content-length": "1"}}, "cannot set the header Content-Length"},
		{meshhook.Response{Headers: map[string]string{"Transfer-Encoding": "chunked"}}, "cannot set the header Transfer-Encoding"},
		{meshhook.Response{ContentType: "text/xml", Headers: map[string]string{"content-type": "a/b"}}, "leave one out"},
	} {
		e := meshhook.Endpoint{Path: "a", Response: &c.response}
		err := e.Validate()
		if c.want == "" {
			require.NoError(t, err)
			continue
		}
		require.Equal(t, meshhook.CodeInvalid, meshhook.ErrorCode(err))
		require.ErrorContains(t, err, c.want)
	}
}

func TestResponse_Unescaped(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		response *meshhook.Response
		want     bool
	}{
		{nil, false},
		{&meshhook.Response{ContentType: "text/xml", Body: `<a id="{{ .event.body.id }}"/>`}, true},
		{&meshhook.Response{ContentType: "text/xml", Body: `<a id="{{ .event.body.id | @html }}"/>`}, false},
		{&meshhook.Response{ContentType: "text/xml", Body: "<a x=\"{{ .a | @html }}\" y=\"{{\n.b }}\"/>"}, true},
		{&meshhook.Response{ContentType: "Text/HTML; charset=utf-8", Body: `<a href="?{{ .a | @uri }}">{{ .b }}</a>`}, true},
		{&meshhook.Response{Headers: map[string]string{"content-type": "application/soap+xml"}, Body: "{{ .a }}"}, true},
		{&meshhook.Response{ContentType: "text/html", Body: "<p>thanks</p>"}, false},
		{&meshhook.Response{ContentType: "text/plain", Body: "{{ .a }}"}, false},
		{&meshhook.Response{ContentType: "text/html", Body: map[string]any{"a": "{{ .a }}"}}, false},
	} {
		require.Equal(t, test.want, test.response.Unescaped(), test.response)
	}
}
