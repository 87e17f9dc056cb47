// Package cli is the command line: it turns arguments into calls of the packages
// that do the work, and their answers into tables, JSON or YAML. Each noun has
// its file; exit.go is the only place where errors become exit codes.
package cli

import (
	"context"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/spf13/pflag"
	"golang.org/x/term"

	"github.com/profullstack/meshhook/internal/config"
)

// IO is everything outside that a command may touch. What is a terminal is a
// value here, so that tests see both faces of every command.
type IO struct {
	In  io.Reader
	Out io.Writer
	Err io.Writer
	// InTTY, OutTTY and ErrTTY tell which of the three are terminals.
	InTTY, OutTTY, ErrTTY bool
	// ReadSecret reads a line from the terminal without showing it. The end of the
	// context ends the wait, and the terminal is as it was.
	ReadSecret func(context.Context) (string, error)
	// Size is that of the terminal which Out is, in cells; nil where there is none.
	Size func() (width, height int)
	// Hangup returns when nobody reads Out any more, or when the context ends; nil
	// where that cannot be told.
	Hangup func(context.Context)
	// Config is where the configuration is looked for; File and Flags are left
	// to the command line.
	Config config.Options
}

// Process returns the IO of the running process.
func Process() IO {
	isTerminal := func(f *os.File) bool { return term.IsTerminal(int(f.Fd())) } //nolint:gosec // descriptors are small
	return IO{
		In: os.Stdin, Out: os.Stdout, Err: os.Stderr,
		InTTY: isTerminal(os.Stdin), OutTTY: isTerminal(os.Stdout), ErrTTY: isTerminal(os.Stderr),
		ReadSecret: readUnseen, Size: size,
		Hangup: func(ctx context.Context) { hangup(ctx, os.Stdout) },
		Config: config.FromProcess("", nil),
	}
}

// size is that of the terminal; 0 where it cannot be told.
func size() (width, height int) {
	width, height, err := term.GetSize(int(os.Stdout.Fd())) //nolint:gosec // descriptors are small
	if err != nil {
		return 0, 0
	}
	return width, height
}

// Main runs the command that args name and returns the process's exit code. An
// interrupt or SIGTERM ends the command's context; a second one ends the process.
func Main(ctx context.Context, args []string, streams IO) int {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	defer context.AfterFunc(ctx, stop)()
	// Caught, a write to a pipe that nobody reads is an error like others, after
	// which databases are closed; not caught, it kills the process.
	broken := make(chan os.Signal, 1)
	signal.Notify(broken, syscall.SIGPIPE)
	defer signal.Stop(broken)

	a := &app{IO: streams}
	root := newRootCmd(a) //nolint:contextcheck // completions take the context of the command that cobra hands them
	// Never nil, which would mean os.Args.
	root.SetArgs(append([]string{}, args...))
	root.SetIn(a.In)
	root.SetOut(a.Out)
	root.SetErr(a.Err)
	cmd, err := root.ExecuteContextC(ctx)
	return a.exit(ctx, cmd, err)
}

// app is what the commands of one invocation share.
type app struct {
	IO
	// flags are those of the command that runs.
	flags *pflag.FlagSet
	// started tells that the command line was understood.
	started bool
	// screen tells that the terminal is, or will be, a screen's.
	screen bool

	configFile string
	output     string
	json       bool
	noColor    bool
	quiet      bool
	verbose    bool
}

// getenv looks a variable up in the environment that the app was given.
func (a *app) getenv(name string) (string, bool) {
	i := slices.IndexFunc(a.Config.Env, func(entry string) bool { return strings.HasPrefix(entry, name+"=") })
	if i < 0 {
		return "", false
	}
	return a.Config.Env[i][len(name)+1:], true
}

// colored tells whether a stream gets colours: a terminal whose user did not
// refuse them (https://no-color.org).
func (a *app) colored(isTerminal bool) bool {
	noColor, _ := a.getenv("NO_COLOR")
	dumb, _ := a.getenv("TERM")
	return isTerminal && !a.noColor && noColor == "" && dumb != "dumb"
}
