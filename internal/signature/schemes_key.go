package signature

import (
	"net/http"
	"time"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// keySchemes returns the providers that sign with a private key of theirs.
func keySchemes() []Scheme {
	return []Scheme{
		{
			Name:               "sendgrid",
			Engine:             EngineECDSA,
			Header:             "X-Twilio-Email-Event-Webhook-Signature",
			Algorithm:          "sha256",
			Encoding:           "base64",
			Template:           "{timestamp}{body}",
			Timestamp:          Timestamp{Header: "X-Twilio-Email-Event-Webhook-Timestamp"},
			Tolerance:          defaultTolerance,
			SecretFormat:       SecretPublicKey,
			SecretFromProvider: true,
			SecretHint:         "the verification key under Settings > Mail Settings > Event Webhooks",
			Docs:               "https://www.twilio.com/docs/sendgrid/for-developers/tracking-events/getting-started-event-webhook-security-features",
		},
		{
			Name:               "discord",
			Engine:             EngineEd25519,
			Header:             "X-Signature-Ed25519",
			Encoding:           "hex",
			Template:           "{timestamp}{body}",
			Timestamp:          Timestamp{Header: "X-Signature-Timestamp"},
			Tolerance:          defaultTolerance,
			SecretFormat:       SecretPublicKey,
			SecretFromProvider: true,
			SecretHint:         "the public key under General Information of the application",
			Handshakes: []Handshake{
				// A PING of interactions is type 1, and one of webhook events type 0, whose
				// type 1 is an event.
				{
					Signed: true,
					When:   []Condition{{Place: Place{Field: "type"}, Equals: "1"}, {Place: Place{Field: "event.type"}, Absent: true}},
					Fields: map[string]Value{"type": {Literal: "1", Raw: true}},
				},
				{Signed: true, When: []Condition{{Place: Place{Field: "type"}, Equals: "0"}}, Status: 204},
			},
			Response: &meshhook.Response{Status: http.StatusNoContent}, // of webhook events; interactions want bodies of one's own
			Docs:     "https://discord.com/developers/docs/events/webhook-events",
		},
		paypal(),
		sns(),
		plaid(),
	}
}

// sns returns the scheme of Amazon SNS, which signs fields of the body. The topic
// is the identifier: SNS signs for everybody's topics alike.
func sns() Scheme {
	const lines = "{lines:Message,MessageId,Subject?,SubscribeURL?,Timestamp,Token?,TopicArn,Type}"
	return Scheme{
		Name:      "sns",
		Engine:    EngineRSA,
		Field:     "Signature",
		Algorithm: "sha256",
		Encoding:  "base64",
		Template:  lines,
		Timestamp: Timestamp{BodyField: "Timestamp", Format: TimeRFC3339},
		// The time is that of publishing, and SNS retries for up to an hour
		// (3,600 s, the longest delivery policy).
		Tolerance: meshhook.Duration(65 * time.Minute),
		Certificate: Certificate{
			Field: "SigningCertURL",
			Hosts: []string{"sns.*.amazonaws.com", "sns.*.amazonaws.com.cn"},
			Path:  "/SimpleNotificationService-",

			VersionField: "SignatureVersion",
			Versions:     map[string]string{"1": "sha1", "2": "sha256"},
			Identifier:   "TopicArn",
		},
		SecretFormat:       SecretIdentifier,
		SecretFromProvider: true,
		SecretOptional:     true,
		SecretShape:        `^arn:[a-z0-9-]+:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_.-]{1,256}$`,
		Unguarded:          "it knows no topic, so that messages of anybody's topics are taken; set yours with 'meshhook webhook rotate-secret'",
		SecretHint:         "the ARN of the topic; without one, messages of any topic of anybody are taken",
		Handshakes: []Handshake{{
			Signed:  true,
			When:    []Condition{{Place: Place{Field: "Type"}, Equals: "SubscriptionConfirmation"}},
			Confirm: "SubscribeURL",
		}},
		Dedup: ".event.body.MessageId",
		Docs:  "https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html",
	}
}

// paypal signs a checksum of the body, and names the certificate of its key.
func paypal() Scheme {
	return Scheme{
		Name:      "paypal",
		Engine:    EngineRSA,
		Header:    "PAYPAL-TRANSMISSION-SIG",
		Algorithm: "sha256",
		Encoding:  "base64",
		Template:  "{id}|{timestamp}|{secret}|{crc32}",
		Timestamp: Timestamp{Header: "PAYPAL-TRANSMISSION-TIME", Format: TimeRFC3339},
		IDHeader:  "PAYPAL-TRANSMISSION-ID",
		Constants: map[string]string{"PAYPAL-AUTH-ALGO": "SHA256withRSA"},
		Tolerance: defaultTolerance,
		Certificate: Certificate{
			Header: "PAYPAL-CERT-URL",
			Hosts:  []string{"api.paypal.com", "api.sandbox.paypal.com", "api-m.paypal.com", "api-m.sandbox.paypal.com"},
			Path:   "/v1/notifications/certs/",
		},
		SecretFormat:       SecretIdentifier,
		SecretFromProvider: true,
		SecretHint:         "the webhook ID on the app's page in the Developer Dashboard",
		Dedup:              ".event.body.id",
		Docs:               "https://developer.paypal.com/api/rest/webhooks/rest/",
	}
}

// plaid sends a JWT that holds a digest of the body, and gives its keys to whoever has
// an account.
func plaid() Scheme {
	return Scheme{
		Name:      "plaid",
		Engine:    EngineJWT,
		Header:    "Plaid-Verification",
		Algorithm: "ES256",
		Tolerance: jwtLeeway,
		JWT: JWT{
			JWKSURL: "https://production.plaid.com/webhook_verification_key/get", KeyLookup: true,
			Hosts:     []string{"production.plaid.com", "sandbox.plaid.com", "development.plaid.com"},
			BodyClaim: "request_body_sha256", MaxAge: meshhook.Duration(5 * time.Minute),
		},
		SecretFormat:       SecretJWTKey,
		SecretFromProvider: true,
		SecretHint:         "CLIENT_ID:SECRET under Developers > Keys, by which the keys are fetched; or the key itself as a JWK",
		Docs:               "https://plaid.com/docs/api/webhooks/webhook-verification/",
	}
}
