package signature

import (
	"time"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// defaultTolerance holds wherever a timestamp is in use and nothing else is
// said; Stripe's libraries and Standard Webhooks agree on it.
const defaultTolerance = meshhook.Duration(5 * time.Minute)

// table returns every scheme. It is made anew for each caller, so that nobody
// can change it for the others; only New and listings ask for it.
func table() []Scheme {
	return append(generic(),
		Scheme{
			Name:         "github",
			Engine:       EngineHMAC,
			Header:       "X-Hub-Signature-256",
			Prefix:       "sha256=",
			Algorithm:    "sha256",
			Encoding:     "hex",
			Template:     "{body}",
			SecretFormat: SecretRaw,
			SecretHint:   "any text of your own; the same goes into Secret under Settings > Webhooks of the repository or organization",
			Dedup:        "header:X-GitHub-Delivery",
			Docs:         "https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries",
		},
		Scheme{
			Name:      "stripe",
			Engine:    EngineHMAC,
			Header:    "Stripe-Signature",
			Algorithm: "sha256",
			Encoding:  "hex",
			Template:  "{timestamp}.{body}",
			// v0 comes beside v1 for test events, and is not to be trusted.
			List:      List{Separator: ",", Assign: "=", Signature: "v1"},
			Timestamp: Timestamp{Field: "t"},
			Tolerance: defaultTolerance,
			// Though it begins with whsec_, all of its text is the key.
			SecretFormat:       SecretRaw,
			SecretFromProvider: true,
			SecretHint:         "whsec_…, the signing secret of the endpoint under Developers > Webhooks",
			Dedup:              ".event.body.id",
			Docs:               "https://docs.stripe.com/webhooks",
		},
		standardWebhooks("standard-webhooks", "webhook", Scheme{
			SecretHint: "whsec_ and base64 (24 to 64 bytes), as the sender shows it; or generated here and given to the sender",
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
	)
}

// generic returns the schemes that belong to no provider.
func generic() []Scheme {
	return []Scheme{
		{
			Name:           "hmac",
			Engine:         EngineHMAC,
			Header:         "X-Signature",
			OptionalPrefix: "sha256=",
			Algorithm:      "sha256",
			Encoding:       "hex",
			Template:       "{body}",
			SecretFormat:   SecretRaw,
			SecretHint:     "any text that both sides know; 32 random bytes are a good one",
			Docs:           "https://www.rfc-editor.org/rfc/rfc2104",
		},
		{
			Name:         "token",
			Engine:       EngineToken,
			Header:       "X-Webhook-Token",
			SecretFormat: SecretRaw,
			SecretHint:   "the text that the sender puts into the header",
		},
		{
			Name:         "basic",
			Engine:       EngineBasic,
			Header:       "Authorization",
			SecretFormat: SecretUserPassword,
			SecretHint:   "user:password, as the sender has it or in the URL it is given",
			Docs:         "https://www.rfc-editor.org/rfc/rfc7617",
		},
		{
			Name:         "none",
			Engine:       EngineNone,
			SecretFormat: SecretUnused,
			SecretHint:   "takes no secret: whoever knows the URL can send",
		},
	}
}

// standardWebhooks returns a scheme of the Standard Webhooks specification
// whose headers begin with family. Svix wrote the specification down, and its
// own customers still send svix-*. Only v1 (HMAC) counts; v1a (ed25519), which
// may stand beside it, is ignored.
func standardWebhooks(name, family string, s Scheme) Scheme {
	s.Name = name
	s.Engine = EngineHMAC
	s.Header = family + "-signature"
	s.Algorithm = "sha256"
	s.Encoding = "base64"
	s.Template = "{id}.{timestamp}.{body}"
	s.List = List{Separator: " ", Assign: ",", Signature: "v1"}
	s.Timestamp = Timestamp{Header: family + "-timestamp"}
	s.IDHeader = family + "-id"
	s.Tolerance = defaultTolerance
	s.SecretFormat = SecretWhsec
	s.Dedup = "header:" + s.IDHeader
	return s
}
