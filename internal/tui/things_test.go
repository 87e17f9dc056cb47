package tui

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// things is a Store in memory.
type things struct {
	mu         sync.Mutex
	endpoints  []meshhook.Endpoint
	secrets    []meshhook.EndpointSecret
	events     map[meshhook.ID]meshhook.Event
	workflows  []meshhook.Workflow
	versions   []meshhook.Version
	runs       map[meshhook.ID]meshhook.Run
	entries    []meshhook.Entry
	alerts     []meshhook.Alert
	deliveries []meshhook.Delivery
	attempts   []meshhook.AlertAttempt
	err        error
	asked      []string
}

func newThings() *things {
	return &things{events: map[meshhook.ID]meshhook.Event{}, runs: map[meshhook.ID]meshhook.Run{}}
}

func (s *things) ask(what, key string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked = append(s.asked, strings.TrimSpace(what+" "+key[max(len(key)-2, 0):]))
	return s.err
}

// find returns the thing of a list that is.
func find[T any](s *things, what, key string, list []T, is func(T) bool) (found T, err error) {
	if err := s.ask(what, key); err != nil {
		return found, err
	}
	i := slices.IndexFunc(list, is)
	if i < 0 {
		return found, meshhook.Errorf(meshhook.CodeNotFound, "there is no %s %s", what, key)
	}
	return list[i], nil
}

// pageOf returns what is older than before, newest first.
func pageOf[T any](list []T, id func(T) meshhook.ID, before meshhook.ID, limit int) (page []T) {
	list = slices.Clone(list)
	slices.SortFunc(list, func(a, b T) int { return strings.Compare(id(b).String(), id(a).String()) })
	for _, v := range list {
		if (before == (meshhook.ID{}) || id(v).String() < before.String()) && (limit == 0 || len(page) < limit) {
			page = append(page, v)
		}
	}
	return page
}

func (s *things) Endpoint(_ context.Context, key string) (meshhook.Endpoint, []meshhook.EndpointSecret, error) {
	e, err := find(s, "webhook", key, s.endpoints, func(e meshhook.Endpoint) bool { return e.Path == key || e.ID.String() == key })
	return e, s.secrets, err
}

func (s *things) Endpoints(context.Context) ([]meshhook.Endpoint, error) {
	return s.endpoints, s.ask("webhooks", "")
}

func (s *things) Event(_ context.Context, id meshhook.ID) (meshhook.Event, error) {
	if err := s.ask("event", id.String()); err != nil {
		return meshhook.Event{}, err
	}
	e, ok := s.events[id]
	if !ok {
		return e, meshhook.Errorf(meshhook.CodeNotFound, "there is no event %s", id)
	}
	return e, nil
}

func (s *things) Events(_ context.Context, f meshhook.EventFilter) ([]meshhook.Event, error) {
	var list []meshhook.Event
	for _, e := range s.events {
		if f.Webhook == "" || f.Webhook == e.Webhook {
			list = append(list, e)
		}
	}
	return pageOf(list, func(e meshhook.Event) meshhook.ID { return e.ID }, f.Before, f.Limit), s.ask("events", "")
}

func (s *things) Workflow(_ context.Context, key string) (meshhook.Workflow, error) {
	return find(s, "workflow", key, s.workflows, func(w meshhook.Workflow) bool { return w.Name == key || w.ID.String() == key })
}

func (s *things) Workflows(context.Context) ([]meshhook.Workflow, error) {
	return s.workflows, s.ask("workflows", "")
}

func (s *things) Versions(context.Context, string) ([]meshhook.Version, error) {
	return s.versions, s.ask("versions", "")
}

func (s *things) Version(context.Context, string, int) (meshhook.Version, error) {
	return s.versions[0], s.ask("version", "")
}

func (s *things) Run(_ context.Context, id meshhook.ID) (meshhook.Run, error) {
	if err := s.ask("run", id.String()); err != nil {
		return meshhook.Run{}, err
	}
	r, ok := s.runs[id]
	if !ok {
		return r, meshhook.Errorf(meshhook.CodeNotFound, "there is no run %s", id)
	}
	return r, nil
}

func (s *things) Runs(_ context.Context, f meshhook.RunFilter) ([]meshhook.Run, error) {
	var list []meshhook.Run
	for _, r := range s.runs {
		if f.Workflow == "" || f.Workflow == r.Workflow {
			r.Steps = nil
			list = append(list, r)
		}
	}
	return pageOf(list, func(r meshhook.Run) meshhook.ID { return r.ID }, f.Before, f.Limit), s.ask("runs", "")
}

func (s *things) RunEntries(_ context.Context, run meshhook.Run) (list []meshhook.Entry, err error) {
	for _, e := range s.entries {
		if e.RunID != nil && *e.RunID == run.ID {
			list = append(list, e)
		}
	}
	return list, nil
}

func (s *things) Alert(_ context.Context, id meshhook.ID) (meshhook.Alert, error) {
	return find(s, "alert", id.String(), s.alerts, func(a meshhook.Alert) bool { return a.ID == id })
}

func (s *things) Alerts(context.Context, string) ([]meshhook.Alert, error) {
	return s.alerts, s.ask("alerts", "")
}

func (s *things) AlertSecrets(context.Context, meshhook.ID) ([]meshhook.AlertSecret, error) {
	return nil, nil
}

func (s *things) Delivery(_ context.Context, id meshhook.ID) (meshhook.Delivery, error) {
	return find(s, "delivery", id.String(), s.deliveries, func(d meshhook.Delivery) bool { return d.ID == id })
}

func (s *things) Deliveries(_ context.Context, f meshhook.DeliveryFilter) ([]meshhook.Delivery, error) {
	list := slices.DeleteFunc(slices.Clone(s.deliveries), func(d meshhook.Delivery) bool {
		return f.Alert != (meshhook.ID{}) && d.AlertID != f.Alert
	})
	return pageOf(list, func(d meshhook.Delivery) meshhook.ID { return d.ID }, f.Before, f.Limit), s.ask("deliveries", "")
}

func (s *things) Attempts(context.Context, meshhook.AttemptFilter) ([]meshhook.AlertAttempt, error) {
	return s.attempts, s.ask("attempts", "")
}

// deeds are Actions that only note what was asked for.
type deeds struct {
	done []string
	err  error
}

func (d *deeds) do(what string, args ...any) error {
	d.done = append(d.done, strings.TrimSpace(what+" "+strings.TrimSuffix(fmt.Sprintln(args...), "\n")))
	return d.err
}

// short is the end of an id: what differs in tests.
func short(id meshhook.ID) string { return id.String()[34:] }

func (d *deeds) Replay(_ context.Context, event meshhook.ID) (meshhook.ID, error) {
	return id(2), d.do("replay", short(event))
}

func (d *deeds) Curl(_ context.Context, event meshhook.ID) (string, []string, error) {
	return "curl 'http://localhost/hooks/github'", []string{"credentials are not kept"}, d.do("curl", short(event))
}

func (d *deeds) RetryRun(_ context.Context, run meshhook.ID) error { return d.do("retry", short(run)) }

func (d *deeds) CancelRun(_ context.Context, run meshhook.ID) error {
	return d.do("cancel", short(run))
}

func (d *deeds) Decide(_ context.Context, run meshhook.ID, step string, approved bool, note string) error {
	return d.do("decide", short(run), step, approved, note)
}
func (d *deeds) URL(path string) string { return "https://hooks.example/hooks/" + path }
func (d *deeds) EnableWebhook(_ context.Context, path string, enabled bool) error {
	return d.do("enable webhook", path[len(path)-2:], enabled)
}

func (d *deeds) RotateWebhook(_ context.Context, path string) (NewSecret, error) {
	return NewSecret{Secret: "new-secret-1", OldUntil: noon}, d.do("rotate webhook", path[len(path)-2:])
}

func (d *deeds) DeleteWebhook(_ context.Context, path string) error {
	return d.do("delete webhook", path[len(path)-2:])
}

func (d *deeds) TestAlert(_ context.Context, alert meshhook.ID) (Tested, error) {
	return Tested{Delivered: d.err == nil, Result: "delivered in 3ms", Exchange: "> POST https://chat.example/…\n< 200"}, d.do("test alert", short(alert))
}

func (d *deeds) EnableAlert(_ context.Context, alert meshhook.ID, enabled bool) error {
	return d.do("enable alert", short(alert), enabled)
}

func (d *deeds) RotateAlert(_ context.Context, alert meshhook.ID) (NewSecret, error) {
	return NewSecret{Secret: "whsk_secret", PublicKey: "whpk_public", OldUntil: noon}, d.do("rotate alert", short(alert))
}

func (d *deeds) DeleteAlert(_ context.Context, alert meshhook.ID) error {
	return d.do("delete alert", short(alert))
}

func (d *deeds) Redeliver(_ context.Context, delivery meshhook.ID) error {
	return d.do("redeliver", short(delivery))
}

func (d *deeds) RedeliverExhausted(context.Context) (int, error) {
	return 3, d.do("redeliver exhausted")
}

func (d *deeds) RunWorkflow(_ context.Context, workflow string, body []byte) (meshhook.ID, error) {
	return id(2), d.do("run workflow", workflow[len(workflow)-2:], string(body))
}

func (d *deeds) DeleteWorkflow(_ context.Context, workflow string) error {
	return d.do("delete workflow", workflow[len(workflow)-2:])
}

// house fills a store with one of each.
func house(s *things) {
	later := noon.Add(time.Minute)
	s.endpoints = []meshhook.Endpoint{
		{ID: id(0x21), Path: "github", WorkflowID: id(0x31), Workflow: "github-to-chat", Enabled: true, Verification: meshhook.Verification{Scheme: "github"}, Methods: []string{"POST"}},
		{ID: id(0x22), Path: "注文/亀", WorkflowID: id(0x32), Workflow: "注文", Verification: meshhook.Verification{Scheme: "none"}, Methods: []string{"GET", "POST"}, Description: "closed for now"},
	}
	s.workflows = []meshhook.Workflow{
		{ID: id(0x31), Name: "github-to-chat", Version: 3, Description: "Tell the chat of pushes", UpdatedAt: noon, CreatedAt: noon},
		{ID: id(0x32), Name: "注文", Version: 1, UpdatedAt: noon.Add(-48 * time.Hour)},
	}
	s.versions = []meshhook.Version{{Number: 3, Digest: "abcdef0123456789", CreatedAt: noon, Source: "name: github-to-chat\nsteps: []\n"}}
	wid := id(0x31)
	s.alerts = []meshhook.Alert{
		{ID: id(0x41), Name: "github-to-chat-failed", WorkflowID: &wid, Workflow: "github-to-chat", On: []meshhook.Condition{meshhook.OnFailed, meshhook.OnDelayed}, Preset: "slack", URL: "https://chat.example/T000/secret", Enabled: true},
		{ID: id(0x42), Name: "all-exhausted", On: []meshhook.Condition{meshhook.OnExhausted}, Preset: "generic", URL: "https://pager.example/", DisabledReason: "gone"},
	}
	s.deliveries = []meshhook.Delivery{
		{ID: id(0x51), AlertID: id(0x41), Alert: "github-to-chat-failed", Type: "run.failed", Status: meshhook.DeliveryExhausted, Reason: meshhook.DeliveryHTTPStatus, RunID: ref(5), Workflow: "github-to-chat", Attempt: 2, CreatedAt: noon, SentAt: &noon, FinishedAt: &later},
		{ID: id(0x52), AlertID: id(0x41), Alert: "github-to-chat-failed", Type: "run.delayed", Status: meshhook.DeliveryPending, Workflow: "github-to-chat", CreatedAt: noon, NextAt: &later, Held: 4, Sample: true, Subject: ref(0x51)},
		{ID: id(0x53), AlertID: id(0x42), Type: "run.failed", Status: meshhook.DeliveryPending, Attempt: 1, CreatedAt: noon},
	}
	s.attempts = []meshhook.AlertAttempt{
		{ID: id(0x62), Attempt: 2, At: noon.Add(time.Second), URL: "https://chat.example/…", Headers: map[string]string{"content-type": "application/json"}, Body: []byte(`{"text":"failed"}`), HTTPStatus: 503, LatencyMS: 12, Answer: []byte("busy"), Reason: meshhook.DeliveryHTTPStatus, Error: "the answer was 503", Fallback: "the template failed"},
		{ID: id(0x61), Attempt: 1, At: noon, URL: "https://chat.example/…", LatencyMS: 3, Reason: meshhook.DeliveryConnection, Error: "no answer"},
		{ID: id(0x60), Attempt: 1, At: noon, URL: "https://chat.example/…"},
	}
	s.entries = []meshhook.Entry{
		{At: noon, Kind: meshhook.EntryStepStarted, RunID: ref(2), Step: "post", Attempt: 1},
		{At: noon.Add(time.Second), Kind: meshhook.EntryStepRetrying, RunID: ref(2), Step: "post", Attempt: 2, HTTPStatus: 503, Code: "http_status", Detail: "the answer was 503"},
		{At: noon.Add(2 * time.Second), Kind: meshhook.EntryStepStarted, RunID: ref(2), Step: "post", Attempt: 2},
		{At: noon, Kind: meshhook.EntryStepSucceeded, RunID: ref(2), Step: "shape"},
	}
}
