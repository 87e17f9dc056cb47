package cli

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/profullstack/meshhook/internal/config"
)

func newRootCmd(a *app) *cobra.Command {
	root := &cobra.Command{
		Use:   "meshhook",
		Short: "Webhooks in, durable workflows out",
		Long: `MeshHook takes webhooks in, verifies them, and runs durable workflows.

Without a database URL it works on a private Postgres in the data directory:
the running daemon's, or one that it starts for the command.`,
		Example: `  meshhook daemon
  meshhook workflow apply -f workflow.yaml
  meshhook webhook create --path github --workflow github-to-chat --verify github
  meshhook tail`,
		SilenceErrors: true,
		SilenceUsage:  true,
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error {
			a.flags, a.started = cmd.Flags(), true
			return a.chooseOutput()
		},
	}
	root.CompletionOptions.DisableDefaultCmd = true
	root.SetFlagErrorFunc(flagError)
	a.addGlobalFlags(root)
	group(
		root,
		newDaemonCmd(a), newWebhookCmd(a), newWorkflowCmd(a), newRunCmd(a), newEventCmd(a), newAlertsCmd(a), newSchemaCmd(a), newSecretCmd(a), newProjectCmd(a),
		newTokenCmd(a), newAuditCmd(a),
		newApplyCmd(a), newExportCmd(a), newTailCmd(a), newUICmd(a), newExprCmd(a), newVerifyCmd(a),
		newConfigCmd(a), newMigrateCmd(a), newKeyCmd(a), newDoctorCmd(a), newStatusCmd(a), newVersionCmd(a), newCompletionCmd(),
	)
	a.completeIDs(root)
	root.SetHelpCommand(newHelpCmd())
	showVersion := root.Flags().Bool("version", false, "print the version: the same as 'meshhook version'")
	help := root.RunE
	root.RunE = func(cmd *cobra.Command, args []string) error {
		if *showVersion {
			return runVersion(a)
		}
		return help(cmd, args)
	}
	return root
}

func (a *app) addGlobalFlags(root *cobra.Command) {
	flags := root.PersistentFlags()
	flags.StringVar(&a.configFile, "config", "", "configuration `file`")
	addKeyFlags(flags, "database_url", "data_dir", "project")
	flags.VarP(newChoice(&a.output, "table", "json", "yaml"), "output", "o", "`format` of the output: table, json or yaml")
	flags.BoolVar(&a.json, "json", false, "print JSON: the same as -o json")
	flags.BoolVar(&a.noColor, "no-color", false, "print no colours")
	flags.BoolVarP(&a.quiet, "quiet", "q", false, "print no notes and warnings")
	flags.BoolVarP(&a.verbose, "verbose", "v", false, "log what is done")
	completeFlag(root, "output", cobra.FixedCompletions([]string{"table", "json", "yaml"}, cobra.ShellCompDirectiveNoFileComp))
	completeFlag(root, "project", a.names(projectNames))
}

// addKeyFlags adds the flags of configuration keys; config reads them by name.
func addKeyFlags(flags *pflag.FlagSet, names ...string) {
	for _, key := range config.Keys() {
		if slices.Contains(names, key.Name) {
			help := strings.ToLower(key.Help[:1]) + strings.TrimSuffix(key.Help[1:], ".")
			if strings.HasPrefix(key.Help, "DSN") {
				help = strings.TrimSuffix(key.Help, ".")
			}
			flags.String(key.Flag, "", help)
		}
	}
}

func (a *app) chooseOutput() error {
	if a.json {
		if a.output != "" && a.output != "json" {
			return usageError("--json and -o %s contradict each other; leave one out", a.output)
		}
		a.output = "json"
	}
	return nil
}

// group puts commands under a parent that does nothing itself but show its help,
// or say which command was probably meant.
func group(parent *cobra.Command, children ...*cobra.Command) *cobra.Command {
	parent.AddCommand(children...)
	parent.Args = func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return nil
		}
		return unknownCommand(cmd, args[0])
	}
	parent.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
	return parent
}

func unknownCommand(parent *cobra.Command, name string) error {
	message := fmt.Sprintf("%q is not a command of '%s'", name, parent.CommandPath())
	var names []string
	for _, child := range parent.Commands() {
		if child.IsAvailableCommand() {
			names = append(names, child.Name())
		}
	}
	if near := nearest(name, names); near != "" {
		return usageError("%s; did you mean %s?", message, near)
	}
	return usageError("%s", message)
}

// flagError words what pflag says of the command line, with a suggestion.
func flagError(cmd *cobra.Command, err error) error {
	wrong, unknown := strings.CutPrefix(err.Error(), "unknown flag: --")
	if !unknown {
		return notParsed(err)
	}
	var names []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
	if near := nearest(wrong, names); near != "" {
		return usageError("unknown flag: --%s; did you mean --%s?", wrong, near)
	}
	return usageError("unknown flag: --%s", wrong)
}

// notParsed words what is wrong with a flag's value; how numbers are read is no
// business of the user's.
func notParsed(err error) error {
	invalid, ok := errors.AsType[*pflag.InvalidValueError](err)
	if !ok {
		return usageError("%w", err)
	}
	number, ok := errors.AsType[*strconv.NumError](err)
	switch {
	case !ok:
		return usageError("%w", err)
	case number.Func == "ParseBool":
		return usageError("--%s: %q is neither true nor false", invalid.GetFlag().Name, invalid.GetValue())
	case errors.Is(number, strconv.ErrRange):
		return usageError("--%s: %s is out of range", invalid.GetFlag().Name, invalid.GetValue())
	}
	return usageError("--%s: %q is not a whole number", invalid.GetFlag().Name, invalid.GetValue())
}

// exactly wants one argument for each name, and says which is missing.
func exactly(names ...string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		switch {
		case len(args) < len(names):
			return usageError("%s is missing", names[len(args)])
		case len(args) > len(names):
			return usageError("%q is one argument too many", args[len(names)])
		}
		return nil
	}
}

func newHelpCmd() *cobra.Command {
	return &cobra.Command{
		Use:     "help [COMMAND]…",
		Short:   "Show the help of a command",
		Example: "  meshhook help webhook create",
		RunE: func(cmd *cobra.Command, args []string) error {
			found, rest, err := cmd.Root().Find(args)
			if err != nil || len(rest) > 0 {
				return unknownCommand(found, rest[0])
			}
			return found.Help()
		},
	}
}
