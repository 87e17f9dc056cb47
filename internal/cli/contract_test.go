package cli

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/require"
)

// contract is the table of commands that users may rely on, as it was agreed.
const contract = `
daemon --listen --admin-listen --only
webhook create --path --workflow --verify --secret --secret-stdin --secret-file --secret-env --schema --rate-limit --dedup --filter --allow-ip --method --max-body --response --description
webhook list
webhook show
webhook update --path --workflow --verify --schema --rate-limit --dedup --filter --allow-ip --method --max-body --response --description
webhook delete --yes
webhook enable
webhook disable
webhook url
webhook rotate-secret --secret --secret-stdin --secret-file --secret-env --grace
webhook schemes
webhook test --body --header
workflow apply --file
workflow list
workflow show --version
workflow versions
workflow validate --file
workflow delete
workflow schema
workflow run --body --wait --dry-run
run list --workflow --status --since
run show
run cancel
run retry --from-step
run approve --step --note
run reject --step --note
run wait
event list --webhook --status --since --limit
event show --body
event replay --workflow --version --dry-run --webhook --since --until --status
alerts create --workflow --all-workflows --on --url --when --delay-threshold --payload --header --preset --throttle --secret --secret-stdin --secret-file --secret-env
alerts list
alerts show
alerts update
alerts delete
alerts enable
alerts disable
alerts stats
alerts test --url
alerts deliveries --status
alerts log
alerts redeliver --exhausted --since
tail --webhook --workflow --status --kind --since --plain --json
secret set --value --value-stdin --value-file --value-env
secret list
secret delete
expr --event --file
verify --secret --secret-stdin --secret-file --secret-env --headers --body
project create
project list
project delete
token create
token list
token revoke
audit list
key status
key rotate
migrate up
migrate status
doctor
status
version
completion
config show
apply --file --dry-run --prune
export --dir
ui
`

// The built program has every command and flag of the contract, and the global ones.
func TestTheContractIsKept(t *testing.T) {
	t.Parallel()
	root := newRootCmd(&app{})
	for line := range strings.Lines(strings.TrimSpace(contract)) {
		words := strings.Fields(line)
		i := slices.IndexFunc(words, func(word string) bool { return strings.HasPrefix(word, "--") })
		if i < 0 {
			i = len(words)
		}
		cmd, rest, err := root.Find(words[:i])
		require.NoError(t, err, line)
		require.Empty(t, rest, line)
		for _, flag := range words[i:] {
			name := strings.TrimPrefix(flag, "--")
			found := cmd.Flags().Lookup(name) != nil || cmd.InheritedFlags().Lookup(name) != nil
			require.True(t, found, "%s lacks %s", cmd.CommandPath(), flag)
		}
	}
	for _, global := range []string{"config", "database-url", "data-dir", "project", "output", "json", "no-color", "quiet", "verbose"} {
		require.NotNil(t, root.PersistentFlags().Lookup(global), global)
	}
	require.Equal(t, "o", root.PersistentFlags().Lookup("output").Shorthand)
}

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

func TestNearest(t *testing.T) {
	t.Parallel()
	names := []string{"orders", "border", "invoices", "a"}
	for wrong, want := range map[string]string{
		"ordrs": "orders", "Orders": "orders", "oders": "orders", "invoice": "invoices", "nothing": "", "": "", "b": "", "customers": "",
	} {
		require.Equal(t, want, nearest(wrong, names), wrong)
	}
	require.EqualError(t, newChoice(new(string), "accepted", "rejected").Set("acepted"), "use accepted or rejected; did you mean accepted?")
	require.EqualError(t, newChoice(new(string), "accepted", "rejected").Set("blue"), "use accepted or rejected")
}
