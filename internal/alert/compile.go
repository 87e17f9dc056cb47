package alert

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/profullstack/meshhook/internal/content"
	"github.com/profullstack/meshhook/internal/expr"
	"github.com/profullstack/meshhook/internal/meshhook"
)

// Program is a checked and compiled alert. It does not change once it is made and
// is for concurrent use.
type Program struct {
	alert       meshhook.Alert
	preset      preset
	when        *expr.Program // nil narrows nothing
	throttleKey *expr.Program // nil is the default key
	url         *expr.Text
	headers     []header
	payload     *expr.Template // nil is the preset's own message
	// members are those top-level members of payload that the preset needs itself, so
	// that its own message can be sent when payload fails.
	members map[string]*expr.Template
	reads   []string
}

// header is one header of the owner's.
type header struct {
	name  string
	value *expr.Text
}

// Compile checks an alert, after WithDefaults, and compiles its expressions. All
// that is wrong stands in one CodeInvalid error: its Details name each place by
// JSON Pointer, in the names of the API (/on/0, /quiet_hours/from).
func Compile(a meshhook.Alert) (*Program, error) {
	a = WithDefaults(a)
	c := &compiler{program: &Program{alert: a, members: map[string]*expr.Template{}}, read: map[string]bool{}}
	c.conditions(a)
	c.preset(a.Preset)
	c.expressions(a)
	c.url(a.URL)
	c.headers(a.Headers, a.Signing)
	c.payload(a.Payload)
	c.addressee(a)
	c.times(a)
	if !slices.Contains(meshhook.Signings(), a.Signing) {
		c.at("/signing", "%q is not a way to sign; write %s", a.Signing, oneOf(meshhook.Signings()))
	}
	if len(a.Description) > maxDescription {
		c.at("/description", "the description is longer than %d bytes", maxDescription)
	}
	if len(c.problems) > 0 {
		return nil, c.failed()
	}
	c.program.reads = slices.Sorted(maps.Keys(c.read))
	return c.program, nil
}

// Alert returns the alert, its defaults filled in.
func (p *Program) Alert() meshhook.Alert { return p.alert }

// References returns what the expressions read of Subject.Context, sorted, as
// expr.Program.References does: "run.error", "secrets.token".
func (p *Program) References() []string { return slices.Clone(p.reads) }

// Secrets returns the names of the vault's secrets that the expressions read, so
// that others need not be opened. all tells that it cannot be seen which they are.
func (p *Program) Secrets() (names []string, all bool) {
	for _, read := range p.reads {
		if name, ok := strings.CutPrefix(read, "secrets."); ok {
			names = append(names, name)
		}
		all = all || read == "." || read == "secrets"
	}
	return names, all
}

// compiler collects what is wrong.
type compiler struct {
	program  *Program
	read     map[string]bool
	problems []meshhook.Problem
}

func (c *compiler) at(path, format string, args ...any) {
	c.problems = append(c.problems, meshhook.Problem{Path: path, Message: fmt.Sprintf(format, args...)})
}

// failed is the error of all problems.
func (c *compiler) failed() error {
	message := c.problems[0].Message
	if more := len(c.problems) - 1; more > 0 {
		message += fmt.Sprintf(" (and %d more)", more)
	}
	return &meshhook.Error{Code: meshhook.CodeInvalid, Message: message, Details: c.problems}
}

// wrong records the error of an expression.
func (c *compiler) wrong(path string, err error) {
	if e, ok := errors.AsType[*meshhook.Error](err); ok && len(e.Details) > 0 {
		for _, problem := range e.Details {
			c.at(path+problem.Path, "%s", problem.Message)
		}
		return
	}
	c.at(path, "%s", err.Error())
}

func (c *compiler) reads(names []string) {
	for _, name := range names {
		c.read[name] = true
	}
}

func (c *compiler) preset(name string) {
	found, ok := presets[name]
	if !ok {
		c.at("/preset", "%q is not a preset; write %s", name, oneOf(Presets()))
		found = presets[PresetGeneric]
	}
	c.program.preset = found
}

func (c *compiler) expressions(a meshhook.Alert) {
	c.program.when = c.expression("/when", a.When)
	c.program.throttleKey = c.expression("/throttle_key", a.ThrottleKey)
	if a.ThrottleKey != "" && a.Throttle == 0 {
		c.at("/throttle_key", "throttle_key says what shares a throttle, which is missing; give throttle, like 5m")
	}
}

// expression compiles an expression; nil for none.
func (c *compiler) expression(path, source string) *expr.Program {
	if source == "" {
		return nil
	}
	compiled, err := expr.Compile(source)
	if err != nil {
		c.wrong(path, err)
		return nil
	}
	c.reads(compiled.References())
	return compiled
}

func (c *compiler) url(source string) {
	switch {
	case strings.TrimSpace(source) == "":
		c.at("/url", "an alert needs a url to send to, like https://example.com/alerts")
		return
	case len(source) > maxURL:
		c.at("/url", "the url is longer than %d bytes", maxURL)
		return
	}
	compiled, err := expr.ParseURL(source)
	if err != nil {
		c.wrong("/url", err)
		return
	}
	c.reads(compiled.References())
	c.program.url = compiled
}

// ourHeaders are set by MeshHook or by HTTP itself, each with the reason why an
// alert cannot set it.
var ourHeaders = map[string]string{
	"Host":              "it is taken from the url",
	"Content-Length":    "it is counted from the body",
	"Content-Encoding":  "bodies are sent as they are",
	"Transfer-Encoding": "it belongs to the connection",
	"Connection":        "it belongs to the connection",
	"Keep-Alive":        "it belongs to the connection",
	"Te":                "it belongs to the connection",
	"Trailer":           "it belongs to the connection",
	"Upgrade":           "it belongs to the connection",
}

// headerName is a token of RFC 9110, section 5.6.2.
var headerName = regexp.MustCompile("^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}$")

func (c *compiler) headers(given map[string]string, signing meshhook.Signing) {
	if len(given) > maxHeaders {
		c.at("/headers", "there are %d headers; at most %d are sent", len(given), maxHeaders)
		return
	}
	seen := map[string]bool{}
	for _, key := range slices.Sorted(maps.Keys(given)) {
		path, name := "/headers/"+pointer(key), http.CanonicalHeaderKey(key)
		reason, ours := ourHeaders[name]
		switch {
		case !headerName.MatchString(key):
			c.at(path, "%q is not the name of a header", meshhook.Clip(key, 60))
		case ours:
			c.at(path, "the header %s cannot be set: %s", name, reason)
		case strings.HasPrefix(name, "Webhook-"):
			c.at(path, "the header %s cannot be set: MeshHook names and signs messages by headers that begin with webhook-", name)
		case signing == meshhook.SigningHMAC && (name == headerHMAC || name == headerHMACPrevious):
			c.at(path, "the header %s cannot be set: it holds the signature; give signing none to leave that out", name)
		case seen[name]:
			c.at(path, "the header %s is given twice", name)
		case len(given[key]) > maxHeader:
			c.at(path, "the header %s is longer than %d bytes", name, maxHeader)
		default:
			c.header(path, name, given[key])
		}
		seen[name] = true
	}
}

func (c *compiler) header(path, name, source string) {
	value, err := expr.ParseHeader(source)
	if err != nil {
		c.wrong(path, err)
		return
	}
	c.reads(value.References())
	c.program.headers = append(c.program.headers, header{name, value})
}

func (c *compiler) payload(source json.RawMessage) {
	if len(source) == 0 {
		return
	}
	if len(source) > maxPayload {
		c.at("/payload", "the payload is longer than %d bytes", maxPayload)
		return
	}
	value, err := content.Decode(source)
	switch {
	case err != nil:
		c.at("/payload", "the payload is not JSON: %s", err)
		return
	case value == nil:
		return // as if it were not given
	}
	if c.program.payload = c.template("/payload", value); c.program.payload == nil {
		return
	}
	members, _ := value.(map[string]any)
	for _, needed := range c.program.preset.needs {
		if member, ok := members[needed.name]; ok {
			c.program.members[needed.name] = c.template("/payload/"+needed.name, member)
		}
	}
}

func (c *compiler) template(path string, value any) *expr.Template {
	compiled, err := expr.ParseTemplate(value)
	if err != nil {
		c.wrong(path, err)
		return nil
	}
	c.reads(compiled.References())
	return compiled
}

// addressee checks that what the preset needs to know can come from somewhere.
func (c *compiler) addressee(a meshhook.Alert) {
	if c.program.url == nil || strings.HasPrefix(strings.TrimSpace(a.URL), "{{") {
		return // nobody can see yet what that gives
	}
	_, query, _ := strings.Cut(a.URL, "?")
	for _, needed := range c.program.preset.needs {
		_, given := c.program.members[needed.name]
		inURL := slices.ContainsFunc(strings.Split(query, "&"), func(pair string) bool {
			name, _, _ := strings.Cut(pair, "=")
			name, err := url.QueryUnescape(name)
			return err == nil && name == needed.name
		})
		if needed.required && !given && !inURL {
			c.at("/url", "the preset %s needs %s; write it into the url, like %s", a.Preset, needed.name, needed.example)
		}
	}
}

// pointer escapes a name for a JSON Pointer (RFC 6901, section 3).
func pointer(name string) string {
	return strings.NewReplacer("~", "~0", "/", "~1").Replace(name)
}

// oneOf lists words: "a, b or c".
func oneOf[T ~string](words []T) string {
	var b strings.Builder
	for i, word := range words {
		switch {
		case i == 0:
		case i == len(words)-1:
			b.WriteString(" or ")
		default:
			b.WriteString(", ")
		}
		b.WriteString(string(word))
	}
	return b.String()
}
