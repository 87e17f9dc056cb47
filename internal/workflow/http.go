package workflow

import (
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/profullstack/meshhook/internal/backoff"
	"github.com/profullstack/meshhook/internal/expr"
	"github.com/profullstack/meshhook/internal/meshhook"
)

// What an http step does that does not say otherwise.
const (
	defaultTryTimeout = 30 * time.Second
	defaultAttempts   = 5
	maxAttempts       = 100
)

func defaultPolicy() backoff.Policy {
	return backoff.Policy{Initial: time.Second, Max: 5 * time.Minute, Multiplier: 2, Jitter: 0.2}
}

// call is an HTTP request of a step. Its output is the answer.
type call struct {
	method  string // "" is GET without a body and POST with one
	url     words
	headers []header
	body    *expr.Template // nil is none
	timeout time.Duration  // of one try
	expect  []int          // statuses that are a success; none is 2xx
	retry   retry
}

// header is one header of a call.
type header struct {
	name  string
	value words
}

// retry says how often and when a call is tried again.
type retry struct {
	attempts int // in all
	policy   backoff.Policy
	maxGiven bool
}

// httpFields are the keys of http.
func httpFields() []field[call] {
	return []field[call]{
		{"method", false, readMethod},
		{"url", true, readURL},
		{"headers", false, readHeaders},
		{"body", false, func(c *checker, n *node, w *call) { w.body = c.template(n, "body") }},
		{"timeout", false, func(c *checker, n *node, w *call) { w.timeout = c.duration(n, "timeout") }},
		{"expect", false, readExpect},
		{"retry", false, readRetry},
	}
}

// retryFields are the keys of retry.
func retryFields() []field[retry] {
	return []field[retry]{
		{"attempts", false, func(c *checker, n *node, r *retry) { r.attempts = c.whole(n, "attempts", 1, maxAttempts) }},
		{"initial", false, func(c *checker, n *node, r *retry) { r.policy.Initial = c.duration(n, "initial") }},
		{"max", false, func(c *checker, n *node, r *retry) { r.policy.Max, r.maxGiven = c.duration(n, "max"), true }},
		{"multiplier", false, func(c *checker, n *node, r *retry) { r.policy.Multiplier = c.real(n, "multiplier") }},
		{"jitter", false, func(c *checker, n *node, r *retry) { r.policy.Jitter = c.real(n, "jitter") }},
	}
}

func readHTTP(c *checker, n *node, _ *stepDraft) work {
	w := &call{timeout: defaultTryTimeout, retry: retry{attempts: defaultAttempts, policy: defaultPolicy()}}
	readFields(c, n, "http", httpFields(), w)
	if w.method == "" {
		w.method = http.MethodGet
		if n.get("body") != nil {
			w.method = http.MethodPost
		}
	}
	return w
}

var methodShape = regexp.MustCompile(`^[A-Za-z][A-Za-z-]{0,19}$`)

func readMethod(c *checker, n *node, w *call) {
	method, ok := c.text(n, "method")
	w.method = strings.ToUpper(method)
	switch {
	case !ok:
	case !methodShape.MatchString(method):
		c.at(n, "%s is not an HTTP method", quote(method))
	case w.method == http.MethodConnect || w.method == http.MethodTrace:
		c.at(n, "a step cannot send %s", w.method)
	}
}

func readURL(c *checker, n *node, w *call) {
	if target, ok := line(c, n, "url", expr.ParseURL); ok {
		w.url = target
	}
}

// ourHeaders are set by MeshHook or by HTTP itself, each with the reason why a
// step cannot set it.
var ourHeaders = map[string]string{
	"Idempotency-Key":   "MeshHook sets it to the run's and the step's id, the same on every attempt",
	"Host":              "it is taken from the url",
	"Content-Length":    "it is counted from the body",
	"Transfer-Encoding": "it belongs to the connection",
	"Connection":        "it belongs to the connection",
	"Keep-Alive":        "it belongs to the connection",
	"Te":                "it belongs to the connection",
	"Trailer":           "it belongs to the connection",
	"Upgrade":           "it belongs to the connection",
}

// headerName is a token of RFC 9110, section 5.6.2.
var headerName = regexp.MustCompile("^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}$")

func readHeaders(c *checker, n *node, w *call) {
	if n.kind != mapping {
		c.at(n, "headers wants a mapping of names to values, but is %s", n.kind)
		return
	}
	seen := map[string]bool{}
	for i, key := range n.keys {
		name := http.CanonicalHeaderKey(key.scalar)
		reason, ours := ourHeaders[name]
		switch {
		case !headerName.MatchString(key.scalar):
			c.at(key, "%s is not the name of a header", quote(key.scalar))
		case ours:
			c.at(key, "the header %s cannot be set: %s", name, reason)
		case seen[name]:
			c.at(key, "the header %s is given twice", name)
		}
		seen[name] = true
		if value, ok := line(c, n.items[i], "the header "+name, expr.ParseHeader); ok {
			w.headers = append(w.headers, header{name, value})
		}
	}
}

func readExpect(c *checker, n *node, w *call) {
	items := n.items
	switch {
	case n.kind == number:
		items = []*node{n}
	case n.kind != list || len(items) == 0:
		c.at(n, "expect wants a status, or a list of them, like [200, 204]")
		return
	}
	for _, item := range items {
		w.expect = append(w.expect, c.whole(item, "expect", 200, 599))
	}
}

func readRetry(c *checker, n *node, w *call) {
	problems := len(c.problems)
	readFields(c, n, "retry", retryFields(), &w.retry)
	if !w.retry.maxGiven {
		w.retry.policy.Max = max(w.retry.policy.Max, w.retry.policy.Initial)
	}
	if err := w.retry.policy.Validate(); err != nil && len(c.problems) == problems {
		c.at(n, "retry: %v", err)
	}
}

// expects tells whether a status is a success.
func (w *call) expects(status int) bool {
	if len(w.expect) == 0 {
		return status >= 200 && status <= 299
	}
	return slices.Contains(w.expect, status)
}

func (w *call) begin(t *turn, f frame, _ *Step, record meshhook.Step) (meshhook.Step, *Task) {
	record.Attempt++
	request, failed := w.request(t, f)
	if failed != nil {
		return t.fail(record, failed.Reason, "%s", failed.Message), nil
	}
	request.Header.Set("Idempotency-Key", t.state.Run.ID.String()+"/"+record.ID)
	request.Timeout = w.timeout
	if record.Attempt == 1 { // every other try sends the same
		var err error
		if record.Input, err = request.shown(t.state.masker); err != nil {
			return t.fail(record, meshhook.FailedInternal, "the request cannot be recorded: %v", err), nil
		}
	}
	return record, &Task{Step: record, Call: request}
}

// request renders the call.
func (w *call) request(t *turn, f frame) (HTTPCall, *meshhook.Failure) {
	expression := func(what string, err error) (HTTPCall, *meshhook.Failure) {
		return HTTPCall{}, &meshhook.Failure{Reason: meshhook.FailedExpression, Message: what + ": " + err.Error()}
	}
	request := HTTPCall{Method: w.method, Header: http.Header{}}
	var err error
	if request.URL, err = w.url.Render(t.ctx, f.scope()); err != nil {
		return expression("url", err)
	}
	for _, h := range w.headers {
		value, err := h.value.Render(t.ctx, f.scope())
		if err != nil {
			return expression("the header "+h.name, err)
		}
		request.Header.Set(h.name, value)
	}
	if w.body == nil {
		return request, nil
	}
	value, err := w.body.Render(t.ctx, f.scope())
	if err != nil {
		return expression("body", err)
	}
	contentType := "application/json"
	if s, ok := value.(string); ok {
		contentType, request.Body = "text/plain; charset=utf-8", []byte(s)
	} else if request.Body, err = encodeJSON(value); err != nil {
		return expression("body", err)
	}
	if request.Header.Get("Content-Type") == "" {
		request.Header.Set("Content-Type", contentType)
	}
	return request, nil
}
