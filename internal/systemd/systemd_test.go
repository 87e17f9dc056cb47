package systemd

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/stretchr/testify/require"
)

// TestMain makes the test binary stand for a service, too: descriptors are handed
// over by numbers, so that only a process of its own can take them.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"service": func() { service(os.Stdout) }})
}

// service tells what it was handed over, and speaks once in every way.
func service(w io.Writer) {
	m, err := FromProcess()
	if err != nil {
		fmt.Fprintln(w, err)
		return
	}
	fmt.Fprintln(w, "listens", m.Listens(), "every", m.Every(), "rest", m.Rest())
	for _, name := range []string{"LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES", "WATCHDOG_USEC", "WATCHDOG_PID"} {
		if value, set := os.LookupEnv(name); set {
			fmt.Fprintln(w, "left", name, value)
		}
	}
	for _, l := range m.Take("http") {
		fmt.Fprintln(w, "http", l.Addr(), l.Close())
	}
	fmt.Fprintln(w, "again", len(m.Take("http")), "close", m.Close(), "rest", m.Rest())
	for _, err := range []error{m.Reloading(), m.Ready("Serving"), m.Status("Well"), m.Alive(), m.Stopping(time.Minute)} {
		if err != nil {
			fmt.Fprintln(w, err)
		}
	}
}

// serve runs a service under a manager that sets these variables, PID standing for
// its number.
func serve(t *testing.T, files []*os.File, variables ...string) string {
	t.Helper()
	script := ""
	for _, v := range variables {
		script += "export " + strings.ReplaceAll(v, "PID", "$$") + "; "
	}
	script = strings.ReplaceAll(script, "_$$=", "_PID=") // the names
	cmd := exec.CommandContext(t.Context(), "sh", "-c", script+"exec service")
	cmd.ExtraFiles = files
	cmd.Env = append(os.Environ(), "GOCOVERDIR="+t.TempDir())
	if dir := flag.Lookup("test.gocoverdir"); dir != nil && dir.Value.String() != "" {
		cmd.Env = append(cmd.Env, "GOCOVERDIR="+dir.Value.String())
	}
	out, err := cmd.Output()
	require.NoError(t, err)
	return string(out)
}

func tcp(t *testing.T) (*os.File, string) {
	t.Helper()
	var config net.ListenConfig
	l, err := config.Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, l.Close()) })
	listener, is := l.(*net.TCPListener)
	require.True(t, is)
	file, err := listener.File()
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, file.Close()) })
	return file, l.Addr().String()
}

func unixgram(t *testing.T) *net.UnixConn {
	t.Helper()
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: filepath.Join(t.TempDir(), "notify"), Net: "unixgram"})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, conn.Close()) })
	return conn
}

func TestSocketsAreTakenByName(t *testing.T) {
	t.Parallel()
	first, a := tcp(t)
	second, b := tcp(t)
	third, _ := tcp(t)
	out := serve(t, []*os.File{first, second, third}, "LISTEN_PID=PID", "LISTEN_FDS=3", "LISTEN_FDNAMES=http:http:odd")
	require.Equal(t, "listens false every 0s rest [http odd]\nhttp "+a+" <nil>\nhttp "+b+" <nil>\nagain 0 close <nil> rest []\n", out)
}

// What is meant for another process is left alone.
func TestSocketsOfAnotherProcess(t *testing.T) {
	t.Parallel()
	file, _ := tcp(t)
	for _, pid := range []string{"1", "", "x"} {
		out := serve(t, []*os.File{file}, "LISTEN_PID="+pid, "LISTEN_FDS=1", "LISTEN_FDNAMES=http")
		require.Equal(t, "listens false every 0s rest []\nagain 0 close <nil> rest []\n", out)
	}
	out := serve(t, nil, "WATCHDOG_USEC=1000000", "WATCHDOG_PID=1")
	require.Contains(t, out, "every 0s")
}

func TestSocketsThatCannotBeServed(t *testing.T) {
	t.Parallel()
	good, _ := tcp(t)
	datagrams, err := unixgram(t).File()
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, datagrams.Close()) })
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: filepath.Join(t.TempDir(), "stream"), Net: "unix"})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, l.Close()) })
	stream, err := l.File()
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, stream.Close()) })

	for name, c := range map[string]struct {
		files     []*os.File
		variables []string
		want      string
	}{
		"datagrams": {[]*os.File{good, datagrams}, []string{"LISTEN_FDS=2", "LISTEN_FDNAMES=http:odd"}, `the socket "odd" of systemd must be a ListenStream= of an address and port, not /`},
		"a path":    {[]*os.File{stream}, []string{"LISTEN_FDS=1", "LISTEN_FDNAMES=http"}, `the socket "http" of systemd must be a ListenStream= of an address and port, not /`},
		"nothing":   {nil, []string{"LISTEN_FDS=1"}, `the socket "LISTEN_FD_3" of systemd cannot be listened on`},
		"no number": {nil, []string{"LISTEN_FDS=many"}, "LISTEN_FDS must be a number from 0 to 64"},
		"negative":  {nil, []string{"LISTEN_FDS=-1"}, "LISTEN_FDS must be a number from 0 to 64"},
		"too many":  {nil, []string{"LISTEN_FDS=65"}, "LISTEN_FDS must be a number from 0 to 64"},
		"no time":   {nil, []string{"WATCHDOG_USEC=soon"}, "WATCHDOG_USEC must be a number of microseconds above zero"},
		"zero":      {nil, []string{"WATCHDOG_USEC=0"}, "WATCHDOG_USEC must be a number of microseconds above zero"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			out := serve(t, c.files, append(c.variables, "LISTEN_PID=PID")...)
			require.Contains(t, out, c.want)
		})
	}
}

func TestTheManagerHears(t *testing.T) {
	t.Parallel()
	conn := unixgram(t)
	out := serve(t, nil, "NOTIFY_SOCKET="+conn.LocalAddr().String(), "WATCHDOG_USEC=3000000", "WATCHDOG_PID=PID")
	require.Equal(t, "listens true every 1.5s rest []\nagain 0 close <nil> rest []\n", out)
	require.NoError(t, conn.SetReadDeadline(time.Now().Add(20*time.Second)))
	for _, want := range []string{
		"RELOADING=1\nMONOTONIC_USEC=", "READY=1\nSTATUS=Serving", "STATUS=Well", "WATCHDOG=1", "STOPPING=1\nSTATUS=Stopping\nEXTEND_TIMEOUT_USEC=60000000",
	} {
		buffer := make([]byte, 1024)
		n, err := conn.Read(buffer)
		require.NoError(t, err)
		require.True(t, bytes.HasPrefix(buffer[:n], []byte(want)), "%s", buffer[:n])
	}
	require.Positive(t, monotonic())
}

func TestAManagerThatIsGone(t *testing.T) {
	t.Parallel()
	out := serve(t, nil, "NOTIFY_SOCKET="+filepath.Join(t.TempDir(), "gone"))
	require.Equal(t, 5, strings.Count(out, "tell the service manager: "))
}

func TestNoManager(t *testing.T) {
	t.Parallel()
	var none *Manager
	require.Empty(t, none.Take("http"))
	require.Empty(t, none.Rest())
	require.NoError(t, none.Close())
	require.False(t, none.Listens())
	require.Zero(t, none.Every())
	require.NoError(t, none.Ready(""))
}
