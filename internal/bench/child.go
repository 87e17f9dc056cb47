package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"runtime/pprof"
	"strings"
	"time"

	"github.com/profullstack/meshhook/internal/config"
	"github.com/profullstack/meshhook/internal/daemon"
)

// masterKey is that of the benchmark's database, which is thrown away.
const masterKey = "YmVuY2htYXJrczogdGhpcyBrZXkga2VlcHMgbm8gb24="

// child is a server under test, in a process of its own: this program again.
type child struct {
	command *exec.Cmd
	stdin   io.WriteCloser
	address string
}

func start(ctx context.Context, args ...string) (*child, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	c := &child{command: exec.CommandContext(ctx, self, args...)} //nolint:gosec // this program
	c.command.Stderr = os.Stderr
	if c.stdin, err = c.command.StdinPipe(); err != nil {
		return nil, err
	}
	stdout, err := c.command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := c.command.Start(); err != nil {
		return nil, err
	}
	line, err := bufio.NewReader(stdout).ReadString('\n')
	c.address = strings.TrimSpace(line)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("starting %v: %w", args, err), c.stop())
	}
	return c, nil
}

// stop closes the child's standard input, on which it ends.
func (c *child) stop() error {
	return errors.Join(c.stdin.Close(), c.command.Wait())
}

// serveUntilClosed is the child's side: it prints its address and serves until
// its standard input is closed.
func serveUntilClosed(ctx context.Context, what, dsn, profile string) (err error) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		stop()
	}()
	if profile != "" {
		file, err := os.Create(profile) //nolint:gosec // the user names it
		if err != nil {
			return err
		}
		defer func() { _ = file.Close() }()
		if err := pprof.StartCPUProfile(file); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}
	if what == "bare" {
		return serveBare(ctx)
	}
	only := strings.TrimPrefix(strings.TrimPrefix(what, "daemon"), "-")
	d, err := newDaemon(ctx, dsn, only)
	if err != nil {
		return err
	}
	fmt.Println(d.Addr("ingress"))
	return d.Run(ctx)
}

func serveBare(ctx context.Context) error {
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	server := &http.Server{Handler: http.HandlerFunc(bareHandler), ReadHeaderTimeout: 10 * time.Second}
	go func() {
		<-ctx.Done()
		_ = server.Close()
	}()
	fmt.Println(listener.Addr())
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

func newDaemon(ctx context.Context, dsn, only string) (*daemon.Daemon, error) {
	c, err := configuration(dsn, only)
	if err != nil {
		return nil, err
	}
	return daemon.New(ctx, daemon.Options{Config: c, Version: "bench", Log: quietLog()})
}

func quietLog() *slog.Logger {
	return slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
}

// configuration is that of a daemon whose only settings are the benchmark's own.
func configuration(dsn, only string) (*config.Config, error) {
	return config.Load(config.Options{Dir: os.TempDir(), Home: os.TempDir(), Env: []string{
		"MESHHOOK_DATABASE_URL=" + dsn, "MESHHOOK_MASTER_KEY=" + masterKey, "MESHHOOK_ONLY=" + only,
		"MESHHOOK_LISTEN=127.0.0.1:0", "MESHHOOK_ADMIN_LISTEN=127.0.0.1:0", "MESHHOOK_NETWORK_ALLOW=127.0.0.0/8",
	}})
}
