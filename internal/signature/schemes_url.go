package signature

// urlSchemes returns the providers that sign the public URL along. It is
// public_url of the configuration, or what a trusted proxy says.
func urlSchemes() []Scheme {
	return []Scheme{
		bodyMAC("twilio", "X-Twilio-Signature", "sha1", "base64", Scheme{
			Template:           "{url}{form}",
			BodyHashQuery:      "bodySHA256",
			SecretFromProvider: true,
			SecretHint:         "the auth token of the account, on the console's first page",
			Dedup:              "header:I-Twilio-Idempotency-Token",
			Docs:               "https://www.twilio.com/docs/usage/security#validating-requests",
		}),
		bodyMAC("square", "x-square-hmacsha256-signature", "sha256", "base64", Scheme{
			Template:           "{url}{body}",
			SecretFromProvider: true,
			SecretHint:         "the signature key of the subscription under Webhooks in the Developer Console",
			Dedup:              ".event.body.event_id",
			Docs:               "https://developer.squareup.com/docs/webhooks/step3validate",
		}),
		bodyMAC("hubspot", "X-HubSpot-Signature-v3", "sha256", "base64", Scheme{
			Template:           "{method}{uri}{body}{timestamp}",
			Timestamp:          Timestamp{Header: "X-HubSpot-Request-Timestamp", Format: TimeUnixMilli},
			SecretFromProvider: true,
			SecretHint:         "the client secret under Auth of the app",
			Docs:               "https://developers.hubspot.com/docs/apps/legacy-apps/authentication/validating-requests",
		}),
		bodyMAC("trello", "X-Trello-Webhook", "sha1", "base64", Scheme{
			Template:           "{body}{url}",
			SecretFromProvider: true,
			SecretHint:         "the secret of the Power-Up's API key",
			Handshakes:         []Handshake{{Method: "HEAD"}},
			Dedup:              ".event.body.action.id",
			Docs:               "https://developer.atlassian.com/cloud/trello/guides/rest-api/webhooks/",
		}),
	}
}
