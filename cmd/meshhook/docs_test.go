package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/signature"
)

const (
	providersPage = "../../docs/providers.md"
	vendorVectors = "../../internal/signature/testdata/vendors/vectors"
)

// ownSchemes are the schemes that the page describes together, as those of senders
// of one's own.
var ownSchemes = []string{"hmac", "token", "basic", "jwt", "ed25519", "ecdsa", "rsa-cert", "none"}

// TestProviders_Recipes runs every 'meshhook webhook create' of the page, each with a
// secret of its scheme, and looks at what came of it.
func TestProviders_Recipes(t *testing.T) {
	t.Parallel()
	p := readPage(t)
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "recipes.txtar"), []byte(p.script(t)), 0o600))
	testscript.Run(t, testscript.Params{Dir: dir, RequireExplicitExec: true, Setup: setup})
}

// TestProviders_Senders runs the page's senders against a daemon; those whose tool is
// not on this machine are left out.
func TestProviders_Senders(t *testing.T) {
	t.Parallel()
	const create = "exec meshhook webhook create --workflow orders --path "
	script := "exec meshhook workflow apply -f orders.yaml\nenv SECRET=whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n" +
		create + "own --secret-env SECRET\n" +
		create + "standard --verify standard-webhooks --secret-env SECRET\n" +
		create + "timed --verify hmac --verify-template '{timestamp}.{id}.{body}' --verify-timestamp-header X-Timestamp --verify-id-header X-Id --secret-env SECRET\n" +
		"[exec:openssl] exec openssl genpkey -algorithm ed25519 -out private.pem\n" +
		"[exec:openssl] exec openssl pkey -in private.pem -pubout -out public.pem\n" +
		"[exec:openssl] " + create + "signed --verify ed25519 --secret-file public.pem\ndaemon start a\n"
	for _, s := range []struct{ path, condition, command string }{
		{"own", "[exec:openssl] [exec:curl]", "sh send.sh"},
		{"own", "[exec:node]", "node send.mjs"},
		{"own", "[exec:python3]", "python3 send.py"},
		{"own", "[exec:go]", "go run send.go"},
		{"timed", "[exec:openssl] [exec:curl]", "sh timed.sh"},
		{"standard", "[exec:node]", "node standard.mjs"},
		{"signed", "[exec:openssl] [exec:curl]", "sh signed.sh"},
	} {
		script += "env URL=$INGRESS/hooks/" + s.path + "\n" + s.condition + " await '\"status\":\"accepted\"' " + s.command + "\n"
	}
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "senders.txtar"), []byte(script+readPage(t).files()), 0o600))
	testscript.Run(t, testscript.Params{Dir: dir, RequireExplicitExec: true, Cmds: verbs(), Setup: func(env *testscript.Env) error {
		cache, err := os.UserCacheDir()
		env.Setenv("GOCACHE", filepath.Join(cache, "go-build")) // of the user, or 'go run' builds the library anew
		return errors.Join(err, setup(env))
	}})
}

// TestProviders_Complete compares the page's headings, contents and facts with the
// table of schemes.
func TestProviders_Complete(t *testing.T) {
	t.Parallel()
	p := readPage(t)
	var providers []string
	for _, s := range signature.Schemes() {
		if slices.Contains(ownSchemes, s.Name) {
			require.Contains(t, p.section("Your own sender"), "`"+s.Name+"`", "the section of own senders misses a scheme")
			continue
		}
		providers = append(providers, s.Name)
		section := p.section(s.Name)
		require.NotEmpty(t, section, "the page has no section on %s", s.Name)
		require.Contains(t, section, "\n- **Checked:** "+facts(s)+"\n", "what the section on %s says is checked", s.Name)
		require.True(t, slices.ContainsFunc(page{section}.recipes(), func(command string) bool { return schemeIn(command) == s.Name }),
			"the section on %s has no recipe", s.Name)
		require.Contains(t, p.text, "[`"+s.Name+"`](#"+s.Name+")", "the contents miss %s", s.Name)
	}
	slices.Sort(providers)
	require.Equal(t, providers, p.headings("### ", "## Your own sender"), "the sections are in the order of the alphabet")
}

// facts says in a line what the table knows of a scheme.
func facts(s signature.Scheme) string {
	place := "`" + s.Place() + "`"
	if field, is := strings.CutPrefix(s.Place(), "body: "); is {
		place = "the body's `" + field + "`"
	}
	parts := []string{s.Method() + ", in " + place}
	if s.Tolerance != 0 {
		parts = append(parts, "time ± "+strings.TrimSuffix(s.Tolerance.String(), "0s"))
	}
	dedup := "no dedup of its own"
	if s.Dedup != "" {
		dedup = "dedup by `" + s.Dedup + "`"
	}
	var shakes []string
	for _, h := range s.Handshakes {
		shake := h.Method
		if shake == "" {
			shake = "POST"
		}
		if h.Signed {
			shake += ", signed"
		}
		if !slices.Contains(shakes, shake) {
			shakes = append(shakes, shake)
		}
	}
	parts = append(parts, dedup)
	if s.Response != nil {
		parts = append(parts, "answered `"+strconv.Itoa(s.Response.Status)+"` without a body")
	}
	if len(shakes) > 0 {
		parts = append(parts, "handshake by "+strings.Join(shakes, " or "))
	}
	return strings.Join(parts, " · ")
}

// page is docs/providers.md.
type page struct{ text string }

func readPage(t *testing.T) page {
	t.Helper()
	text, err := os.ReadFile(providersPage)
	require.NoError(t, err)
	return page{string(text)}
}

// section is what stands below a heading, up to the next of its level or above.
func (p page) section(heading string) string {
	for _, mark := range []string{"## ", "### "} {
		_, after, found := strings.Cut(p.text, "\n"+mark+heading+"\n")
		if !found {
			continue
		}
		end := len(after)
		for level := "## "; len(level) <= len(mark); level = "#" + level {
			if at := strings.Index(after, "\n"+level); at >= 0 {
				end = min(end, at)
			}
		}
		return "\n" + after[:end] + "\n"
	}
	return ""
}

// headings are those of a level that stand before another heading.
func (p page) headings(mark, before string) (headings []string) {
	text, _, _ := strings.Cut(p.text, "\n"+before+"\n")
	for line := range strings.Lines(text) {
		if heading, is := strings.CutPrefix(line, mark); is {
			headings = append(headings, strings.TrimSpace(heading))
		}
	}
	return headings
}

var (
	fence      = regexp.MustCompile("(?ms)^```(\\w+)\n(.*?)^```$")
	fileName   = regexp.MustCompile(`\A(?:#|//) (\S+\.\w+)\n`)
	secretEnv  = regexp.MustCompile(`--secret-env (\w+)`)
	schemeFlag = regexp.MustCompile(`--verify (\S+)`)
	pathFlag   = regexp.MustCompile(`--path (\S+)`)
	// condition is what recipes propose in their text beside the commands.
	condition = regexp.MustCompile(`--(?:dedup|filter) '[^']+'`)
)

// recipes are the commands of the page that make webhooks.
func (p page) recipes() (commands []string) {
	for _, block := range fence.FindAllStringSubmatch(p.text, -1) {
		if block[1] != "sh" {
			continue
		}
		for line := range strings.Lines(strings.ReplaceAll(block[2], "\\\n", "")) {
			if strings.HasPrefix(line, "meshhook webhook create ") {
				commands = append(commands, strings.TrimSpace(line))
			}
		}
	}
	return commands
}

// script is a session of testscript that runs the recipes, with the page's files.
func (p page) script(t *testing.T) string {
	t.Helper()
	recipes := p.recipes()
	require.Greater(t, len(recipes), len(signature.Schemes()))
	script := "exec meshhook workflow apply -f orders.yaml\n"
	for _, command := range recipes {
		scheme, path := schemeIn(command), pathFlag.FindStringSubmatch(command)
		require.NotNil(t, path, "%s has no path", command)
		if env := secretEnv.FindStringSubmatch(command); env != nil {
			script += "env " + env[1] + "='" + secretOf(t, scheme) + "'\n"
		}
		script += "exec " + command + "\nexec meshhook webhook show " + path[1] + " -o json\nstdout '\"scheme\": \"" + scheme + "\"'\n"
	}
	for _, flag := range condition.FindAllString(p.text, -1) {
		script += "exec meshhook webhook update orders " + flag + "\n"
	}
	return script + p.files()
}

// files are those of the page, and a workflow to start.
func (p page) files() string {
	files := "\n-- orders.yaml --\nname: orders\nsteps:\n  - id: done\n    terminate: { status: succeeded }\n"
	for _, block := range fence.FindAllStringSubmatch(p.text, -1) {
		if name := fileName.FindStringSubmatch(block[2]); name != nil {
			files += "-- " + name[1] + " --\n" + block[2]
		}
	}
	return files
}

// schemeIn is the scheme of a command that makes a webhook.
func schemeIn(command string) string {
	if found := schemeFlag.FindStringSubmatch(command); found != nil {
		return found[1]
	}
	return "hmac"
}

// secretOf is a secret of a scheme: that of its vendor's vectors where there are some.
func secretOf(t *testing.T, scheme string) string {
	t.Helper()
	switch scheme {
	case "sns":
		return "arn:aws:sns:eu-west-1:123456789012:orders"
	case "meta":
		return "e3b0c44298fc1c149afbf4c8996fb924:a-verify-token"
	case "plaid":
		return "CLIENT_ID:SECRET"
	case "ed25519":
		_, key, err := ed25519.GenerateKey(rand.Reader)
		return publicKey(t, key, err)
	case "ecdsa":
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		return publicKey(t, key, err)
	case "rsa-cert":
		key, err := rsa.GenerateKey(rand.Reader, 2048)
		return publicKey(t, key, err)
	}
	text, err := os.ReadFile(filepath.Join(vendorVectors, scheme+".json"))
	require.NoError(t, err, "there is no secret of scheme %s", scheme)
	var file struct {
		Cases []struct {
			Secret string `json:"secret"`
			Accept bool   `json:"accept"`
		} `json:"cases"`
	}
	require.NoError(t, json.Unmarshal(text, &file))
	for _, c := range file.Cases {
		if c.Accept && c.Secret != "" {
			return c.Secret
		}
	}
	t.Fatalf("the vectors of %s have no secret", scheme)
	return ""
}

// publicKey is the public half of a key, in base64.
func publicKey(t *testing.T, key crypto.Signer, err error) string {
	t.Helper()
	require.NoError(t, err)
	der, err := x509.MarshalPKIXPublicKey(key.Public())
	require.NoError(t, err)
	return base64.StdEncoding.EncodeToString(der)
}
