package cli

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/profullstack/meshhook/internal/manifest"
	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/tail"
)

func newAlertsCmd(a *app) *cobra.Command {
	return group(
		&cobra.Command{
			Use: "alerts", Aliases: []string{"alert"}, Short: "Tell somebody of runs that fail, wait or take too long",
			Example: "  meshhook alerts create --workflow orders --on failed --url https://example.com/alerts\n  meshhook alerts list",
		},
		newAlertCreateCmd(a), newAlertListCmd(a), newAlertShowCmd(a), newAlertUpdateCmd(a), newAlertDeleteCmd(a),
		newAlertEnableCmd(a), newAlertDisableCmd(a), newAlertRotateCmd(a),
		newAlertTestCmd(a), newAlertDeliveriesCmd(a), newAlertLogCmd(a), newAlertRedeliverCmd(a), newAlertStatsCmd(a),
		newDocumentSchemaCmd("alerts", "alert", manifest.AlertSchema),
	)
}

// alertView is an alert as commands show it. A secret is only there at the moment at
// which it was generated.
type alertView struct {
	meshhook.AlertView
	Secret string `json:"secret,omitempty"`
}

func newAlertListCmd(a *app) *cobra.Command {
	var workflow string
	cmd := &cobra.Command{
		Use: "list", Short: "List the alerts",
		Long:    "List the alerts. Of their URLs only the host is shown: the rest may be a credential.",
		Example: "  meshhook alerts list\n  meshhook alerts list --workflow orders",
		Args:    exactly(),
		RunE:    func(cmd *cobra.Command, _ []string) error { return runAlertList(cmd.Context(), a, workflow) },
	}
	cmd.Flags().StringVar(&workflow, "workflow", "", "only alerts that tell of the workflow of this `name`, among them those for all workflows")
	completeFlag(cmd, "workflow", a.names(workflowNames))
	return cmd
}

func runAlertList(ctx context.Context, a *app, workflow string) error {
	return a.inProject(ctx, func(ctx context.Context, s *session) error {
		list, err := s.project.Alerts(ctx, workflow)
		if err != nil {
			return err
		}
		views := make([]meshhook.AlertView, len(list))
		for i, alert := range list {
			views[i] = alert.View()
		}
		return printList(a, views, []string{"id", "name", "workflow", "on", "preset", "url", "enabled"}, func(t *table, v meshhook.AlertView) {
			t.add(v.ID, v.Name, about(v.Alert), conditionsText(v.On), v.Preset, v.URL, enabledText(v.Alert))
		})
	})
}

// about names what an alert is about.
func about(a meshhook.Alert) string {
	if a.WorkflowID == nil {
		return "(all)"
	}
	return a.Workflow
}

func conditionsText(on []meshhook.Condition) string {
	texts := make([]string, len(on))
	for i, c := range on {
		texts[i] = string(c)
	}
	return strings.Join(texts, ",")
}

// enabledText says whether an alert is sent; that MeshHook disabled it is a warning.
func enabledText(a meshhook.Alert) cell {
	if a.DisabledReason == "" {
		return cell{text: yesNo(a.Enabled)}
	}
	return cell{"no (" + a.DisabledReason + ")", tail.Warn}
}

// onAlert makes a command that does something to one alert.
func onAlert(a *app, use, short, example string, run func(ctx context.Context, s *session, id meshhook.ID) error) *cobra.Command {
	return &cobra.Command{
		Use: use + " NAME|ID", Short: short, Example: example,
		Args:              exactly("NAME|ID"),
		ValidArgsFunction: firstArg(a.names(alertNames)),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.inProject(cmd.Context(), func(ctx context.Context, s *session) error {
				id, err := s.project.AlertID(ctx, args[0])
				if err != nil {
					return err
				}
				return run(ctx, s, id)
			})
		},
	}
}

func newAlertShowCmd(a *app) *cobra.Command {
	var reveal bool
	cmd := onAlert(a, "show", "Show an alert", "  meshhook alerts show orders-failed --reveal",
		func(ctx context.Context, s *session, id meshhook.ID) error { return a.showAlert(ctx, s, id, reveal) })
	cmd.Long = "Show an alert. The URL behind its host, the values of headers and the payload may be\ncredentials; --reveal shows them. Secrets are never shown."
	cmd.Flags().BoolVar(&reveal, "reveal", false, "show URL, headers and payload as they are")
	return cmd
}

func (a *app) showAlert(ctx context.Context, s *session, id meshhook.ID, reveal bool) error {
	alert, err := s.project.Alert(ctx, id)
	if err != nil {
		return err
	}
	view := alertView{AlertView: alert.View()}
	if reveal {
		view.AlertView = alert.Revealed()
	}
	if view.Secrets, err = s.project.AlertSecrets(ctx, id); err != nil {
		return err
	}
	return a.printAlert(view)
}

func (a *app) printAlert(v alertView) error {
	return printFields(a, v, func(f *fields) { alertFields(f, v) })
}

// alertFields are the lines that tell of an alert.
func alertFields(f *fields, v alertView) {
	f.add("name", v.Name)
	f.add("id", v.ID)
	f.add("secret", v.Secret)
	f.add("public key", v.PublicKey)
	f.add("description", v.Description)
	f.add("workflow", about(v.Alert))
	f.add("on", conditionsText(v.On))
	f.add("when", v.When)
	f.add("delay threshold", someTime(v.DelayThreshold))
	if v.Expect != nil {
		f.add("expect", v.Expect.Webhook+" within "+v.Expect.Within.String())
	}
	f.add("enabled", enabledText(v.Alert))
	f.add("url", v.URL)
	f.add("preset", v.Preset)
	for _, name := range slices.Sorted(maps.Keys(v.Headers)) {
		f.add("header", name+": "+v.Headers[name])
	}
	f.add("payload", payloadText(v.Payload))
	f.add("signing", v.Signing)
	for _, s := range v.Secrets {
		f.add("secret id", alertSecretText(s))
	}
	f.add("throttle", someTime(v.Throttle))
	f.add("throttle key", v.ThrottleKey)
	f.add("quiet hours", (&quietFlag{v.Quiet}).String())
	f.add("schedule", (&scheduleFlag{v.Schedule}).String())
	f.add("timeout", v.Timeout)
	f.add("created", v.CreatedAt)
	f.add("updated", v.UpdatedAt)
}

// someTime is a duration, "" for none.
func someTime(d meshhook.Duration) string {
	if d == 0 {
		return ""
	}
	return d.String()
}

// payloadText is a payload in one line: a text as it is, a structure as JSON.
func payloadText(payload json.RawMessage) string {
	var text string
	if json.Unmarshal(payload, &text) == nil {
		return text
	}
	return compact(payload)
}

// alertSecretText says of a secret until when it signs.
func alertSecretText(s meshhook.AlertSecret) string {
	text := s.ID.String() + ", since " + meshhook.FormatTime(s.CreatedAt)
	if s.ExpiresAt != nil {
		text += ", until " + meshhook.FormatTime(*s.ExpiresAt)
	}
	return text
}

func newAlertEnableCmd(a *app) *cobra.Command {
	return onAlert(a, "enable", "Send an alert again that was disabled", "  meshhook alerts enable orders-failed",
		func(ctx context.Context, s *session, id meshhook.ID) error {
			return a.setAlertEnabled(ctx, s, id, true)
		})
}

func newAlertDisableCmd(a *app) *cobra.Command {
	return onAlert(a, "disable", "Send an alert no more; what happens meanwhile is not told later", "  meshhook alerts disable orders-failed",
		func(ctx context.Context, s *session, id meshhook.ID) error {
			return a.setAlertEnabled(ctx, s, id, false)
		})
}

func (a *app) setAlertEnabled(ctx context.Context, s *session, id meshhook.ID, enabled bool) error {
	alert, err := s.project.ChangeAlert(ctx, id, func(alert *meshhook.Alert) (none meshhook.Secret, err error) {
		alert.Enabled = enabled
		return none, nil
	})
	if err != nil {
		return err
	}
	did := "disabled"
	if enabled {
		did = "enabled"
	}
	a.note("alert %s %s", alert.Name, did)
	return a.printForMachine(alert.View())
}

func newAlertDeleteCmd(a *app) *cobra.Command {
	var yes bool
	cmd := onAlert(a, "delete", "Delete an alert; what it has sent stays in the log", "  meshhook alerts delete orders-failed --yes",
		func(ctx context.Context, s *session, id meshhook.ID) error { return a.deleteAlert(ctx, s, id, yes) })
	cmd.Flags().BoolVar(&yes, "yes", false, "do not ask")
	return cmd
}

func (a *app) deleteAlert(ctx context.Context, s *session, id meshhook.ID, yes bool) error {
	name := id.String()
	// Its name is read without a key: one that cannot be opened is to be got rid of, too.
	if list, err := s.project.ClosedAlerts(ctx); err != nil {
		return err
	} else if i := slices.IndexFunc(list, func(a meshhook.Alert) bool { return a.ID == id }); i >= 0 {
		name = list[i].Name
	}
	if !yes {
		sure, err := a.confirm(ctx, "Delete the alert "+name+" and its secrets?")
		if err != nil {
			return err
		}
		if !sure {
			a.note("nothing was deleted")
			return errSaid
		}
	}
	if err := s.project.DeleteAlert(ctx, id); err != nil {
		return err
	}
	a.note("alert %s deleted", name)
	return a.printForMachine(removed{id.String(), true})
}
