package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/profullstack/meshhook/internal/daemon"
	"github.com/profullstack/meshhook/internal/ingress"
	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/postgres"
	"github.com/profullstack/meshhook/internal/schema"
	"github.com/profullstack/meshhook/internal/signature"
	"github.com/profullstack/meshhook/internal/workflow"
)

// arrivals is the sink: it notes when the call of each delivery arrives.
type arrivals struct {
	mu      sync.Mutex
	waiting map[string]func(time.Time)
	done    sync.WaitGroup
}

func newArrivals() *arrivals { return &arrivals{waiting: map[string]func(time.Time){}} }

// expect calls arrived with the moment at which the delivery's call comes.
func (a *arrivals) expect(delivery string, arrived func(time.Time)) {
	a.done.Add(1)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.waiting[delivery] = arrived
}

// wait returns when all that was expected has arrived, or ctx has ended.
func (a *arrivals) wait(ctx context.Context) error {
	all := make(chan struct{})
	go func() {
		a.done.Wait()
		close(all)
	}()
	select {
	case <-all:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("not every call arrived: %w", ctx.Err())
	}
}

// ServeHTTP takes a run's call.
func (a *arrivals) ServeHTTP(_ http.ResponseWriter, r *http.Request) {
	now := time.Now()
	var call struct{ Delivery string }
	if json.NewDecoder(io.LimitReader(r.Body, 1<<20)).Decode(&call) != nil {
		return
	}
	a.mu.Lock()
	arrived := a.waiting[call.Delivery]
	delete(a.waiting, call.Delivery)
	a.mu.Unlock()
	if arrived != nil {
		arrived(now)
		a.done.Done()
	}
}

// furnish migrates the database and makes the webhooks.
func furnish(ctx context.Context, dsn, sink string) (err error) {
	db, err := openDatabase(ctx, dsn)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close(ctx)) }()
	project, err := db.Project(ctx, meshhook.DefaultProject)
	if err != nil {
		return err
	}
	for path, endpoint := range endpoints() {
		source := quiet
		if path == "calling" {
			source = fmt.Sprintf(calling, sink)
		}
		if err := furnishOne(ctx, project, path, source, endpoint); err != nil {
			return err
		}
	}
	return nil
}

// furnishOne makes a workflow and the webhook that starts it, at the same name.
func furnishOne(ctx context.Context, project *postgres.Tenant, path, source string, endpoint meshhook.Endpoint) error {
	definition, err := workflow.Parse(path, []byte(source))
	if err != nil {
		return err
	}
	applied, err := project.Apply(ctx, definition.Name, "", meshhook.Version{Digest: definition.Digest(), Source: source, RunLimit: definition.RunLimit()})
	if err != nil {
		return err
	}
	endpoint.ID, endpoint.Path, endpoint.WorkflowID, endpoint.Enabled = meshhook.NewID(), path, applied.Workflow.ID, true
	if err := endpoint.Validate(); err != nil {
		return err
	}
	if err := ingress.Check(endpoint, schema.Options{}); err != nil {
		return err
	}
	key := meshhook.NewSecret(secret)
	if endpoint.Verification.Scheme == "none" {
		key = meshhook.Secret{}
	}
	_, err = project.CreateEndpoint(ctx, endpoint, key)
	return err
}

// signature of the benchmark's body, as GitHub sends it.
func signedHeaders() (map[string]string, error) {
	verifier, err := signature.New(meshhook.Verification{Scheme: "github"})
	if err != nil {
		return nil, err
	}
	header, err := verifier.Sign(signature.Request{Method: http.MethodPost, Body: body(), Now: time.Now()}, signature.Key{Value: meshhook.NewSecret(secret)}, "")
	return map[string]string{"X-Hub-Signature-256": header.Get("X-Hub-Signature-256"), "X-GitHub-Event": "push"}, err
}

// post sends one signed request with this delivery id.
func post(ctx context.Context, client *http.Client, url, delivery string, headers map[string]string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body()))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("X-GitHub-Delivery", delivery)
	for name, value := range headers {
		request.Header.Set(name, value)
	}
	answer, err := client.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = answer.Body.Close() }() // it was read to its end
	if answer.StatusCode != http.StatusAccepted {
		return fmt.Errorf("%w: %s", errNotAcknowledged, answer.Status)
	}
	_, err = io.Copy(io.Discard, answer.Body)
	return err
}

func openDatabase(ctx context.Context, dsn string) (*daemon.Database, error) {
	c, err := configuration(dsn, "")
	if err != nil {
		return nil, err
	}
	return daemon.OpenDatabase(ctx, c, daemon.OpenOptions{Version: "bench", Log: quietLog(), Daemon: true})
}
