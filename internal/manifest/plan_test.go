package manifest_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/manifest"
	"github.com/profullstack/meshhook/internal/meshhook"
)

const shared = "0123456789abcdef0123456789abcdef"

// all is a project with one of everything.
const all = aWorkflow + "---\n" + aWebhook + "secret: {vault: shared}\n---\n" + anAlert + "headers: {X-Key: hush}\npayload: {text: hush}\n"

func house(t *testing.T, source string) manifest.Present {
	t.Helper()
	vault := map[string]meshhook.Secret{"shared": meshhook.NewSecret(shared), "other": meshhook.NewSecret("f" + shared), "short": meshhook.NewSecret("x")}
	plan, err := parse(t, source).Plan(manifest.Present{Vault: vault}, false, noSecrets)
	require.NoError(t, err)
	return made(plan, manifest.Present{Vault: vault})
}

// outline is what a plan says in short.
func outline(plan *manifest.Plan) (list []string) {
	for _, c := range plan.Changes {
		line := string(c.Action) + " " + string(c.Kind) + " " + c.Name
		for _, f := range c.Fields {
			line += " " + f.Key
		}
		list = append(list, line)
	}
	return list
}

func TestPlans(t *testing.T) {
	t.Parallel()
	have := house(t, all)
	for source, want := range map[string][]string{
		all: nil,
		"":  {"delete alert failed", "delete webhook shop", "delete workflow orders"},
		aWorkflow + "---\n" + aWebhook + "---\n" + anAlert:                                          {"update alert failed headers payload"},
		all + "---\n" + aWorkflow[:11] + "2" + aWorkflow[12:]:                                       {"create workflow order2"},
		aWorkflow + "description: d\n":                                                              {"update workflow orders version source", "delete alert failed", "delete webhook shop"},
		aWorkflow + "---\n" + aWebhook + "secret: {vault: other}":                                   {"update webhook shop secret", "delete alert failed"},
		aWorkflow + "---\n" + aWebhook + "verification: {scheme: none}":                             {"update webhook shop verification", "delete alert failed"},
		aWorkflow + "---\n" + aWebhook + "methods: [PUT, get, PUT]\n":                               {"update webhook shop methods", "delete alert failed"},
		aWorkflow + "---\n" + anAlert + "signing: none\n":                                           {"update alert failed signing headers payload", "delete webhook shop"},
		aWorkflow + "---\n" + anAlert + "headers: {x-key: hush}\npayload: {kept: true}\n":           {"delete webhook shop"},
		aWorkflow + "---\n" + anAlert + "headers: {x-KEY: {kept: true}}\npayload: {\"text\": hush}": {"delete webhook shop"},
	} {
		plan, err := parse(t, source).Plan(have, true, noSecrets)
		require.NoError(t, err, source)
		require.Equal(t, want, outline(plan), source)
		require.Len(t, plan.Deletes(), len(plan.Deletes()))
		// Without prune nothing is deleted.
		plan, err = parse(t, source).Plan(have, false, noSecrets)
		require.NoError(t, err)
		require.Empty(t, plan.Deletes())
		text, err := json.Marshal(plan)
		require.NoError(t, err)
		require.NotContains(t, string(text), "hush")
		require.NotContains(t, string(text), shared)
	}
}

func TestPlansThatCannotBe(t *testing.T) {
	t.Parallel()
	have := house(t, all)
	for source, want := range map[string]string{
		"webhook: w\nworkflow: order": `f.yaml:2:11: there is no workflow "order", neither in the documents nor in the project; did you mean "orders"?`,
		aWebhook:                      "f.yaml:2:11: the workflow orders is in the project but in no document, so that --prune would delete it; add its document",
		anAlert:                       "f.yaml:2:11: the workflow orders is in the project but in no document",
		"alert: a\nall_workflows: true\non: [absent]\nexpect: {webhook: nope, within: 1h}\nurl: https://example.com": `f.yaml:4:19: there is no webhook "nope"`,
		aWorkflow + "---\n" + aWebhook + "secret: {vault: nope}":                                                     "f.yaml:6:9: the vault has no secret nope; make it with: meshhook secret set nope",
		aWorkflow + "---\n" + aWebhook + "secret: {env: NOPE}":                                                       "f.yaml:6:9: there is none",
		aWorkflow + "---\n" + anAlert + "secret: {vault: short}":                                                     "f.yaml:8:9: the secret of v1 is whsec_ followed by base64",
		aWorkflow + "---\n" + anAlert + "signing: none\nsecret: {vault: shared}":                                     "f.yaml:9:9: messages that are not signed take no secret",
		aWorkflow + "---\n" + aWebhook + "verification: {scheme: none}\nsecret: {vault: shared}":                     "f.yaml:7:9: the scheme none takes no secret",
		aWorkflow + "---\nwebhook: s\nworkflow: orders\nverification: {scheme: slack}":                               "f.yaml:4:10: a new webhook of the scheme slack needs the secret that its sender has",
		aWorkflow + "---\nalert: new\nall_workflows: true\non: [failed]\nurl: {kept: true}":                          "f.yaml:7:6: the alert new is new and has nothing to keep; write the value",
		aWorkflow + "---\n" + anAlert + "headers: {X-Other: {kept: true}}":                                           "f.yaml:8:20: the alert failed has no header X-Other to keep",
		aWorkflow + "---\nalert: failed\nall_workflows: true\non: [failed]\nurl: {kept: true}\npreset: telegram":     "the preset telegram needs",
	} {
		m := parse(t, source)
		for range 2 { // the second look says the same
			_, err := m.Plan(have, true, noSecrets)
			require.Equal(t, meshhook.CodeInvalid, meshhook.ErrorCode(err), source)
			require.Len(t, wrongs(err), 1, source)
			require.Contains(t, wrongs(err)[0], want, source)
		}
	}
}

func TestSecretsOfPlans(t *testing.T) {
	t.Parallel()
	have := house(t, all)
	plan := func(source string, secrets manifest.Secrets) manifest.Change {
		p, err := parse(t, aWorkflow+"---\n"+source).Plan(have, false, secrets)
		require.NoError(t, err)
		require.Len(t, p.Changes, 1, source)
		return p.Changes[0]
	}
	fresh := plan("webhook: new\nworkflow: orders", noSecrets)
	require.True(t, fresh.Generated)
	require.NotEmpty(t, fresh.Given.Reveal())

	from := func(ref *manifest.Reference) (meshhook.Secret, error) {
		require.Equal(t, "environment variable SECRET", ref.String())
		return meshhook.NewSecret("e" + shared), nil
	}
	given := plan("webhook: new\nworkflow: orders\nsecret: {env: SECRET}", from)
	require.False(t, given.Generated)
	require.Equal(t, "e"+shared, given.Given.Reveal())
	rotated := plan(aWebhook+"secret: {vault: other}\nsecret_grace: 1h", noSecrets)
	require.Equal(t, "secret: the newest, which verifies beside it for 1h\n", rotated.Fields[0].OldText)
	require.Equal(t, "secret: that of the vault other\n", rotated.Fields[0].NewText)
	require.Equal(t, "f"+shared, rotated.Given.Reveal())

	// A file is read beside the document; standard input has none.
	file := func(ref *manifest.Reference) (meshhook.Secret, error) {
		require.Equal(t, "file x", ref.String())
		_, err := ref.Read()
		require.ErrorContains(t, err, "a document from standard input cannot name files")
		return meshhook.NewSecret("g" + shared), nil
	}
	plan("webhook: new\nworkflow: orders\nsecret: {file: x}", file)

	// Another way of signing needs a secret of its own.
	signing := plan(anAlert+"headers: {X-Key: hush}\npayload: {text: hush}\nsigning: v1a", noSecrets)
	require.True(t, signing.Generated)
	// A webhook that had none gets one when its scheme takes it.
	have = house(t, aWorkflow+"---\n"+aWebhook+"verification: {scheme: none}")
	signed := plan(aWebhook, noSecrets)
	require.True(t, signed.Generated)
	require.Equal(t, "secret: one that is made now\n", signed.Fields[1].NewText)
}

// What MeshHook disabled is said, and what may be a credential is kept.
func TestExports(t *testing.T) {
	t.Parallel()
	have := house(t, aWorkflow+"---\n"+aWebhook+"---\n"+anAlert+"headers: {A: hush, B: 'Bearer {{ .secrets.b }}'}\npayload: {file: x, and: y}\n")
	have.Alerts[0].Enabled, have.Alerts[0].DisabledReason = false, "gone"
	documents := manifest.Export(have, maxBody, false)
	require.Equal(t, "webhook: shop\nworkflow: orders\n# secret: stays as it is; no secret of the vault has its value\n", documents[1].Text)
	require.Equal(t, `alert: failed
workflow: orders
enabled: false
# MeshHook disabled it: gone
on: [failed]
url: https://example.com
headers:
  A: {kept: true}
  B: "Bearer {{ .secrets.b }}"
payload: {kept: true}
# secret: stays as it is; no secret of the vault has its value
`, documents[2].Text)
	require.True(t, documents[2].Kept)
	require.Contains(t, manifest.Export(have, maxBody, true)[2].Text, "payload: {and: \"y\", file: x}\n")
	require.Equal(t, manifest.Mark+"\n"+documents[0].Text, documents[0].File())
}
