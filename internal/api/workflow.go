package api

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"

	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/workflow"
)

// listWorkflows leaves the documents out.
func listWorkflows(ctx context.Context, c *call) (page[meshhook.Workflow], error) {
	list, err := c.project.Workflows(ctx)
	if err != nil {
		return page[meshhook.Workflow]{}, err
	}
	return paged(c, list, func(w meshhook.Workflow) string { return w.Name })
}

// workflowView is a workflow with one of its versions.
type workflowView struct {
	meshhook.Workflow
	Digest string `json:"digest"`
	Source string `json:"source" doc:"The document as it was applied."`
}

// showWorkflow finds a version that is asked for by the workflow's id: a name could
// come to mean another one in between.
func showWorkflow(ctx context.Context, c *call) (workflowView, error) {
	number, err := c.number("version")
	if err != nil {
		return workflowView{}, err
	}
	w, err := c.project.Workflow(ctx, c.name())
	if err != nil {
		return workflowView{}, err
	}
	v, err := c.project.Version(ctx, w.ID.String(), number)
	w.Version = v.Number
	return workflowView{w, v.Digest, v.Source}, err
}

// workflowBody is a workflow's document, in one of two forms.
type workflowBody struct {
	Source     string          `json:"source,omitempty" doc:"The document as text, YAML or JSON."`
	Definition json.RawMessage `json:"definition,omitempty" doc:"The document as JSON, instead of source."`
}

// parse reads the document, with the checks of the commands.
func (b workflowBody) parse() (*workflow.Definition, string, error) {
	source := b.Source
	switch {
	case (source == "") == (len(b.Definition) == 0):
		return nil, "", meshhook.Errorf(meshhook.CodeInvalid, "give the document in one form: source or definition")
	case source == "":
		source = string(b.Definition)
	}
	definition, err := workflow.Parse("workflow", []byte(source))
	return definition, source, err
}

// applyWorkflow is idempotent: a document that says what the newest version says
// makes no new one, whatever its spaces and comments.
func applyWorkflow(ctx context.Context, c *call, body *workflowBody) (meshhook.Applied, error) {
	definition, source, err := body.parse()
	if err != nil {
		return meshhook.Applied{}, err
	}
	return c.apply(ctx, definition, source)
}

// updateWorkflow is applyWorkflow for a workflow that is there, and refuses a document
// of another name: it would silently make another workflow.
func updateWorkflow(ctx context.Context, c *call, body *workflowBody) (meshhook.Applied, error) {
	definition, source, err := body.parse()
	if err != nil {
		return meshhook.Applied{}, err
	}
	w, err := c.project.Workflow(ctx, c.name())
	if err != nil {
		return meshhook.Applied{}, err
	}
	if definition.Name != w.Name {
		return meshhook.Applied{}, meshhook.Errorf(meshhook.CodeInvalid, "the document is of a workflow %q, not of %q; the name of a workflow stays", clip(definition.Name), w.Name)
	}
	return c.apply(ctx, definition, source)
}

// apply stores a document that was parsed; a new workflow is a 201.
func (c *call) apply(ctx context.Context, d *workflow.Definition, source string) (meshhook.Applied, error) {
	applied, err := c.project.Apply(ctx, d.Name, d.Description, meshhook.Version{Digest: d.Digest(), Source: source, RunLimit: d.RunLimit()})
	if applied.Created && err == nil {
		c.status = http.StatusCreated
		c.writer.Header().Set("Location", Prefix+"workflows/"+applied.Workflow.ID.String())
	}
	if err == nil {
		applied.Warnings, err = c.doubts(ctx, d)
	}
	return applied, err
}

// doubts are the warnings of a document, and the secrets that it lacks.
func (c *call) doubts(ctx context.Context, d *workflow.Definition) (list []string, err error) {
	for _, w := range d.Warnings() {
		list = append(list, w.String())
	}
	vault, err := c.project.Secrets(ctx)
	return append(list, d.MissingSecrets(vault)...), err
}

// deleteWorkflow refuses with CodeConflict while a webhook or a run needs it.
func deleteWorkflow(ctx context.Context, c *call) (deleted, error) {
	return c.gone(c.project.DeleteWorkflow(ctx, c.name()))
}

// listVersions has its own paging: versions are known by number, newest first.
func listVersions(ctx context.Context, c *call) (p page[meshhook.Version], err error) {
	limit, err := c.limit()
	if err != nil {
		return p, err
	}
	below, err := c.number("cursor")
	if err != nil {
		return p, err
	}
	list, err := c.project.Versions(ctx, c.name())
	if err != nil {
		return p, err
	}
	for _, v := range list { // newest first
		switch {
		case below != 0 && v.Number >= below:
		case len(p.items) == limit:
			p.next = strconv.Itoa(p.items[limit-1].Number)
			return p, nil
		default:
			p.items = append(p.items, v)
		}
	}
	return p, nil
}
