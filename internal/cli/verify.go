package cli

import (
	"errors"
	"time"

	"github.com/spf13/cobra"

	"github.com/profullstack/meshhook/internal/alert"
	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/signature"
)

// verifyOptions are what 'verify' was told.
type verifyOptions struct {
	secret        secretFlags
	headers, body string
	tolerance     meshhook.Duration
}

func newVerifyCmd(a *app) *cobra.Command {
	o := &verifyOptions{tolerance: meshhook.Duration(alert.DefaultTolerance)}
	cmd := &cobra.Command{
		Use: "verify --headers FILE --body FILE --secret-…", Short: "Check the signature of an alert, as its recipient",
		Long: `Check the signature of an alert that was received and kept: its headers as lines of
'Name: value' or as a JSON object, and its body, byte for byte. The secret is the alert's:
whsec_… (v1), the public key whpk_… (v1a), or the text of an hmac secret. No database is
needed. It exits with 1 when the signature is not right, and says why.`,
		Example: `  meshhook verify --secret-env ALERT_SECRET --headers headers.txt --body body.json
  meshhook verify --secret-file key.txt --headers headers.json --body body.json --tolerance 720h`,
		Args: exactly(),
		RunE: func(*cobra.Command, []string) error { return runVerify(a, o) },
	}
	flags := cmd.Flags()
	addSecretFlags(cmd, &o.secret, "secret", "the secret or the public key of the alert")
	flags.StringVar(&o.headers, "headers", "", "`file` of the headers; - for standard input")
	flags.StringVar(&o.body, "body", "", "`file` of the body as it came; - for standard input")
	addDuration(flags, &o.tolerance, "tolerance", "how far the time of signing may lie from now, a `duration`")
	return cmd
}

// verified is the answer of 'verify'.
type verified struct {
	Valid bool `json:"valid"`
	*alert.Proof
	Reason signature.Reason `json:"reason,omitempty"`
	Error  string           `json:"error,omitempty"`
}

func runVerify(a *app, o *verifyOptions) error {
	switch {
	case o.headers == "" || o.body == "":
		return usageError("give both --headers and --body: the signature is over the body, and stands in the headers")
	case o.headers == "-" && o.body == "-", o.secret.stdin && (o.headers == "-" || o.body == "-"):
		return usageError("standard input can be one thing only; give the others as files")
	case o.tolerance <= 0:
		return usageError("--tolerance is more than 0; for a message that was kept, give its age, like 720h")
	}
	secret, err := o.secret.read(a)
	if err != nil {
		return err
	}
	text, err := a.readFile(o.headers)
	if err != nil {
		return err
	}
	headers, err := parseHeaderFile(o.headers, text)
	if err != nil {
		return err
	}
	body, err := a.readFile(o.body)
	if err != nil {
		return err
	}
	proof, err := alert.Verify(headers, body, []meshhook.Secret{secret}, time.Now(), o.tolerance.Std())
	failure, refused := errors.AsType[*signature.Failure](err)
	if err != nil && (!refused || a.output == "" || a.output == "table") {
		return err
	}
	if refused {
		if err := a.printForMachine(verified{Reason: failure.Reason, Error: err.Error()}); err != nil {
			return err
		}
		return errSaid
	}
	return printFields(a, verified{Valid: true, Proof: &proof}, func(f *fields) {
		f.add("valid", "yes")
		f.add("signing", proof.Signing)
		f.add("id", proof.ID)
		if !proof.At.IsZero() {
			f.add("signed", proof.At)
		}
	})
}
