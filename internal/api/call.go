package api

import (
	"crypto/sha256"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// call is one request of somebody who may make it.
type call struct {
	*Handler

	writer  http.ResponseWriter
	request *http.Request
	token   meshhook.Token
	digest  [sha256.Size]byte
	project Project
	query   url.Values
	// body is the request's body, as it came; nil for none.
	body []byte
	// status of the answer, where it is not the route's own.
	status int
	// answered tells that the handler has written the answer itself.
	answered bool
}

// serve takes a request through what every route has in common.
func (h *Handler) serve(w http.ResponseWriter, r *http.Request, to route) {
	begin := time.Now()
	c := &call{Handler: h, writer: w, request: r, status: to.handler.status}
	answer, err := c.run(to)
	if err == nil && !c.answered {
		err = write(w, c.status, answer)
	}
	if err != nil {
		c.status = h.fail(w, r, err)
	}
	h.Log.Debug("api", "method", r.Method, "route", to.path, "status", c.status, "token", c.token.Name, "project_id", c.token.ProjectID, "duration", time.Since(begin))
}

// run asks in the order in which the least is given away: who it is, what was asked
// for, and only then for the body.
func (c *call) run(to route) (answer any, err error) {
	if to.role != "" {
		if c.token, c.digest, err = c.authenticate(c.writer, c.request, to.role); err != nil {
			return nil, err
		}
		c.project = c.Store.View(c.token.ProjectID, c.actor())
	}
	if !storable(c.name()) {
		return nil, meshhook.Errorf(meshhook.CodeNotFound, "there is nothing of this name")
	}
	if err := c.readQuery(to); err != nil {
		return nil, err
	}
	if to.handler.body != nil {
		if err := c.readBody(to); err != nil {
			return nil, err
		}
	}
	return to.handler.do(c.request.Context(), c)
}

// actor is the caller, as the audit log names it.
func (c *call) actor() meshhook.Actor { return meshhook.Actor("token:" + c.token.Name) }

// malformed is an error of a request that cannot be read.
func malformed(format string, args ...any) error {
	return meshhook.Errorf(meshhook.CodeMalformed, format, args...)
}

// readQuery reads the parameters behind the question mark: those that the route
// knows, once each.
func (c *call) readQuery(to route) (err error) {
	if c.query, err = url.ParseQuery(c.request.URL.RawQuery); err != nil {
		return malformed("the query of the URL cannot be read; percent-encode what is special in it")
	}
	for name, values := range c.query {
		if !slices.ContainsFunc(to.query, func(p parameter) bool { return p.name == name }) {
			return malformed("there is no parameter %q here%s", clip(name), to.knownParameters())
		}
		if len(values) > 1 {
			return malformed("the parameter %s stands there %d times; give it once", name, len(values))
		}
		if !storable(values[0]) {
			return malformed("the parameter %s holds NUL or is not UTF-8", name)
		}
	}
	return nil
}

// storable tells whether a text can be the name of anything: Postgres takes no other.
func storable(text string) bool { return utf8.ValidString(text) && !strings.Contains(text, "\x00") }

// maxBody bounds the body of a request to a route that says nothing else, in bytes.
const maxBody = 1 << 20

// readBody reads the whole body, bounded, before anything is decoded of it.
func (c *call) readBody(to route) error {
	if encoding := c.request.Header.Get("Content-Encoding"); encoding != "" && encoding != "identity" {
		return meshhook.Errorf(meshhook.CodeUnsupportedMediaType, "bodies are taken as they are, not in the content encoding %q", clip(encoding))
	}
	limit := int64(maxBody)
	if to.maxBody > 0 {
		limit = to.maxBody
	}
	text, err := io.ReadAll(http.MaxBytesReader(c.writer, c.request.Body, limit))
	if _, large := errors.AsType[*http.MaxBytesError](err); large {
		return meshhook.Errorf(meshhook.CodePayloadTooLarge, "the body is larger than %d bytes", limit)
	}
	if err != nil {
		return malformed("the body did not arrive whole")
	}
	if len(text) > 0 {
		if err := checkContentType(c.request); err != nil {
			return err
		}
		c.body = text
	}
	return nil
}

// checkContentType wants JSON. A body without a type is taken for it.
func checkContentType(r *http.Request) error {
	header := r.Header.Get("Content-Type")
	kind, _, err := mime.ParseMediaType(header)
	switch {
	case header == "", err == nil && kind == "application/json":
		return nil
	case err == nil && kind == "application/merge-patch+json" && r.Method == http.MethodPatch:
		return nil
	}
	return meshhook.Errorf(meshhook.CodeUnsupportedMediaType, "the body must be JSON; send it with 'Content-Type: application/json', not %q", clip(header))
}

// id is the path's parameter {id}, which is an id. One that cannot be is not there.
func (c *call) id(noun string) (meshhook.ID, error) {
	text := c.request.PathValue("id")
	id, err := meshhook.ParseID(text)
	if err != nil {
		return id, meshhook.Errorf(meshhook.CodeNotFound, "there is no %s %q", noun, clip(text))
	}
	return id, nil
}

// name is the path's parameter {id}, which is a name or an id.
func (c *call) name() string { return c.request.PathValue("id") }

const (
	defaultLimit = 50
	maxLimit     = 1000
)

// limit is how many entries a page has.
func (c *call) limit() (int, error) {
	text := c.query.Get("limit")
	if text == "" {
		return defaultLimit, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > maxLimit {
		return 0, malformed("limit=%s cannot be; it is a whole number from 1 to %d", clip(text), maxLimit)
	}
	return n, nil
}

// before is the cursor of a list that is ordered by its ids.
func (c *call) before() (id meshhook.ID, err error) {
	text := c.query.Get("cursor")
	if text == "" {
		return id, nil
	}
	if id, err = meshhook.ParseID(text); err != nil {
		return id, malformed("cursor=%s cannot be; take next_cursor of the page before", clip(text))
	}
	return id, nil
}

// moment is a time, or a duration before now; zero when it is not given.
func (c *call) moment(name string) (time.Time, error) {
	text := c.query.Get(name)
	if text == "" {
		return time.Time{}, nil
	}
	at, err := meshhook.ParseMoment(text, time.Now())
	if err != nil {
		return at, malformed("%s=%s cannot be; %s", name, clip(text), err.Error())
	}
	return at, nil
}

// word is one of some words, or "".
func (c *call) word(name string, words []string) (string, error) {
	text := c.query.Get(name)
	if text != "" && !slices.Contains(words, text) {
		return "", malformed("%s=%s cannot be; use %s", name, clip(text), strings.Join(words, ", "))
	}
	return text, nil
}

// number is a whole number from 1 on, or 0 when it is not given.
func (c *call) number(name string) (int, error) {
	text := c.query.Get(name)
	if text == "" {
		return 0, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		return 0, malformed("%s=%s cannot be; it is a whole number from 1 on", name, clip(text))
	}
	return n, nil
}

// errorAs finds the error of ours in a chain.
func errorAs(err error) (*meshhook.Error, bool) { return errors.AsType[*meshhook.Error](err) }
