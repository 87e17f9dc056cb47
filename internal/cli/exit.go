package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/profullstack/meshhook/internal/expr"
	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/tail"
	"github.com/profullstack/meshhook/internal/workflow"
)

// The exit codes of the contract.
const (
	exitDone        = 0
	exitFailed      = 1
	exitUsage       = 2
	exitNotFound    = 3
	exitConflict    = 4
	exitUnavailable = 5
)

// errSaid ends a command as failed after it has said why.
var errSaid = errors.New("the command failed")

// exitCode is the only place where codes become exit codes.
func exitCode(err error) int {
	switch meshhook.ErrorCode(err) {
	case "":
		return exitDone
	case meshhook.CodeUsage:
		return exitUsage
	case meshhook.CodeNotFound:
		return exitNotFound
	case meshhook.CodeConflict:
		return exitConflict
	case meshhook.CodeUnavailable:
		return exitUnavailable
	default:
		return exitFailed
	}
}

// exit says what went wrong and returns the exit code.
func (a *app) exit(ctx context.Context, cmd *cobra.Command, err error) int {
	_, ours := errors.AsType[*meshhook.Error](err)
	switch {
	case err == nil:
		return exitDone
	case errors.Is(err, syscall.EPIPE): // who read our output has had enough of it
		return exitDone
	case errors.Is(err, errSaid):
		return exitFailed
	case !a.started && !ours: // cobra's own words about the command line
		err = usageError("%w", err)
	case ctx.Err() != nil:
		fmt.Fprintln(a.Err, "error: interrupted")
		return exitFailed
	}
	a.explain(err)
	code := exitCode(err)
	if code == exitUsage && !a.quiet {
		fmt.Fprintf(a.Err, "hint: '%s --help' shows how it is used\n", cmd.CommandPath())
	}
	return code
}

// explain prints an error: a line for itself, and lines for its details.
func (a *app) explain(err error) {
	if problems, ok := errors.AsType[workflow.Problems](err); ok {
		// file:line:column comes first, where editors and terminals look for it.
		for _, p := range problems {
			a.showProblem("", p)
		}
		return
	}
	if wrong, ok := errors.AsType[*alertError](err); ok {
		a.showAlertProblems(wrong)
		return
	}
	for line := range strings.SplitSeq(err.Error(), "\n") {
		fmt.Fprintln(a.Err, "error: "+tail.Clean(line))
	}
	if syntax, ok := errors.AsType[*expr.SyntaxError](err); ok {
		a.showSyntax(syntax)
		return
	}
	if failed, ok := errors.AsType[*expr.EvalError](err); ok {
		a.showFailed(failed)
		return
	}
	if e, ok := errors.AsType[*meshhook.Error](err); ok {
		for _, d := range e.Details {
			fmt.Fprintln(a.Err, "  "+tail.Clean(d.Path+": "+d.Message))
		}
	}
}

// usageError is a mistake of the command line.
func usageError(format string, args ...any) error {
	return meshhook.Errorf(meshhook.CodeUsage, format, args...)
}

// note tells the user something beside the output, unless -q forbids it.
func (a *app) note(format string, args ...any) {
	if !a.quiet {
		fmt.Fprintln(a.Err, tail.Clean(fmt.Sprintf(format, args...)))
	}
}

// hintIfMissing says why nothing was found where a filter names what does not
// exist; lookup is the error of reading that. Nothing found is no failure.
func (a *app) hintIfMissing(lookup error, noun, name string) error {
	if meshhook.ErrorCode(lookup) != meshhook.CodeNotFound {
		return lookup
	}
	a.note("hint: no %s %q", noun, name)
	return nil
}

// warn is a note of something that is probably not meant.
func (a *app) warn(format string, args ...any) { a.note("warning: "+format, args...) }
