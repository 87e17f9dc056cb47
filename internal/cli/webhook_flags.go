package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"

	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v3"

	"github.com/profullstack/meshhook/internal/config"
	"github.com/profullstack/meshhook/internal/daemon"
	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/signature"
)

// webhookFlags are what 'webhook create' and 'webhook update' have in common.
type webhookFlags struct {
	path         string
	workflow     string
	verification meshhook.Verification
	schema       string
	rate         rateFlag
	dedup        string
	dedupWindow  meshhook.Duration
	filter       string
	networks     networksFlag
	methods      []string
	maxBody      config.ByteSize
	response     string
	description  string
	// files are what the flags that name files stand for.
	files struct {
		schema   json.RawMessage
		response *meshhook.Response
	}
}

func (f *webhookFlags) register(a *app, cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.path, "path", "", "`path` under /hooks/, like github or shop/orders")
	flags.StringVar(&f.workflow, "workflow", "", "`name` of the workflow, or a file, which is applied first")
	flags.StringVar(&f.schema, "schema", "", "`file` of the JSON Schema that payloads must satisfy")
	flags.Var(&f.rate, "rate-limit", "requests in a time, like 100/minute")
	flags.StringVar(&f.dedup, "dedup", "", "jq `expression` over {event} for the dedup key, header:NAME, or none; the scheme's own when left out")
	addDuration(flags, &f.dedupWindow, "dedup-window", "how long a dedup key is remembered, a `duration` from 1s to 720h; 24h when left out")
	flags.StringVar(&f.filter, "filter", "", "jq `condition` over {event}; other events start no run")
	flags.Var(&f.networks, "allow-ip", "`network` or address that may send; may be given several times")
	flags.StringSliceVar(&f.methods, "method", nil, "HTTP `method` to answer, POST when left out; may be given several times")
	flags.TextVar(&f.maxBody, "max-body", f.maxBody, "body limit, a `size` like 1MiB")
	flags.Lookup("max-body").DefValue = "" // which is the configuration's
	flags.StringVar(&f.response, "response", "", "`file` of the answer to accepted requests, JSON or YAML: {status, content_type, headers, body} or {from: run, timeout}")
	flags.StringVar(&f.description, "description", "", "what it is for")
	f.registerVerification(cmd)
	completeFlag(cmd, "workflow", a.names(workflowNames))
	completeFlag(cmd, "method", cobra.FixedCompletions([]string{"POST", "PUT", "PATCH", "DELETE", "GET", "HEAD"}, cobra.ShellCompDirectiveNoFileComp))
}

// choiceWords are the words of the flags that take one of some.
var choiceWords = map[string][]string{
	"verify-encoding":         {"hex", "base64", "base64url"},
	"verify-secret-encoding":  {"raw", "hex", "base64"},
	"verify-timestamp-format": {"unix", "unix-ms", "rfc3339"},
}

func (f *webhookFlags) registerVerification(cmd *cobra.Command) {
	flags, v := cmd.Flags(), &f.verification
	var names []string
	for _, s := range signature.Schemes() {
		names = append(names, s.Name)
	}
	flags.Var((*schemeFlag)(&v.Scheme), "verify", "`scheme` by which requests are verified; 'meshhook webhook schemes' lists them")
	completeFlag(cmd, "verify", cobra.FixedCompletions(names, cobra.ShellCompDirectiveNoFileComp))
	flags.StringVar(&v.Header, "verify-header", "", "header of the signature or token, where it is not the scheme's")
	flags.StringVar(&v.Query, "verify-query", "", "query parameter of the token, where no header carries it")
	flags.StringVar(&v.Prefix, "verify-prefix", "", "what stands before the signature or token in the header")
	flags.StringVar(&v.Algorithm, "verify-algorithm", "", "`hash` of the signature: sha1, sha256, sha384 or sha512; for jwt the algorithm, like RS256")
	completeFlag(cmd, "verify-algorithm", cobra.FixedCompletions([]string{"sha1", "sha256", "sha384", "sha512", "HS256", "RS256", "PS256", "ES256", "EdDSA"}, cobra.ShellCompDirectiveNoFileComp))
	addChoice(cmd, &v.Encoding, "verify-encoding", "encoding of the signature", choiceWords["verify-encoding"])
	addChoice(cmd, &v.SecretEncoding, "verify-secret-encoding", "how the secret's text is the key", choiceWords["verify-secret-encoding"])
	flags.StringVar(&v.Template, "verify-template", "", "what is signed, over {body} {timestamp} {id} {url} {method}")
	flags.StringVar(&v.TimestampHeader, "verify-timestamp-header", "", "header of the time of signing")
	addChoice(cmd, &v.TimestampFormat, "verify-timestamp-format", "how that time is written", choiceWords["verify-timestamp-format"])
	flags.StringVar(&v.IDHeader, "verify-id-header", "", "header of the message's id")
	flags.StringVar(&v.Issuer, "verify-issuer", "", "iss that a JWT must claim")
	flags.StringVar(&v.Audience, "verify-audience", "", "aud that a JWT must claim")
	flags.StringToStringVar(&v.Claims, "verify-claim", nil, "claim that a JWT must have, `name=value`; may be given several times")
	flags.Lookup("verify-claim").DefValue = ""
	flags.StringVar(&v.JWKSURL, "verify-jwks-url", "", "https `URL` of the keys of JWTs, instead of a secret")
	flags.BoolVar(&v.ConfirmSubscription, "confirm-subscription", false, "confirm subscriptions by calling the URL that the provider sends (sns)")
	addDuration(flags, &v.Tolerance, "tolerance", "how far the time of signing may lie from now, a `duration` like 5m")
}

// readFiles reads the files that the flags name: once, and before anything else.
func (f *webhookFlags) readFiles(a *app) (err error) {
	if f.files.schema, err = a.readSchema(f.schema); err != nil {
		return err
	}
	f.files.response, err = a.readResponse(f.response)
	return err
}

// apply puts what the flags and their files say over an endpoint. What was not given
// stays.
func (f *webhookFlags) apply(a *app, e *meshhook.Endpoint) {
	for _, set := range []struct {
		flag string
		do   func()
	}{
		{"path", func() { e.Path = f.path }},
		{"description", func() { e.Description = f.description }},
		{"rate-limit", func() { e.RateLimit = f.rate.limit }},
		{"dedup", func() { e.Dedup = f.dedup }},
		{"dedup-window", func() { e.DedupWindow = f.dedupWindow }},
		{"filter", func() { e.Filter = f.filter }},
		{"allow-ip", func() { e.AllowedIPs = f.networks.list }},
		{"method", func() { e.Methods = f.methods }},
		{"max-body", func() { e.MaxBody = int64(f.maxBody) }},
		{"schema", func() { e.Schema = f.files.schema }},
		{"response", func() { e.Response = f.files.response }},
	} {
		if a.flags.Changed(set.flag) {
			set.do()
		}
	}
	f.applyVerification(a, &e.Verification)
}

// applyVerification changes how requests are verified. Another scheme begins
// without the changes that were made to the old one.
func (f *webhookFlags) applyVerification(a *app, v *meshhook.Verification) {
	given := f.verification
	if a.flags.Changed("verify") && given.Scheme != v.Scheme {
		*v = meshhook.Verification{Scheme: given.Scheme}
	}
	for flag, to := range map[string][2]*string{
		"verify-header":           {&v.Header, &given.Header},
		"verify-query":            {&v.Query, &given.Query},
		"verify-prefix":           {&v.Prefix, &given.Prefix},
		"verify-algorithm":        {&v.Algorithm, &given.Algorithm},
		"verify-encoding":         {&v.Encoding, &given.Encoding},
		"verify-secret-encoding":  {&v.SecretEncoding, &given.SecretEncoding},
		"verify-template":         {&v.Template, &given.Template},
		"verify-timestamp-format": {&v.TimestampFormat, &given.TimestampFormat},
		"verify-issuer":           {&v.Issuer, &given.Issuer},
		"verify-audience":         {&v.Audience, &given.Audience},
		"verify-jwks-url":         {&v.JWKSURL, &given.JWKSURL},
		"verify-timestamp-header": {&v.TimestampHeader, &given.TimestampHeader},
		"verify-id-header":        {&v.IDHeader, &given.IDHeader},
	} {
		if a.flags.Changed(flag) {
			*to[0] = *to[1]
		}
	}
	if a.flags.Changed("tolerance") {
		v.Tolerance = given.Tolerance
	}
	if a.flags.Changed("verify-claim") {
		v.Claims = given.Claims
	}
	if a.flags.Changed("confirm-subscription") {
		v.ConfirmSubscription = given.ConfirmSubscription
	}
}

// readSchema reads a JSON Schema; no name is no schema.
func (a *app) readSchema(name string) (json.RawMessage, error) {
	if name == "" {
		return nil, nil
	}
	return a.readFile(name)
}

// readResponse reads a webhook's own answer; no name is the standard one.
func (a *app) readResponse(name string) (*meshhook.Response, error) {
	if name == "" {
		return nil, nil
	}
	text, err := a.readFile(name)
	if err != nil {
		return nil, err
	}
	return parseResponse(name, text)
}

// parseResponse reads the text of an answer, which came from there.
func parseResponse(name string, text []byte) (*meshhook.Response, error) {
	decoder := yaml.NewDecoder(bytes.NewReader(text)) // JSON is YAML, too
	decoder.KnownFields(true)
	var response meshhook.Response
	switch err := decoder.Decode(&response); {
	case errors.Is(err, io.EOF):
		return nil, meshhook.Errorf(meshhook.CodeInvalid, "%s is empty; write {status, content_type, headers, body} or {from: run, timeout}", name)
	case err != nil:
		return nil, meshhook.Errorf(meshhook.CodeInvalid, "%s is no response of {status, content_type, headers, body} or {from: run, timeout}: %s", name, oneLine(err))
	}
	if _, err := json.Marshal(response); err != nil {
		return nil, meshhook.Errorf(meshhook.CodeInvalid, "%s holds a value that JSON has not: %w", name, err)
	}
	return &response, nil
}

// check completes an endpoint and says what is wrong with it.
func (f *webhookFlags) check(a *app, c *config.Config, e *meshhook.Endpoint) (*signature.Verifier, error) {
	return daemon.CheckWebhook(c, e, a.flags.Changed("dedup-window"))
}
