//go:build unix

package seal

import (
	"io/fs"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestForbidden(t *testing.T) {
	for _, test := range []struct {
		mode              fs.FileMode
		rootGives, refuse bool
	}{
		{0o600, false, false},
		{0o400, false, false},
		{0o640, false, true},
		{0o604, false, true},
		{0o400, true, false},
		{0o440, true, false}, // a service's group, as systemd and Kubernetes mount it
		{0o444, true, true},
		{0o460, true, true},
	} {
		require.Equal(t, test.refuse, test.mode&forbidden(test.rootGives) != 0, "%v, given by root: %v", test.mode, test.rootGives)
	}
}
