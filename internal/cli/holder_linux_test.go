package cli

import (
	"net"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

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
		require.Empty(t, holders(odd))
	}
}

// A socket that a service manager has handed over is held by both; the daemon is found,
// whichever comes first.
func TestPortOfSeveral(t *testing.T) {
	t.Parallel()
	listener, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, listener.Close()) })
	file, err := listener.File()
	require.NoError(t, err)
	child := exec.CommandContext(t.Context(), "cat")
	child.ExtraFiles = []*os.File{file}
	input, err := child.StdinPipe()
	require.NoError(t, err)
	require.NoError(t, child.Start())
	require.NoError(t, file.Close())
	host, err := os.Hostname()
	require.NoError(t, err)
	for _, pid := range []int{os.Getpid(), child.Process.Pid} {
		e := &examination{daemons: []meshhook.Daemon{{Host: host, PID: pid, SeenAt: time.Now()}}}
		facts := e.port(t.Context(), "listen", listener.Addr().String())
		require.True(t, facts.Ours)
		require.Equal(t, pid, facts.PID)
	}
	require.NoError(t, input.Close())
	require.NoError(t, child.Wait())
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
