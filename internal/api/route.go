package api

import (
	"context"
	"net/http"
	"reflect"
	"strings"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// route is one thing that the API does: how it is asked for, by whom, and what
// comes back.
type route struct {
	method, path string
	// role is the least that a token must have; "" asks for no token.
	role meshhook.Role
	// name is the operation's id in the OpenAPI document.
	name    string
	summary string
	query   []parameter
	// maxBody bounds the body, in bytes; 0 takes maxBody.
	maxBody int64
	handler handler
}

// parameter is one that stands behind the question mark.
type parameter struct {
	name, kind, help string
	words            []string
}

// handler does what a route says.
type handler struct {
	do func(ctx context.Context, c *call) (any, error)
	// status of the answer when all goes well.
	status int
	// data is the type of what comes back, and list tells that it is a list of it.
	data reflect.Type
	list bool
	// dry is the type of what comes back, with a 200, for "dry_run": true; nil where
	// that is not taken.
	dry reflect.Type
	// body is the type of what is taken; nil for nothing.
	body reflect.Type
	// partial tells that no field of the body is needed.
	partial bool
	// stream tells that the answer is no JSON document.
	stream bool
}

// one answers with one thing.
func one[T any](do func(ctx context.Context, c *call) (T, error)) handler {
	return handler{status: http.StatusOK, data: reflect.TypeFor[T](), do: func(ctx context.Context, c *call) (any, error) {
		data, err := do(ctx, c)
		return success{"success", data}, err
	}}
}

// many answers with a page of a list.
func many[T any](do func(ctx context.Context, c *call) (page[T], error)) handler {
	return handler{status: http.StatusOK, data: reflect.TypeFor[T](), list: true, do: func(ctx context.Context, c *call) (any, error) {
		p, err := do(ctx, c)
		if p.items == nil {
			p.items = []T{}
		}
		answer := successes{success: success{"success", p.items}}
		if p.next != "" {
			answer.NextCursor = &p.next
		}
		return answer, err
	}}
}

// taking answers with one thing, for a body.
func taking[B, T any](do func(ctx context.Context, c *call, body *B) (T, error)) handler {
	h := one(func(ctx context.Context, c *call) (data T, err error) {
		body := new(B)
		if len(c.body) == 0 {
			c.body = []byte("{}")
		}
		if err := decode(c.body, body); err != nil {
			return data, err
		}
		return do(ctx, c, body)
	})
	h.body = reflect.TypeFor[B]()
	return h
}

// patching is taking for a merge patch of B, which the handler reads itself.
func patching[B, T any](do func(ctx context.Context, c *call) (T, error)) handler {
	h := one(do)
	h.body, h.partial = reflect.TypeFor[B](), true
	return h
}

// created is a handler that makes something.
func (h handler) created() handler {
	h.status = http.StatusCreated
	return h
}

// knownParameters ends a message about one that is not known.
func (to route) knownParameters() string {
	if len(to.query) == 0 {
		return "; there are none"
	}
	names := make([]string, len(to.query))
	for i, p := range to.query {
		names[i] = p.name
	}
	return "; there are " + strings.Join(names, ", ")
}

// with joins lists of parameters.
func with(parameters ...[]parameter) (all []parameter) {
	for _, list := range parameters {
		all = append(all, list...)
	}
	return all
}

// words makes texts of a noun's states.
func words[S ~string](states []S) []string {
	texts := make([]string, len(states))
	for i, s := range states {
		texts[i] = string(s)
	}
	return texts
}
