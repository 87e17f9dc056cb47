package signature

import (
	"net/http"
	"strconv"
	"time"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// codeSchemes returns the providers that tell of the work on software, and sign the
// body and nothing else.
func codeSchemes() []Scheme {
	return []Scheme{
		bodyMAC("github", "X-Hub-Signature-256", "sha256", "hex", Scheme{
			Prefix:     "sha256=",
			SecretHint: "any text of your own; the same goes into Secret under Settings > Webhooks of the repository or organization",
			Dedup:      "header:X-GitHub-Delivery",
			Docs:       "https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries",
		}),
		bodyMAC("gitea", "X-Gitea-Signature", "sha256", "hex", Scheme{
			Template:   "{payload}", // of its forms, too, the JSON is signed
			SecretHint: "any text of your own; the same goes into Secret under Settings > Webhooks of the repository",
			Dedup:      "header:X-Gitea-Delivery",
			Docs:       "https://docs.gitea.com/usage/webhooks",
		}),
		bodyMAC("forgejo", "X-Forgejo-Signature", "sha256", "hex", Scheme{
			Template:   "{payload}", // of its forms, too, the JSON is signed
			SecretHint: "any text of your own; the same goes into Secret under Settings > Webhooks of the repository",
			Dedup:      "header:X-Forgejo-Delivery",
			Docs:       "https://forgejo.org/docs/latest/user/webhooks/",
		}),
		bodyMAC("bitbucket", "X-Hub-Signature", "sha256", "hex", Scheme{
			Prefix:     "sha256=",
			SecretHint: "any text of your own; the same goes into Secret under Repository settings > Webhooks",
			Dedup:      "header:X-Request-UUID",
			Docs:       "https://support.atlassian.com/bitbucket-cloud/docs/manage-webhooks/",
		}),
		bodyMAC("jira", "X-Hub-Signature", "sha256", "hex", Scheme{
			Prefix:     "sha256=",
			SecretHint: "any text of your own; the same goes into Secret under System > WebHooks",
			Dedup:      "header:X-Atlassian-Webhook-Identifier",
			Docs:       "https://developer.atlassian.com/cloud/jira/platform/webhooks/",
		}),
		bodyMAC("linear", "Linear-Signature", "sha256", "hex", Scheme{
			Timestamp:          Timestamp{BodyField: "webhookTimestamp", Format: TimeUnixMilli},
			Tolerance:          meshhook.Duration(time.Minute),
			SecretFromProvider: true,
			SecretHint:         "the signing secret on the webhook's page under Settings > API",
			Dedup:              "header:Linear-Delivery",
			Docs:               "https://linear.app/developers/webhooks",
		}),
		bodyMAC("pagerduty", "X-PagerDuty-Signature", "sha256", "hex", Scheme{
			List:               List{Separator: ",", Assign: "=", Signature: "v1", Spaced: true},
			SecretFromProvider: true,
			SecretHint:         "the secret shown once when the webhook subscription is made",
			Dedup:              ".event.body.event.id",
			Docs:               "https://developer.pagerduty.com/docs/webhooks/webhook-signatures/",
		}),
		bodyMAC("vercel", "x-vercel-signature", "sha1", "hex", Scheme{
			SecretFromProvider: true,
			SecretHint:         "the secret shown once when the webhook is made; for integrations the client secret",
			Dedup:              ".event.body.id",
			Docs:               "https://vercel.com/docs/webhooks/webhooks-api",
		}),
	}
}

// shopSchemes returns the providers that tell of orders, forms and contracts, and
// sign the body and nothing else.
func shopSchemes() []Scheme {
	return []Scheme{
		bodyMAC("shopify", "X-Shopify-Hmac-Sha256", "sha256", "base64", Scheme{
			SecretFromProvider: true,
			SecretHint:         "the client secret of the app, or the key shown below the webhooks under Settings > Notifications",
			MoreHeaders:        []string{"Shopify-Hmac-Sha256"}, // of the newer "events"
			Dedup:              `.event.headers | ."x-shopify-webhook-id" // ."shopify-webhook-id"`,
			Docs:               "https://shopify.dev/docs/apps/build/webhooks/subscribe/https",
		}),
		bodyMAC("lemonsqueezy", "X-Signature", "sha256", "hex", Scheme{
			SecretShape: `^.{6,40}$`,
			SecretHint:  "any text of your own, 6 to 40 characters; the same goes into Signing secret under Settings > Webhooks",
			Docs:        "https://docs.lemonsqueezy.com/help/webhooks/signing-requests",
		}),
		bodyMAC("typeform", "Typeform-Signature", "sha256", "base64", Scheme{
			Prefix:     "sha256=",
			SecretHint: "any text of your own; the same goes into Secret of the webhook under Connect > Webhooks",
			Dedup:      ".event.body.event_id",
			Docs:       "https://www.typeform.com/developers/webhooks/secure-your-webhooks/",
		}),
		docusign(),
	}
}

// challengeSchemes returns the providers that sign the body, and ask first whether the
// URL is the one of their webhook.
func challengeSchemes() []Scheme {
	return []Scheme{
		bodyMAC("meta", "X-Hub-Signature-256", "sha256", "hex", Scheme{
			Prefix:             "sha256=",
			SecretFormat:       SecretWithToken,
			SecretFromProvider: true,
			SecretHint:         "APP_SECRET:VERIFY_TOKEN, the app secret under App settings > Basic and the verify token that you type at Webhooks; without a colon both are the app secret",
			Handshakes: []Handshake{{
				Method: "GET",
				When:   []Condition{{Place: Place{Query: "hub.mode"}, Equals: "subscribe"}, {Place: Place{Query: "hub.challenge"}}},
				Token:  "hub.verify_token",
				Text:   Value{Place: Place{Query: "hub.challenge"}},
			}},
			Docs: "https://developers.facebook.com/docs/graph-api/webhooks/getting-started",
		}),
		bodyMAC("intercom", "X-Hub-Signature", "sha1", "hex", Scheme{
			Prefix:             "sha1=",
			SecretFromProvider: true,
			SecretHint:         "the client secret of the app under Basic information in the Developer Hub",
			Handshakes:         []Handshake{{Method: "HEAD"}},
			Dedup:              ".event.body.id",
			Docs:               "https://developers.intercom.com/docs/webhooks/setting-up-webhooks",
		}),
		bodyMAC("dropbox", "X-Dropbox-Signature", "sha256", "hex", Scheme{
			SecretFromProvider: true,
			SecretHint:         "the app secret in the App Console",
			Handshakes: []Handshake{{
				Method: "GET",
				When:   []Condition{{Place: Place{Query: "challenge"}}},
				Text:   Value{Place: Place{Query: "challenge"}},
			}},
			Docs: "https://www.dropbox.com/developers/reference/webhooks",
		}),
		bodyMAC("twitter", "X-Twitter-Webhooks-Signature", "sha256", "base64", Scheme{
			Prefix:             "sha256=",
			SecretFromProvider: true,
			SecretHint:         "the API key secret (consumer secret) of the app",
			Handshakes: []Handshake{{
				Method: "GET",
				When:   []Condition{{Place: Place{Query: "crc_token"}}},
				Fields: map[string]Value{"response_token": {Place: Place{Query: "crc_token"}, MAC: "base64", Prefix: "sha256="}},
			}},
			Docs: "https://docs.x.com/x-api/webhooks/introduction",
		}),
		bodyMAC("xero", "x-xero-signature", "sha256", "base64", Scheme{
			SecretFromProvider: true,
			SecretHint:         "the webhooks key on the app's page under Webhooks",
			// The "intent to receive": signed rightly or wrongly, and no events in it.
			Handshakes: []Handshake{{Signed: true, When: []Condition{
				{Place: Place{Field: "firstEventSequence"}, Equals: "0"}, {Place: Place{Field: "lastEventSequence"}, Equals: "0"},
			}}},
			// Any other status, and any body, is a failure to it.
			Response: &meshhook.Response{Status: http.StatusOK},
			Docs:     "https://developer.xero.com/documentation/guides/webhooks/configuring-your-server/",
		}),
	}
}

// adoptingSchemes returns the providers that sign the body, and send the secret
// themselves before the first event.
func adoptingSchemes() []Scheme {
	return []Scheme{
		bodyMAC("notion", "X-Notion-Signature", "sha256", "hex", Scheme{
			Prefix:             "sha256=",
			SecretFromProvider: true,
			SecretOptional:     true, // it comes with the first request, for the owner to read
			Unguarded:          "it has no secret yet, so that events are refused; the first request, which 'meshhook event show' shows, brings it: see that it is from Notion, for anybody could have sent it",
			SecretHint:         "the verification_token of the set-up request, which 'meshhook event show' shows; make the webhook without a secret first",
			Handshakes: []Handshake{{
				When: []Condition{{Place: Place{Field: "verification_token"}}, {Place: Place{Header: "X-Notion-Signature"}, Absent: true}},
			}},
			Dedup: ".event.body.id",
			Docs:  "https://developers.notion.com/reference/webhooks",
		}),
		bodyMAC("asana", "X-Hook-Signature", "sha256", "hex", Scheme{
			SecretFromProvider: true,
			SecretOptional:     true, // it comes with the handshake
			Unguarded:          "it has no secret yet: the first handshake sets it, whoever sends that; have Asana send it soon",
			SecretHint:         "the X-Hook-Secret of the handshake; leave it out, and the first handshake sets it",
			Handshakes: []Handshake{{
				When:    []Condition{{Place: Place{Header: "X-Hook-Secret"}}},
				Adopt:   "X-Hook-Secret",
				Headers: map[string]Value{"X-Hook-Secret": {Place: Place{Header: "X-Hook-Secret"}}},
			}},
			Docs: "https://developers.asana.com/docs/webhooks-guide",
		}),
	}
}

// docusign signs once for each key of the account, in numbered headers.
func docusign() Scheme {
	s := bodyMAC("docusign", "X-DocuSign-Signature-1", "sha256", "base64", Scheme{
		SecretFromProvider: true,
		SecretHint:         "a key of the account under Settings > Connect > Connect Keys",
		Docs:               "https://developers.docusign.com/platform/webhooks/connect/hmac/",
	})
	for i := 2; i <= maxSignatures; i++ {
		s.MoreHeaders = append(s.MoreHeaders, "X-DocuSign-Signature-"+strconv.Itoa(i))
	}
	return s
}
