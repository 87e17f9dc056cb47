package manifest

import (
	"encoding/json"
	"slices"

	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/workflow"
)

// Kind is what a document describes.
type Kind string

// The kinds, in the order in which they are made: each names those before it.
const (
	KindWorkflow Kind = "workflow"
	KindWebhook  Kind = "webhook"
	KindAlert    Kind = "alert"
)

// Action is what is done with a thing.
type Action string

// The actions.
const (
	Create Action = "create"
	Update Action = "update"
	Delete Action = "delete"
)

// Present is what a project has.
type Present struct {
	// Workflows are the newest versions, with their sources.
	Workflows []meshhook.Version
	Webhooks  []meshhook.Endpoint
	Alerts    []meshhook.Alert
	// WebhookSecrets and AlertSecrets are the newest active secrets, by the id of what
	// they are of.
	WebhookSecrets map[meshhook.ID]meshhook.Secret
	AlertSecrets   map[meshhook.ID]meshhook.Secret
	// Vault are the secrets of the vault by name.
	Vault map[string]meshhook.Secret
}

// Plan is what has to be done with a project, in this order.
type Plan struct {
	Changes []Change `json:"changes"`
	// Unchanged counts what is described and is so already.
	Unchanged int `json:"unchanged"`
}

// Change is what has to be done with one thing.
type Change struct {
	Action Action `json:"action"`
	Kind   Kind   `json:"kind"`
	Name   string `json:"name"`
	// Fields are what changes of a thing that stays.
	Fields []FieldChange `json:"fields,omitempty"`
	// Secret is one that was made: it is shown this once.
	Secret string `json:"secret,omitempty"`
	// PublicKey is what the recipient of an alert signed by v1a checks signatures by.
	PublicKey string `json:"public_key,omitempty"`

	// Workflow, Webhook or Alert is what it becomes; nil for one that is deleted.
	Workflow *Workflow `json:"-"`
	Webhook  *Webhook  `json:"-"`
	Alert    *Alert    `json:"-"`
	// WasVersion is the number of the workflow's newest version now, WasWebhook and
	// WasAlert are what it is now; 0 and nil for one that is new.
	WasVersion int                `json:"-"`
	WasWebhook *meshhook.Endpoint `json:"-"`
	WasAlert   *meshhook.Alert    `json:"-"`
	// Given is the secret that it gets; zero for none. Generated tells that it was made,
	// and is to be shown.
	Given     meshhook.Secret `json:"-"`
	Generated bool            `json:"-"`
}

// FieldChange is one key of a document that changes. Of what may be a credential the
// values are masked.
type FieldChange struct {
	Key string          `json:"key"`
	Old json.RawMessage `json:"old,omitempty"`
	New json.RawMessage `json:"new,omitempty"`
	// OldText and NewText are the values as a document has them, for people.
	OldText string `json:"-"`
	NewText string `json:"-"`
}

// Empty tells that nothing has to be done.
func (p *Plan) Empty() bool { return len(p.Changes) == 0 }

// Deletes are the things that are deleted.
func (p *Plan) Deletes() (list []Change) {
	for _, c := range p.Changes {
		if c.Action == Delete {
			list = append(list, c)
		}
	}
	return list
}

// Secrets reads what a Reference to an environment or a file names.
type Secrets func(*Reference) (meshhook.Secret, error)

// planner compares a manifest with what a project has.
type planner struct {
	*Manifest
	have    Present
	prune   bool
	secrets Secrets
	plan    Plan
	gone    []Change
}

// Plan says what has to be done so that a project has what the documents describe, and,
// with prune, nothing else. What stands in the way is one CodeInvalid error, whose cause
// is workflow.Problems: what is named and is not there, secrets that cannot be read.
func (m *Manifest) Plan(have Present, prune bool, secrets Secrets) (*Plan, error) {
	p := &planner{Manifest: m, have: have, prune: prune, secrets: secrets}
	p.workflows()
	p.webhooks()
	p.alerts()
	kinds := []Kind{KindAlert, KindWebhook, KindWorkflow} // each names those behind it
	slices.SortStableFunc(p.gone, func(a, b Change) int { return slices.Index(kinds, a.Kind) - slices.Index(kinds, b.Kind) })
	p.plan.Changes = append(p.plan.Changes, p.gone...)
	if err := m.problems().Err(); err != nil {
		for _, s := range m.sections {
			s.Forget() // it is about this state of the project, and not to be said again
		}
		return nil, err
	}
	if p.plan.Changes == nil {
		p.plan.Changes = []Change{}
	}
	return &p.plan, nil
}

func (p *planner) add(c Change) { p.plan.Changes = append(p.plan.Changes, c) }

// remove deletes a thing that no document describes, if that is wanted.
func (p *planner) remove(kind Kind, name string) {
	if p.prune {
		p.gone = append(p.gone, Change{Action: Delete, Kind: kind, Name: name})
	}
}

func (p *planner) workflows() {
	described := map[string]bool{}
	for _, w := range p.Workflows {
		name := w.Definition.Name
		described[name] = true
		i := slices.IndexFunc(p.have.Workflows, func(v meshhook.Version) bool { return v.Workflow == name })
		switch {
		case i < 0:
			p.add(Change{Action: Create, Kind: KindWorkflow, Name: name, Workflow: w})
		case p.have.Workflows[i].Digest == w.Definition.Digest():
			p.plan.Unchanged++
		default:
			was := p.have.Workflows[i]
			p.add(Change{Action: Update, Kind: KindWorkflow, Name: name, Workflow: w, WasVersion: was.Number, Fields: []FieldChange{
				changed("version", number(was.Number), number(was.Number+1)),
				{Key: "source", OldText: was.Source, NewText: w.Source},
			}})
		}
	}
	for _, v := range p.have.Workflows {
		if !described[v.Workflow] {
			p.remove(KindWorkflow, v.Workflow)
		}
	}
}

// knows notes it when a name means nothing that will be there.
func (p *planner) knows(kind Kind, name string, at workflow.Value) {
	var described, stored []string
	switch kind {
	case KindWorkflow:
		for _, w := range p.Workflows {
			described = append(described, w.Definition.Name)
		}
		for _, v := range p.have.Workflows {
			stored = append(stored, v.Workflow)
		}
	default:
		for _, w := range p.Webhooks {
			described = append(described, w.Endpoint.Path)
		}
		for _, e := range p.have.Webhooks {
			stored = append(stored, e.Path)
		}
	}
	switch there := slices.Contains(stored, name); {
	case slices.Contains(described, name), there && !p.prune:
	case there:
		at.Problem("the %s %s is in the project but in no document, so that --prune would delete it; add its document", kind, name)
	default:
		at.Problem("there is no %s %s, neither in the documents nor in the project%s", kind, workflow.Quote(name), workflow.DidYouMean(name, append(described, stored...)))
	}
}

// compare lists what changes from one document to another. mask is how the value of a key
// is shown of either.
func compare(was, is object, mask func(m memberOf) memberOf) (list []FieldChange) {
	was, is = withEnabled(was), withEnabled(is)
	for _, m := range is {
		old, there := was.find(m.key)
		if there && same(old, m) {
			continue
		}
		c := FieldChange{Key: m.key}
		if there {
			c.Old, c.OldText = values(mask(old))
		}
		c.New, c.NewText = values(mask(m))
		list = append(list, c)
	}
	for _, m := range was {
		if _, there := is.find(m.key); !there {
			c := FieldChange{Key: m.key}
			c.Old, c.OldText = values(mask(m))
			list = append(list, c)
		}
	}
	return list
}

// withEnabled says that something is enabled, which a document leaves out: that it was, or
// is to be again, is worth to be read.
func withEnabled(o object) object {
	if _, said := o.find("enabled"); said {
		return o
	}
	return append(slices.Clone(o), memberOf{key: "enabled", value: true})
}

func (o object) find(key string) (memberOf, bool) {
	i := slices.IndexFunc(o, func(m memberOf) bool { return m.key == key })
	if i < 0 {
		return memberOf{}, false
	}
	return o[i], true
}

// values is a member's value for machines and for people.
func values(m memberOf) (json.RawMessage, string) {
	source, _ := json.Marshal(m.value) // of what was JSON before
	return source, writeYAML(object{m})
}

func changed(key string, was, is any) FieldChange {
	c := FieldChange{Key: key}
	c.Old, c.OldText = values(memberOf{key: key, value: was})
	c.New, c.NewText = values(memberOf{key: key, value: is})
	return c
}
