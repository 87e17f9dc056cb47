package meshhook_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/profullstack/meshhook/internal/meshhook"
)

func TestDurationReadsGoText(t *testing.T) {
	t.Parallel()
	tests := []struct {
		text string
		want time.Duration
	}{
		{"90s", 90 * time.Second},
		{"1m30s", 90 * time.Second},
		{"24h", 24 * time.Hour},
		{"1.5h", 90 * time.Minute},
		{"250ms", 250 * time.Millisecond},
		{"0s", 0},
		{"0", 0}, // nothing is the same in every unit
		{"2562047h47m16.854775807s", 1<<63 - 1},
	}
	for _, test := range tests {
		var d meshhook.Duration
		require.NoError(t, d.UnmarshalText([]byte(test.text)), test.text)
		require.Equal(t, test.want, d.Std())
		var again meshhook.Duration
		require.NoError(t, again.UnmarshalText([]byte(d.String())), "what people read can be written")
		require.Equal(t, d, again)
	}
}

func TestDurationIsShort(t *testing.T) {
	t.Parallel()
	for want, d := range map[string]time.Duration{
		"24h": 24 * time.Hour, "5m": 5 * time.Minute, "1h30m": 90 * time.Minute, "1h0m1s": time.Hour + time.Second, "10s": 10 * time.Second, "0s": 0, "10m": 10 * time.Minute,
	} {
		require.Equal(t, want, meshhook.Duration(d).String())
	}
}

func TestFormatSize(t *testing.T) {
	t.Parallel()
	for want, bytes := range map[string]int64{"0B": 0, "1500B": 1500, "1KiB": 1 << 10, "64MiB": 64 << 20, "3GiB": 3 << 30, "-1B": -1} {
		require.Equal(t, want, meshhook.FormatSize(bytes))
	}
}

func TestDurationRefuses(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "5", "-5s", "1d", "5 s", "five minutes", "1h-5m", "2562047h47m16.854775808s", "NaNs"} {
		d := meshhook.Duration(time.Hour)
		err := d.UnmarshalText([]byte(text))
		require.Equal(t, meshhook.CodeInvalid, meshhook.ErrorCode(err), text)
		require.ErrorContains(t, err, "is not a duration; write it like 90s, 1m30s or 24h")
		require.Equal(t, time.Hour, d.Std(), "a refused text changes nothing")
	}
}

func TestDurationInDocuments(t *testing.T) {
	t.Parallel()
	type document struct {
		Wait meshhook.Duration `json:"wait,omitzero" yaml:"wait,omitempty"`
	}
	want := document{Wait: meshhook.Duration(90 * time.Second)}

	data, err := json.Marshal(want)
	require.NoError(t, err)
	require.JSONEq(t, `{"wait":"1m30s"}`, string(data))
	var got document
	require.NoError(t, json.Unmarshal(data, &got))
	require.Equal(t, want, got)

	data, err = yaml.Marshal(want)
	require.NoError(t, err)
	require.YAMLEq(t, "wait: 1m30s\n", string(data))
	got = document{}
	require.NoError(t, yaml.Unmarshal(data, &got))
	require.Equal(t, want, got)

	for _, bad := range []string{"wait: 5\n", "wait: -5s\n", "wait: [1]\n"} {
		require.Error(t, yaml.Unmarshal([]byte(bad), &got), bad)
	}
	for _, bad := range []string{`{"wait":5}`, `{"wait":"5"}`, `{"wait":{}}`} {
		require.Error(t, json.Unmarshal([]byte(bad), &got), bad)
	}

	data, err = json.Marshal(document{})
	require.NoError(t, err)
	require.Equal(t, "{}", string(data))
}

func FuzzDuration(f *testing.F) {
	for _, seed := range []string{"90s", "1m30s", "-1s", "0", "1.5h", "9223372036854775807ns"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var d, again meshhook.Duration
		if err := d.UnmarshalText([]byte(text)); err != nil {
			require.Equal(t, meshhook.CodeInvalid, meshhook.ErrorCode(err))
			return
		}
		require.GreaterOrEqual(t, d.Std(), time.Duration(0))
		printed, err := d.MarshalText()
		require.NoError(t, err)
		require.NoError(t, again.UnmarshalText(printed))
		require.Equal(t, d, again)
	})
}
