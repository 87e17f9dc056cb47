package config_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/config"
)

func TestKeys_AreTheFields(t *testing.T) {
	var names []string
	for _, key := range config.Keys() {
		names = append(names, key.Name)
		require.NotEmpty(t, key.Help, key.Name)
	}
	require.ElementsMatch(t, config.FieldNames(), names)
}

func TestKeys_NamesByTheContract(t *testing.T) {
	byName := map[string]config.Key{}
	for _, key := range config.Keys() {
		byName[key.Name] = key
	}
	require.Equal(t, "MESHHOOK_LOG_LEVEL", byName["log.level"].Env)
	require.Equal(t, "log-level", byName["log.level"].Flag)
	require.Equal(t, "MESHHOOK_POSTGRES_BIN_DIR", byName["postgres.bin_dir"].Env)
	require.Equal(t, "admin-listen", byName["admin_listen"].Flag)
	require.Equal(t, "MESHHOOK_MASTER_KEY", byName["master_key"].Env)
}

// What a user reads as the default is what Load starts from, where it is no
// words.
func TestKeys_DefaultsAreTrue(t *testing.T) {
	shown := map[string]string{}
	for _, s := range newWorld(t).load().Show() {
		shown[s.Key] = s.Value
	}
	for _, key := range config.Keys() {
		if key.Name != "data_dir" && key.Name != "master_key_file" {
			require.Equal(t, key.Default, shown[key.Name], key.Name)
		}
	}
}
