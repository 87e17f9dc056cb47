package postgres

import (
	"encoding/json"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/profullstack/meshhook/internal/meshhook"
)

const (
	alertFields = `a.id, a.project_id, a.workflow_id, coalesce(w.name, ''), a.conditions, a.condition, coalesce(a.delay_threshold_ms, 0), a.throttle_ms, a.throttle_key,
	a.quiet, e.url_path, coalesce(a.expect_within_ms, 0), a.preset, a.url, a.headers, a.payload, a.signing, a.schedule_ms, a.timeout_ms, a.description,
	a.enabled, a.disabled_reason, a.created_at, a.updated_at, a.name`
	alertTables = `alert_configs a LEFT JOIN workflows w ON w.id = a.workflow_id LEFT JOIN webhook_endpoints e ON e.id = a.expect_endpoint_id`
)

// sealedAlert is an alert whose parts that may hold a secret are sealed still.
type sealedAlert struct {
	meshhook.Alert
	url, headers, payload []byte
}

// scanAlert reads the alertFields of a row.
func scanAlert(row pgx.CollectableRow) (a sealedAlert, err error) {
	var delay, throttle, within, timeout int64
	var expected *string
	var schedule []int64
	err = row.Scan(&a.ID, &a.ProjectID, &a.WorkflowID, &a.Workflow, &a.On, &a.When, &delay, &throttle, &a.ThrottleKey,
		&a.Quiet, &expected, &within, &a.Preset, &a.url, &a.headers, &a.payload, &a.Signing, &schedule, &timeout, &a.Description,
		&a.Enabled, &a.DisabledReason, &a.CreatedAt, &a.UpdatedAt, &a.Name)
	if err != nil {
		return a, err
	}
	inUTC(&a.CreatedAt, &a.UpdatedAt)
	a.DelayThreshold, a.Throttle, a.Timeout = milliseconds(delay), milliseconds(throttle), milliseconds(timeout)
	if expected != nil {
		a.Expect = &meshhook.Expect{Webhook: *expected, Within: milliseconds(within)}
	}
	for _, ms := range schedule {
		a.Schedule = append(a.Schedule, milliseconds(ms))
	}
	return a, nil
}

func milliseconds(n int64) meshhook.Duration {
	return meshhook.Duration(time.Duration(n) * time.Millisecond)
}

// wholeMS is a duration in whole milliseconds, rounded up: a little is not nothing.
func wholeMS(d meshhook.Duration) int64 {
	return (d.Std() + time.Millisecond - 1).Milliseconds()
}

// openAlert opens what is sealed of an alert.
func (db *DB) openAlert(sealed sealedAlert) (a meshhook.Alert, err error) {
	a = sealed.Alert
	if a.URL, err = db.openText("alert_configs.url", a.ID, sealed.url); err != nil {
		return a, err
	}
	headers, err := db.openText("alert_configs.headers", a.ID, sealed.headers)
	if err != nil {
		return a, err
	}
	if headers != "" {
		if err := json.Unmarshal([]byte(headers), &a.Headers); err != nil {
			return a, err
		}
	}
	payload, err := db.openBody("alert_configs.payload", a.ID, sealed.payload)
	a.Payload = payload
	return a, err
}

// alertValues are the columns of an alert, in the order of its INSERT and UPDATE.
func (t *Tenant) alertValues(a meshhook.Alert, expected *meshhook.ID) ([]any, error) {
	url, err := t.db.sealText("alert_configs.url", a.ID, a.URL)
	if err != nil {
		return nil, err
	}
	var headers []byte
	if len(a.Headers) > 0 {
		text, err := json.Marshal(a.Headers)
		if err != nil {
			return nil, err
		}
		if headers, err = t.db.sealText("alert_configs.headers", a.ID, string(text)); err != nil {
			return nil, err
		}
	}
	payload, err := t.db.sealBody("alert_configs.payload", a.ID, a.Payload)
	if err != nil {
		return nil, err
	}
	var delay, within *int64
	if a.DelayThreshold != 0 {
		ms := wholeMS(a.DelayThreshold)
		delay = &ms
	}
	if a.Expect != nil {
		ms := wholeMS(a.Expect.Within)
		within = &ms
	}
	var schedule []int64
	for _, wait := range a.Schedule {
		schedule = append(schedule, wholeMS(wait))
	}
	return []any{
		a.ID, t.id, a.WorkflowID, a.On, a.When, delay, wholeMS(a.Throttle), a.ThrottleKey, a.Quiet, expected, within,
		a.Preset, url, headers, payload, a.Signing, schedule, wholeMS(a.Timeout), a.Description, a.Enabled, a.DisabledReason, a.Name,
	}, nil
}
