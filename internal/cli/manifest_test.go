package cli

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/spf13/pflag"
	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/manifest"
	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/postgres"
)

const (
	manifestOfAll = `name: orders
steps: [{id: a, transform: .}]
---
webhook: shop
workflow: orders
---
alert: failed
workflow: orders
on: [failed]
url: https://example.com/hush
headers: {X-Key: hush}
`
	nothingOfIt = "name: other\nsteps: [{id: a, transform: .}]\n"
)

func TestPruneAsks(t *testing.T) {
	t.Parallel()
	u := newUser(t).withDatabase()
	u.must("apply -f " + u.file("all.yaml", manifestOfAll))
	other := u.file("other.yaml", nothingOfIt)
	u.terminal, u.in = true, "\n"
	r := u.runs("apply --no-color --prune -f " + other)
	require.Equal(t, 1, r.code)
	require.Equal(t, `+ workflow other
- alert failed
    its secrets go, too
- webhook shop
    its secrets go, too
- workflow orders
Delete 3 things with their secrets and what waits to be sent? [y/N] nothing was changed
`, r.err)
	u.in = "y\n"
	require.Contains(t, u.must("apply --prune -f "+other), "\x1b[31m- webhook shop\x1b[0m\n")
	require.Contains(t, u.must("apply --prune -f "+other), "= 1 unchanged\n")

	u.must("apply --prune -f " + u.file("two.yaml", nothingOfIt+"---\n"+strings.ReplaceAll(nothingOfIt, "other", "more")))
	r = u.runs("apply --prune -f " + other)
	require.Contains(t, r.err, "Delete the workflow more with what belongs to it? [y/N]")
	require.Equal(t, 0, r.code)
}

// slowAnswer is a person who does something before they answer.
type slowAnswer struct {
	before func()
	io.Reader
}

// Read does it, and answers.
func (a *slowAnswer) Read(p []byte) (int, error) {
	if a.before != nil {
		a.before()
		a.before = nil
	}
	return a.Reader.Read(p)
}

// What a person has agreed to is what is done, or nothing is.
func TestTheProjectChangesWhileSomebodyIsAsked(t *testing.T) {
	t.Parallel()
	u := newUser(t).withDatabase()
	u.must("apply -f " + u.file("all.yaml", manifestOfAll))
	other := u.file("other.yaml", nothingOfIt)
	var out, err bytes.Buffer
	asked := *u
	asked.terminal = true
	streams := asked.streams(&out, &err)
	streams.In = &slowAnswer{func() { u.must("webhook create --path late --workflow orders") }, strings.NewReader("y\n")}
	require.Equal(t, 4, Main(t.Context(), []string{"apply", "--prune", "-f", other}, streams))
	require.Contains(t, err.String(), "the project was changed while you were asked, and nothing was done")
	require.Contains(t, u.must("webhook list"), "late")
	require.NotContains(t, u.must("workflow list"), "other")
}

// What should have written the files may have failed, and then nothing is in them.
func TestPruneByNothingDeletesNothing(t *testing.T) {
	t.Parallel()
	u := newUser(t).withDatabase()
	u.must("apply -f " + u.file("all.yaml", manifestOfAll))
	for _, empty := range []string{"", "\n", "# to be written\n", "---\n---\n"} {
		file := u.file("empty.yaml", empty)
		r := u.does("apply", "--prune", "--yes", "-f", file)
		require.Equal(t, 1, r.code, "%q: %s", empty, r.out)
		require.Contains(t, r.err, "the files describe nothing, and --prune would delete the whole project")
		require.Equal(t, "= 0 unchanged\n", u.must("apply -f "+file), "without --prune it is harmless, as is the export of an empty project")
	}
	require.NotEmpty(t, u.must("webhook list"))
}

// Of two that apply the same at once, one makes it and the other finds it.
func TestTwoApplyAtOnce(t *testing.T) {
	t.Parallel()
	u := newUser(t).withDatabase()
	u.must("workflow list")
	file := u.file("all.yaml", manifestOfAll)
	results := make([]result, 4)
	var group sync.WaitGroup
	for i := range results {
		group.Go(func() { results[i] = u.does("apply", "-f", file) })
	}
	group.Wait()
	unchanged := 0
	for _, r := range results {
		require.Equal(t, 0, r.code, r.err)
		if r.out == "= 3 unchanged\n" {
			unchanged++
		}
	}
	require.Equal(t, len(results)-1, unchanged)
}

// inside opens the user's project, as commands do.
func (u *user) inside(fn func(ctx context.Context, a *app, s *session)) {
	u.t.Helper()
	a := &app{IO: u.streams(io.Discard, io.Discard), flags: pflag.NewFlagSet("", pflag.ContinueOnError)}
	require.NoError(u.t, a.inProject(u.t.Context(), func(ctx context.Context, s *session) error {
		fn(ctx, a, s)
		return nil
	}))
}

// What somebody else changed after it was looked at is not overwritten.
func TestNobodyIsOvertaken(t *testing.T) {
	t.Parallel()
	u := newUser(t).withDatabase()
	u.must("apply -f " + u.file("all.yaml", manifestOfAll))
	changed := strings.NewReplacer("transform: .", "transform: .event", "workflow: orders\n---", "workflow: orders\ndescription: d\n---", "/hush", "/other").Replace(manifestOfAll)
	meddle := func() {
		u.must("workflow apply -f " + u.file("w.yaml", "name: orders\nsteps: [{id: other, transform: .}]\n"))
		u.must("webhook update shop --rate-limit 1/s")
		u.must("alerts update failed --throttle 1m")
	}
	u.inside(func(ctx context.Context, a *app, s *session) {
		m, err := a.readManifest(s.config, []string{u.file("changed.yaml", changed)})
		require.NoError(t, err)
		run := &application{app: a, session: s, manifest: m}
		stale, err := run.look(ctx, s.project)
		require.NoError(t, err)
		require.Len(t, stale.Changes, 3)
		meddle()
		for _, c := range stale.Changes {
			err = s.project.Atomically(ctx, func(ctx context.Context, t *postgres.Tenant) error {
				return carryOut(ctx, t, &manifest.Plan{Changes: []manifest.Change{c}}, func(int64) {})
			})
			require.Equal(t, meshhook.CodeConflict, meshhook.ErrorCode(err), c.Name)
			require.ErrorContains(t, err, "somebody else is changing it; apply the files again; nothing was changed")
		}
		require.NoError(t, run.do(ctx))
	})
	require.Contains(t, u.must("webhook show shop"), "description\td\n")
	require.NotContains(t, u.must("webhook show shop"), "rate limit")
	require.Contains(t, u.must("alerts show failed --reveal"), "url\thttps://example.com/other\n")
}

func TestSecretsOfAlertsAreApplied(t *testing.T) {
	t.Parallel()
	u := newUser(t).withDatabase()
	apply := func(more string) string {
		return u.must("apply -f " + u.file("a.yaml", "alert: a\nall_workflows: true\non: [failed]\nurl: https://example.com\n"+more))
	}
	require.Regexp(t, `\+ alert a\n    secret, shown this once: whsec_`, apply(""))
	require.Equal(t, "= 1 unchanged\n", apply(""))
	require.Regexp(t, `(?s)signing: v1a\n    secret, shown this once: whsk_.*\n    public key: whpk_`, apply("signing: v1a\n"))
	require.NotContains(t, apply("signing: none\n"), "secret")
	require.Contains(t, apply("signing: hmac\n"), "shown this once")
	u.env = append(u.env, "KEY=0123456789abcdef", "EMPTY=")
	rotated := apply("signing: hmac\nsecret: {env: KEY}\nsecret_grace: 1h\n")
	require.Equal(t, "~ alert a\n    secret: the newest, which signs beside it for 1h → that of the environment variable KEY\n", rotated)
	require.Equal(t, "= 1 unchanged\n", apply("signing: hmac\nsecret: {env: KEY}\n"))
	require.Contains(t, u.must("alerts show a"), ", until ")
	for reference, want := range map[string]string{
		"{env: EMPTY}":    "the secret from the environment variable EMPTY is empty",
		"{file: long}":    "the secret from the file long is longer than 65536 bytes",
		"{file: nowhere}": "nowhere: no such file or directory",
	} {
		u.file("long", strings.Repeat("x", maxSecret+1))
		r := u.runs("apply -f " + u.file("b.yaml", "alert: a\nall_workflows: true\non: [failed]\nurl: https://example.com\nsecret: "+reference))
		require.Equal(t, 1, r.code)
		require.Contains(t, r.err, want)
	}
}

func TestExportOnATerminalIsClean(t *testing.T) {
	t.Parallel()
	u := newUser(t).withDatabase()
	u.must("workflow apply -f " + u.file("w.yaml", "name: w # \u202e\nsteps: [{id: a, transform: .}]\n"))
	require.Contains(t, u.must("export"), "\u202e")
	u.terminal = true
	require.NotContains(t, u.must("export"), "\u202e")
}

// On a terminal one sees how far the changes have come; a pipe has none of that.
func TestApplyShowsHowFarItIs(t *testing.T) {
	t.Parallel()
	u := newUser(t).withDatabase()
	file := u.file("w.yaml", "name: a\nsteps: [{id: a, transform: .}]\n---\nname: b\nsteps: [{id: a, transform: .}]\n")
	require.NotContains(t, u.runs("apply -f "+file+" --dry-run").err, " of 2")
	u.terminal = true
	require.Contains(t, u.runs("apply -f "+file).err, "\r1 of 2\r\x1b[K")
}

// A directory that cannot be written, and one with a link in the way.
func TestExportGoesNowhereElse(t *testing.T) {
	t.Parallel()
	u := newUser(t).withDatabase().withWorkflow()
	dir := filepath.Join(u.dir, "out")
	require.NoError(t, os.MkdirAll(dir, 0o700))
	require.NoError(t, os.Symlink("..", filepath.Join(dir, "workflows")))
	r := u.runs("export -d " + dir)
	require.Equal(t, 1, r.code)
	require.Contains(t, r.err, "path escapes from parent")
	require.Equal(t, 1, u.runs("export -d "+u.file("a-file", "x")).code)
	require.Equal(t, 1, u.runs("export -d "+filepath.Join(u.dir, "a-file", "below")).code)
}

func TestADirectoryIsAppliedAndExported(t *testing.T) {
	t.Parallel()
	u := newUser(t).withDatabase()
	require.NoError(t, os.MkdirAll(filepath.Join(u.dir, "in", "below"), 0o700))
	require.NoError(t, os.MkdirAll(filepath.Join(u.dir, "in", ".git"), 0o700))
	u.file("in/all.yaml", strings.Replace(manifestOfAll, "workflow: orders\n", "workflow: orders\nschema: {file: below/schema.json}\n", 1))
	u.file("in/below/schema.json", `{"type": "object"}`)
	u.file("in/.git/broken.yaml", "[")
	in, out := filepath.Join(u.dir, "in"), filepath.Join(u.dir, "out")
	require.Contains(t, u.must("apply -f "+in), "+ alert failed\n")
	require.Equal(t, 3, strings.Count(u.must("export -d "+out), "\twritten\n"))
	require.Equal(t, 3, strings.Count(u.must("export -d "+out), "\tunchanged\n"))
	require.Equal(t, "= 3 unchanged\n", u.must("apply --prune -f "+out))

	text, err := os.ReadFile(filepath.Join(out, "alerts", "failed.yaml"))
	require.NoError(t, err)
	require.NotContains(t, string(text), "hush")
	u.must("export --reveal -d " + out)
	text, err = os.ReadFile(filepath.Join(out, "alerts", "failed.yaml"))
	require.NoError(t, err)
	require.Contains(t, string(text), "X-Key: hush")
	info, err := os.Stat(filepath.Join(out, "alerts", "failed.yaml"))
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm(), "though everybody could read what was there before")

	u.must("alerts delete failed --yes")
	require.Contains(t, u.runs("export -d "+out).err, "failed.yaml is of an earlier export, and what it describes is gone")
	u.file("out/webhooks/shop.yaml", "# mine\n")
	r := u.runs("export -d " + out)
	require.Equal(t, 4, r.code)
	require.Contains(t, r.err, "shop.yaml was not written by export")
	u.must("export --force -d " + out)

	// A file beside which another lies; one that leads out; more than can be held.
	u.must("apply -f " + filepath.Join(in, "all.yaml"))
	u.file("in/out.yaml", "webhook: x\nworkflow: orders\nschema: {file: ../schema.json}\n")
	r = u.runs("apply -f " + in)
	require.Equal(t, 1, r.code)
	require.Contains(t, r.err, "leads out of "+in)
}

// What the owner has not thought of is said once.
func TestApplyWarns(t *testing.T) {
	t.Parallel()
	u := newUser(t).withDatabase()
	warnings := func(more string) string {
		r := u.runs("apply -f " + u.file("w.yaml", "name: orders\nsteps: [{id: a, http: {url: '{{ .secrets.to }}'}}]\n---\nwebhook: shop\nworkflow: orders\n"+more))
		require.Equal(t, 0, r.code, r.err)
		return r.err
	}
	require.Contains(t, warnings(""), "warning: the secret to does not exist")
	require.Empty(t, warnings(""))
	require.Contains(t, warnings("verification: {scheme: token}\n"), "warning: webhook shop keeps the secret it had; name that of token in its document")
	require.Contains(t, warnings("verification: {scheme: none}\n"), "warning: webhook shop: this webhook verifies nothing")
	require.Contains(t, warnings("response: {status: 200, content_type: text/html, body: '{{ .event.body.a }}'}\n"), "senders can write markup into it")
	require.Contains(t, warnings("---\nalert: a\nall_workflows: true\non: [failed]\nurl: '{{ .secrets.room }}'\n"), "warning: the secret room does not exist")
}
