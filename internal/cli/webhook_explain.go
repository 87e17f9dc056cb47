package cli

import (
	"context"
	"io"

	"github.com/spf13/cobra"

	"github.com/profullstack/meshhook/internal/api"
	"github.com/profullstack/meshhook/internal/daemon"
	"github.com/profullstack/meshhook/internal/meshhook"
)

func newWebhookExplainCmd(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "explain EVENT", Short: "Find out why an event was refused for its signature",
		Long: `Try the usual mistakes on an event that was refused for its signature: a secret that
was copied or read wrongly, another encoding, another URL, a body that was changed on
its way, the scheme of a neighbour. What is named was tried and fits, unless it says
that it is only likely. No secret is shown.`,
		Example: "  meshhook webhook explain 01890a5d-ac96-774b-bcce-b302099a8057",
		Args:    exactly("EVENT"),
		RunE: func(cmd *cobra.Command, args []string) error {
			id, err := parseID(args[0])
			if err != nil {
				return err
			}
			return runWebhookExplain(cmd.Context(), a, id)
		},
	}
}

func runWebhookExplain(ctx context.Context, a *app, id meshhook.ID) error {
	return a.inProject(ctx, func(ctx context.Context, s *session) error {
		x, err := daemon.Explain(ctx, s.project, id, s.judging())
		if err != nil {
			return err
		}
		return a.printExplained(x)
	})
}

func (a *app) printExplained(x api.Explained) error {
	return a.print(x, func(w io.Writer) error {
		f := &fields{}
		f.add("webhook", x.Webhook+", "+x.Scheme)
		f.add("refused", x.Reason)
		for _, m := range x.Mistakes {
			name := "mistake"
			if !m.Proven {
				name = "likely"
			}
			f.add(name, m.Message)
			f.add("remedy", m.Remedy)
		}
		return a.writeTable(w, &f.table)
	})
}
