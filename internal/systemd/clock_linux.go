package systemd

import (
	"time"

	"golang.org/x/sys/unix"
)

// monotonic is the clock by which systemd goes.
func monotonic() time.Duration {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
		return 0 // the kernel knows this clock since 2.6
	}
	return time.Duration(now.Nano())
}
