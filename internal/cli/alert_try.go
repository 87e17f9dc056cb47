package cli

import (
	"context"
	"fmt"
	"io"
	"slices"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/profullstack/meshhook/internal/alert"
	"github.com/profullstack/meshhook/internal/daemon"
	"github.com/profullstack/meshhook/internal/egress"
	"github.com/profullstack/meshhook/internal/meshhook"
)

// alertTestOptions are what 'alerts test' was told.
type alertTestOptions struct {
	alertFlags
	id     string
	reveal bool
	// describing are the flags by which an alert is described.
	describing []string
}

func newAlertTestCmd(a *app) *cobra.Command {
	o := &alertTestOptions{}
	cmd := &cobra.Command{
		Use: "test NAME|ID | --url URL …", Short: "Send a sample now, and show the request and the answer",
		Long: `Send a sample, marked as one, and show what was sent and answered, how long that took,
and whether the signature is right. It exits with 1 unless the sample was taken.

With a NAME or ID the daemon sends it as every message, or, where none serves, this command; the
log has it. With --url and the other flags of 'alerts create', the command tries an alert
that is not there yet, from here, and nothing of it is stored.`,
		Example: `  meshhook alerts test orders-failed
  meshhook alerts test --preset slack --url '{{ .secrets.slack_url }}'`,
		Args: cobra.MaximumNArgs(1), ValidArgsFunction: firstArg(a.names(alertNames)),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				o.id = args[0]
			}
			return runAlertTest(cmd.Context(), a, o)
		},
	}
	o.register(a, cmd)
	cmd.Flags().VisitAll(func(f *pflag.Flag) { o.describing = append(o.describing, f.Name) })
	cmd.Flags().BoolVar(&o.reveal, "reveal", false, "show URL, headers and bodies as they are")
	return cmd
}

func runAlertTest(ctx context.Context, a *app, o *alertTestOptions) error {
	if err := o.check(a); err != nil {
		return err
	}
	if o.id == "" {
		return o.tryUnstored(ctx, a)
	}
	return a.inProject(ctx, func(ctx context.Context, s *session) error {
		id, err := s.project.AlertID(ctx, o.id)
		if err != nil {
			return err
		}
		return a.try(s, o.reveal, func(t daemon.Trials) (alert.Trial, error) { return t.Stored(ctx, id) })
	})
}

// check refuses an alert that is named and described at once, or in no way.
func (o *alertTestOptions) check(a *app) error {
	described := slices.ContainsFunc(o.describing, a.flags.Changed)
	switch {
	case o.id != "" && described:
		return usageError("a stored alert is tried as it is; leave the flags out, or the alert")
	case o.id == "" && o.url == "":
		return usageError("say what to try: the name or ID of an alert, or --url and the flags of 'meshhook alerts create'")
	}
	return nil
}

// tryUnstored tries an alert that the flags describe. What it would wait for does not
// matter much to a sample, so that may be left out.
func (o *alertTestOptions) tryUnstored(ctx context.Context, a *app) error {
	if err := o.readFiles(a); err != nil {
		return err
	}
	tried := meshhook.Alert{ID: meshhook.NewID(), Workflow: o.workflow, Enabled: true, On: []meshhook.Condition{meshhook.OnFailed}}
	if err := o.apply(a, &tried); err != nil {
		return err
	}
	tried = alert.WithDefaults(tried)
	program, err := checkAlert(tried)
	if err != nil {
		return err
	}
	for _, warning := range program.Warnings() {
		a.warn("%s", warning)
	}
	secret, _, err := o.secret.forSigning(a, tried.Signing)
	if err != nil {
		return err
	}
	return a.inProject(ctx, func(ctx context.Context, s *session) error {
		if err := o.assign(ctx, s, &tried); err != nil {
			return err
		}
		return a.try(s, o.reveal, func(t daemon.Trials) (alert.Trial, error) { return t.Unstored(ctx, tried, secret) })
	})
}

// try sends a sample and prints what came of it.
func (a *app) try(s *session, reveal bool, send func(daemon.Trials) (alert.Trial, error)) error {
	client, err := egress.New(egress.Options{Allow: s.config.Network.Allow, UserAgent: "meshhook/" + version})
	if err != nil {
		return err
	}
	defer client.Close()
	trial, err := send(a.trials(s, client, reveal))
	if err != nil {
		return err
	}
	if trial.Fallback != "" {
		a.warn("the message is not what its template says: %s", trial.Fallback)
	}
	if err := a.print(trial, func(w io.Writer) error { return a.writeTrial(w, trial) }); err != nil {
		return err
	}
	if !trial.Delivered {
		return errSaid
	}
	return nil
}

// trials try alerts from here.
func (a *app) trials(s *session, client *egress.Client, reveal bool) daemon.Trials {
	return daemon.Trials{
		DB: s.db.DB, Project: s.project, Listen: s.project.Listen, Client: client, Log: a.commandLog(), View: viewAttempt(reveal),
	}
}

func (a *app) writeTrial(w io.Writer, t alert.Trial) error {
	if _, err := io.WriteString(w, exchangeText(t.Request, t.Response)+"\n"); err != nil {
		return err
	}
	f := &fields{}
	result := "delivered"
	if !t.Delivered {
		result = fmt.Sprintf("not delivered (%s)", t.Reason)
	}
	f.add("result", result)
	f.add("error", t.Error)
	if t.Request != nil {
		f.add("latency", latencyText(t.LatencyMS))
	}
	f.add("signature", signatureText(t))
	if t.Delivery != nil {
		f.add("delivery", t.Delivery.ID)
	}
	return a.writeTable(w, &f.table)
}

func signatureText(t alert.Trial) string {
	switch {
	case t.Request == nil:
		return ""
	case t.SignatureValid == nil:
		return "none"
	case *t.SignatureValid:
		return "valid"
	default:
		return "not valid: " + t.Signature
	}
}
