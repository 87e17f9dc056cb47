package cli

import (
	"github.com/spf13/cobra"

	"github.com/profullstack/meshhook/internal/config"
)

func newConfigCmd(a *app) *cobra.Command {
	return group(
		&cobra.Command{
			Use: "config", Short: "Look at the configuration",
			Example: "  meshhook config show",
		},
		newConfigShowCmd(a),
	)
}

func newConfigShowCmd(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "show", Short: "Print every setting and where it came from, secrets masked",
		Example: "  meshhook config show\n  meshhook config show --config /etc/meshhook/meshhook.yaml -o json",
		Args:    exactly(),
		RunE:    func(*cobra.Command, []string) error { return runConfigShow(a) },
	}
}

func runConfigShow(a *app) error {
	c, err := a.loadConfig()
	if err != nil {
		return err
	}
	return printList(a, c.Show(), []string{"key", "value", "origin"}, func(t *table, s config.Setting) {
		t.add(s.Key, s.Value, s.Origin)
	})
}
