package signature

import (
	"time"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// timedSchemes returns the providers that sign the time of sending along, in seconds,
// by HMAC.
func timedSchemes() []Scheme {
	return []Scheme{
		bodyMAC("stripe", "Stripe-Signature", "sha256", "hex", Scheme{
			Template: "{timestamp}.{body}",
			// v0 comes beside v1 for test events, and is not to be trusted.
			List:      List{Separator: ",", Assign: "=", Signature: "v1"},
			Timestamp: Timestamp{Field: "t"},
			// Though it begins with whsec_, all of its text is the key.
			SecretFromProvider: true,
			SecretHint:         "whsec_…, the signing secret of the endpoint under Developers > Webhooks",
			Dedup:              ".event.body.id",
			Docs:               "https://docs.stripe.com/webhooks",
		}),
		bodyMAC("paddle", "Paddle-Signature", "sha256", "hex", Scheme{
			Template:           "{timestamp}:{body}",
			List:               List{Separator: ";", Assign: "=", Signature: "h1"},
			Timestamp:          Timestamp{Field: "ts"},
			SecretFromProvider: true,
			SecretHint:         "pdl_ntfset_…, the secret key of the destination under Developer tools > Notifications",
			Dedup:              ".event.body.event_id",
			Docs:               "https://developer.paddle.com/webhooks/signature-verification",
		}),
		bodyMAC("calendly", "Calendly-Webhook-Signature", "sha256", "hex", Scheme{
			Template:  "{timestamp}.{body}",
			List:      List{Separator: ",", Assign: "=", Signature: "v1"},
			Timestamp: Timestamp{Field: "t"},
			Tolerance: meshhook.Duration(3 * time.Minute),
			// It is given when the subscription is made through the API.
			SecretHint: "the signing_key of the webhook subscription; any text of your own",
			Docs:       "https://developer.calendly.com/api-docs/4c305798a61d3-webhook-signatures",
		}),
		{
			Name:               "mailgun",
			Engine:             EngineHMAC,
			Field:              "signature.signature",
			Forms:              true,
			MoreFields:         []string{"signature.parent-signature"}, // of a subaccount, by the account's key
			Algorithm:          "sha256",
			Encoding:           "hex",
			Template:           "{timestamp}{field:signature.token}", // nothing of the event itself
			Timestamp:          Timestamp{BodyField: "signature.timestamp"},
			Tolerance:          defaultTolerance,
			SecretFormat:       SecretRaw,
			SecretFromProvider: true,
			SecretHint:         "the HTTP webhook signing key under Settings > API security",
			Dedup:              ".event.body | (.signature.token? // .token)",
			Docs:               "https://documentation.mailgun.com/docs/mailgun/user-manual/webhooks/securing-webhooks",
		},
	}
}

// datedSchemes returns the providers that sign the time of sending along in RFC 3339,
// by HMAC.
func datedSchemes() []Scheme {
	return []Scheme{
		bodyMAC("twitch", "Twitch-Eventsub-Message-Signature", "sha256", "hex", Scheme{
			Prefix:      "sha256=",
			Template:    "{id}{timestamp}{body}",
			Timestamp:   Timestamp{Header: "Twitch-Eventsub-Message-Timestamp", Format: TimeRFC3339},
			IDHeader:    "Twitch-Eventsub-Message-Id",
			Tolerance:   meshhook.Duration(10 * time.Minute),
			SecretShape: `^.{10,100}$`,
			SecretHint:  "the secret that the subscription was made with; any text of your own, 10 to 100 characters",
			Handshakes: []Handshake{{
				Signed: true,
				When:   []Condition{{Place: Place{Header: "Twitch-Eventsub-Message-Type"}, Equals: "webhook_callback_verification"}},
				Text:   Value{Place: Place{Field: "challenge"}},
			}},
			Dedup: "header:Twitch-Eventsub-Message-Id",
			Docs:  "https://dev.twitch.tv/docs/eventsub/handling-webhook-events/",
		}),
		bodyMAC("zendesk", "X-Zendesk-Webhook-Signature", "sha256", "base64", Scheme{
			Template:           "{timestamp}{body}",
			Timestamp:          Timestamp{Header: "X-Zendesk-Webhook-Signature-Timestamp", Format: TimeRFC3339},
			SecretFromProvider: true,
			SecretHint:         "the signing secret on the webhook's page (Reveal secret)",
			Dedup:              "header:X-Zendesk-Webhook-Invocation-Id",
			Docs:               "https://developer.zendesk.com/documentation/webhooks/verifying/",
		}),
		bodyMAC("box", "BOX-SIGNATURE-PRIMARY", "sha256", "base64", Scheme{
			MoreHeaders:        []string{"BOX-SIGNATURE-SECONDARY"},
			Constants:          map[string]string{"BOX-SIGNATURE-VERSION": "1", "BOX-SIGNATURE-ALGORITHM": "HmacSHA256"},
			Template:           "{body}{timestamp}",
			Timestamp:          Timestamp{Header: "BOX-DELIVERY-TIMESTAMP", Format: TimeRFC3339},
			Tolerance:          meshhook.Duration(10 * time.Minute),
			SecretFromProvider: true,
			SecretHint:         "the primary or secondary signature key under Webhooks of the app",
			Dedup:              "header:BOX-DELIVERY-ID",
			Docs:               "https://developer.box.com/guides/webhooks/v2/signatures-v2/",
		}),
	}
}

// timedChallengeSchemes returns the providers that sign the time of sending along, and
// ask first whether the URL is the one of their app.
func timedChallengeSchemes() []Scheme {
	return []Scheme{
		bodyMAC("slack", "X-Slack-Signature", "sha256", "hex", Scheme{
			Prefix:             "v0=",
			Template:           "v0:{timestamp}:{body}",
			Timestamp:          Timestamp{Header: "X-Slack-Request-Timestamp"},
			SecretFromProvider: true,
			SecretHint:         "the signing secret under Basic Information of the app",
			Handshakes: []Handshake{{
				Signed: true,
				When:   []Condition{{Place: Place{Field: "type"}, Equals: "url_verification"}},
				Fields: map[string]Value{"challenge": {Place: Place{Field: "challenge"}}},
			}},
			Dedup: ".event.body.event_id?",
			Docs:  "https://docs.slack.dev/authentication/verifying-requests-from-slack/",
		}),
		bodyMAC("zoom", "x-zm-signature", "sha256", "hex", Scheme{
			Prefix:             "v0=",
			Template:           "v0:{timestamp}:{body}",
			Timestamp:          Timestamp{Header: "x-zm-request-timestamp"},
			SecretFromProvider: true,
			SecretHint:         "the secret token under Features > Access of the app",
			Handshakes: []Handshake{{
				Signed: true,
				When:   []Condition{{Place: Place{Field: "event"}, Equals: "endpoint.url_validation"}},
				Fields: map[string]Value{
					"plainToken":     {Place: Place{Field: "payload.plainToken"}},
					"encryptedToken": {Place: Place{Field: "payload.plainToken"}, MAC: "hex"},
				},
			}},
			Docs: "https://developers.zoom.us/docs/api/webhooks/",
		}),
	}
}
