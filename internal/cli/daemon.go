package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/profullstack/meshhook/internal/daemon"
	"github.com/profullstack/meshhook/internal/systemd"
)

func newDaemonCmd(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "daemon",
		Short: "Serve: take webhooks in and drive runs",
		Long: `Serve until SIGINT or SIGTERM, then stop accepting, finish what is under way
and stop. Several daemons may work on one database; a private one serves one machine.`,
		Example: `  meshhook daemon
  meshhook daemon --listen :8080 --database-url postgres://meshhook@db/meshhook
  meshhook daemon --only worker`,
		Args: exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error { return runDaemon(cmd.Context(), a) },
	}
	addKeyFlags(cmd.Flags(), "listen", "admin_listen", "only")
	completeFlag(cmd, "only", cobra.FixedCompletions([]string{"ingress", "worker", "admin"}, cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

func runDaemon(ctx context.Context, a *app) error {
	c, err := a.loadConfig()
	if err != nil {
		return err
	}
	log, err := a.daemonLog(c.Log)
	if err != nil {
		return err
	}
	manager, err := systemd.FromProcess()
	if err != nil {
		return err
	}
	d, err := daemon.New(ctx, daemon.Options{Config: c, Version: version, Log: log, Manager: manager})
	if err != nil {
		return err
	}
	return d.Run(ctx)
}
