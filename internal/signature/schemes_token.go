package signature

// tokenSchemes returns the providers that show a secret instead of signing.
func tokenSchemes() []Scheme {
	return []Scheme{
		{
			Name:         "telegram",
			Engine:       EngineToken,
			Header:       "X-Telegram-Bot-Api-Secret-Token",
			SecretFormat: SecretRaw,
			SecretShape:  `^[A-Za-z0-9_-]{1,256}$`,
			SecretHint:   "the secret_token that setWebhook is called with; 1 to 256 letters, digits, _ and - of your own",
			Dedup:        ".event.body.update_id",
			Docs:         "https://core.telegram.org/bots/api#setwebhook",
		},
		{
			Name:         "postmark",
			Engine:       EngineBasic,
			Header:       "Authorization",
			SecretFormat: SecretUserPassword,
			SecretHint:   "user:password of your own; the same go into the webhook's HTTP authentication",
			Docs:         "https://postmarkapp.com/developer/webhooks/webhooks-overview",
		},
		{
			Name:         "okta",
			Engine:       EngineToken,
			Header:       "Authorization",
			SecretFormat: SecretRaw,
			SecretHint:   "any text of your own; the same goes into Authentication secret of the hook, with Authorization as its field",
			Handshakes: []Handshake{{
				Method: "GET",
				When:   []Condition{{Place: Place{Header: "X-Okta-Verification-Challenge"}}},
				Fields: map[string]Value{"verification": {Place: Place{Header: "X-Okta-Verification-Challenge"}}},
			}},
			Dedup: ".event.body.eventId?",
			Docs:  "https://developer.okta.com/docs/concepts/event-hooks/",
		},
		{
			Name:         "msgraph",
			Engine:       EngineToken,
			Field:        "value[].clientState",
			SecretFormat: SecretRaw,
			SecretShape:  `^.{1,128}$`,
			SecretHint:   "the clientState that the subscription is made with; up to 128 characters of your own",
			Handshakes: []Handshake{{
				When: []Condition{{Place: Place{Query: "validationToken"}}},
				Text: Value{Place: Place{Query: "validationToken"}},
			}},
			Docs: "https://learn.microsoft.com/en-us/graph/change-notifications-delivery-webhooks",
		},
		azureEventGrid(),
	}
}

// azureEventGrid shows a secret in the URL, and asks in two ways whether the URL is ours,
// by the schema of the subscription.
func azureEventGrid() Scheme {
	return Scheme{
		Name:         "azure-eventgrid",
		Engine:       EngineToken,
		Query:        "code",
		SecretFormat: SecretRaw,
		SecretHint:   "any text of your own; put it behind the URL of the subscription as ?code=…",
		Handshakes: []Handshake{
			{
				When:   []Condition{{Place: Place{Header: "Aeg-Event-Type"}, Equals: "SubscriptionValidation"}, {Place: Place{Field: "[].data.validationCode"}}},
				Fields: map[string]Value{"validationResponse": {Place: Place{Field: "[].data.validationCode"}}},
			},
			{ // the CloudEvents schema asks another way
				Method: "OPTIONS",
				When:   []Condition{{Place: Place{Header: "WebHook-Request-Origin"}}},
				Headers: map[string]Value{
					"WebHook-Allowed-Origin": {Place: Place{Header: "WebHook-Request-Origin"}},
					"WebHook-Allowed-Rate":   {Literal: "*"},
				},
			},
		},
		Dedup: ".event.body | if type == \"array\" then (map(.id?) | sort | tojson) else .id? end",
		Docs:  "https://learn.microsoft.com/en-us/azure/event-grid/end-point-validation-event-grid-events-schema",
	}
}
