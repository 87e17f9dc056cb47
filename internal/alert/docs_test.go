package alert_test

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/alert"
	"github.com/profullstack/meshhook/internal/meshhook"
)

// The guide shows the message as it is, and names all that there is.
func TestTheGuideIsTrue(t *testing.T) {
	t.Parallel()
	source, err := os.ReadFile("../../docs/alerts.md")
	require.NoError(t, err)
	page := string(source)
	example := regexp.MustCompile("(?s)```json\n(\\{\n  \"type\".*?)```").FindStringSubmatch(page)
	require.NotNil(t, example)
	require.JSONEq(t, body(t, about("run.failed")), example[1])

	for _, kind := range types() {
		require.Contains(t, page, "`"+string(kind)+"`")
	}
	for _, signing := range meshhook.Signings() {
		require.Contains(t, page, "\n| `"+string(signing)+"`")
	}
	for _, preset := range alert.Presets() {
		require.Contains(t, page, "\n| `"+preset+"` |")
	}
	for key := range about("run.failed").Context() {
		require.Contains(t, page, "`."+key+"`")
	}
	// Each URL of the table is one that Compile takes for its preset.
	for _, row := range regexp.MustCompile("(?m)^\\| `(\\w+)` \\| `(https://[^`]*)` ").FindAllStringSubmatch(page, -1) {
		a := config()
		a.Preset, a.URL = row[1], strings.ReplaceAll(row[2], "…", "x")
		compile(t, a)
	}
}
