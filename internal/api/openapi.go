package api

import (
	"context"
	"encoding/json"
	"net/http"
	"reflect"
	"regexp"
	"strconv"

	"github.com/danielgtaylor/huma/v2"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// newDocument begins the OpenAPI document.
func newDocument(version string) *huma.OpenAPI {
	return &huma.OpenAPI{
		OpenAPI: "3.1.0",
		Info: &huma.Info{
			Title: "MeshHook", Version: version,
			Description: "The REST API on the admin listener. A token decides the project: make one with 'meshhook token create'.",
		},
		Components: &huma.Components{SecuritySchemes: map[string]*huma.SecurityScheme{
			"token": {Type: "http", Scheme: "bearer", BearerFormat: "mhk_ and 43 characters of base64url"},
		}},
	}
}

// describer makes the document of the routes.
type describer struct{ api huma.API }

// newDescriber tells huma of the types that JSON sees otherwise than reflection does.
func newDescriber(api huma.API) *describer {
	schemas := api.OpenAPI().Components.Schemas
	schemas.RegisterTypeAlias(reflect.TypeFor[meshhook.RateLimit](), reflect.TypeFor[rateSchema]())
	schemas.RegisterTypeAlias(reflect.TypeFor[meshhook.Role](), reflect.TypeFor[roleSchema]())
	schemas.RegisterTypeAlias(reflect.TypeFor[meshhook.Condition](), reflect.TypeFor[conditionSchema]())
	schemas.RegisterTypeAlias(reflect.TypeFor[meshhook.Signing](), reflect.TypeFor[signingSchema]())
	schemas.RegisterTypeAlias(reflect.TypeFor[meshhook.ID](), reflect.TypeFor[idSchema]())
	return &describer{api}
}

// The types that JSON sees otherwise than Go does, as huma is to see them.
type (
	rateSchema      struct{}
	roleSchema      struct{}
	conditionSchema struct{}
	signingSchema   struct{}
	idSchema        struct{}
)

// Schema describes a rate limit.
func (rateSchema) Schema(huma.Registry) *huma.Schema {
	object := &huma.Schema{
		Type: huma.TypeObject, AdditionalProperties: false, Required: []string{"value"},
		Properties: map[string]*huma.Schema{
			"type":  {Type: huma.TypeString, Enum: []any{"simple"}},
			"value": {Type: huma.TypeString, Examples: []any{"100/minute"}},
		},
	}
	return &huma.Schema{Description: "Requests in a time; a string like 100/minute is taken, too.", AnyOf: []*huma.Schema{object, {Type: huma.TypeString}}}
}

// Schema describes a role.
func (roleSchema) Schema(huma.Registry) *huma.Schema { return oneOf(meshhook.Roles()) }

// Schema describes a condition.
func (conditionSchema) Schema(huma.Registry) *huma.Schema { return oneOf(meshhook.Conditions()) }

// Schema describes a way of signing.
func (signingSchema) Schema(huma.Registry) *huma.Schema { return oneOf(meshhook.Signings()) }

// oneOf describes a text that is one of some words.
func oneOf[S ~string](list []S) *huma.Schema {
	s := &huma.Schema{Type: huma.TypeString}
	for _, word := range list {
		s.Enum = append(s.Enum, string(word))
	}
	return s
}

// Schema describes an id.
func (idSchema) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeString, Format: "uuid"}
}

var pathParameter = regexp.MustCompile(`\{(\w+)\}`)

// operation describes one route, and adds it to the document.
func (d *describer) operation(r route) *huma.Operation {
	o := &huma.Operation{
		Method: r.method, Path: r.path, OperationID: r.name, Summary: r.summary, Responses: map[string]*huma.Response{},
		Security: []map[string][]string{},
	}
	if r.role != "" {
		o.Security = []map[string][]string{{"token": {}}}
		o.Description = "Needs a token of the role " + string(r.role) + "."
	}
	for _, found := range pathParameter.FindAllStringSubmatch(r.path, -1) {
		o.Parameters = append(o.Parameters, &huma.Param{
			Name: found[1], In: "path", Required: true, Schema: &huma.Schema{Type: huma.TypeString},
			Description: "An id, or a name where things have names: the path of a webhook, percent-encoded.",
		})
	}
	for _, p := range r.query {
		s := &huma.Schema{Type: p.kind}
		for _, word := range p.words {
			s.Enum = append(s.Enum, word)
		}
		o.Parameters = append(o.Parameters, &huma.Param{Name: p.name, In: "query", Description: p.help, Schema: s})
	}
	if r.handler.body != nil {
		o.RequestBody = d.body(r)
	}
	o.Responses[strconv.Itoa(r.handler.status)] = &huma.Response{Description: "Done.", Content: d.answer(r)}
	if r.handler.dry != nil {
		o.Responses[strconv.Itoa(http.StatusOK)] = &huma.Response{
			Description: `With "dry_run": true: how it would go.`, Content: d.envelope(d.schema(r.handler.dry), false),
		}
	}
	o.Responses["default"] = &huma.Response{
		Description: "It was not done: 400 cannot be read, 401 no valid token, 403 the role does not allow it, 404 not there, 409 in conflict, 422 a value cannot be.",
		Content:     map[string]*huma.MediaType{"application/json": {Schema: d.schema(reflect.TypeFor[meshhook.ErrorAnswer]())}},
	}
	d.api.OpenAPI().AddOperation(o)
	return o
}

// schema describes a type by reference, so that clients' generators make one class of it.
func (d *describer) schema(t reflect.Type) *huma.Schema {
	return d.api.OpenAPI().Components.Schemas.Schema(t, true, t.Name())
}

// body describes what a route takes.
func (d *describer) body(r route) *huma.RequestBody {
	s := d.schema(r.handler.body)
	kind := "application/json"
	whole := d.api.OpenAPI().Components.Schemas.SchemaFromRef(s.Ref)
	needed := len(whole.Required) > 0
	if r.handler.partial {
		// A patch may leave out everything, and takes away with null.
		kind = "application/merge-patch+json"
		open := *whole
		open.Required = nil
		s = &open
	}
	return &huma.RequestBody{Required: needed, Content: map[string]*huma.MediaType{kind: {Schema: s}}}
}

// answer describes the envelope of what comes back.
func (d *describer) answer(r route) map[string]*huma.MediaType {
	if r.handler.stream {
		if r.path == Prefix+"openapi.json" {
			return map[string]*huma.MediaType{"application/openapi+json": {Schema: &huma.Schema{Type: huma.TypeObject}}}
		}
		return map[string]*huma.MediaType{"text/event-stream": {Schema: d.schema(reflect.TypeFor[meshhook.Entry]())}}
	}
	return d.envelope(d.schema(r.handler.data), r.handler.list)
}

// envelope describes a success with the data, or a page of it.
func (d *describer) envelope(data *huma.Schema, list bool) map[string]*huma.MediaType {
	envelope := &huma.Schema{Type: huma.TypeObject, Required: []string{"status", "data"}, Properties: map[string]*huma.Schema{
		"status": {Type: huma.TypeString, Enum: []any{"success"}},
		"data":   data,
	}}
	if list {
		envelope.Properties["data"] = &huma.Schema{Type: huma.TypeArray, Items: data}
		envelope.Properties["next_cursor"] = &huma.Schema{Type: huma.TypeString, Nullable: true, Description: "null on the last page."}
		envelope.Required = append(envelope.Required, "next_cursor")
	}
	return map[string]*huma.MediaType{"application/json": {Schema: envelope}}
}

// json is the finished document. It never changes, so it is made once.
func (d *describer) json() ([]byte, error) { return json.Marshal(d.api.OpenAPI()) }

// describe answers with the document.
func (h *Handler) describe(_ context.Context, c *call) (any, error) {
	c.answered = true
	c.writer.Header().Set("Content-Type", "application/openapi+json")
	c.writer.WriteHeader(http.StatusOK)
	_, _ = c.writer.Write(h.openAPI) // a client that left does not read it
	return nil, nil
}
