package cli

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// every calls visit with each command that there is.
func every(visit func(*cobra.Command)) {
	var walk func(*cobra.Command)
	walk = func(cmd *cobra.Command) {
		visit(cmd)
		for _, child := range cmd.Commands() {
			walk(child)
		}
	}
	walk(newRootCmd(&app{}))
}

func TestEveryCommandIsExplained(t *testing.T) {
	t.Parallel()
	every(func(cmd *cobra.Command) {
		path := cmd.CommandPath()
		require.NotEmpty(t, cmd.Short, path)
		require.LessOrEqual(t, len(cmd.Short), 80, path)
		require.False(t, strings.HasSuffix(cmd.Short, "."), path)
		require.Contains(t, cmd.Example, "meshhook", path)
		for line := range strings.SplitSeq(cmd.Long+"\n"+cmd.Example, "\n") {
			require.LessOrEqual(t, len(line), 160, "%s: %s", path, line)
		}
		cmd.LocalFlags().VisitAll(func(f *pflag.Flag) { require.NotEmpty(t, f.Usage, "%s --%s", path, f.Name) })
	})
}

// The commands and their own flags are those of the contract.
func TestTheCommandsAreThoseOfTheContract(t *testing.T) {
	t.Parallel()
	const endpoint = "allow-ip confirm-subscription dedup dedup-window description filter max-body method path rate-limit response schema tolerance verify " +
		"verify-algorithm verify-audience verify-claim verify-encoding verify-header verify-id-header verify-issuer verify-jwks-url verify-prefix " +
		"verify-query verify-secret-encoding verify-template verify-timestamp-format verify-timestamp-header workflow"
	const secret = "secret secret-env secret-file secret-stdin"
	const alert = "name all-workflows delay-threshold description expect header on payload preset quiet-hours schedule signing throttle throttle-key timeout url when within workflow " + secret
	want := map[string]string{
		"alerts": "", "alerts create": alert, "alerts list": "workflow", "alerts show": "reveal", "alerts update": alert, "alerts delete": "yes",
		"alerts enable": "", "alerts disable": "", "alerts rotate-secret": "grace " + secret,
		"alerts test": "reveal " + alert, "alerts deliveries": "alert cursor limit run since status", "alerts log": "full limit reveal since",
		"alerts redeliver": "exhausted since yes", "alerts stats": "since", "verify": "body headers tolerance " + secret,
		"": "", "daemon": "admin-listen listen only",
		"webhook": "", "webhook create": endpoint + " " + secret, "webhook list": "", "webhook show": "", "webhook update": endpoint,
		"webhook delete": "yes", "webhook enable": "", "webhook disable": "", "webhook url": "", "webhook rotate-secret": "grace " + secret,
		"webhook schemes": "", "webhook schema": "", "alerts schema": "", "webhook test": "body header", "webhook explain": "",
		"workflow": "", "workflow apply": "file", "workflow list": "", "workflow show": "version", "workflow versions": "",
		"workflow validate": "file", "workflow delete": "", "workflow schema": "", "workflow run": "body dry-run file version wait",
		"workflow graph": "dot file mermaid version",
		"run":            "", "run list": "limit since status waiting-for workflow", "run show": "full watch", "run cancel": "", "run retry": "from-step", "run wait": "timeout",
		"event": "", "event list": "code cursor dedup-key from limit since status until webhook where", "event show": "body curl", "event replay": "again code cursor dry-run force rate since status until version webhook workflow yes",
		"run approve": "note step", "run reject": "note step",
		"schema": "", "schema check": "body event file", "schema infer": "limit since webhook",
		"secret": "", "secret set": "value value-env value-file value-stdin", "secret list": "", "secret delete": "",
		"project": "", "project create": "", "project list": "", "project delete": "yes",
		"token": "", "token create": "expires-in name role", "token list": "", "token revoke": "",
		"audit": "", "audit list": "action actor limit since",
		"tail": "kind plain since status webhook workflow", "ui": "", "expr": "event file run",
		"config": "", "config show": "", "doctor": "", "key": "", "key status": "exact", "key rotate": "data-only reencrypt",
		"migrate": "", "migrate up": "", "migrate status": "", "status": "",
		"apply": "dry-run file prune yes", "export": "dir force reveal", "version": "", "completion": "",
	}
	got := map[string]string{}
	every(func(cmd *cobra.Command) {
		var names []string
		cmd.NonInheritedFlags().VisitAll(func(f *pflag.Flag) {
			if cmd.HasParent() {
				names = append(names, f.Name)
			}
		})
		slices.Sort(names)
		got[strings.TrimSpace(strings.TrimPrefix(cmd.CommandPath(), "meshhook"))] = strings.Join(names, " ")
	})
	for path, flags := range want {
		fields := strings.Fields(flags)
		slices.Sort(fields)
		want[path] = strings.Join(fields, " ")
	}
	require.Equal(t, want, got)
}

func TestTheFlagsOfEveryCommand(t *testing.T) {
	t.Parallel()
	var global []string
	flags := newRootCmd(&app{}).PersistentFlags()
	flags.VisitAll(func(f *pflag.Flag) { global = append(global, f.Name) })
	require.Equal(t, "o", flags.Lookup("output").Shorthand)
	require.Equal(t, []string{"config", "data-dir", "database-url", "json", "no-color", "output", "project", "quiet", "verbose"}, global)
}

func TestNounsHaveAliases(t *testing.T) {
	t.Parallel()
	root := newRootCmd(&app{})
	for _, noun := range []string{"webhook", "workflow", "run", "event", "secret", "project", "token"} {
		cmd, _, err := root.Find([]string{noun + "s", "list"})
		require.NoError(t, err)
		require.Equal(t, "meshhook "+noun+" list", cmd.CommandPath())
	}
	cmd, _, err := root.Find([]string{"alert", "list"})
	require.NoError(t, err)
	require.Equal(t, "meshhook alerts list", cmd.CommandPath())
}

func TestExitCodes(t *testing.T) {
	t.Parallel()
	for code, want := range map[meshhook.Code]int{
		meshhook.CodeInternal: 1, meshhook.CodeUsage: 2, meshhook.CodeInvalid: 1, meshhook.CodeNotFound: 3, meshhook.CodeConflict: 4,
		meshhook.CodeUnavailable: 5, meshhook.CodeLeaseLost: 1, meshhook.CodeSchemaViolation: 1,
	} {
		require.Equal(t, want, exitCode(fmt.Errorf("doing it: %w", meshhook.Errorf(code, "no"))), code)
	}
	require.Equal(t, 0, exitCode(nil))
	require.Equal(t, 1, exitCode(fmt.Errorf("plain")))
}

func TestAnErrorCannotWriteToTheTerminal(t *testing.T) {
	t.Parallel()
	var err bytes.Buffer
	a := &app{IO: IO{Err: &err}, started: true}
	code := a.exit(t.Context(), &cobra.Command{Use: "x"}, &meshhook.Error{
		Code: meshhook.CodeInvalid, Message: "first \x1b[2J\nsecond", Details: []meshhook.Problem{{Path: "/a", Message: "bad\a"}},
	})
	require.Equal(t, 1, code)
	require.Equal(t, "error: first \\x1b[2J\nerror: second\n  /a: bad\\x07\n", err.String())
}

func TestListsOfWords(t *testing.T) {
	t.Parallel()
	require.Equal(t, "a", orList([]string{"a"}))
	require.Equal(t, "a or b", orList([]string{"a", "b"}))
	require.Equal(t, "a, b or c", orList([]string{"a", "b", "c"}))
}
