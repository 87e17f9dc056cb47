package cli

import (
	"regexp"
	"slices"
	"testing"

	"github.com/spf13/cobra"
)

// Whatever takes a name or an id completes it.
func TestEveryNameIsCompleted(t *testing.T) {
	t.Parallel()
	takes := regexp.MustCompile(`^\S+ \[?(NAME\|ID|PATH\|ID|NAME|ID|ALERT_ID\|DELIVERY_ID)`)
	// What is made has no name yet.
	makes := []string{"meshhook project create", "meshhook secret set"}
	every(func(cmd *cobra.Command) {
		if takes.MatchString(cmd.Use) && !slices.Contains(makes, cmd.CommandPath()) {
			if cmd.ValidArgsFunction == nil {
				t.Errorf("%s does not complete %s", cmd.CommandPath(), cmd.Use)
			}
		}
	})
}
