package postgres_test

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// fullAlert has a value in every field that can be set.
func (h house) fullAlert() meshhook.Alert {
	id := meshhook.NewID()
	return meshhook.Alert{
		ID: id, Name: "full-" + id.String(), ProjectID: h.project.ID(), WorkflowID: &h.workflow.ID, Workflow: h.workflow.Name,
		On:   []meshhook.Condition{meshhook.OnFailed, meshhook.OnDelayed, meshhook.OnAbsent},
		When: `.run.error.reason == "timeout"`, DelayThreshold: meshhook.Duration(1500 * time.Millisecond),
		Throttle: meshhook.Duration(5 * time.Minute), ThrottleKey: ".event.body.customer",
		Quiet:  &meshhook.QuietHours{From: "22:00", To: "07:00", Zone: "Europe/Berlin"},
		Expect: &meshhook.Expect{Webhook: h.endpoint.Path, Within: meshhook.Duration(6 * time.Hour)},
		Preset: "generic", URL: "https://example.com/MARK-url", Headers: map[string]string{"X-Key": "MARK-header"},
		Payload: json.RawMessage(`{"text": "MARK-payload", "a": 1, "a": 2}`), // as it was given
		Signing: meshhook.SigningV1, Schedule: []meshhook.Duration{0, meshhook.Duration(5 * time.Second)},
		Timeout: meshhook.Duration(10 * time.Second), Description: "all of it", Enabled: true,
	}
}

// plainAlert tells of all workflows and has nothing that can be left out.
func (h house) plainAlert() meshhook.Alert {
	id := meshhook.NewID()
	return meshhook.Alert{
		ID: id, Name: "plain-" + id.String(), ProjectID: h.project.ID(), On: []meshhook.Condition{meshhook.OnFailed}, Preset: "generic", URL: "https://example.com",
		Signing: meshhook.SigningV1, Timeout: meshhook.Duration(time.Second), Enabled: true,
	}
}

func (h house) createAlert(t *testing.T, a meshhook.Alert, secret string) meshhook.Alert {
	t.Helper()
	made, err := h.project.CreateAlert(t.Context(), a, meshhook.NewSecret(secret))
	require.NoError(t, err)
	return made
}

// put is a change that makes an alert what is given.
func put(change func(a *meshhook.Alert)) func(*meshhook.Alert) (meshhook.Secret, error) {
	return func(a *meshhook.Alert) (meshhook.Secret, error) {
		change(a)
		return meshhook.Secret{}, nil
	}
}

func TestAlertLifecycle(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	h := newHouse(t)
	version := h.configVersion(t)

	want := h.fullAlert()
	made := h.createAlert(t, want, "first")
	require.WithinDuration(t, time.Now(), made.CreatedAt, time.Minute)
	want.CreatedAt, want.UpdatedAt = made.CreatedAt, made.CreatedAt
	require.Equal(t, want, made)
	require.Greater(t, h.configVersion(t), version, "daemons hear of it")
	found, err := h.project.Alert(ctx, made.ID)
	require.NoError(t, err)
	require.Equal(t, want, found)

	plain := h.plainAlert()
	plain.Throttle = meshhook.Duration(time.Microsecond) // a little is not nothing
	bare := h.createAlert(t, plain, "")
	plain.CreatedAt, plain.UpdatedAt, plain.Throttle = bare.CreatedAt, bare.CreatedAt, meshhook.Duration(time.Millisecond)
	require.Equal(t, plain, bare)

	list, err := h.project.Alerts(ctx, "")
	require.NoError(t, err)
	require.Equal(t, []meshhook.Alert{made, bare}, list)

	// Everything can be changed, back and forth, and only the id stays.
	changed, err := h.project.ChangeAlert(ctx, made.ID, put(func(a *meshhook.Alert) {
		require.Equal(t, made, *a)
		*a = h.plainAlert()
	}))
	require.NoError(t, err)
	require.Equal(t, made.ID, changed.ID)
	require.Equal(t, made.CreatedAt, changed.CreatedAt)
	require.True(t, changed.UpdatedAt.After(made.UpdatedAt))
	want = h.plainAlert()
	want.ID, want.Name, want.CreatedAt, want.UpdatedAt = made.ID, changed.Name, changed.CreatedAt, changed.UpdatedAt
	require.Equal(t, want, changed)
	back, err := h.project.ChangeAlert(ctx, made.ID, put(func(a *meshhook.Alert) { *a = h.fullAlert() }))
	require.NoError(t, err)
	want = made
	want.Name, want.UpdatedAt = back.Name, back.UpdatedAt
	require.Equal(t, want, back)

	require.NoError(t, h.project.DeleteAlert(ctx, made.ID))
	_, err = h.project.Alert(ctx, made.ID)
	requireCode(t, meshhook.CodeNotFound, err)
	require.EqualError(t, err, `there is no alert "`+made.ID.String()+`"; 'meshhook alerts list' shows those there are`)
	requireCode(t, meshhook.CodeNotFound, h.project.DeleteAlert(ctx, made.ID))
	require.Zero(t, rows[int64](t, h, `SELECT count(*) FROM alert_secrets`)[0])
}

func (h house) configVersion(t *testing.T) int64 {
	t.Helper()
	version, err := h.db.ConfigVersion(t.Context())
	require.NoError(t, err)
	return version
}

func TestAlertsOfAWorkflow(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	h := newHouse(t)
	_, err := h.project.Apply(ctx, "other", "", meshhook.Version{Digest: "d", Source: "name: other\n"})
	require.NoError(t, err)
	mine, all := h.createAlert(t, h.fullAlert(), ""), h.createAlert(t, h.plainAlert(), "")
	for workflow, want := range map[string][]meshhook.Alert{
		"": {mine, all}, "orders": {mine, all}, h.workflow.ID.String(): {mine, all}, "other": {all},
	} {
		list, err := h.project.Alerts(ctx, workflow)
		require.NoError(t, err)
		require.Equal(t, want, list, workflow)
	}
	_, err = h.project.Alerts(ctx, "nope")
	requireCode(t, meshhook.CodeNotFound, err)
}

// What an alert names must be there, and what changes nothing is not stored.
func TestAlertsNameWhatIsThere(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	h := newHouse(t)
	nowhere := meshhook.NewID()
	for name, spoil := range map[string]func(a *meshhook.Alert){
		"workflow": func(a *meshhook.Alert) { a.WorkflowID = &nowhere },
		"webhook":  func(a *meshhook.Alert) { a.Expect.Webhook = "nope" },
	} {
		a := h.fullAlert()
		spoil(&a)
		_, err := h.project.CreateAlert(ctx, a, meshhook.Secret{})
		requireCode(t, meshhook.CodeNotFound, err)
		require.ErrorContains(t, err, "there is no "+name)
		made := h.createAlert(t, h.fullAlert(), "")
		_, err = h.project.ChangeAlert(ctx, made.ID, put(spoil))
		requireCode(t, meshhook.CodeNotFound, err)
		found, err := h.project.Alert(ctx, made.ID)
		require.NoError(t, err)
		require.Equal(t, made, found)
	}
	_, err := h.project.ChangeAlert(ctx, nowhere, put(func(*meshhook.Alert) { t.Error("there is none") }))
	requireCode(t, meshhook.CodeNotFound, err)
	refused := meshhook.Errorf(meshhook.CodeInvalid, "no")
	made := h.createAlert(t, h.plainAlert(), "")
	_, err = h.project.ChangeAlert(ctx, made.ID, func(a *meshhook.Alert) (meshhook.Secret, error) {
		a.URL = "https://example.com/other"
		return meshhook.Secret{}, refused
	})
	require.ErrorIs(t, err, refused)
	found, err := h.project.Alert(ctx, made.ID)
	require.NoError(t, err)
	require.Equal(t, made, found)
	a := h.plainAlert()
	a.Description = "a\x00b"
	_, err = h.project.CreateAlert(ctx, a, meshhook.Secret{})
	requireCode(t, meshhook.CodeInvalid, err)
}

// Alerts go with what they are about, and that is written down.
func TestAlertsGoWithWhatTheyAreAbout(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	h := newHouse(t)
	stays := h.createAlert(t, h.plainAlert(), "")
	expecting, about := h.fullAlert(), h.fullAlert()
	expecting.WorkflowID, expecting.Workflow = nil, ""
	expecting = h.createAlert(t, expecting, "")
	about.Expect, about.On = nil, []meshhook.Condition{meshhook.OnDelayed}
	about = h.createAlert(t, about, "")

	require.NoError(t, h.project.DeleteEndpoint(ctx, h.endpoint.Path))
	list, err := h.project.Alerts(ctx, "")
	require.NoError(t, err)
	require.Equal(t, []meshhook.Alert{stays, about}, list)
	require.NoError(t, h.project.DeleteWorkflow(ctx, "orders"))
	list, err = h.project.Alerts(ctx, "")
	require.NoError(t, err)
	require.Equal(t, []meshhook.Alert{stays}, list)
	log, err := h.project.AuditLog(ctx, meshhook.AuditFilter{Action: meshhook.AuditAlertDeleted})
	require.NoError(t, err)
	require.Equal(t, []string{about.ID.String(), expecting.ID.String()}, []string{log[0].Target, log[1].Target})
}

func TestAlertSecretsSignSideBySide(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	h := newHouse(t)
	a := h.createAlert(t, h.plainAlert(), "first")
	signing := func() (values []string) {
		t.Helper()
		secrets, err := h.project.AlertSecrets(ctx, a.ID)
		require.NoError(t, err)
		for _, s := range secrets {
			require.Equal(t, a.ID, s.AlertID)
			values = append(values, s.Value.Reveal())
		}
		return values
	}
	require.Equal(t, []string{"first"}, signing())
	require.NoError(t, h.project.RotateAlertSecret(ctx, a.ID, meshhook.NewSecret("second"), time.Hour))
	require.Equal(t, []string{"second", "first"}, signing())
	secrets, err := h.project.AlertSecrets(ctx, a.ID)
	require.NoError(t, err)
	require.Nil(t, secrets[0].ExpiresAt)
	require.WithinDuration(t, time.Now().Add(time.Hour), *secrets[1].ExpiresAt, time.Minute)

	// A secret that a change brings is one of a rotation.
	_, err = h.project.ChangeAlert(ctx, a.ID, func(*meshhook.Alert) (meshhook.Secret, error) { return meshhook.NewSecret("third"), nil })
	require.NoError(t, err)
	require.Equal(t, []string{"third", "second", "first"}, signing())
	require.NoError(t, h.project.RotateAlertSecret(ctx, a.ID, meshhook.NewSecret("last"), 0))
	require.Equal(t, []string{"last"}, signing())

	// Another way of signing has secrets of its own.
	to := func(s meshhook.Signing, secret string) error {
		_, err := h.project.ChangeAlert(ctx, a.ID, func(a *meshhook.Alert) (meshhook.Secret, error) {
			a.Signing = s
			return meshhook.NewSecret(secret), nil
		})
		return err
	}
	requireCode(t, meshhook.CodeInvalid, to(meshhook.SigningHMAC, ""))
	require.Equal(t, []string{"last"}, signing())
	require.NoError(t, to(meshhook.SigningHMAC, "plain"))
	require.Equal(t, []string{"plain"}, signing())
	require.NoError(t, to(meshhook.SigningNone, ""))
	require.Empty(t, signing())
	requireCode(t, meshhook.CodeConflict, h.project.RotateAlertSecret(ctx, a.ID, meshhook.NewSecret("x"), 0))
	requireCode(t, meshhook.CodeInvalid, h.project.RotateAlertSecret(ctx, a.ID, meshhook.Secret{}, 0))
	requireCode(t, meshhook.CodeNotFound, h.project.RotateAlertSecret(ctx, meshhook.NewID(), meshhook.NewSecret("x"), 0))
}

func TestABoundedNumberOfAlertSecretsIsActive(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	h := newHouse(t)
	a := h.createAlert(t, h.plainAlert(), "first")
	rotate := func(grace time.Duration) error {
		return h.project.RotateAlertSecret(ctx, a.ID, meshhook.NewSecret("next"), grace)
	}
	for range meshhook.MaxActiveSecrets - 1 {
		require.NoError(t, rotate(time.Hour))
	}
	err := rotate(time.Hour)
	requireCode(t, meshhook.CodeConflict, err)
	require.ErrorContains(t, err, "has 16 active secrets, which is the most")
	require.NoError(t, rotate(0))
	secrets, err := h.project.AlertSecrets(ctx, a.ID)
	require.NoError(t, err)
	require.Len(t, secrets, 1)

	// Those that sign no more go with the next round of the janitor.
	_, err = h.db.Expire(ctx, time.Now().Add(time.Second), retention)
	require.NoError(t, err)
	require.Equal(t, int64(1), rows[int64](t, h, `SELECT count(*) FROM alert_secrets`)[0])
}

// One that cannot be opened hides no other, and can be got rid of.
func TestAnUnreadableAlert(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	h := newHouse(t)
	for _, column := range []string{"url", "headers", "payload"} {
		a, b := h.createAlert(t, h.fullAlert(), "secret"), h.createAlert(t, h.fullAlert(), "")
		h.system(t, `UPDATE alert_configs SET `+column+` = (SELECT `+column+` FROM alert_configs WHERE id = $2) WHERE id = $1`, a.ID, b.ID)
		h.system(t, `UPDATE alert_secrets SET value = 'broken' WHERE alert_id = $1`, a.ID)
		_, err := h.project.Alert(ctx, a.ID)
		requireCode(t, meshhook.CodeInternal, err)
		require.ErrorContains(t, err, "it was changed, belongs to another row, or its key is gone")
		_, err = h.project.ChangeAlert(ctx, a.ID, put(func(*meshhook.Alert) {}))
		requireCode(t, meshhook.CodeInternal, err)
		list, err := h.project.Alerts(ctx, "")
		require.NoError(t, err)
		require.Empty(t, list[0].URL)
		require.Equal(t, b, list[1])
		secrets, err := h.project.AlertSecrets(ctx, a.ID)
		require.NoError(t, err)
		require.Len(t, secrets, 1)
		require.True(t, secrets[0].Value.IsZero())
		for _, id := range []meshhook.ID{a.ID, b.ID} {
			require.NoError(t, h.project.DeleteAlert(ctx, id))
		}
	}
}

// Who has no key lists alerts all the same.
func TestClosedAlerts(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	want := h.createAlert(t, h.fullAlert(), "secret")
	want.URL, want.Headers, want.Payload = "", nil, nil
	list, err := h.project.ClosedAlerts(context.Background())
	require.NoError(t, err)
	require.Equal(t, []meshhook.Alert{want}, list)
}

func TestAlertChangesAreWrittenDown(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	h := newHouse(t)
	project := h.project.As("cli:ann@host")
	a, err := project.CreateAlert(ctx, h.fullAlert(), meshhook.NewSecret("MARK-secret"))
	require.NoError(t, err)
	for _, change := range []func(a *meshhook.Alert){
		func(*meshhook.Alert) {},
		func(a *meshhook.Alert) { a.Enabled, a.DisabledReason = false, "gone" },
		func(a *meshhook.Alert) { a.Enabled = true },
		func(a *meshhook.Alert) {
			a.URL, a.Headers, a.Payload = "https://example.com/MARK-2", map[string]string{"X-Key": "MARK-2"}, json.RawMessage(`"MARK-2"`)
		},
		func(a *meshhook.Alert) {
			a.URL, a.Headers = "https://other.example.com/MARK-3", map[string]string{"X-New": "MARK-3"}
		},
		func(a *meshhook.Alert) { a.Enabled, a.Description = false, "off" },
	} {
		_, err := project.ChangeAlert(ctx, a.ID, put(change))
		require.NoError(t, err)
	}
	require.NoError(t, project.RotateAlertSecret(ctx, a.ID, meshhook.NewSecret("MARK-4"), time.Hour))
	require.NoError(t, project.DeleteAlert(ctx, a.ID))

	log, err := project.AuditLog(ctx, meshhook.AuditFilter{Actor: "cli:ann@host"})
	require.NoError(t, err)
	var actions, details []string
	for _, e := range log {
		require.Equal(t, a.ID.String(), e.Target)
		require.NotContains(t, string(e.Detail), "MARK")
		actions, details = append([]string{e.Action}, actions...), append([]string{string(e.Detail)}, details...)
	}
	require.Equal(t, []string{
		"alert.created", "alert.disabled", "alert.enabled", "alert.updated", "alert.updated", "alert.updated", "alert.secret-rotated", "alert.deleted",
	}, actions)
	require.JSONEq(t, `{"changed":{"enabled":{"old":true,"new":false},"disabled_reason":{"new":"gone"}}}`, details[1])
	require.JSONEq(t, `{"changed":{"enabled":{"old":false,"new":true},"disabled_reason":{"old":"gone"}}}`, details[2])
	require.JSONEq(t, `{"changed":{"url":{},"headers":{},"payload":{}}}`, details[3])
	require.JSONEq(t, `{"changed":{"url":{"old":"https://example.com/…","new":"https://other.example.com/…"},
		"headers":{"old":{"X-Key":"••••••"},"new":{"X-New":"••••••"}}}}`, details[4])
	require.JSONEq(t, `{"grace":"1h0m0s"}`, details[6])
	require.JSONEq(t, `{"workflow":"orders","on":["failed","delayed","absent"]}`, details[7])
}
