package alert

// Limits of Block Kit, in characters.
// https://docs.slack.dev/reference/block-kit/blocks/header-block
// https://docs.slack.dev/reference/block-kit/blocks/section-block
const (
	slackHeader  = 150
	slackSection = 3000
	slackField   = 2000
	slackFields  = 10
	// slackURLLength keeps a link, however it is escaped, within a block's text.
	slackURLLength = 500
	// slackText is the longest fallback text before Slack may cut it
	// (https://docs.slack.dev/reference/methods/chat.postMessage#truncating).
	slackText = 4000
)

// slackBody is a message for an incoming webhook, in blocks; text is what
// notifications and old clients show. The three characters & < > are escaped, by
// which strangers' text can neither make a link nor call a <!channel>
// (https://docs.slack.dev/messaging/formatting-message-text#escaping), and
// verbatim keeps Slack from looking for names in it.
func slackBody(_ *Subject, n *notice, _ map[string]any) (any, error) {
	blocks := []any{object{
		"type": "header",
		"text": object{"type": "plain_text", "text": fit(n.title, slackHeader, inUnits, entities), "emoji": false},
	}}
	if n.detail != "" {
		blocks = append(blocks, object{
			"type": "section",
			"text": object{"type": "plain_text", "text": fit(n.detail, slackSection, inUnits, entities), "emoji": false},
		})
	}
	var fields []any
	for _, f := range n.facts[:min(len(n.facts), slackFields)] {
		value := fit(f.value, slackField-len(f.name)-len("**\n"), inUnits, entities)
		fields = append(fields, object{"type": "mrkdwn", "text": "*" + f.name + "*\n" + value, "verbatim": true})
	}
	if len(fields) > 0 { // Slack refuses a section of nothing
		blocks = append(blocks, object{"type": "section", "fields": fields})
	}
	if n.url != "" && len(n.url) <= slackURLLength {
		link := fit(n.url, slackSection, inUnits, entities)
		blocks = append(blocks, object{"type": "context", "elements": []any{
			object{"type": "mrkdwn", "text": "<" + link + "|Open the run>", "verbatim": true},
		}})
	}
	fallback := n.title
	if n.detail != "" {
		fallback += ": " + n.detail
	}
	return object{"text": fit(fallback, slackText, inUnits, entities), "blocks": blocks}, nil
}
