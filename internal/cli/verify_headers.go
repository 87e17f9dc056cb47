package cli

import (
	"encoding/json"
	"net/http"
	"regexp"
	"strings"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// The first line of a request or an answer (RFC 9112, sections 3 and 4), and what curl -v
// puts before lines.
var (
	startLine = regexp.MustCompile(`^(HTTP/[0-9.]+ [0-9]{3}\b|[A-Z]+ \S+ HTTP/[0-9.]+$)`)
	curlSign  = regexp.MustCompile(`^[<>] ?`)
)

// parseHeaderFile reads headers that were kept: lines of "Name: value", with or without
// the first line of the request, as curl shows them, up to an empty line; or a JSON
// object of texts, or of lists of them.
func parseHeaderFile(name string, text []byte) (http.Header, error) {
	begin := strings.TrimSpace(strings.TrimPrefix(string(text), "\ufeff"))
	parse := parseHeaderLines
	if strings.HasPrefix(begin, "{") {
		parse = parseHeaderObject
	}
	headers, err := parse(name, begin)
	if err == nil && len(headers) == 0 {
		err = meshhook.Errorf(meshhook.CodeInvalid, "%s holds no headers; write a line like 'webhook-id: …' for each", name)
	}
	return headers, err
}

func parseHeaderLines(name, text string) (http.Header, error) {
	headers := http.Header{}
	number := 0
	for line := range strings.Lines(text) {
		number++
		line = strings.TrimSpace(curlSign.ReplaceAllString(strings.TrimRight(line, "\r\n"), ""))
		if line == "" {
			break
		}
		if number == 1 && startLine.MatchString(line) {
			continue
		}
		key, value, found := strings.Cut(line, ":")
		if !found || key == "" || strings.ContainsAny(key, " \t") {
			return nil, meshhook.Errorf(meshhook.CodeInvalid, "%s:%d: %q is no header; write it like 'webhook-id: …'", name, number, meshhook.Clip(line, 60))
		}
		headers.Add(key, strings.TrimSpace(value))
	}
	return headers, nil
}

// texts is a text or a list of them.
type texts []string

// UnmarshalJSON reads either.
func (t *texts) UnmarshalJSON(text []byte) error {
	var one string
	if json.Unmarshal(text, &one) == nil {
		*t = texts{one}
		return nil
	}
	return json.Unmarshal(text, (*[]string)(t))
}

func parseHeaderObject(name, text string) (http.Header, error) {
	var object map[string]texts
	if err := json.Unmarshal([]byte(text), &object); err != nil {
		return nil, meshhook.Errorf(meshhook.CodeInvalid, `%s is no JSON object of headers; write it like {"webhook-id": "…"}`, name)
	}
	headers := http.Header{}
	for key, values := range object {
		for _, value := range values {
			headers.Add(key, value)
		}
	}
	return headers, nil
}
