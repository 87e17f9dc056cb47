package config_test

import (
	"encoding/json"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/config"
	"github.com/profullstack/meshhook/internal/meshhook"
)

func TestParseByteSize(t *testing.T) {
	for text, want := range map[string]config.ByteSize{
		"0": 0, "512": 512, "512B": 512, "64KiB": 64 << 10, "64kib": 64 << 10, "1 MiB": 1 << 20, "2GiB": 2 << 30,
		"10kB": 10_000, "10KB": 10_000, "3MB": 3_000_000, "4GB": 4_000_000_000, "007": 7,
		"9223372036854775807": math.MaxInt64, "8589934591GiB": 8589934591 << 30,
	} {
		got, err := config.ParseByteSize(text)
		require.NoError(t, err, text)
		require.Equal(t, want, got, text)
	}
	for _, text := range []string{
		"", "MiB", "-1", "+1", "1.5MiB", "1K", "1M", "1TiB", "1  MiB", " 1", "1  ", "1e6", "٣",
		"9223372036854775808", "8589934592GiB", "9223372036854775807kB",
	} {
		_, err := config.ParseByteSize(text)
		require.Error(t, err, text)
		require.Equal(t, meshhook.CodeInvalid, meshhook.ErrorCode(err), text)
	}
}

func TestByteSize_String(t *testing.T) {
	for size, want := range map[config.ByteSize]string{
		0: "0B", 1: "1B", 1000: "1000B", 1024: "1KiB", 1 << 20: "1MiB", 3 << 19: "1536KiB", 5 << 30: "5GiB",
	} {
		require.Equal(t, want, size.String())
	}
}

func TestByteSize_JSON(t *testing.T) {
	type limits struct {
		Body config.ByteSize `json:"body"`
	}
	text, err := json.Marshal(limits{2 * config.MiB})
	require.NoError(t, err)
	require.JSONEq(t, `{"body":"2MiB"}`, string(text))
	var back limits
	require.NoError(t, json.Unmarshal(text, &back))
	require.Equal(t, limits{2 * config.MiB}, back)
	require.Error(t, json.Unmarshal([]byte(`{"body":"much"}`), &back))
	require.Equal(t, limits{2 * config.MiB}, back, "an error changes nothing")
}

func FuzzParseByteSize(f *testing.F) {
	f.Add("1MiB")
	f.Add("99999999999999999999")
	f.Fuzz(func(t *testing.T, text string) {
		size, err := config.ParseByteSize(text)
		if err != nil {
			return
		}
		require.GreaterOrEqual(t, size, config.ByteSize(0))
		again, err := config.ParseByteSize(size.String())
		require.NoError(t, err)
		require.Equal(t, size, again)
	})
}
