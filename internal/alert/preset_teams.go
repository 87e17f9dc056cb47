package alert

// Limits of a card. Teams refuses a message of more than 28 KB
// (https://learn.microsoft.com/connectors/teams/#known-issues-and-limitations-with-actions):
// with these, and three bytes a character, it stays below that.
const (
	teamsTitle  = 200
	teamsDetail = 3000
	teamsFact   = 200
	teamsURL    = 2048
)

var teamsColors = map[severity]string{severe: "Attention", warning: "Warning", info: "Good"}

// teamsBody is an Adaptive Card in the envelope that Teams' Workflows take ("When a
// Teams webhook request is received"), and that the incoming webhooks before them
// took. Texts are TextRuns, in which there is no Markdown
// (https://adaptivecards.io/explorer/TextRun.html), and without entities in msteams
// nothing in them can mention anybody.
func teamsBody(_ *Subject, n *notice, _ map[string]any) (any, error) {
	run := func(text string, more object) object {
		run := object{"type": "TextRun", "text": text}
		for name, value := range more {
			run[name] = value
		}
		return run
	}
	line := func(runs ...any) object { return object{"type": "RichTextBlock", "inlines": runs} }
	blocks := []any{line(run(fit(n.title, teamsTitle, inUnits, nil), object{
		"weight": "Bolder", "size": "Large", "color": teamsColors[n.severity],
	}))}
	if n.detail != "" {
		blocks = append(blocks, line(run(fit(n.detail, teamsDetail, inUnits, nil), nil)))
	}
	for _, f := range n.facts {
		blocks = append(blocks, line(
			run(f.name+": ", object{"weight": "Bolder"}),
			run(fit(f.value, teamsFact, inUnits, nil), nil),
		))
	}
	card := object{
		"$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
		"type":    "AdaptiveCard",
		"version": "1.4",
		"body":    blocks,
		"msteams": object{"width": "Full"},
	}
	if n.url != "" && len(n.url) <= teamsURL {
		card["actions"] = []any{object{"type": "Action.OpenUrl", "title": "Open the run", "url": n.url}}
	}
	return object{"type": "message", "attachments": []any{object{
		"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": nil, "content": card,
	}}}, nil
}
