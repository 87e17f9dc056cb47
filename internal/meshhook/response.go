package meshhook

import (
	"mime"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"
)

// FromRun is the Response.From that answers with the output of the run.
const FromRun = "run"

// Limits of how long a sender waits for a run.
const (
	DefaultResponseTimeout = 10 * time.Second
	MinResponseTimeout     = 100 * time.Millisecond
	MaxResponseTimeout     = 30 * time.Second
)

// Response is an endpoint's own answer to an accepted request.
type Response struct {
	// From is "" for the answer that stands here, or FromRun: the sender waits for
	// the run that the request started, and gets its output.
	From string `json:"from,omitempty" yaml:"from" doc:"run: the answer is the output of the run; left out, it stands here."`
	// Timeout is how long the sender waits at most; then it gets the standard
	// answer, and the run goes on.
	Timeout Duration `json:"timeout,omitzero" yaml:"timeout" doc:"How long the sender of a response from the run waits, 100ms to 30s; 10s when left out."`
	Status  int      `json:"status,omitempty" yaml:"status" doc:"200 to 299; 202 when left out, or 200 for a response from the run."`
	// ContentType is that of the body; left out, it is JSON's or plain text's.
	ContentType string            `json:"content_type,omitempty" yaml:"content_type" doc:"Of the body; JSON's or plain text's when left out."`
	Headers     map[string]string `json:"headers,omitempty" yaml:"headers" doc:"Templates over {event, run}."`
	// Body is sent as JSON, or as it stands when it is a string; nil sends none.
	Body any `json:"body,omitempty" yaml:"body" doc:"A template: sent as JSON, or as it stands when it is a string."`
}

// Bodiless tells whether the status is one of an answer without a body.
func (r *Response) Bodiless() bool {
	return r.Status == http.StatusNoContent || r.Status == http.StatusResetContent
}

// interpolated finds what a template puts into a text.
var interpolated = regexp.MustCompile(`(?s)\{\{.*?\}\}`)

// Unescaped tells whether the answer is HTML or XML, written as text, into which it puts
// values as they are: with what their sender wrote in them.
func (r *Response) Unescaped() bool {
	if r == nil {
		return false
	}
	contentType := r.ContentType
	for name, value := range r.Headers {
		if strings.EqualFold(name, "Content-Type") {
			contentType = value
		}
	}
	text, isText := r.Body.(string)
	contentType = strings.ToLower(contentType)
	if !isText || !strings.Contains(contentType, "html") && !strings.Contains(contentType, "xml") {
		return false
	}
	return slices.ContainsFunc(interpolated.FindAllString(text, -1), func(part string) bool {
		return !strings.Contains(part, "@html") && !strings.Contains(part, "@uri")
	})
}

func (r *Response) validate() error {
	if r == nil {
		return nil
	}
	if err := r.validateFrom(); err != nil {
		return err
	}
	if r.Status < 200 || r.Status > 299 {
		return Errorf(CodeInvalid, "a response status of %d would tell senders that their request failed; use 200 to 299", r.Status)
	}
	if empty := r.Body == nil || r.Body == ""; r.Bodiless() && (!empty || r.ContentType != "") {
		return Errorf(CodeInvalid, "a response of status %d has no body; leave body and content_type out, or use 200", r.Status)
	}
	return r.validateHeaders()
}

// validateFrom checks where the answer comes from, and fills in what follows from that.
func (r *Response) validateFrom() error {
	switch {
	case r.From != "" && r.From != FromRun:
		return Errorf(CodeInvalid, "%q is nothing that a response comes from; write run, or leave it out", r.From)
	case r.From == "" && r.Timeout != 0:
		return Errorf(CodeInvalid, "the response has a timeout and nothing to wait for; add 'from: run', or leave it out")
	case r.From == "" && r.Status == 0:
		r.Status = http.StatusAccepted
	}
	if r.From == "" {
		return nil
	}
	if r.Body != nil {
		return Errorf(CodeInvalid, "the response comes from the run, whose output is the body; leave body out")
	}
	if r.Status == 0 {
		r.Status = http.StatusOK
	}
	if r.Timeout == 0 {
		r.Timeout = Duration(DefaultResponseTimeout)
	}
	if t := r.Timeout.Std(); t < MinResponseTimeout || t > MaxResponseTimeout {
		return Errorf(CodeInvalid, "a response timeout of %s is out of range; use 100ms to 30s", r.Timeout)
	}
	return nil
}

var (
	// token is what can name a header (RFC 9110, section 5.6.2).
	token = regexp.MustCompile("^[A-Za-z0-9!#$%&'*+.^_`|~-]+$")

	// connectionHeaders belong to the connection and not to an answer.
	connectionHeaders = []string{
		"Connection", "Content-Length", "Keep-Alive", "Proxy-Connection", "Te", "Trailer", "Transfer-Encoding", "Upgrade",
	}
)

func (r *Response) validateHeaders() error {
	for name := range r.Headers {
		canonical := http.CanonicalHeaderKey(name)
		switch {
		case !token.MatchString(name):
			return Errorf(CodeInvalid, "%q cannot name a header of the response", name)
		case slices.Contains(connectionHeaders, canonical):
			return Errorf(CodeInvalid, "a response cannot set the header %s, which belongs to the connection; leave it out", canonical)
		case canonical == "Content-Type" && r.ContentType != "":
			return Errorf(CodeInvalid, "the response has a content_type and a header Content-Type; leave one out")
		}
	}
	if r.ContentType == "" {
		return nil
	}
	if kind, _, err := mime.ParseMediaType(r.ContentType); err != nil || !strings.Contains(kind, "/") {
		return Errorf(CodeInvalid, "%q is not a content type; write it like text/xml; charset=utf-8", r.ContentType)
	}
	return nil
}
