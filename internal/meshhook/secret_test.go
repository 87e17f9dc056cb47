package meshhook_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/profullstack/meshhook/internal/meshhook"
)

const hush = "hunter2-\x00-very"

// holder holds secrets in every way in which a struct can.
type holder struct {
	Open    meshhook.Secret
	Pointer *meshhook.Secret
	List    []meshhook.Secret
	Map     map[string]meshhook.Secret
	hidden  meshhook.Secret
}

func newHolder() holder {
	s := meshhook.NewSecret(hush)
	return holder{Open: s, Pointer: &s, List: []meshhook.Secret{s}, Map: map[string]meshhook.Secret{"k": s}, hidden: s}
}

func requireHushed(t *testing.T, printed string) {
	t.Helper()
	require.NotContains(t, printed, "hunter2")
	require.NotContains(t, printed, "very")
	require.NotContains(t, printed, fmt.Sprintf("%x", "hunter2")) // %x and %X
	require.NotContains(t, printed, fmt.Sprintf("%X", "hunter2"))
	require.NotContains(t, printed, "104 117 110") // []byte
}

func TestSecretIsMaskedByEveryVerb(t *testing.T) {
	t.Parallel()
	s := meshhook.NewSecret(hush)
	// Letters that fmt knows and those that it does not, with and without flags.
	for verb := rune('A'); verb <= 'z'; verb++ {
		for _, flags := range []string{"", "+", "#", "-20.3", " ", "0", "[1]"} {
			format := "%" + flags + string(verb)
			requireHushed(t, fmt.Sprintf(format, s))
			requireHushed(t, fmt.Sprintf(format, &s))
			requireHushed(t, fmt.Sprintf(format, newHolder()))
			requireHushed(t, fmt.Sprintf(format, new(newHolder())))
			requireHushed(t, fmt.Errorf(format, s).Error())
		}
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		require.Equal(t, meshhook.Mask, fmt.Sprintf(verb, s))
		require.Empty(t, fmt.Sprintf(verb, meshhook.Secret{}))
	}
	extra := strings.Repeat("%s", 1) // the other operands are printed as EXTRA
	requireHushed(t, fmt.Sprintf(extra, s, &s, newHolder()))
	requireHushed(t, fmt.Sprint(s, newHolder()))
}

func TestSecretIsMaskedInLogs(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	handlers := []slog.Handler{slog.NewTextHandler(&out, nil), slog.NewJSONHandler(&out, nil)}
	s := meshhook.NewSecret(hush)
	for _, h := range handlers {
		out.Reset()
		slog.New(h).With("kept", s).Info("message", "plain", s, "pointer", &s, "holder", newHolder(), slog.Group("group", "inner", s), "error", fmt.Errorf("with %v", s))
		requireHushed(t, out.String())
		require.Contains(t, out.String(), meshhook.Mask)
	}
}

func TestSecretIsMaskedInDocuments(t *testing.T) {
	t.Parallel()
	encoders := map[string]func(any) ([]byte, error){"json": json.Marshal, "yaml": yaml.Marshal}
	for name, encode := range encoders {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, v := range []any{meshhook.NewSecret(hush), new(meshhook.NewSecret(hush)), newHolder(), map[string]any{"k": meshhook.NewSecret(hush)}} {
				data, err := encode(v)
				require.NoError(t, err)
				requireHushed(t, string(data))
				require.Contains(t, string(data), meshhook.Mask)
			}
		})
	}
	type element struct{ Open meshhook.Secret }
	data, err := xml.Marshal(element{meshhook.NewSecret(hush)})
	require.NoError(t, err)
	requireHushed(t, string(data))

	data, err = json.Marshal(struct {
		S meshhook.Secret `json:"s,omitzero"`
		T meshhook.Secret `json:"t"`
	}{})
	require.NoError(t, err)
	require.JSONEq(t, `{"t":""}`, string(data))
}

func TestSecretIsReadFromDocuments(t *testing.T) {
	t.Parallel()
	var fromJSON, fromYAML struct{ S meshhook.Secret }
	require.NoError(t, json.Unmarshal([]byte(`{"S":"hush"}`), &fromJSON))
	require.NoError(t, yaml.Unmarshal([]byte("s: hush\n"), &fromYAML))
	require.Equal(t, "hush", fromJSON.S.Reveal())
	require.Equal(t, "hush", fromYAML.S.Reveal())
	require.NoError(t, json.Unmarshal([]byte(`{"S":""}`), &fromJSON))
	require.True(t, fromJSON.S.IsZero())
}

func TestSecretHoldsItsValue(t *testing.T) {
	t.Parallel()
	s := meshhook.NewSecret(hush)
	require.Equal(t, hush, s.Reveal())
	require.False(t, s.IsZero())
	require.Equal(t, meshhook.Mask, s.String())
	require.Equal(t, s, meshhook.NewSecret(hush))
	require.NotEqual(t, s, meshhook.NewSecret("other"))

	for _, empty := range []meshhook.Secret{{}, meshhook.NewSecret("")} {
		require.True(t, empty.IsZero())
		require.Empty(t, empty.Reveal())
		require.Empty(t, empty.String())
		require.Equal(t, meshhook.Secret{}, empty)
	}
}

// An error made with a secret masks it, whichever way it is wrapped.
func TestSecretIsMaskedInErrors(t *testing.T) {
	t.Parallel()
	s := meshhook.NewSecret(hush)
	err := meshhook.Errorf(meshhook.CodeInvalid, "%s does not sign %w", s, errors.New("the body"))
	require.EqualError(t, err, meshhook.Mask+" does not sign the body")
	requireHushed(t, fmt.Sprintf("%+v %#v", err, fmt.Errorf("outer: %w", err)))
}
