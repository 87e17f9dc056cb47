package cli

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/profullstack/meshhook/internal/alert"
	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/tail"
)

// alertDeliveriesOptions are what 'alerts deliveries' was told.
type alertDeliveriesOptions struct {
	status, alert, run, cursor string
	since                      moment
	limit                      int
}

func newAlertDeliveriesCmd(a *app) *cobra.Command {
	o := &alertDeliveriesOptions{}
	cmd := &cobra.Command{
		Use: "deliveries", Short: "List messages and what became of them, newest first",
		Example: "  meshhook alerts deliveries --status exhausted --since 24h\n  meshhook alerts deliveries --run 01890a5d-ac96-774b-bcce-b302099a8057",
		Args:    exactly(),
		RunE:    func(cmd *cobra.Command, _ []string) error { return runAlertDeliveries(cmd.Context(), a, o) },
	}
	flags := cmd.Flags()
	addChoice(cmd, &o.status, "status", "only deliveries of this status", meshhook.DeliveryStatuses())
	flags.StringVar(&o.alert, "alert", "", "only deliveries of the alert with this `name` or id")
	flags.StringVar(&o.run, "run", "", "only deliveries about the run with this `id`")
	addMoment(flags, &o.since, "since", "only deliveries since then")
	flags.StringVar(&o.cursor, "cursor", "", "only deliveries older than the one with this `id`: the next page")
	addLimit(cmd, &o.limit)
	completeFlag(cmd, "alert", a.names(alertNames))
	return cmd
}

func (o *alertDeliveriesOptions) filter() (f meshhook.DeliveryFilter, err error) {
	f = meshhook.DeliveryFilter{Status: meshhook.DeliveryStatus(o.status), Since: o.since.at, Limit: o.limit}
	if err := checkLimit(o.limit); err != nil {
		return f, err
	}
	for _, id := range []struct {
		text string
		to   *meshhook.ID
	}{{o.run, &f.Run}, {o.cursor, &f.Before}} {
		if id.text == "" {
			continue
		}
		if *id.to, err = parseID(id.text); err != nil {
			return f, err
		}
	}
	return f, nil
}

func runAlertDeliveries(ctx context.Context, a *app, o *alertDeliveriesOptions) error {
	filter, err := o.filter()
	if err != nil {
		return err
	}
	return a.inProject(ctx, func(ctx context.Context, s *session) error {
		if o.alert != "" {
			if filter.Alert, err = s.project.AlertID(ctx, o.alert); err != nil {
				return err
			}
		}
		list, err := s.project.Deliveries(ctx, filter)
		if err != nil {
			return err
		}
		if len(list) == 0 && o.alert != "" {
			_, err := s.project.Alert(ctx, filter.Alert)
			if err := a.hintIfMissing(err, "alert", o.alert); err != nil {
				return err
			}
		}
		columns := []string{"id", "created", "type", "workflow", "status", "reason", "attempts", "next", "alert"}
		err = printList(a, list, columns, func(t *table, d meshhook.Delivery) {
			t.add(d.ID, d.CreatedAt, deliveryType(d), d.Workflow, deliveryState(d.Status), d.Reason, d.Attempt, d.NextAt, cmp.Or(d.Alert, d.AlertID.String()))
		})
		if people := a.output == "" || a.output == "table"; people && err == nil && len(list) == o.limit {
			a.note("there may be more: --cursor %s", list[len(list)-1].ID)
		}
		return err
	})
}

// deliveryType is what a message tells of; for how many it stands is said beside it.
func deliveryType(d meshhook.Delivery) string {
	if d.Held > 0 {
		return fmt.Sprintf("%s (+%d held)", d.Type, d.Held)
	}
	return string(d.Type)
}

func deliveryState(status meshhook.DeliveryStatus) cell {
	_, tone := tail.Look(meshhook.AlertEntry(status))
	if status == meshhook.DeliveryPending {
		tone = tail.Plain
	}
	return cell{string(status), tone}
}

// alertLogOptions are what 'alerts log' was told.
type alertLogOptions struct {
	id           string
	since        moment
	limit        int
	full, reveal bool
}

func newAlertLogCmd(a *app) *cobra.Command {
	o := &alertLogOptions{}
	cmd := &cobra.Command{
		Use: "log [ALERT|DELIVERY_ID]", Short: "List every attempt to send a message, newest first",
		Long: `List every attempt to send a message, newest first: of all alerts, of one, or of one
delivery. --full shows what was sent and answered. Of URLs only the host is shown, and no
value of a header of your own; --reveal shows all of it.`,
		Example: "  meshhook alerts log --since 1h\n  meshhook alerts log orders-failed --full",
		Args:    cobra.MaximumNArgs(1), ValidArgsFunction: firstArg(a.names(alertNames)),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				o.id = args[0]
			}
			return runAlertLog(cmd.Context(), a, o)
		},
	}
	flags := cmd.Flags()
	addMoment(flags, &o.since, "since", "only attempts since then")
	flags.BoolVar(&o.full, "full", false, "show requests and answers")
	flags.BoolVar(&o.reveal, "reveal", false, "show URLs, headers and bodies as they were")
	addLimit(cmd, &o.limit)
	return cmd
}

func runAlertLog(ctx context.Context, a *app, o *alertLogOptions) error {
	filter := meshhook.AttemptFilter{Since: o.since.at, Limit: o.limit, Full: o.full}
	if err := checkLimit(o.limit); err != nil {
		return err
	}
	return a.inProject(ctx, func(ctx context.Context, s *session) (err error) {
		if o.id != "" {
			if filter.Alert, err = s.project.AlertID(ctx, o.id); err != nil {
				return err
			}
		}
		of, err := ofDelivery(ctx, s, &filter)
		if err != nil {
			return err
		}
		list, err := s.project.Attempts(ctx, filter)
		if err != nil {
			return err
		}
		if len(list) == 0 && of != nil && of.Attempt == 0 {
			a.note("%s", unattempted(*of))
		}
		if len(list) == 0 && filter.Alert != (meshhook.ID{}) {
			if _, err := s.project.Alert(ctx, filter.Alert); meshhook.ErrorCode(err) == meshhook.CodeNotFound {
				return meshhook.Errorf(meshhook.CodeNotFound, "there is no alert or delivery %s", filter.Alert)
			}
		}
		vault, err := s.project.SecretValues(ctx)
		if err != nil {
			return err
		}
		views := make([]alert.AttemptView, len(list))
		for i, attempt := range list {
			if views[i] = viewAttempt(o.reveal)(attempt, vault); !o.full {
				views[i] = views[i].Brief()
			}
		}
		return a.printAttempts(views, o.full)
	})
}

// ofDelivery has a filter whose id is that of a delivery ask for that, and returns the
// delivery; nil where it is none.
func ofDelivery(ctx context.Context, s *session, f *meshhook.AttemptFilter) (*meshhook.Delivery, error) {
	if f.Alert == (meshhook.ID{}) {
		return nil, nil
	}
	d, err := s.project.Delivery(ctx, f.Alert)
	switch meshhook.ErrorCode(err) {
	case "":
		f.Alert, f.Delivery = meshhook.ID{}, d.ID
		return &d, nil
	case meshhook.CodeNotFound: // then it is an alert, or was one
		return nil, nil
	}
	return nil, err
}

// unattempted says why the log of a delivery is empty.
func unattempted(d meshhook.Delivery) string {
	text := "no attempt has been made: the delivery is " + string(d.Status)
	if d.Reason != "" {
		text += " (" + string(d.Reason) + ")"
	}
	if d.Error != "" {
		text += ": " + d.Error
	}
	return text
}

// viewAttempt is how attempts are shown.
func viewAttempt(reveal bool) func(meshhook.AlertAttempt, map[string]meshhook.Secret) alert.AttemptView {
	if reveal {
		return func(a meshhook.AlertAttempt, _ map[string]meshhook.Secret) alert.AttemptView {
			return alert.RevealAttempt(a)
		}
	}
	return alert.ViewAttempt
}

func (a *app) printAttempts(list []alert.AttemptView, full bool) error {
	columns := []string{"at", "delivery", "attempt", "result", "status", "latency", "url", "reason", "error"}
	row := func(t *table, v alert.AttemptView) {
		t.add(v.At, v.DeliveryID, v.Attempt, attemptState(v), statusText(v.HTTPStatus), latencyText(v.LatencyMS), v.URL, v.Reason, attemptError(v))
	}
	if !full {
		return printList(a, list, columns, row)
	}
	return a.print(list, func(w io.Writer) error {
		for _, v := range list {
			t := &table{}
			row(t, v)
			if err := a.writeTable(w, t); err != nil {
				return err
			}
			if _, err := io.WriteString(w, exchangeText(v.Request, v.Response)+"\n"); err != nil {
				return err
			}
		}
		return nil
	})
}

// attemptError is what went wrong: with the attempt, and with what the message should
// have been.
func attemptError(v alert.AttemptView) string {
	switch {
	case v.Fallback == "":
		return v.Error
	case v.Error == "":
		return "sent otherwise: " + v.Fallback
	default:
		return v.Error + "; sent otherwise: " + v.Fallback
	}
}

func attemptState(v alert.AttemptView) cell {
	switch state := v.State(); {
	case state == "delivered":
		return cell{state, tail.Good}
	case v.Reason != "":
		return cell{state, tail.Bad}
	default:
		return cell{state, tail.Busy}
	}
}

func statusText(status int) string {
	if status == 0 {
		return ""
	}
	return fmt.Sprint(status)
}

func latencyText(ms int64) string { return fmt.Sprintf("%dms", ms) }

// exchangeText draws a request and its answer as curl -v does. It is clean.
func exchangeText(request *alert.RequestView, response *alert.ResponseView) string {
	var b strings.Builder
	write := func(sign, text string) {
		for line := range strings.SplitSeq(strings.TrimRight(text, "\n"), "\n") {
			b.WriteString(strings.TrimRight(sign+" "+tail.Clean(strings.TrimSuffix(line, "\r")), " ") + "\n")
		}
	}
	if request != nil {
		write(">", "POST "+request.URL)
		for _, name := range slices.Sorted(maps.Keys(request.Headers)) {
			write(">", name+": "+request.Headers[name])
		}
		write(">", "\n"+request.Body)
	}
	if response != nil {
		write("<", fmt.Sprint(response.Status))
		write("<", response.Body)
	}
	return b.String()
}
