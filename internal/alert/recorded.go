package alert

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"

	"github.com/profullstack/meshhook/internal/content"
	"github.com/profullstack/meshhook/internal/mask"
	"github.com/profullstack/meshhook/internal/meshhook"
)

// credentials are headers whose values are not shown: they are secrets even where
// they do not come out of the vault.
var credentials = []string{"Authorization", "Proxy-Authorization", "Cookie", "X-Gotify-Key", "X-Api-Key", "X-Auth-Token"}

// secretMembers are members of bodies that presets make of the URL.
var secretMembers = []string{"routing_key"}

// Recorded returns a message as the ledger of attempts may show it: without the
// values of secrets, the credentials in headers, PagerDuty's key, and all of the URL
// but scheme and host. In the URLs that chat services hand out, path and query are
// the whole of the authentication.
func Recorded(r meshhook.AlertRequest, m *mask.Masker) meshhook.AlertRequest {
	shown := meshhook.AlertRequest{URL: shownURL(r.URL), Headers: make(map[string]string, len(r.Headers)), Fallback: m.Text(r.Fallback)}
	for name, value := range r.Headers {
		if slices.Contains(credentials, http.CanonicalHeaderKey(name)) {
			value = meshhook.Mask
		}
		shown.Headers[name] = m.Text(value)
	}
	if content.IsJSON(content.MediaType(shown.Headers["Content-Type"])) && json.Valid(r.Body) {
		shown.Body = withoutMembers(m.JSON(r.Body))
	} else {
		shown.Body = []byte(m.Text(string(r.Body)))
	}
	return shown
}

// withoutMembers masks the secret members of an object, whose other bytes stay.
func withoutMembers(body []byte) []byte {
	if !slices.ContainsFunc(secretMembers, func(name string) bool { return bytes.Contains(body, []byte(`"`+name+`"`)) }) {
		return body
	}
	var members map[string]json.RawMessage
	if json.Unmarshal(body, &members) != nil {
		return body
	}
	for _, name := range secretMembers {
		if _, ok := members[name]; ok {
			members[name] = json.RawMessage(`"` + meshhook.Mask + `"`)
		}
	}
	masked, err := encode(members)
	if err != nil {
		return body
	}
	return masked
}

// shownURL is what of a URL may be shown.
func shownURL(raw string) string {
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" {
		return "(unreadable URL)"
	}
	shown := u.Scheme + "://" + u.Host
	if u.Path != "" && u.Path != "/" || u.RawQuery != "" {
		shown += "/…"
	}
	return shown
}
