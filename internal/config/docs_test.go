package config_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/config"
)

// The page about the configuration has one row for each key, as the code has it.
func TestDocumentationListsEveryKey(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/configuration.md")
	require.NoError(t, err)
	var table strings.Builder
	table.WriteString("| key | environment | default | |\n|---|---|---|---|\n")
	for _, key := range config.Keys() {
		value := ""
		if key.Default != "" {
			value = "`" + key.Default + "`"
		}
		fmt.Fprintf(&table, "| `%s` | `%s` | %s | %s |\n", key.Name, key.Env, value, key.Help)
	}
	_, rows, found := strings.Cut(string(page), "<!-- keys: the table below is compared with the code by a test -->\n\n")
	require.True(t, found)
	rows, _, _ = strings.Cut(rows, "\n\n")
	require.Equal(t, table.String(), rows+"\n")
}
