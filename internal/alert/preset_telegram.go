package alert

import (
	"encoding/json"
	"strconv"
	"strings"
)

// telegramText is the longest text, counted with its markup to be sure
// (https://core.telegram.org/bots/api#sendmessage).
const telegramText = 4096

var telegramNeeds = []need{
	{"chat_id", true, "https://api.telegram.org/bot{{ .secrets.telegram }}/sendMessage?chat_id=-1001234567890"},
	{"message_thread_id", false, ""},
}

// telegramBody is a message of a bot (sendMessage), in HTML
// (https://core.telegram.org/bots/api#html-style). Strangers' text stands in pre and
// code, where Telegram looks for no @names and /commands.
func telegramBody(_ *Subject, n *notice, addressed map[string]any) (any, error) {
	var b strings.Builder
	b.WriteString("<b>" + fit(n.title, 200, inUnits, entities) + "</b>")
	if n.detail != "" {
		b.WriteString("\n<pre>" + fit(n.detail, 2000, inUnits, entities) + "</pre>")
	}
	for _, f := range n.facts {
		line := "\n" + f.name + ": <code>" + fit(f.value, 200, inUnits, entities) + "</code>"
		if inUnits(b.String())+inUnits(line) > telegramText-300 { // leaves room for the link
			break
		}
		b.WriteString(line)
	}
	if link := "\n" + fit(n.url, 300, inUnits, entities); n.url != "" && inUnits(b.String())+inUnits(link) <= telegramText {
		b.WriteString(link)
	}
	body := object{
		"text": b.String(), "parse_mode": "HTML", "link_preview_options": object{"is_disabled": true},
	}
	for name, value := range addressed {
		// Ids are numbers; names of channels (@alerts) are not.
		if text, ok := value.(string); ok {
			if id, err := strconv.ParseInt(text, 10, 64); err == nil {
				value = json.Number(strconv.FormatInt(id, 10))
			}
		}
		body[name] = value
	}
	return body, nil
}
