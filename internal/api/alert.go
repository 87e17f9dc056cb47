package api

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"github.com/profullstack/meshhook/internal/alert"
	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/workflow"
)

// AlertFields are what can be set of an alert. A field that is left out, or null,
// takes its default. It is exported because huma sees no other embedded one.
type AlertFields struct {
	Name           string               `json:"name,omitempty" doc:"What it is called, its own in the project; made of the workflow and the first condition when left out." example:"orders-failed"`
	WorkflowID     string               `json:"workflow_id,omitempty" doc:"Id or name of the workflow whose runs are told of."`
	AllWorkflows   *bool                `json:"all_workflows,omitempty" doc:"true, in the place of workflow_id, tells of the runs of every workflow."`
	On             []meshhook.Condition `json:"on,omitempty" doc:"What is told of."`
	When           string               `json:"when,omitempty" doc:"jq condition over {run, workflow, event, steps}; what it is false or null for is not told."`
	DelayThreshold meshhook.Duration    `json:"delay_threshold,omitzero" doc:"For delayed: after what time a run that has not ended is told of." example:"30s"`
	Throttle       meshhook.Duration    `json:"throttle,omitzero" doc:"At most one message is sent in this time; the next one says how many were held back." example:"5m"`
	ThrottleKey    string               `json:"throttle_key,omitempty" doc:"jq expression of what throttle counts by; the workflow when left out."`
	Quiet          *meshhook.QuietHours `json:"quiet_hours,omitempty" doc:"Messages wait for the end of these hours."`
	Expect         *meshhook.Expect     `json:"expect,omitempty" doc:"For absent: the webhook whose events are waited for, and the longest time between two."`
	Preset         string               `json:"preset,omitempty" doc:"The receiver whose form the message has; generic when left out." example:"slack"`
	URL            string               `json:"url,omitempty" doc:"Where it is sent to; may hold {{ expressions }}. Only its host is ever shown."`
	Headers        map[string]string    `json:"headers,omitempty" doc:"Further headers, whose values may hold {{ expressions }} and are never shown."`
	Payload        json.RawMessage      `json:"payload,omitempty" doc:"The message, a text or a structure with {{ expressions }}; the preset's own when left out. Never shown."`
	Signing        meshhook.Signing     `json:"signing,omitempty" doc:"How messages are signed; v1, which is Standard Webhooks, when left out."`
	Retry          *meshhook.AlertRetry `json:"retry,omitempty" doc:"When it is tried again."`
	Timeout        meshhook.Duration    `json:"timeout,omitzero" doc:"How long an attempt may take; 10s when left out." example:"10s"`
	Description    string               `json:"description,omitempty"`
	Enabled        *bool                `json:"enabled,omitempty" doc:"Whether it is sent; true when left out."`
}

// fieldsOfAlert says an alert in the fields that make it, but for its workflow.
func fieldsOfAlert(a meshhook.Alert) AlertFields {
	f := AlertFields{
		Name: a.Name, On: a.On, When: a.When, DelayThreshold: a.DelayThreshold, Throttle: a.Throttle, ThrottleKey: a.ThrottleKey, Quiet: a.Quiet, Expect: a.Expect,
		Preset: a.Preset, URL: a.URL, Headers: a.Headers, Payload: a.Payload, Signing: a.Signing, Timeout: a.Timeout, Description: a.Description, Enabled: &a.Enabled,
	}
	if a.Schedule != nil {
		f.Retry = &meshhook.AlertRetry{Schedule: a.Schedule}
	}
	return f
}

// apply puts the fields over an alert, whose workflow it leaves alone, and checks it.
func (f AlertFields) apply(a *meshhook.Alert) (*alert.Program, error) {
	a.On, a.When, a.DelayThreshold, a.Throttle, a.ThrottleKey, a.Quiet, a.Expect = f.On, f.When, f.DelayThreshold, f.Throttle, f.ThrottleKey, f.Quiet, f.Expect
	a.Preset, a.URL, a.Headers, a.Payload, a.Signing, a.Timeout, a.Description = f.Preset, f.URL, f.Headers, f.Payload, f.Signing, f.Timeout, f.Description
	a.Enabled = f.Enabled == nil || *f.Enabled
	if string(a.Payload) == "null" {
		a.Payload = nil
	}
	if f.Name != "" {
		if err := meshhook.CheckName("alert", f.Name); err != nil {
			return nil, wrongAt("/name", err.Error())
		}
	}
	a.Name, a.Schedule = f.Name, nil
	if f.Retry != nil {
		a.Schedule = f.Retry.Schedule
	}
	*a = alert.WithDefaults(*a)
	if err := a.CheckUnmasked(); err != nil {
		return nil, err
	}
	program, err := alert.Compile(*a)
	if invalid, ours := errorAs(err); ours {
		return nil, inAPI(invalid)
	}
	return program, err
}

// inAPI says the places of an alert by the names of the API, where they differ.
func inAPI(err *meshhook.Error) *meshhook.Error {
	said := *err
	said.Details = nil
	for _, problem := range err.Details[:min(len(err.Details), maxProblems)] {
		if strings.HasPrefix(problem.Path, "/schedule") {
			problem.Path = "/retry" + problem.Path
		}
		said.Details = append(said.Details, problem)
	}
	return &said
}

// about tells whose runs the fields name: of a workflow, all where there is none, or,
// where ok is false, of nobody.
func (f AlertFields) about() (workflow string, ok bool, err error) {
	all := f.AllWorkflows != nil && *f.AllWorkflows
	switch {
	case all && f.WorkflowID != "":
		return "", false, wrongAbout("workflow_id and all_workflows contradict each other; give one of them")
	case f.WorkflowID == "" && f.AllWorkflows != nil && !all:
		return "", false, wrongAbout("an alert that is not for all workflows needs a workflow_id")
	}
	return f.WorkflowID, all || f.WorkflowID != "", nil
}

func wrongAbout(message string) error { return wrongAt("/workflow_id", message) }

// savedAlert is an alert as it was saved.
type savedAlert struct {
	meshhook.AlertView
	// SecretKey is only there at the moment at which it was generated.
	SecretKey string `json:"secret_key,omitempty" doc:"The generated secret: shown this once."`
}

// listAlerts is ordered by id, and so by age.
func listAlerts(ctx context.Context, c *call) (page[meshhook.AlertView], error) {
	list, err := c.project.Alerts(ctx, c.name())
	if err != nil {
		return page[meshhook.AlertView]{}, err
	}
	views := make([]meshhook.AlertView, len(list))
	for i, a := range list {
		views[i] = a.View()
	}
	return paged(c, views, func(v meshhook.AlertView) string { return v.ID.String() })
}

// alertBody is what an alert is made from, or changed by.
type alertBody struct {
	ID *string `json:"id,omitempty" doc:"Id or name of the alert to change, as a JSON merge patch does; a new one is made when left out."`
	AlertFields
	SecretKey meshhook.Secret `json:"secret_key,omitzero" doc:"The secret that signs; generated and shown once when left out. For an alert that has one, the old one signs beside it for 24h."`
}

// saveAlert makes an alert, or changes the one with the id.
func saveAlert(ctx context.Context, c *call, body *alertBody) (savedAlert, error) {
	name, given, err := body.about()
	if err != nil {
		return savedAlert{}, err
	}
	s := &alertSave{body: body, text: c.body, about: given}
	if name != "" {
		w, err := c.project.Workflow(ctx, name)
		if err != nil {
			return savedAlert{}, err
		}
		s.workflow = &w
	}
	var a meshhook.Alert
	if body.ID != nil {
		id, missing := c.bodyAlertID(ctx, *body.ID)
		if missing != nil {
			return savedAlert{}, missing
		}
		a, err = c.project.ChangeAlert(ctx, id, s.change)
	} else if a, err = s.create(); err == nil {
		c.status = http.StatusCreated
		a, err = c.project.CreateAlert(ctx, a, s.secret)
	}
	if err != nil {
		return savedAlert{}, err
	}
	return s.view(ctx, c, a)
}

// alertSave is an alert on its way into the store.
type alertSave struct {
	body *alertBody
	text json.RawMessage
	// about tells that the body says whose runs are told of; workflow is nil for all.
	about    bool
	workflow *meshhook.Workflow

	program   *alert.Program
	secret    meshhook.Secret
	generated bool
}

func (s *alertSave) assign(a *meshhook.Alert) {
	switch {
	case !s.about:
	case s.workflow == nil:
		a.WorkflowID, a.Workflow = nil, ""
	default:
		a.WorkflowID, a.Workflow = &s.workflow.ID, s.workflow.Name
	}
}

func (s *alertSave) create() (a meshhook.Alert, err error) {
	if !s.about {
		return a, wrongAbout(`say whose runs are told of: "workflow_id", or "all_workflows": true`)
	}
	a.ID = meshhook.NewID()
	s.assign(&a)
	if s.program, err = s.body.apply(&a); err != nil {
		return a, err
	}
	return a, s.chooseSecret(a.Signing)
}

// change applies the body under the lock of the alert, so that of two changes at once
// each keeps what the other one changed.
func (s *alertSave) change(a *meshhook.Alert) (none meshhook.Secret, err error) {
	signing := a.Signing
	fields, err := s.merged(*a)
	if err != nil {
		return none, err
	}
	s.assign(a)
	if s.program, err = fields.apply(a); err != nil {
		return none, err
	}
	if a.Signing == signing && s.body.SecretKey.IsZero() {
		return none, nil
	}
	err = s.chooseSecret(a.Signing)
	return s.secret, err
}

// merged are the fields of an alert with the body over them.
func (s *alertSave) merged(a meshhook.Alert) (fields AlertFields, err error) {
	payload := a.Payload
	a.Payload = nil // stays as it was given, and is not written out anew
	before, err := json.Marshal(fieldsOfAlert(a))
	if err != nil {
		return fields, err
	}
	var patch map[string]json.RawMessage
	if err := json.Unmarshal(s.text, &patch); err != nil {
		return fields, err
	}
	for _, name := range []string{"id", "secret_key", "workflow_id", "all_workflows"} {
		delete(patch, name)
	}
	change, err := json.Marshal(patch)
	if err != nil {
		return fields, err
	}
	after, err := merge(before, change, "")
	if err != nil {
		return fields, err
	}
	if err := unmarshal(after, &fields); err != nil {
		return fields, err
	}
	if _, given := patch["payload"]; !given {
		fields.Payload = payload
	}
	return fields, nil
}

func (s *alertSave) chooseSecret(signing meshhook.Signing) (err error) {
	s.secret, s.generated, err = chooseAlertSecret(signing, s.body.SecretKey)
	return err
}

// chooseAlertSecret takes the secret that was given, or makes one for the way of
// signing; none for none.
func chooseAlertSecret(signing meshhook.Signing, given meshhook.Secret) (secret meshhook.Secret, generated bool, err error) {
	if given.IsZero() {
		secret = alert.NewSecret(signing)
		return secret, !secret.IsZero(), nil
	}
	if err := alert.CheckSecret(signing, given); err != nil {
		return secret, false, &meshhook.Error{
			Code: meshhook.CodeInvalid, Message: err.Error(), Details: []meshhook.Problem{{Path: "/secret_key", Message: err.Error()}}, Err: err,
		}
	}
	return given, false, nil
}

// view is the alert as it was stored, with what is shown this once.
func (s *alertSave) view(ctx context.Context, c *call, a meshhook.Alert) (v savedAlert, err error) {
	v.AlertView = a.View()
	if v.Secrets, err = c.project.AlertSecrets(ctx, a.ID); err != nil {
		return v, err
	}
	vault, err := c.project.Secrets(ctx)
	if err != nil {
		return v, err
	}
	names, _ := s.program.Secrets()
	v.Warnings = append(s.program.Warnings(), workflow.MissingSecrets(names, vault)...)
	v.SecretKey, v.PublicKey, err = handOver(a.Signing, s.secret, s.generated)
	return v, err
}

// handOver is what is shown of a new secret: itself where it was generated, and the
// public key where there is one.
func handOver(signing meshhook.Signing, secret meshhook.Secret, generated bool) (shown, public string, err error) {
	if generated {
		shown = secret.Reveal()
	}
	if signing == meshhook.SigningV1a && !secret.IsZero() {
		public, err = alert.PublicKey(secret)
	}
	return shown, public, err
}

// alertID is the id of the alert with this name or id.
func (c *call) alertID(ctx context.Context, nameOrID string) (meshhook.ID, error) {
	if !storable(nameOrID) {
		return meshhook.ID{}, meshhook.Errorf(meshhook.CodeNotFound, "there is no alert of this name")
	}
	return c.project.AlertID(ctx, nameOrID)
}

// bodyAlertID is the id of the alert that a body names: an empty name is a slip of who
// wrote it, and not another alert.
func (c *call) bodyAlertID(ctx context.Context, nameOrID string) (meshhook.ID, error) {
	if nameOrID == "" {
		return meshhook.ID{}, wrongAt("/id", "is empty; give the id or name of an alert, or leave it out")
	}
	return c.alertID(ctx, nameOrID)
}

// deleteAlert leaves the log of what it has sent.
func deleteAlert(ctx context.Context, c *call) (deleted, error) {
	id, err := c.alertID(ctx, c.name())
	if err != nil {
		return deleted{}, err
	}
	return c.gone(c.project.DeleteAlert(ctx, id))
}

// alertRotated is the answer of an alert's rotate-secret.
type alertRotated struct {
	ID           meshhook.ID `json:"id"`
	SecretKey    string      `json:"secret_key,omitempty" doc:"The generated secret: shown this once."`
	PublicKey    string      `json:"public_key,omitempty" doc:"What the recipient checks signatures of v1a by."`
	OldExpiresAt time.Time   `json:"old_secrets_expire_at"`
}

// rotateAlertSecret lets the old secrets sign beside the new one for a while. An alert
// that does not sign is a CodeConflict.
func rotateAlertSecret(ctx context.Context, c *call, body *rotateBody) (answer alertRotated, err error) {
	id, err := c.alertID(ctx, c.name())
	if err != nil {
		return answer, err
	}
	a, err := c.project.Alert(ctx, id)
	if err != nil {
		return answer, err
	}
	if a.Signing == meshhook.SigningNone {
		return answer, meshhook.Errorf(meshhook.CodeConflict, "the alert does not sign its messages; change its signing first")
	}
	grace := meshhook.DefaultGrace
	if body.Grace != nil {
		grace = body.Grace.Std()
	}
	secret, generated, err := chooseAlertSecret(a.Signing, body.SecretKey)
	if err != nil {
		return answer, err
	}
	if err := c.project.RotateAlertSecret(ctx, id, secret, grace); err != nil {
		return answer, err
	}
	answer = alertRotated{ID: id, OldExpiresAt: time.Now().Add(grace).UTC().Truncate(time.Millisecond)}
	answer.SecretKey, answer.PublicKey, err = handOver(a.Signing, secret, generated)
	return answer, err
}
