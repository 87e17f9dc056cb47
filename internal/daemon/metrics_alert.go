package daemon

import (
	"context"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/profullstack/meshhook/internal/delivery"
	"github.com/profullstack/meshhook/internal/meshhook"
)

// alertMetrics are those of alerts.
type alertMetrics struct {
	ended    *prometheus.CounterVec
	attempts *prometheus.CounterVec
	dispatch prometheus.Histogram
	attempt  prometheus.Histogram
	// pending and oldest are of the whole installation.
	pending prometheus.Gauge
	oldest  prometheus.Gauge
}

func newAlertMetrics(registry *prometheus.Registry, buckets []float64) alertMetrics {
	m := alertMetrics{
		ended: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "meshhook_alerts_total", Help: "Alerts that ended here, by their status and why they were not delivered.",
		}, []string{"status", "reason"}),
		attempts: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "meshhook_alert_attempts_total", Help: "Attempts to deliver an alert, by the delivery's status after them and why they failed.",
		}, []string{"status", "reason"}),
		dispatch: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "meshhook_alert_dispatch_seconds", Help: "Time from the commit of what an alert tells of to its first attempt.", Buckets: buckets,
		}),
		attempt: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "meshhook_alert_attempt_seconds", Help: "Time of one attempt to deliver an alert.", Buckets: buckets,
		}),
		pending: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "meshhook_alerts_pending", Help: "Alerts that are still to be sent, of all projects: every daemon shows the same.",
		}),
		oldest: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "meshhook_alerts_oldest_due_seconds", Help: "How long the oldest alert that is due has been waiting, of all projects; 0 when none is.",
		}),
	}
	registry.MustRegister(m.ended, m.attempts, m.dispatch, m.attempt, m.pending, m.oldest)
	// Shown before the first one, so that rates see it.
	for _, v := range []*prometheus.CounterVec{m.ended, m.attempts} {
		v.WithLabelValues(string(meshhook.DeliveryDelivered), "")
		v.WithLabelValues(string(meshhook.DeliveryExhausted), string(meshhook.DeliveryHTTPStatus))
	}
	return m
}

func (m *metrics) alert(o delivery.Outcome) {
	if !o.Attempt {
		m.alerts.ended.WithLabelValues(string(o.Status), string(o.Reason)).Inc()
		return
	}
	m.alerts.attempts.WithLabelValues(string(o.Status), string(o.Reason)).Inc()
	m.alerts.attempt.Observe(o.Took.Seconds())
	if o.First {
		m.alerts.dispatch.Observe(o.Dispatch.Seconds())
	}
}

// measureQueue has the metrics show how many alerts wait. It is the Work of a loop.
func (d *Daemon) measureQueue(ctx context.Context) error {
	pending, oldest, err := d.db.AlertQueue(ctx)
	if err == nil {
		d.metrics.alerts.pending.Set(float64(pending))
		d.metrics.alerts.oldest.Set(oldest.Seconds())
	}
	return err
}
