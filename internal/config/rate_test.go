package config_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/config"
	"github.com/profullstack/meshhook/internal/meshhook"
)

func TestParseRate(t *testing.T) {
	for text, want := range map[string]string{"60/minute": "60/minute", "None": "none", "5-M": "5/minute"} {
		r, err := config.ParseRate(text)
		require.NoError(t, err)
		require.Equal(t, want, r.String())
		require.Equal(t, want == "none", r.IsNone())
	}
	_, err := config.ParseRate("")
	require.ErrorContains(t, err, "or none")
}

// What is read is printed so that it is read as the same.
func FuzzParseRate(f *testing.F) {
	for _, seed := range []string{"60/minute", "none", "0", "5/15m", "", "-1/s"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		r, err := config.ParseRate(text)
		if err != nil {
			require.Equal(t, meshhook.CodeInvalid, meshhook.ErrorCode(err))
			return
		}
		again, err := config.ParseRate(r.String())
		require.NoError(t, err)
		require.Equal(t, r, again)
	})
}
