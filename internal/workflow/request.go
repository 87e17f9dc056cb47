package workflow

import (
	"encoding/base64"
	"encoding/json"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/profullstack/meshhook/internal/content"
	"github.com/profullstack/meshhook/internal/mask"
	"github.com/profullstack/meshhook/internal/meshhook"
)

// credentials are headers whose values are not recorded: they are secrets even
// where they do not come out of the vault.
var credentials = []string{"Authorization", "Proxy-Authorization", "Cookie"}

// shown is a request as it is recorded.
type shown struct {
	Method        string            `json:"method"`
	URL           string            `json:"url"`
	Headers       map[string]string `json:"headers"`
	Body          any               `json:"body,omitempty"`
	BodyBase64    string            `json:"body_base64,omitempty"`
	BodyTruncated bool              `json:"body_truncated,omitempty"`
}

// shown returns the request as it is recorded: {method, url, headers, body}. The
// names of headers are in lower case, as those of answers are; a body of JSON
// stands as it is, any other as text or body_base64. A body over 256 KiB is cut to
// text, with body_truncated: true. What of a secret stands at the cut is masked
// here, since nobody finds it later.
func (c *HTTPCall) shown(m *mask.Masker) (json.RawMessage, error) {
	r := shown{Method: c.Method, URL: c.URL, Headers: make(map[string]string, len(c.Header))}
	for name, values := range c.Header {
		value := strings.Join(values, ", ")
		if slices.Contains(credentials, name) {
			value = meshhook.Mask
		}
		r.Headers[strings.ToLower(name)] = content.Legible(value)
	}
	body := c.Body
	if len(body) > maxAnswer {
		body, r.BodyTruncated = cutBody(body[:maxAnswer], m), true
	}
	switch {
	case len(body) == 0:
	case !r.BodyTruncated && content.IsJSON(content.MediaType(c.Header.Get("Content-Type"))) && json.Valid(body):
		r.Body = json.RawMessage(body)
	case utf8.Valid(body):
		r.Body = string(body)
	default:
		r.BodyBase64 = base64.StdEncoding.EncodeToString(body)
	}
	return encodeJSON(r)
}
