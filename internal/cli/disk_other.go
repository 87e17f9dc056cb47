//go:build !linux && !darwin

package cli

import (
	"errors"

	"github.com/profullstack/meshhook/internal/doctor"
)

// disk cannot be read here.
func disk(string) (doctor.DiskFacts, error) {
	return doctor.DiskFacts{}, errors.New("this system is not known to tell")
}
