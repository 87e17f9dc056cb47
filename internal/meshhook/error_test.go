package meshhook_test

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/meshhook"
)

func TestErrorf(t *testing.T) {
	t.Parallel()
	plain := meshhook.Errorf(meshhook.CodeNotFound, "there is no %q", "it")
	require.Equal(t, &meshhook.Error{Code: meshhook.CodeNotFound, Message: `there is no "it"`}, plain)
	require.EqualError(t, plain, `there is no "it"`)
	require.NoError(t, plain.Unwrap())

	caused := meshhook.Errorf(meshhook.CodeUnavailable, "reading: %w", io.ErrUnexpectedEOF)
	require.Equal(t, &meshhook.Error{Code: meshhook.CodeUnavailable, Message: "reading: unexpected EOF", Err: io.ErrUnexpectedEOF}, caused)
	require.ErrorIs(t, caused, io.ErrUnexpectedEOF)
}

func TestErrorCode(t *testing.T) {
	t.Parallel()
	inner := meshhook.Errorf(meshhook.CodeNotFound, "inner")
	tests := []struct {
		name string
		err  error
		want meshhook.Code
	}{
		{"nil", nil, ""},
		{"ours", inner, meshhook.CodeNotFound},
		{"ours, wrapped by others", fmt.Errorf("outer: %w", inner), meshhook.CodeNotFound},
		{"ours, joined with others", errors.Join(io.EOF, inner), meshhook.CodeNotFound},
		{"ours around ours", meshhook.Errorf(meshhook.CodeConflict, "outer: %w", inner), meshhook.CodeConflict},
		{"another's", fs.ErrNotExist, meshhook.CodeInternal},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, test.want, meshhook.ErrorCode(test.err))
		})
	}
}
