package cli

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/profullstack/meshhook/internal/certs"
	"github.com/profullstack/meshhook/internal/config"
	"github.com/profullstack/meshhook/internal/daemon"
	"github.com/profullstack/meshhook/internal/egress"
	"github.com/profullstack/meshhook/internal/ingress"
	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/signature"
	"github.com/profullstack/meshhook/internal/tail"
)

// sampleBody is what is sent where the user gives no body.
const sampleBody = `{"hello":"world"}`

// sign returns the headers of a sample request, or why it cannot be signed.
func sign(verifier *signature.Verifier, e meshhook.Endpoint, url string, body []byte, secret meshhook.Secret) (method string, header http.Header, err error) {
	method = http.MethodPost
	if !slices.Contains(e.Methods, method) {
		method = e.Methods[0]
	}
	header, err = verifier.Sign(signature.Request{Method: method, URL: url, Body: body, Now: time.Now()}, signature.Key{Value: secret}, meshhook.NewID().String())
	return method, header, err
}

// curlLine is a command that sends a signed sample. A secret that the user has
// given is not shown, so there is none where the header is the secret.
func curlLine(verifier *signature.Verifier, e meshhook.Endpoint, url string, secret meshhook.Secret, generated bool) (string, error) {
	kind := verifier.Scheme().Engine
	if !generated && (kind == signature.EngineToken || kind == signature.EngineBasic) {
		return "", nil
	}
	url = verifier.SignedURL(url, signature.Key{Value: secret})
	method, header, err := sign(verifier, e, url, []byte(sampleBody), secret)
	if meshhook.ErrorCode(err) == meshhook.CodeInvalid {
		return "", nil // only the provider can sign
	}
	if err != nil {
		return "", err
	}
	parts := []string{"curl", "-X", method, "-H", shellQuote("Content-Type: application/json")}
	for _, name := range slices.Sorted(maps.Keys(header)) {
		parts = append(parts, "-H", shellQuote(name+": "+header.Get(name)))
	}
	parts = append(parts, "--data-binary", shellQuote(sampleBody), shellQuote(url))
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
that it listens on, and print the answer. It exits with 1 unless the request was accepted.`,
		Example:           "  meshhook webhook test github --body push.json --header 'X-GitHub-Event: push'",
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

// webhookTested is the answer of 'webhook test'.
type webhookTested struct {
	Status     int    `json:"status"`
	Body       string `json:"body"`
	DurationMS int64  `json:"duration_ms"`
}

func runWebhookTest(ctx context.Context, a *app, o *webhookTestOptions) error {
	extra, err := parseHeaders(o.headers)
	if err != nil {
		return err
	}
	body := []byte(sampleBody)
	if o.body != "" {
		if body, err = a.readFile(o.body); err != nil {
			return err
		}
	}
	var reply egress.Reply
	err = a.inProject(ctx, func(ctx context.Context, s *session) error {
		e, _, err := s.project.Endpoint(ctx, o.path)
		if err != nil {
			return err
		}
		secret, err := liveSecret(ctx, s, e.ID)
		if err != nil {
			return err
		}
		reply, err = send(ctx, s.config, e, secret, body, extra)
		return err
	})
	if err != nil {
		return err
	}
	return a.printReply(reply)
}

func (a *app) printReply(reply egress.Reply) error {
	answer := webhookTested{reply.Status, string(reply.Body), reply.Duration.Milliseconds()}
	err := a.print(answer, func(w io.Writer) error {
		_, err := fmt.Fprintf(w, "%d %s\n%s\n", reply.Status, http.StatusText(reply.Status), tail.Clean(strings.TrimRight(answer.Body, "\n")))
		return err
	})
	if err == nil && reply.Status >= 300 {
		err = errSaid
	}
	return err
}

// liveSecret returns the newest secret by which a webhook verifies now.
func liveSecret(ctx context.Context, s *session, endpoint meshhook.ID) (meshhook.Secret, error) {
	all, err := s.db.LiveEndpoints(ctx)
	if err != nil {
		return meshhook.Secret{}, err
	}
	for _, live := range all {
		if live.Endpoint.ID == endpoint && len(live.Secrets) > 0 {
			return live.Secrets[0].Value, nil // the newest comes first
		}
	}
	return meshhook.Secret{}, nil
}

// send sends a signed request to the daemon that the configuration describes.
func send(ctx context.Context, c *config.Config, e meshhook.Endpoint, secret meshhook.Secret, body []byte, extra http.Header) (egress.Reply, error) {
	verifier, err := signature.New(e.Verification)
	if err != nil {
		return egress.Reply{}, err
	}
	key := signature.Key{Value: secret}
	method, header, err := sign(verifier, e, verifier.SignedURL(webhookURL(c, e.Path), key), body, secret)
	if err != nil {
		return egress.Reply{}, err
	}
	header.Set("Content-Type", "application/json")
	for name, values := range extra {
		header[name] = values
	}
	base, client, err := dialer(c)
	if err != nil {
		return egress.Reply{}, err
	}
	defer client.Close()
	reply, err := client.Do(ctx, egress.Call{Method: method, URL: verifier.SignedURL(base+ingress.Prefix+e.Path, key), Header: header, Body: body})
	if err != nil {
		host, _ := listening(c.Listen)
		return reply, meshhook.Errorf(meshhook.CodeInternal, "no daemon answers at %s: %w; start one with 'meshhook daemon', or name its address in MESHHOOK_LISTEN", host, err)
	}
	return reply, nil
}

// dialer returns where the listener on this machine is reached, and a client for
// it. Where it speaks TLS, its certificate is checked by the name that stands in it,
// whatever the address is.
func dialer(c *config.Config) (base string, client *egress.Client, err error) {
	host, network := listening(c.Listen)
	o := egress.Options{Allow: network, UserAgent: "meshhook/" + version}
	base = "http://" + host
	switch acme := c.TLS.ACME; {
	case c.TLS.CertFile != "":
		base = "https://" + host
		o.RootCAs, o.ServerName, err = certs.Trust(c.TLS.CertFile)
	case len(acme.Domains) > 0:
		base, o.ServerName = "https://"+host, acme.Domains[0]
		o.RootCAs, err = certs.TrustACME(daemon.ACMEDir(c), acme.Domains[0])
	}
	if err != nil {
		return "", nil, err
	}
	client, err = egress.New(o)
	return base, client, err
}

// listening is where a listener on this machine is reached, and the networks
// that must be allowed for it.
func listening(address string) (string, []netip.Prefix) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return address, nil // not reached: the configuration is validated
	}
	ip, err := netip.ParseAddr(host)
	switch {
	case host == "" || err == nil && ip.IsUnspecified():
		ip = netip.AddrFrom4([4]byte{127, 0, 0, 1})
	case err != nil: // a name, such as localhost
		return address, []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}
	}
	return net.JoinHostPort(ip.String(), port), []netip.Prefix{netip.PrefixFrom(ip, ip.BitLen())}
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
