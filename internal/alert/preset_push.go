package alert

import (
	"mime"
	"strconv"
)

// The two services of push notifications that people run themselves.

const (
	// ntfyMessage is the longest message, in bytes; of a longer one ntfy makes a file
	// (https://docs.ntfy.sh/publish/#limitations).
	ntfyMessage = 4096
	ntfyTitle   = 150
	maxClick    = 2048
)

var (
	ntfyPriorities = map[severity]int{severe: 4, warning: 3, info: 2} // of 1 to 5
	ntfyTags       = map[severity]string{severe: "rotating_light", warning: "warning", info: "white_check_mark"}
)

// ntfyBody is a message for a topic's URL, https://ntfy.sh/TOPIC: the body is the
// text, which has no markup, and headers say the rest. JSON would have to go to the
// URL above it, with the topic inside (https://docs.ntfy.sh/publish/#publish-as-json).
func ntfyBody(_ *Subject, n *notice, _ map[string]any) (any, error) {
	return fit(n.text(), ntfyMessage, inBytes, nil), nil
}

// ntfyHeaders are the headers of https://docs.ntfy.sh/publish/#list-of-all-parameters.
// What is beyond ASCII is encoded by RFC 2047, which ntfy reads.
func ntfyHeaders(n *notice) map[string]string {
	headers := map[string]string{
		"Title":    mime.QEncoding.Encode("utf-8", fit(n.title, ntfyTitle, inUnits, nil)),
		"Priority": strconv.Itoa(ntfyPriorities[n.severity]),
		"Tags":     ntfyTags[n.severity],
	}
	if n.url != "" && len(n.url) <= maxClick {
		headers["Click"] = n.url
	}
	return headers
}

// gotifyMessage keeps a message well below the bodies that proxies before Gotify
// take; Gotify itself names no limit.
const gotifyMessage = 16 << 10

var gotifyPriorities = map[severity]int{severe: 8, warning: 5, info: 2} // of 0 to 10

// gotifyBody is a message for https://gotify.example.com/message?token=…, or with the
// header X-Gotify-Key (https://gotify.net/docs/pushmsg, https://gotify.net/docs/msgextras).
// As text/plain nothing in it is markup.
func gotifyBody(_ *Subject, n *notice, _ map[string]any) (any, error) {
	extras := object{"client::display": object{"contentType": "text/plain"}}
	if n.url != "" && len(n.url) <= maxClick {
		extras["client::notification"] = object{"click": object{"url": n.url}}
	}
	message := fit(n.text(), gotifyMessage, inBytes, nil)
	return object{
		"title": fit(n.title, ntfyTitle, inUnits, nil), "message": message,
		"priority": gotifyPriorities[n.severity], "extras": extras,
	}, nil
}
