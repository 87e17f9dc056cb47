package cli

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/profullstack/meshhook/internal/config"
	"github.com/profullstack/meshhook/internal/daemon"
	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/postgres"
)

// completionTime bounds what a shell waits for at a press of the tab key.
const completionTime = time.Second

// lister lists the names that a shell may complete, each with a description
// after a tab.
type lister func(ctx context.Context, db *postgres.DB, project *postgres.Tenant) ([]string, error)

// firstArg completes the first argument, and no other.
func firstArg(complete cobra.CompletionFunc) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return complete(cmd, args, typed)
	}
}

// names completes with names from the database. Where that cannot be reached,
// there is nothing to complete, and no complaint.
func (a *app) names(list lister) cobra.CompletionFunc {
	return func(cmd *cobra.Command, _ []string, typed string) ([]string, cobra.ShellCompDirective) {
		ctx, cancel := context.WithTimeout(cmd.Context(), completionTime)
		defer cancel()
		found := make([]string, 0)
		for _, name := range a.lookUp(ctx, cmd, list) {
			if strings.HasPrefix(name, typed) {
				found = append(found, name)
			}
		}
		return found, cobra.ShellCompDirectiveNoFileComp
	}
}

func (a *app) lookUp(ctx context.Context, cmd *cobra.Command, list lister) []string {
	o := a.Config
	o.File, o.Flags = a.configFile, cmd.Flags()
	c, err := config.Load(o)
	if err != nil || !a.isRunning(c) {
		return nil
	}
	// Names are not sealed, so neither a key nor a migration is needed.
	db, err := daemon.OpenUnmigrated(ctx, c, daemon.OpenOptions{Version: version, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return nil
	}
	defer func() { _ = db.Close(context.WithoutCancel(ctx)) }() // there is nobody to tell
	project, err := db.Project(ctx, c.Project)
	if err != nil {
		return nil
	}
	names, err := list(ctx, db.DB, project)
	if err != nil {
		return nil
	}
	return names
}

// isRunning tells whether the database can be used as it is: a private cluster
// is not started for a press of the tab key.
func (a *app) isRunning(c *config.Config) bool {
	if !c.DatabaseURL.IsZero() {
		return true
	}
	_, err := os.Stat(filepath.Join(c.DataDir, "postgres", "data", "postmaster.pid"))
	return err == nil
}

func webhookNames(ctx context.Context, _ *postgres.DB, project *postgres.Tenant) ([]string, error) {
	list, err := project.Endpoints(ctx)
	names := make([]string, len(list))
	for i, e := range list {
		names[i] = e.Path + "\t" + e.Workflow
	}
	return names, err
}

func workflowNames(ctx context.Context, _ *postgres.DB, project *postgres.Tenant) ([]string, error) {
	list, err := project.Workflows(ctx)
	names := make([]string, len(list))
	for i, w := range list {
		names[i] = w.Name + "\t" + strings.ReplaceAll(w.Description, "\n", " ")
	}
	return names, err
}

func secretNames(ctx context.Context, _ *postgres.DB, project *postgres.Tenant) ([]string, error) {
	list, err := project.Secrets(ctx)
	names := make([]string, len(list))
	for i, s := range list {
		names[i] = s.Name
	}
	return names, err
}

func alertNames(ctx context.Context, _ *postgres.DB, project *postgres.Tenant) ([]string, error) {
	list, err := project.ClosedAlerts(ctx)
	names := make([]string, len(list))
	for i, alert := range list {
		names[i] = alert.Name + "\t" + about(alert) + " " + conditionsText(alert.On)
	}
	return names, err
}

// recent completes with the ids of what is new.
func (a *app) recent(list func(t *postgres.Tenant, ctx context.Context, limit int) ([]meshhook.Recent, error)) cobra.CompletionFunc {
	return a.names(func(ctx context.Context, _ *postgres.DB, project *postgres.Tenant) ([]string, error) {
		found, err := list(project, ctx, completed)
		names := make([]string, len(found))
		for i, r := range found {
			names[i] = r.ID.String() + "\t" + strings.TrimSpace(r.About)
		}
		return names, err
	})
}

func projectNames(ctx context.Context, db *postgres.DB, _ *postgres.Tenant) ([]string, error) {
	list, err := db.Projects(ctx)
	names := make([]string, len(list))
	for i, p := range list {
		names[i] = p.Name
	}
	return names, err
}

// completeIDs gives the commands that take the id of something that is new a completion.
func (a *app) completeIDs(root *cobra.Command) {
	runs, events, deliveries := a.recent((*postgres.Tenant).RecentRuns), a.recent((*postgres.Tenant).RecentEvents), a.recent((*postgres.Tenant).RecentDeliveries)
	for path, complete := range map[string]cobra.CompletionFunc{
		"run show": firstArg(runs), "run cancel": firstArg(runs), "run retry": firstArg(runs), "run wait": firstArg(runs),
		"event show": firstArg(events), "event replay": firstArg(events), "webhook explain": firstArg(events), "alerts redeliver": deliveries,
	} {
		if cmd, _, err := root.Find(strings.Fields(path)); err == nil && cmd.ValidArgsFunction == nil {
			cmd.ValidArgsFunction = complete
		}
	}
	for path, flag := range map[string]string{"expr": "event", "schema check": "event", "alerts deliveries": "run"} {
		cmd, _, err := root.Find(strings.Fields(path))
		if err != nil || cmd.Flags().Lookup(flag) == nil {
			continue
		}
		complete := events
		if flag == "run" {
			complete = runs
		}
		_ = cmd.RegisterFlagCompletionFunc(flag, complete) // it fails where there is one already
	}
}

// completeFlag gives a flag its completions.
func completeFlag(cmd *cobra.Command, name string, complete cobra.CompletionFunc) {
	if err := cmd.RegisterFlagCompletionFunc(name, complete); err != nil {
		panic(err) // a flag that is not defined: a slip of ours that every test would meet
	}
}

func newCompletionCmd() *cobra.Command {
	shells := []string{"bash", "zsh", "fish", "powershell"}
	return &cobra.Command{
		Use:   "completion bash|zsh|fish|powershell",
		Short: "Print the script that completes commands in a shell",
		Long: `Print the script that completes commands in a shell. Names of webhooks,
workflows, alerts, secrets, tokens and projects, and ids of what is new, are completed from the database. In bash, that
needs the package bash-completion.`,
		Example: `  source <(meshhook completion bash)
  meshhook completion zsh > "${fpath[1]}/_meshhook"
  meshhook completion fish > ~/.config/fish/completions/meshhook.fish
  meshhook completion powershell | Out-String | Invoke-Expression`,
		ValidArgs: shells,
		Args:      exactly("SHELL (" + orList(shells) + ")"),
		RunE: func(cmd *cobra.Command, args []string) error {
			root, out := cmd.Root(), cmd.OutOrStdout()
			switch args[0] {
			case "bash":
				return root.GenBashCompletionV2(out, true)
			case "zsh":
				return root.GenZshCompletion(out)
			case "fish":
				return root.GenFishCompletion(out, true)
			case "powershell":
				return root.GenPowerShellCompletionWithDesc(out)
			}
			return usageError("%q is not a shell that can be completed in; use %s", args[0], orList(shells))
		},
	}
}
