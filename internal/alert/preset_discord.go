package alert

import "github.com/profullstack/meshhook/internal/meshhook"

// Limits of an embed, in characters.
// https://discord.com/developers/docs/resources/message#embed-object-embed-limits
const (
	discordTitle       = 256
	discordDescription = 4096
	discordFields      = 25
	discordValue       = 1024
	discordURL         = 2048
	// discordEmbed is the most of all texts of a message together.
	discordEmbed = 6000
)

// Colors of embeds.
var discordColors = map[severity]int{severe: 0xd92d20, warning: 0xf79009, info: 0x12b76a}

// discordMarkdown are the characters that mean something in Discord's Markdown.
const discordMarkdown = "\\*_~`|<>#[]()@-"

// discordBody is a message for a webhook (Execute Webhook), as one embed. Markdown
// in strangers' text is escaped, and allowed_mentions lets nothing in it call
// anybody, whatever it is.
func discordBody(_ *Subject, n *notice, _ map[string]any) (any, error) {
	left := discordEmbed
	spend := func(text string, limit int, escape func(rune) string) string {
		text = fit(text, min(limit, left), inUnits, escape)
		left -= inUnits(text)
		return text
	}
	embed := object{
		"title":     spend(n.title, discordTitle, backslashed(discordMarkdown)),
		"color":     discordColors[n.severity],
		"timestamp": meshhook.FormatTime(n.at),
	}
	if n.url != "" && len(n.url) <= discordURL {
		embed["url"] = n.url
	}
	if n.detail != "" {
		embed["description"] = spend(n.detail, discordDescription, backslashed(discordMarkdown))
	}
	fields := []any{}
	for _, f := range n.facts[:min(len(n.facts), discordFields)] {
		if left < len(f.name)+discordValue/4 {
			break // what does not fit is left out rather than cut to nothing
		}
		left -= len(f.name)
		fields = append(fields, object{
			"name": f.name, "value": spend(f.value, discordValue, backslashed(discordMarkdown)), "inline": len(f.value) <= 40,
		})
	}
	embed["fields"] = fields
	return object{"embeds": []any{embed}, "allowed_mentions": object{"parse": []any{}}}, nil
}
