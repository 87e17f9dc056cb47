package signature

import (
	"hash/crc32"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// message is what a template is filled with. timestamp and id are the sender's
// own spelling, since that is what was signed.
type message struct {
	request   Request
	url       string // the variant of the request's URL that is tried
	timestamp string
	id        string
	secret    string // the identifier of the key that is tried
	document  document
	// hashed tells that the URL carries the body's hash, so the form is not signed.
	hashed bool
}

func newMessage(r Request, s Scheme) *message {
	return &message{request: r, url: r.URL, document: document{contentType: r.Header.Get("Content-Type"), body: r.Body, forms: s.Forms}}
}

// text is what a part other than the body stands for.
func (m *message) text(p part) string {
	switch p.field {
	case fieldTimestamp:
		return m.timestamp
	case fieldID:
		return m.id
	case fieldURL:
		return m.url
	case fieldMethod:
		return m.request.Method
	case fieldURI:
		return hubspotURI.Replace(m.url)
	case fieldPayload:
		if form := m.document.form(); len(form) == 1 && len(form["payload"]) == 1 {
			return form.Get("payload")
		}
		return string(m.request.Body)
	case fieldForm:
		if m.hashed {
			return ""
		}
		return formPairs(m.document.form())
	case fieldCRC32:
		return strconv.FormatUint(uint64(crc32.ChecksumIEEE(m.request.Body)), 10)
	case fieldSecret:
		return m.secret
	case fieldField:
		return m.document.value(p.operand)
	case fieldLines:
		return m.lines(p.operand)
	default:
		return p.literal
	}
}

// lines writes those of the named fields that the body has, a line for the name
// and one for the value, as Amazon SNS signs them.
func (m *message) lines(names string) string {
	var b strings.Builder
	for name := range strings.SplitSeq(names, ",") {
		name = strings.TrimSuffix(name, "?")
		if value, ok := m.document.lookup(name); ok {
			b.WriteString(name + "\n" + value + "\n")
		}
	}
	return b.String()
}

// formPairs joins a form's names and values, each name's values sorted and once,
// as Twilio's libraries do.
func formPairs(form url.Values) string {
	names := make([]string, 0, len(form))
	for name := range form {
		names = append(names, name)
	}
	slices.Sort(names)
	var b strings.Builder
	for _, name := range names {
		values := slices.Clone(form[name])
		slices.Sort(values)
		for _, value := range slices.Compact(values) {
			b.WriteString(name + value)
		}
	}
	return b.String()
}

// hubspotURI undoes the escapes that HubSpot undoes before it signs
// (developers.hubspot.com, "Validating requests").
var hubspotURI = strings.NewReplacer(
	"%3A", ":", "%3a", ":", "%2F", "/", "%2f", "/", "%3F", "?", "%3f", "?", "%40", "@", "%21", "!", "%24", "$", "%27", "'",
	"%28", "(", "%29", ")", "%2A", "*", "%2a", "*", "%2C", ",", "%2c", ",", "%3B", ";", "%3b", ";",
)

// portVariants are a URL and the same with its port or without: Twilio signs
// either, depending on the product, and says that both have to be tried.
func portVariants(raw string) []string {
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" {
		return []string{raw}
	}
	// Everything stays as it is written, since that is what was signed.
	start := strings.Index(raw, "//") + len("//")
	end := start + strings.IndexAny(raw[start:]+"/", "/?#")
	if port := u.Port(); port != "" {
		return []string{raw, strings.TrimSuffix(raw[:end], ":"+port) + raw[end:]}
	}
	port, known := map[string]string{"http": ":80", "https": ":443"}[u.Scheme]
	if !known {
		return []string{raw}
	}
	return []string{raw, strings.TrimSuffix(raw[:end], ":") + port + raw[end:]}
}
