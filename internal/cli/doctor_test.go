package cli

import (
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/certtest"
	"github.com/profullstack/meshhook/internal/config"
	"github.com/profullstack/meshhook/internal/doctor"
	"github.com/profullstack/meshhook/internal/meshhook"
)

// A port is free, or somebody's: this process's, here.
func TestPortFacts(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // it is closed at once
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, listener.Close()) })
	address := listener.Addr().String()
	host, err := os.Hostname()
	require.NoError(t, err)
	e := &examination{}
	taken := e.port(t.Context(), "listen", address)
	require.True(t, taken.InUse)
	require.False(t, taken.Ours)
	require.Equal(t, os.Getpid(), taken.PID)
	require.NotEmpty(t, taken.Program)
	e.daemons = []meshhook.Daemon{{Host: host, PID: os.Getpid(), SeenAt: time.Now()}}
	require.True(t, e.port(t.Context(), "listen", address).Ours)
	e.daemons[0].SeenAt = time.Now().Add(-time.Hour)
	require.False(t, e.port(t.Context(), "listen", address).Ours)

	require.NoError(t, e.port(t.Context(), "listen", "127.0.0.1:0").Err)
	elsewhere := e.port(t.Context(), "listen", "192.0.2.1:80") // TEST-NET-1: no machine has it
	require.Error(t, elsewhere.Err)
	require.False(t, elsewhere.InUse)
	for _, odd := range []string{"nothing", "127.0.0.1:http", "127.0.0.1:1"} {
		pid, _ := holder(odd)
		require.Zero(t, pid)
	}
}

func FuzzListeners(f *testing.F) {
	f.Add([]byte("  sl  local_address rem_address   st\n   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 123 1 0 100 0 0 10 0\n"), uint16(8080))
	f.Add([]byte("0: :1F90 x 0A"), uint16(8080))
	f.Fuzz(func(t *testing.T, table []byte, port uint16) {
		for _, inode := range listeners(table, uint64(port)) {
			require.NotEmpty(t, inode)
		}
	})
}

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
