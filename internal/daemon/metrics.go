package daemon

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/profullstack/meshhook/internal/engine"
	"github.com/profullstack/meshhook/internal/ingress"
	"github.com/profullstack/meshhook/internal/meshhook"
)

// metrics is what /metrics shows. Names follow Prometheus' conventions: base
// units, _total on counters.
type metrics struct {
	registry *prometheus.Registry
	events   *prometheus.CounterVec
	answers  prometheus.Histogram
	runs     *prometheus.CounterVec
	runTime  prometheus.Histogram
	steps    *prometheus.CounterVec
	stepTime *prometheus.HistogramVec
	failures *prometheus.CounterVec
	schemas  prometheus.Counter
	circuits *prometheus.CounterVec
	alerts   alertMetrics
	// limitFailures is what the database could not keep of rate limits.
	limitFailures prometheus.Counter
}

func newMetrics() *metrics {
	buckets := []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60}
	m := &metrics{
		registry: prometheus.NewRegistry(),
		events: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "meshhook_events_total", Help: "Requests that came to webhooks, by what became of them.",
		}, []string{"webhook", "result"}),
		answers: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "meshhook_ingress_seconds", Help: "Time from a request's headers to its answer.", Buckets: buckets,
		}),
		runs: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "meshhook_runs_total", Help: "Runs that ended, by their status.",
		}, []string{"status"}),
		runTime: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "meshhook_run_seconds", Help: "Time from a run's start to its end.", Buckets: buckets,
		}),
		steps: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "meshhook_step_attempts_total", Help: "Tries of steps that call out, by the step's status after them.",
		}, []string{"kind", "status"}),
		stepTime: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "meshhook_step_attempt_seconds", Help: "Time of one try of a step that calls out.", Buckets: buckets,
		}, []string{"kind"}),
		failures: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "meshhook_loop_failures_total", Help: "Rounds of background work that failed.",
		}, []string{"loop"}),
		schemas: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "meshhook_schema_mismatches_total", Help: "Times that the engines that check payloads did not agree, or failed.",
		}),
		circuits: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "meshhook_circuit_transitions_total", Help: "Turns of circuits that this daemon made, by the state after them.",
		}, []string{"to"}),
		limitFailures: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "meshhook_limit_failures_total", Help: "Requests counted against a rate limit by this daemon alone, since the database could not.",
		}),
	}
	m.registry.MustRegister(m.events, m.answers, m.runs, m.runTime, m.steps, m.stepTime, m.failures, m.schemas, m.circuits, m.limitFailures,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	for _, state := range meshhook.CircuitStates() {
		m.circuits.WithLabelValues(string(state)) // shown before the first one, so that rates see it
	}
	m.alerts = newAlertMetrics(m.registry, buckets)
	return m
}

// watch shows the numbers of runs under way and of circuits that are not closed.
func (m *metrics) watch(active, open func() int) {
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "meshhook_runs_active", Help: "Runs that this daemon drives right now.",
	}, func() float64 { return float64(active()) }), prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "meshhook_circuits_open", Help: "Circuits, of all projects, that this daemon knows to be open or half open.",
	}, func() float64 { return float64(open()) }))
}

// watchCertificate shows when the certificate of the public listener ends.
func (m *metrics) watchCertificate(expires func() time.Time) {
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "meshhook_certificate_expiry_timestamp_seconds", Help: "When the certificate of the public listener expires, in Unix time.",
	}, func() float64 { return float64(expires().Unix()) }))
}

func (m *metrics) event(o ingress.Outcome) {
	m.events.WithLabelValues(o.Webhook, o.Result).Inc()
	m.answers.Observe(o.Duration.Seconds())
}

func (m *metrics) run(o engine.Outcome) {
	if o.Step == "" {
		m.runs.WithLabelValues(o.Status).Inc()
		m.runTime.Observe(o.Duration.Seconds())
		return
	}
	m.steps.WithLabelValues(o.Step, o.Status).Inc()
	m.stepTime.WithLabelValues(o.Step).Observe(o.Duration.Seconds())
}

func (m *metrics) loopFailed(name string) func(error) {
	counter := m.failures.WithLabelValues(name)
	return func(error) { counter.Inc() }
}

func (m *metrics) circuit(to meshhook.CircuitState) { m.circuits.WithLabelValues(string(to)).Inc() }

func (m *metrics) schemaMismatch(string) { m.schemas.Inc() }
