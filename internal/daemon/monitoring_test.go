package daemon_test

import (
	"encoding/json"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/profullstack/meshhook/internal/alert"
	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/pgtest"
)

const monitoring = "../../examples/monitoring/"

// What the examples of monitoring ask Prometheus for is what a daemon shows, once it
// has taken a request, failed a run of which it told, and called somebody.
func TestTheMonitoringExamplesAreTrue(t *testing.T) {
	t.Parallel()
	var rules struct {
		Groups []struct {
			Rules []struct{ Alert, Expr string }
		}
	}
	var board struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr string }
		}
	}
	read := func(name string) string {
		text, err := os.ReadFile(monitoring + name)
		require.NoError(t, err)
		return string(text)
	}
	require.NoError(t, yaml.Unmarshal([]byte(read("alerts.yaml")), &rules))
	require.NoError(t, json.Unmarshal([]byte(read("dashboard.json")), &board))
	asked := []string{read("README.md")}
	for _, r := range rules.Groups[0].Rules {
		require.NotEmpty(t, r.Expr, r.Alert)
		asked = append(asked, r.Expr)
	}
	for _, p := range board.Panels {
		require.NotEmpty(t, p.Targets, p.Title)
		for _, target := range p.Targets {
			asked = append(asked, target.Expr)
		}
	}
	shown := shownMetrics(t)
	names := regexp.MustCompile(`meshhook_[a-z_]+`).FindAllString(strings.Join(asked, " "), -1)
	require.Greater(t, len(names), 20)
	for _, name := range names {
		require.Contains(t, shown, "# TYPE "+strings.TrimSuffix(name, "_bucket")+" ")
	}
	for _, name := range regexp.MustCompile(`# TYPE (meshhook_alert\w+)`).FindAllStringSubmatch(shown, -1) {
		require.Contains(t, names, name[1], "no example shows it")
	}
}

// shownMetrics are those of a daemon that has done a bit of everything.
func shownMetrics(t *testing.T) string {
	t.Helper()
	dsn := pgtest.URL(t)
	project := pgtest.Project(t, pgtest.Open(t, dsn))
	applied, err := project.Apply(t.Context(), "w", "", meshhook.Version{
		Digest: "d", Source: "name: w\nsteps:\n  - id: a\n    http: { url: \"http://127.0.0.1:1\", retry: { attempts: 1 } }\n",
	})
	require.NoError(t, err)
	a := alert.WithDefaults(meshhook.Alert{ID: meshhook.NewID(), On: []meshhook.Condition{meshhook.OnFailed}, URL: "http://127.0.0.1:1", Enabled: true})
	_, err = project.CreateAlert(t.Context(), a, alert.NewSecret(a.Signing))
	require.NoError(t, err)
	d, _ := start(t, settings(t, dsn))
	require.Equal(t, http.StatusNotFound, post(t, d.Addr("ingress"), "/hooks/nothing"))
	require.NoError(t, project.StartRun(t.Context(), meshhook.Run{ID: meshhook.NewID(), WorkflowID: applied.Workflow.ID, Workflow: "w", Version: 1}))
	var shown string
	require.Eventually(t, func() bool {
		_, shown = get(t, d.Addr("admin"), "/metrics")
		return strings.Contains(shown, `meshhook_alert_attempts_total{reason="connection",status="pending"} `) && strings.Contains(shown, "meshhook_alerts_pending 1")
	}, 20*time.Second, 20*time.Millisecond)
	require.Contains(t, shown, "meshhook_alert_dispatch_seconds_count 1")
	require.Contains(t, shown, "meshhook_alerts_oldest_due_seconds ")
	return shown
}
