package engine_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/engine"
	"github.com/profullstack/meshhook/internal/meshhook"
)

// What a run needs beside itself: its version, its secrets, an engine without bugs.
func TestPreparation(t *testing.T) {
	t.Parallel()
	inOneHouse(t, []story{
		{"runs that cannot be executed", tellRunsThatCannotBeExecuted},
		{"a missing secret fails its step", tellAMissingSecretFailsItsStep},
		{"a secret is used and masked", tellASecretIsUsedAndMasked},
		{"forget renews the vault", tellForgetRenewsTheVault},
		{"forget wins over a read under way", tellForgetWinsOverAReadUnderWay},
		{"a panic fails the run", tellAPanicFailsTheRun},
	})
}

// What can never be executed fails at once, and the reason says whose fault it is.
func tellRunsThatCannotBeExecuted(t *testing.T, h *house) {
	fine := h.apply(t, "fine", `
name: fine
steps: [{ id: a, transform: "1" }]
`)
	wrong := h.apply(t, "wrong", "name: wrong\nsteps: [{ id: a, dance: 1 }]")
	for name, test := range map[string]struct {
		workflow meshhook.Workflow
		spoil    string // what happens to the run while it waits
		says     string
	}{
		"no such version":                {fine, `UPDATE runs SET version = 9 WHERE id = $1`, "version 9 of workflow"},
		"no such workflow":               {fine, `UPDATE runs SET workflow_id = id WHERE id = $1`, "does not exist"},
		"a source that no longer parses": {wrong, `SELECT $1::uuid`, "wrong version 1"},
		"an event that was not kept":     {fine, `UPDATE runs SET event_id = id WHERE id = $1`, "the event that started the run has expired"},
	} {
		t.Run(name, func(t *testing.T) {
			id := h.start(t, test.workflow, "")
			_, err := h.raw.Exec(t.Context(), test.spoil, id)
			require.NoError(t, err)
			require.Equal(t, "failed", h.daemon(t).finish(t).Status)
			run := h.run(t, id)
			require.Equal(t, &meshhook.Failure{Reason: meshhook.FailedDefinition, Message: run.Error.Message}, run.Error)
			require.Contains(t, run.Error.Message, test.says)
			require.Empty(t, run.Steps)
			require.Equal(t, []string{"run.queued", "run.started", "run.failed definition"}, h.story(t, id))
		})
	}
}

func (h *house) secret(t tester, name, value string) {
	t.Helper()
	_, err := h.project.SetSecret(t.Context(), name, meshhook.NewSecret(value))
	require.NoError(t, err)
}

func tellAMissingSecretFailsItsStep(t *testing.T, h *house) {
	s := newSink(t, nil)
	h.secret(t, "other", "hush-hush")
	id := h.startOf(t, `steps: [{ id: crm, http: { url: "`+s.URL+`", headers: { Authorization: "{{ .secrets.token }}" } } }]`)
	require.Equal(t, "failed", h.daemon(t).finish(t).Status)
	require.Equal(t, &meshhook.Failure{
		Reason: meshhook.FailedExpression, Step: "crm", Message: "the secret token does not exist; make it with: meshhook secret set token",
	}, h.run(t, id).Error)
	require.Empty(t, s.keys())
}

// A secret goes where the workflow sends it and nowhere else.
func tellASecretIsUsedAndMasked(t *testing.T, h *house) {
	s := newSink(t, nil)
	address := unusedAddress(t)
	h.secret(t, "token", "s3cret-value")
	h.secret(t, "host", address)
	id := h.startOf(t, `
steps:
  - { id: crm, http: { url: "`+s.URL+`", headers: { Authorization: "Bearer {{ .secrets.token }}" } } }
  - { id: lost, continue_on_error: true, http: { url: "http://{{ .secrets.host }}/", retry: { attempts: 1 } } }
  - { id: end, terminate: { status: failed, message: "refused {{ .secrets.token }}" } }
`)
	d := h.daemon(t)
	require.Equal(t, "failed", d.finish(t).Status)
	require.Equal(t, "Bearer s3cret-value", wait(t, s.came, "the call").Header.Get("Authorization"))

	run := h.run(t, id)
	require.Equal(t, &meshhook.Failure{Reason: meshhook.FailedTerminated, Step: "end", Message: "refused " + meshhook.Mask}, run.Error)
	require.Equal(t, meshhook.FailedConnection, outcomes(t, run)["lost"].Reason)
	var told []string
	for _, step := range run.Steps {
		told = append(told, string(step.Output))
		if step.Error != nil {
			told = append(told, step.Error.Message)
		}
	}
	require.Contains(t, strings.Join(told, "\n"), "http://"+meshhook.Mask)
	for _, entry := range h.entries(t, id) {
		told = append(told, entry.Detail)
	}
	for _, secret := range []string{"s3cret-value", address} {
		require.NotContains(t, strings.Join(told, "\n"), secret)
		require.NotContains(t, d.log.String(), secret)
	}
}

// entries waits until the whole journal of a run that has failed can be read.
func (h *house) entries(t tester, run meshhook.ID) (entries []meshhook.Entry) {
	t.Helper()
	require.Eventually(t, func() bool {
		all, err := h.project.EntriesAfter(t.Context(), meshhook.Cursor{}, 1000)
		entries = all
		return err == nil && slices.ContainsFunc(all, func(e meshhook.Entry) bool {
			return *e.RunID == run && e.Kind == meshhook.EntryRunFailed
		})
	}, patience, tick)
	return entries
}

// A vault is kept until the daemon hears that the configuration has changed.
func tellForgetRenewsTheVault(t *testing.T, h *house) {
	w := h.apply(t, "tell", `
name: tell
steps: [{ id: end, terminate: { output: "{{ .secrets.token | length }}" } }]
`)
	d := h.daemon(t)
	tell := func() string {
		id := h.start(t, w, "")
		require.Equal(t, "succeeded", d.finish(t).Status)
		return string(h.run(t, id).Output)
	}
	h.secret(t, "token", "1")
	require.Equal(t, "1", tell())
	h.secret(t, "token", "22")
	require.Equal(t, "1", tell())
	d.Forget()
	require.Equal(t, "2", tell())
}

// A vault that was read before it changed is not kept after it has.
func tellForgetWinsOverAReadUnderWay(t *testing.T, h *house) {
	w := h.apply(t, "tell", `
name: tell
steps: [{ id: end, terminate: { output: "{{ .secrets.token | length }}" } }]
`)
	h.secret(t, "token", "1")
	read, changed := make(chan struct{}, 10), make(chan struct{})
	d := h.daemon(t, behind(&gate{DB: h.db, after: func(c call) error {
		if c.name == "secrets" {
			read <- struct{}{}
			pause(changed)
		}
		return nil
	}}))
	before := h.start(t, w, "")
	d.claim(t)
	wait(t, read, "the vault to be read")
	h.secret(t, "token", "22")
	d.Forget()
	close(changed)
	wait(t, d.runs, "the first run's end")
	after := h.start(t, w, "")
	d.finish(t)
	require.Equal(t, "1", string(h.run(t, before).Output))
	require.Equal(t, "2", string(h.run(t, after).Output))
}

// A fault of ours fails the run that met it and nothing else.
func tellAPanicFailsTheRun(t *testing.T, h *house) {
	s := newSink(t, nil)
	for name, test := range map[string]struct {
		change func(*engine.Options)
		step   string
		story  []string
	}{
		"in the store": {
			change: behind(&gate{DB: h.db, before: func(c call) error {
				if c.name == "version" {
					panic("a bug")
				}
				return nil
			}}),
			story: []string{"run.queued", "run.started", "run.failed internal"},
		},
		"in a call": {
			change: func(o *engine.Options) { o.Egress = nil },
			step:   "crm",
			story:  []string{"run.queued", "run.started", "step.started crm 1", "step.failed crm 1 internal", "run.failed crm 1 internal"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			id := h.startOf(t, `steps: [{ id: crm, http: { url: "`+s.URL+`" } }]`)
			d := h.daemon(t, test.change)
			require.Equal(t, "failed", d.finish(t).Status)
			run := h.run(t, id)
			require.Equal(t, &meshhook.Failure{Reason: meshhook.FailedInternal, Step: test.step, Message: run.Error.Message}, run.Error)
			require.Regexp(t, "^panic: ", run.Error.Message)
			require.Equal(t, test.story, h.story(t, id))
			require.Contains(t, d.log.String(), "stack=")
		})
	}
}
