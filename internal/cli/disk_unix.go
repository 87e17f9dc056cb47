//go:build linux || darwin

package cli

import (
	"syscall"

	"github.com/profullstack/meshhook/internal/doctor"
)

// disk reads the space of the file system of a directory: what is free is what others
// than root may use.
func disk(dir string) (doctor.DiskFacts, error) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(dir, &s); err != nil {
		return doctor.DiskFacts{}, err
	}
	block := uint64(s.Bsize) //nolint:gosec // it is positive; its type differs between systems
	return doctor.DiskFacts{Path: dir, Free: s.Bavail * block, Total: s.Blocks * block}, nil
}
