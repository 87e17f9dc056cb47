package cli

import (
	"fmt"
	"io"
	"strings"

	"github.com/profullstack/meshhook/internal/alert"
	"github.com/profullstack/meshhook/internal/manifest"
	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/tail"
)

// planView is a plan as commands print it for machines.
type planView struct {
	*manifest.Plan
	DryRun bool `json:"dry_run,omitempty"`
}

// show prints what was done, or would be.
func (r *application) show(plan *manifest.Plan, dry bool) error {
	return r.print(planView{plan, dry}, func(w io.Writer) error {
		if err := r.writePlan(w, plan, r.OutTTY); err != nil {
			return err
		}
		if dry && !plan.Empty() {
			r.note("nothing was changed; without --dry-run it would be")
		}
		return nil
	})
}

// signs are how changes are told apart, by colour and by sign.
var signs = map[manifest.Action]struct {
	sign string
	tone tail.Tone
}{manifest.Create: {"+", tail.Good}, manifest.Update: {"~", tail.Warn}, manifest.Delete: {"-", tail.Bad}}

func (a *app) writePlan(w io.Writer, plan *manifest.Plan, terminal bool) error {
	paint := func(text string, tone tail.Tone) string {
		if !terminal {
			return text
		}
		return a.paint(text, tone)
	}
	var b strings.Builder
	for _, c := range plan.Changes {
		look := signs[c.Action]
		b.WriteString(paint(look.sign+" "+string(c.Kind)+" "+tail.Clean(c.Name), look.tone) + "\n")
		if c.Action == manifest.Delete && c.Kind != manifest.KindWorkflow {
			b.WriteString("    its secrets go, too\n")
		}
		for _, f := range c.Fields {
			for _, line := range fieldLines(f) {
				tone := tail.Plain
				switch {
				case strings.HasPrefix(line, "+"):
					tone = tail.Good
				case strings.HasPrefix(line, "-"):
					tone = tail.Bad
				}
				b.WriteString("    " + paint(tail.Clean(line), tone) + "\n")
			}
		}
		if c.Secret != "" {
			b.WriteString("    secret, shown this once: " + tail.Clean(c.Secret) + "\n")
		}
		if c.PublicKey != "" {
			b.WriteString("    public key: " + tail.Clean(c.PublicKey) + "\n")
		}
	}
	if plan.Unchanged > 0 || plan.Empty() {
		fmt.Fprintf(&b, "= %d unchanged\n", plan.Unchanged)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// fieldLines draw the change of a key: in one line where both values fit into one, and
// otherwise what goes and what comes.
func fieldLines(f manifest.FieldChange) (lines []string) {
	was, is := splitLines(f.OldText), splitLines(f.NewText)
	if len(was) == 1 && len(is) == 1 {
		key, old, _ := strings.Cut(was[0], ": ")
		_, fresh, _ := strings.Cut(is[0], ": ")
		if old == fresh {
			fresh += " (another value)"
		}
		return []string{key + ": " + old + " → " + fresh}
	}
	changes := diff(was, is)
	if changes == nil {
		return []string{f.Key + ": another value"}
	}
	for _, line := range changes {
		sign := string(line.sign)
		if line.sign == '~' {
			sign = " "
		}
		lines = append(lines, strings.TrimRight(sign+" "+line.text, " "))
	}
	return lines
}

func splitLines(text string) []string {
	if text == "" {
		return nil
	}
	return strings.Split(strings.TrimSuffix(strings.ReplaceAll(text, "\r\n", "\n"), "\n"), "\n")
}

// handOverSecrets puts the secrets that were made into the plan, to be shown this once.
func (r *application) handOverSecrets(plan *manifest.Plan) (err error) {
	for i := range plan.Changes {
		c := &plan.Changes[i]
		if !c.Generated {
			continue
		}
		c.Secret = c.Given.Reveal()
		if c.Alert != nil && c.Alert.Alert.Signing == meshhook.SigningV1a {
			if c.PublicKey, err = alert.PublicKey(c.Given); err != nil {
				return err
			}
		}
	}
	return nil
}
