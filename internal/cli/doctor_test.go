package cli

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/certtest"
	"github.com/profullstack/meshhook/internal/config"
	"github.com/profullstack/meshhook/internal/doctor"
	"github.com/profullstack/meshhook/internal/meshhook"
)

// The space is that of the directory, or of the one that will hold it.
func TestDiskOf(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	d, err := diskOf(filepath.Join(dir, "not", "yet"))
	require.NoError(t, err)
	require.Equal(t, dir, d.Path)
	require.Positive(t, d.Total)
	require.LessOrEqual(t, d.Free, d.Total)
}

func TestCertificateFindings(t *testing.T) {
	t.Parallel()
	levels := func(valid time.Duration) doctor.Level {
		files := certtest.New(t, valid, "hooks.example.com")
		e := &examination{config: &config.Config{TLS: config.TLS{CertFile: files.Cert, KeyFile: files.Key}}}
		found := e.certificate()
		require.Len(t, found, 1)
		return found[0].Level
	}
	require.Equal(t, doctor.OK, levels(90*24*time.Hour))
	require.Equal(t, doctor.Warn, levels(10*24*time.Hour))
	require.Equal(t, doctor.Fail, levels(time.Hour))
	require.Equal(t, doctor.Fail, levels(-time.Minute), "it has ended")
}

// What is checked follows the configuration: ports that are fixed, certificates that are asked for.
func TestMachineChecks(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	e := &examination{config: &config.Config{DataDir: dir, Listen: ":0", AdminListen: "127.0.0.1:0", TLS: config.TLS{ACME: config.ACME{Domains: []string{"a.example"}}}}}
	e.server = meshhook.ServerFacts{Local: true, DataDirectory: "/"}
	found := doctor.Run(t.Context(), time.Minute, e.machine())
	var names []string
	for _, f := range found {
		names = append(names, f.Check)
	}
	require.Equal(t, []string{"master key", "disk", "disk", "certificate"}, names)
	require.Contains(t, found[3].Text, "no certificate was fetched for a.example yet")
}
