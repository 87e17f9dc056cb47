package delivery_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/alert"
	"github.com/profullstack/meshhook/internal/meshhook"
)

// npm is where the public libraries of Node are installed, to verify messages anew.
var npm = flag.String("npm", "", "the `directory` with testdata/npm's node_modules; the messages that they take are recorded")

const accepted = "testdata/npm/accepted.json"

// sent is a message as it came.
type sent struct {
	Signing meshhook.Signing  `json:"signing"`
	Secrets []string          `json:"secrets"` // the newest first
	Keys    []string          `json:"keys"`    // each by which it is verified
	Headers map[string]string `json:"headers"`
	Body    string            `json:"body"`
}

// What is sent is what standardwebhooks and svix take: they did when it was recorded, or
// do now, with -npm, and it is signed today as it was.
func TestThePublicLibrariesVerifyWhatIsSent(t *testing.T) {
	t.Parallel()
	if *npm != "" {
		recordAccepted(t)
	}
	text, err := os.ReadFile(accepted)
	require.NoError(t, err)
	var messages []sent
	require.NoError(t, json.Unmarshal(text, &messages))
	require.Len(t, messages, 2)
	for _, m := range messages {
		id, err := meshhook.ParseID(m.Headers["webhook-id"])
		require.NoError(t, err)
		seconds, err := strconv.ParseInt(m.Headers["webhook-timestamp"], 10, 64)
		require.NoError(t, err)
		secrets := make([]meshhook.Secret, 0, len(m.Secrets))
		for _, secret := range m.Secrets {
			secrets = append(secrets, meshhook.NewSecret(secret))
		}
		signed, err := alert.Sign(m.Signing, id, time.Unix(seconds, 0), []byte(m.Body), secrets)
		require.NoError(t, err)
		require.Equal(t, m.Headers["webhook-signature"], signed.Get("Webhook-Signature"), m.Signing)
		require.Len(t, strings.Fields(signed.Get("Webhook-Signature")), len(secrets))
	}
}

// recordAccepted sends messages, has them verified, and keeps them.
func recordAccepted(t *testing.T) {
	t.Helper()
	var messages []sent
	for _, signing := range []meshhook.Signing{meshhook.SigningV1, meshhook.SigningV1a} {
		messages = append(messages, sendSigned(t, signing))
	}
	text, err := json.MarshalIndent(messages, "", "  ")
	require.NoError(t, err)
	dir, err := filepath.Abs(*npm)
	require.NoError(t, err)
	command := exec.CommandContext(t.Context(), "node", "verify.mjs")
	command.Dir, command.Stdin = dir, bytes.NewReader(text)
	out, err := command.CombinedOutput()
	require.NoError(t, err, "Node 20 and the packages of testdata/npm are needed (its README says how): %s", out)
	t.Logf("taken by %s", bytes.TrimSpace(out))
	require.NoError(t, os.WriteFile(accepted, append(text, '\n'), 0o600))
}

// sendSigned has a message sent whose secret was rotated.
func sendSigned(t *testing.T, signing meshhook.Signing) sent {
	t.Helper()
	h := newHouse(t)
	rec := newReceiver(t, nil)
	a, old := h.alert(t, rec.url, func(a *meshhook.Alert) { a.Signing = signing }, meshhook.OnFailed)
	newest := alert.NewSecret(signing)
	require.NoError(t, h.project.RotateAlertSecret(t.Context(), a.ID, newest, time.Hour))
	h.run(t, meshhook.RunFailed)
	h.settle(t, h.stage(t, h.db))
	hits := rec.all()
	require.Len(t, hits, 1)
	m := sent{Signing: signing, Headers: map[string]string{}, Body: string(hits[0].Body)}
	for _, secret := range []meshhook.Secret{newest, old} {
		m.Secrets = append(m.Secrets, secret.Reveal())
		key := secret.Reveal()
		if signing == meshhook.SigningV1a {
			public, err := alert.PublicKey(secret)
			require.NoError(t, err)
			key = public
		}
		m.Keys = append(m.Keys, key)
	}
	for _, name := range []string{"webhook-id", "webhook-timestamp", "webhook-signature"} {
		m.Headers[name] = hits[0].Header.Get(name)
	}
	return m
}
