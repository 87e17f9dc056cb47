package tui

import "slices"

// webhookSteps are the steps of the form of a webhook.
func webhookSteps() []step {
	return []step{
		{"Where", []field{
			{name: "path", label: "path", help: "Its URL ends in it, like github or shop/orders."},
			{name: "workflow", label: "workflow", help: "Each event starts a run of it.", kind: kindPick},
			{name: "description", label: "description", help: "What it is for."},
			{name: "enabled", label: "enabled", help: "Senders get 410 from one that is not.", kind: kindPick},
		}},
		{"Verification", verificationFields()},
		{"Limits", []field{
			{name: "rate-limit", label: "rate limit", help: "Requests in a time, like 100/minute; empty for none."},
			{name: "method", label: "methods", help: "What it answers; POST when none is picked.", kind: kindMany},
			{name: "allow-ip", label: "allowed from", help: "Networks or addresses, with commas between; empty for all."},
			{name: "max-body", label: "max body", help: "A size like 1MiB, before and after decompression."},
		}},
		{"Judging", []field{
			{name: "filter", label: "filter", help: "A jq condition over {event}; other events start no run."},
			{name: "dedup", label: "dedup key", help: "jq over {event}, header:NAME or none; empty for the scheme's own."},
			{name: "dedup-window", label: "dedup window", help: "How long a key is remembered, 1s to 720h."},
			{name: "schema", label: "JSON Schema", help: "What bodies must satisfy, or @FILE; empty for none.", kind: kindText},
		}},
		{"Answer", []field{
			{name: "response", label: "answer", kind: kindText, help: "JSON or YAML {status, content_type, headers, body} or {from: run, timeout}, or @FILE; empty for the standard 202."},
		}},
	}
}

// takes shows a setting where the chosen scheme takes it.
func takes(name string) func(*Draft) bool {
	return func(d *Draft) bool { return slices.Contains(d.choice("verify").Takes, name) }
}

func verificationFields() []field {
	fields := []field{
		{name: "verify", label: "scheme", help: "How it is known who sent a request.", kind: kindPick, sets: changeScheme},
		{
			name: SecretFrom, label: "secret", help: "What is shared with the sender.", kind: kindPick,
			show: func(d *Draft) bool { return len(d.choice("verify").Secrets) > 0 },
		},
		{name: Secret, label: "secret text", kind: kindHidden, show: typesSecret},
	}
	for _, f := range []field{
		{name: "tolerance", label: "tolerance", help: "How far the time of signing may lie from now, like 5m."},
		{name: "verify-header", label: "header", help: "Of the signature or token; empty for the scheme's."},
		{name: "verify-query", label: "query", help: "The query parameter of the token, instead of a header."},
		{name: "verify-prefix", label: "prefix", help: "What stands before the signature in the header."},
		{name: "verify-algorithm", label: "algorithm", help: "sha1, sha256, sha384 or sha512; for jwt one like RS256."},
		{name: "verify-encoding", label: "encoding", help: "How the signature is written.", kind: kindPick},
		{name: "verify-secret-encoding", label: "secret is", help: "How the secret's text is the key.", kind: kindPick},
		{name: "verify-template", label: "signed text", help: "Over {body} {timestamp} {id} {url} {method}."},
		{name: "verify-timestamp-header", label: "time header", help: "The header of the time of signing."},
		{name: "verify-timestamp-format", label: "time format", help: "How that time is written.", kind: kindPick},
		{name: "verify-id-header", label: "id header", help: "The header of the message's id."},
		{name: "verify-issuer", label: "issuer", help: "iss that a token must claim."},
		{name: "verify-audience", label: "audience", help: "aud that a token must claim."},
		{name: "verify-claim", label: "claims", help: "NAME=VALUE that a token must claim, one a line.", kind: kindText},
		{name: "verify-jwks-url", label: "keys URL", help: "https URL of the keys, instead of a secret."},
		{name: "confirm-subscription", label: "confirm", help: "Confirm subscriptions by calling the URL that comes.", kind: kindPick},
	} {
		f.show = takes(f.name)
		fields = append(fields, f)
	}
	return fields
}

// typesSecret shows the line of a secret where one is typed.
func typesSecret(d *Draft) bool { return d.Now[SecretFrom] == SecretTyped }

// changeScheme makes a draft fit another scheme, which begins without the settings of
// the old one, and may have other ways to a secret.
func changeScheme(d *Draft) {
	for _, f := range verificationFields()[3:] {
		d.Now[f.name] = d.Was[f.name]
		if d.Now["verify"] != d.Was["verify"] {
			d.Now[f.name] = ""
		}
	}
	fitSecret(d, "verify")
}

// fitSecret picks the usual way to a secret where the choice of a setting does not have
// the one that was picked.
func fitSecret(d *Draft, by string) {
	ways := d.choice(by).Secrets
	if !slices.Contains(ways, d.Now[SecretFrom]) {
		d.Now[SecretFrom] = ""
		if len(ways) > 0 {
			d.Now[SecretFrom] = ways[0]
		}
	}
}
