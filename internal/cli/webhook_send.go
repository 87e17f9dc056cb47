package cli

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/profullstack/meshhook/internal/daemon"
	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/signature"
	"github.com/profullstack/meshhook/internal/tail"
)

// curlLine is a command that sends a signed sample. A secret that the user has
// given is not shown, so there is none where the header is the secret.
func curlLine(verifier *signature.Verifier, e meshhook.Endpoint, url string, secret meshhook.Secret, generated bool) (string, error) {
	kind := verifier.Scheme().Engine
	if !generated && (kind == signature.EngineToken || kind == signature.EngineBasic) {
		return "", nil
	}
	url = verifier.SignedURL(url, signature.Key{Value: secret})
	contentType, sample := verifier.Sample()
	method, header, err := daemon.Sign(verifier, e, url, http.Header{"Content-Type": {contentType}}, sample, secret)
	if meshhook.ErrorCode(err) == meshhook.CodeInvalid {
		return "", nil // only the provider can sign
	}
	if err != nil {
		return "", err
	}
	parts := []string{"curl", "-X", method, "-H", shellQuote("Content-Type: " + contentType)}
	header.Del("Content-Type")
	for _, name := range slices.Sorted(maps.Keys(header)) {
		parts = append(parts, "-H", shellQuote(name+": "+header.Get(name)))
	}
	parts = append(parts, "--data-binary", shellQuote(string(sample)), shellQuote(url))
	return strings.Join(parts, " "), nil
}

// shellQuote makes one word of text for a POSIX shell.
func shellQuote(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }

// webhookTestOptions are what 'webhook test' was told.
type webhookTestOptions struct {
	path    string
	body    string
	headers []string
}

func newWebhookTestCmd(a *app) *cobra.Command {
	o := &webhookTestOptions{}
	cmd := &cobra.Command{
		Use: "test PATH|ID", Short: "Send a signed request to a webhook of the daemon on this machine",
		Long: `Send a signed request to a webhook of the daemon on this machine, at the address
that it listens on, and print the answer. It exits with 1 unless the answer is a 2xx.`,
		Example: `  meshhook webhook test github --body push.json --header 'X-GitHub-Event: push'
  echo '{"name": "Ada"}' | meshhook webhook test hello --body -`,
		Args:              exactly("PATH|ID"),
		ValidArgsFunction: firstArg(a.names(webhookNames)),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.path = args[0]
			return runWebhookTest(cmd.Context(), a, o)
		},
	}
	cmd.Flags().StringVar(&o.body, "body", "", "`file` of the body; - for standard input; a small sample when left out")
	cmd.Flags().StringArrayVar(&o.headers, "header", nil, "further `NAME:VALUE` to send; may be given several times")
	return cmd
}

func runWebhookTest(ctx context.Context, a *app, o *webhookTestOptions) error {
	extra, err := parseHeaders(o.headers)
	if err != nil {
		return err
	}
	var body []byte
	if o.body != "" {
		if body, err = a.readFile(o.body); err != nil {
			return err
		}
	}
	var tested meshhook.Tested
	err = a.inProject(ctx, func(ctx context.Context, s *session) error {
		e, _, err := s.project.Endpoint(ctx, o.path)
		if err != nil {
			return err
		}
		tested, err = s.db.SendTest(ctx, daemon.Test{
			Config: s.config, Listen: s.config.Listen, Endpoint: e, Header: extra, Body: body, Version: version,
		})
		return err
	})
	if err != nil {
		return err
	}
	return a.printTested(tested)
}

func (a *app) printTested(tested meshhook.Tested) error {
	err := a.print(tested, func(w io.Writer) error {
		_, err := fmt.Fprintf(w, "%d %s\n%s\n", tested.Status, http.StatusText(tested.Status), tail.Clean(strings.TrimRight(tested.Body, "\n")))
		return err
	})
	if err == nil && tested.Status >= 300 {
		err = errSaid
	}
	return err
}

func parseHeaders(texts []string) (http.Header, error) {
	header := http.Header{}
	for _, text := range texts {
		name, value, ok := strings.Cut(text, ":")
		if !ok || strings.TrimSpace(name) == "" {
			return nil, usageError("--header %q cannot be; write it like 'X-GitHub-Event: push'", text)
		}
		header.Add(strings.TrimSpace(name), strings.TrimSpace(value))
	}
	return header, nil
}
