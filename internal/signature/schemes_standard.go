package signature

// standard returns the schemes of the Standard Webhooks specification and of the
// senders that follow it.
func standard() []Scheme {
	return []Scheme{
		standardWebhooks("standard-webhooks", "webhook", Scheme{
			SecretHint: "whsec_ and base64 (24 to 64 bytes), as the sender shows it, or generated here and given to the sender; or a public key, whpk_…",
			Docs:       "https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md",
		}),
		standardWebhooks("svix", "svix", Scheme{
			SecretFromProvider: true,
			SecretHint:         "whsec_…, the signing secret of the endpoint in the application portal",
			Docs:               "https://docs.svix.com/receiving/verifying-payloads/how-manual",
		}),
		standardWebhooks("clerk", "svix", Scheme{
			SecretFromProvider: true,
			SecretHint:         "whsec_…, the signing secret of the endpoint under Configure > Webhooks",
			Docs:               "https://clerk.com/docs/references/backend/verify-webhook",
		}),
		standardWebhooks("resend", "svix", Scheme{
			SecretFromProvider: true,
			SecretHint:         "whsec_…, the signing secret on the webhook's page in the dashboard",
			Docs:               "https://resend.com/docs/dashboard/webhooks/verify-webhooks-requests",
		}),
		standardWebhooks("openai", "webhook", Scheme{
			SecretFromProvider: true,
			SecretHint:         "whsec_…, shown once when the webhook is made in the project's settings",
			Docs:               "https://platform.openai.com/docs/guides/webhooks",
		}),
		gitlab(),
	}
}

// standardWebhooks returns a scheme of the Standard Webhooks specification whose headers begin with family. Svix wrote the specification down, and its own
// customers send svix-* or webhook-*, so both are looked for. A secret whsec_… verifies v1 (HMAC), a public
// key whpk_… verifies v1a (Ed25519); both may stand in one header.
func standardWebhooks(name, family string, s Scheme) Scheme {
	s.Name = name
	s.Engine = EngineHMAC
	s.Header = family + "-signature"
	s.Family, s.OtherFamily = "svix-", "webhook-"
	if family == "webhook" {
		s.Family, s.OtherFamily = s.OtherFamily, s.Family
	}
	s.Algorithm = "sha256"
	s.Encoding = "base64"
	s.Template = "{id}.{timestamp}.{body}"
	s.List = List{Separator: " ", Assign: ",", Signature: "v1"}
	s.Timestamp = Timestamp{Header: family + "-timestamp"}
	s.IDHeader = family + "-id"
	s.Tolerance = defaultTolerance
	s.SecretFormat = SecretWhsec
	s.Dedup = `.event.headers | ."` + s.IDHeader + `" // ."` + s.OtherFamily + `id"`

	other := s
	other.Engine, other.Algorithm, other.SecretFormat = EngineEd25519, "", SecretPublicKey
	other.List.Signature = "v1a"
	s.Alternative, s.AlternativePrefix = &other, whpkPrefix
	return s
}

// gitlab returns GitLab's scheme: a token in a header or, for the signing tokens
// of newer versions, Standard Webhooks.
func gitlab() Scheme {
	// X-Gitlab-Event-UUID alone would not do: hooks that set each other off share it.
	const dedup = `.event.headers | ."idempotency-key" // ."x-gitlab-event-uuid"`
	signing := standardWebhooks("gitlab", "webhook", Scheme{})
	signing.Alternative, signing.AlternativePrefix, signing.Dedup = nil, "", dedup
	return Scheme{
		Name:              "gitlab",
		Engine:            EngineToken,
		Header:            "X-Gitlab-Token",
		SecretFormat:      SecretRaw,
		SecretHint:        "any text of your own, the same as Secret token under Settings > Webhooks; or a signing token, whsec_…",
		Alternative:       &signing,
		AlternativePrefix: whsecPrefix,
		Dedup:             dedup,
		Docs:              "https://docs.gitlab.com/user/project/integrations/webhooks/",
	}
}
