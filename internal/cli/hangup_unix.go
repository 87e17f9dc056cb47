//go:build unix

package cli

import (
	"context"
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// hangup returns once nobody reads a pipe or socket any more, or when ctx ends.
// A follower that has nothing to write would not find out otherwise: `tail | head`
// would wait for the next event. Files and terminals are never hung up here.
func hangup(ctx context.Context, f *os.File) {
	const look = 500 // milliseconds between two looks at ctx
	for ctx.Err() == nil {
		// No events are asked for: errors are reported all the same (POSIX, poll).
		fds := []unix.PollFd{{Fd: int32(f.Fd())}} //nolint:gosec // descriptors are small
		n, err := unix.Poll(fds, look)
		if n > 0 || err != nil && !errors.Is(err, unix.EINTR) {
			return
		}
	}
}
