package cli

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// maxSecret bounds a secret, in bytes: more is a file named by mistake.
const maxSecret = 64 << 10

// secretFlags are the four ways to hand a secret over: NAME, NAME-stdin,
// NAME-file and NAME-env. Without any, a person at a terminal is asked.
type secretFlags struct {
	name  string
	value string
	stdin bool
	file  string
	env   string
}

func addSecretFlags(cmd *cobra.Command, f *secretFlags, name, what string) {
	f.name = name
	flags := cmd.Flags()
	flags.StringVar(&f.value, name, "", what+"; others on this machine can see it in the list of processes")
	flags.BoolVar(&f.stdin, name+"-stdin", false, "read "+what+" from standard input")
	flags.StringVar(&f.file, name+"-file", "", "read "+what+" from a `file`")
	flags.StringVar(&f.env, name+"-env", "", "read "+what+" from an environment `variable`")
}

// given counts the ways that were used.
func (f *secretFlags) given(a *app) (n int) {
	for _, suffix := range []string{"", "-stdin", "-file", "-env"} {
		if a.flags.Changed(f.name + suffix) {
			n++
		}
	}
	return n
}

// ways names the flags, for messages.
func (f *secretFlags) ways() string {
	return "--" + f.name + "-env, --" + f.name + "-file or --" + f.name + "-stdin"
}

// read returns the secret that the flags say. It is an error when they say none,
// two, or an empty one.
func (f *secretFlags) read(a *app) (meshhook.Secret, error) {
	if f.given(a) != 1 {
		return meshhook.Secret{}, usageError("give the secret in one way: %s", f.ways())
	}
	text, from := f.value, "--"+f.name
	switch {
	case f.stdin, f.file != "":
		from = f.file
		if f.stdin {
			from = "-"
		}
		read, err := a.readFile(from)
		if err != nil {
			return meshhook.Secret{}, err
		}
		text = withoutNewline(string(read))
		if f.stdin {
			from = "standard input"
		}
	case a.flags.Changed(f.name + "-env"):
		from = "the environment variable " + f.env
		var set bool
		if text, set = a.getenv(f.env); !set {
			return meshhook.Secret{}, meshhook.Errorf(meshhook.CodeInvalid, "%s, which --%s-env names, is not set", from, f.name)
		}
	default:
		a.warn("--%s shows the secret in the list of processes; %s does not", f.name, f.ways())
	}
	switch {
	case text == "":
		return meshhook.Secret{}, meshhook.Errorf(meshhook.CodeInvalid, "the secret from %s is empty", from)
	case len(text) > maxSecret:
		return meshhook.Secret{}, meshhook.Errorf(meshhook.CodeInvalid, "the secret from %s is longer than %d bytes", from, maxSecret)
	}
	return meshhook.NewSecret(text), nil
}

// withoutNewline takes the one newline away that editors and echo put at the end.
func withoutNewline(text string) string {
	return strings.TrimSuffix(strings.TrimSuffix(text, "\n"), "\r")
}

// ask asks a person at a terminal for a secret, without echo. Where there is
// none, it is an error that names the flags.
func (f *secretFlags) ask(ctx context.Context, a *app, what, hint string) (meshhook.Secret, error) {
	if !a.InTTY {
		return meshhook.Secret{}, usageError("the %s is missing; give it with %s", what, f.ways())
	}
	if hint != "" {
		a.note("%s", hint)
	}
	if err := a.prompt(strings.ToUpper(what[:1]) + what[1:] + ": "); err != nil {
		return meshhook.Secret{}, err
	}
	text, err := a.ReadSecret(ctx)
	if newline := a.prompt("\n"); err == nil {
		err = newline
	}
	if err != nil {
		return meshhook.Secret{}, meshhook.Errorf(meshhook.CodeInternal, "reading the secret from the terminal: %w", err)
	}
	if text == "" {
		return meshhook.Secret{}, meshhook.Errorf(meshhook.CodeInvalid, "the secret is empty")
	}
	return meshhook.NewSecret(text), nil
}
