package cli

import (
	"bytes"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/tui"
)

// formFlags are the flags of a command that a form sets in the place of a command line,
// so that both are read, checked and applied by the same code.
type formFlags struct {
	a *app // its flags are these
	// lists are the flags that are given once for each line of a setting.
	lists []string
	// files are the flags that name files, which a form gives as text, or as @FILE.
	files []string
	// own are the settings that are no flags.
	own []string
}

// newFormFlags returns flags that register adds.
func newFormFlags(a *app, register func(a *app, cmd *cobra.Command)) *formFlags {
	cmd, own := &cobra.Command{}, *a
	register(&own, cmd)
	own.flags, own.quiet = cmd.Flags(), false
	return &formFlags{a: &own}
}

// set sets the flags of what was changed, and says which of them cannot be read.
func (f *formFlags) set(d *tui.Draft) (problems []meshhook.Problem) {
	f.a.flags.VisitAll(func(flag *pflag.Flag) { flag.Changed = false })
	for _, name := range d.Changed() {
		if slices.Contains(f.own, name) || slices.Contains(f.files, name) {
			continue
		}
		flag := f.a.flags.Lookup(name)
		if flag == nil {
			continue // its own setting, or one of another form
		}
		text := d.Now[name]
		if text == "" && d.Now["verify"] != d.Was["verify"] && verifying(name) {
			continue // it goes with the old scheme
		}
		if err := f.setFlag(flag, text); err != nil {
			problems = append(problems, meshhook.Problem{Path: name, Message: err.Error()})
			continue
		}
		flag.Changed = true
	}
	return problems
}

// verifying tells whether a setting is one of how requests are verified.
func verifying(name string) bool {
	return strings.HasPrefix(name, "verify-") || name == "tolerance" || name == "confirm-subscription"
}

func (f *formFlags) setFlag(flag *pflag.Flag, text string) error {
	if _, sealed := flag.Value.(pflag.SliceValue); text == tui.Nothing && sealed {
		text = ""
	}
	if text == "" && flag.Value.Type() == "bool" {
		text = "false"
	}
	if !slices.Contains(f.lists, flag.Name) {
		return flag.Value.Set(text)
	}
	for line := range strings.SplitSeq(text, "\n") {
		if line = strings.TrimSpace(line); line == "" && text != "" {
			continue
		}
		if err := flag.Value.Set(line); err != nil {
			return err
		}
	}
	return nil
}

// fileText is the text of a setting that a command takes as a file: as it stands, or
// read from the FILE of @FILE. from names it for messages.
func (f *formFlags) fileText(what, setting string) (from string, text []byte, err error) {
	setting = strings.TrimSpace(setting)
	name, isFile := strings.CutPrefix(setting, "@")
	if !isFile {
		return what, []byte(setting), nil
	}
	text, err = f.a.readFile(name)
	return name, text, err
}

// isFile tells whether a setting names a file, which is not read while somebody types.
func isFile(setting string) bool { return strings.HasPrefix(strings.TrimSpace(setting), "@") }

// listening returns an app whose notes and warnings go into a buffer: the terminal is
// the screen's.
func (f *formFlags) listening() (a *app, notes *bytes.Buffer) {
	own, notes := *f.a, &bytes.Buffer{}
	own.Err = notes
	return &own, notes
}

// notesOf are the lines that were noted.
func notesOf(notes *bytes.Buffer) []string {
	return strings.FieldsFunc(notes.String(), func(r rune) bool { return r == '\n' })
}

// refused is the error of settings that are wrong; nil for none.
func refused(problems []meshhook.Problem) error {
	if len(problems) == 0 {
		return nil
	}
	return &meshhook.Error{Code: meshhook.CodeInvalid, Message: problems[0].Message, Details: problems}
}

// placed is an error of the store whose cause is known to be a setting.
func placed(err error, codes map[meshhook.Code]string) error {
	if name, ok := codes[meshhook.ErrorCode(err)]; ok {
		return refused([]meshhook.Problem{{Path: name, Message: err.Error()}})
	}
	return err
}

// typedSecret reads the secret of a form, and has it checked.
func typedSecret(d *tui.Draft, check func(meshhook.Secret) error) (secret meshhook.Secret, err error) {
	text := d.Now[tui.Secret]
	switch {
	case text == "":
		err = meshhook.Errorf(meshhook.CodeInvalid, "the secret is empty")
	case len(text) > maxSecret:
		err = meshhook.Errorf(meshhook.CodeInvalid, "the secret is longer than %d bytes", maxSecret)
	default:
		secret = meshhook.NewSecret(text)
		err = check(secret)
	}
	return secret, err
}

// words are choices that are shown as they are.
func words[S ~string](list []S) (choices []tui.Choice) {
	for _, w := range list {
		choices = append(choices, tui.Choice{Value: string(w)})
	}
	return choices
}

// orNone puts a choice of nothing before others.
func orNone(text string, list []tui.Choice) []tui.Choice {
	return append([]tui.Choice{{Text: text}}, list...)
}

// secretWays are the choices of tui.SecretFrom.
func secretWays() []tui.Choice {
	return []tui.Choice{
		{Value: tui.SecretKept, Text: "as it is", Hint: "The one that it has stays."},
		{Value: tui.SecretGenerated, Text: "generated", Hint: "It is made here, and shown once when it is stored."},
		{Value: tui.SecretTyped, Text: "typed in", Hint: "You have it from the other side, or give it to it yourself."},
		{Value: tui.SecretLater, Text: "none for now", Hint: "It comes with the sender's handshake, or not at all."},
	}
}
