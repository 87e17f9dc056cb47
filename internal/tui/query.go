package tui

import "strings"

// query is what was typed after `/`: terms that must all hold.
type query []term

// term is one word of a query.
type term struct {
	field string // status, webhook, workflow, kind, or "" for any column
	value string // in lower case
	not   bool   // the term must not hold
}

// parseQuery reads words, `field:value` pairs and either with a `-` in front,
// separated by spaces. Everything means something: there is no error, and a
// word with an unknown field is a word.
func parseQuery(text string) query {
	var q query
	for word := range strings.FieldsSeq(strings.ToLower(text)) {
		var t term
		if rest, ok := strings.CutPrefix(word, "-"); ok && rest != "" {
			t.not, word = true, rest
		}
		t.value = word
		switch field, value, _ := strings.Cut(word, ":"); field {
		case "status", "webhook", "workflow", "kind":
			if field != word { // a colon was there
				t.field, t.value = field, value
			}
		}
		q = append(q, t)
	}
	return q
}

// match tells whether all terms hold for an entry.
func (q query) match(it *item) bool {
	for _, t := range q {
		if t.holds(it) == t.not {
			return false
		}
	}
	return true
}

// holds compares so that a value which is still being typed matches, too.
func (t term) holds(it *item) bool {
	switch e := &it.entry; t.field {
	case "status":
		return strings.HasPrefix(strings.ToLower(e.Status), t.value)
	case "webhook":
		return strings.Contains(strings.ToLower(e.Webhook), t.value)
	case "workflow":
		return strings.Contains(strings.ToLower(e.Workflow), t.value)
	case "kind":
		return strings.HasPrefix(strings.ToLower(string(e.Kind)), t.value) || e.Kind.Noun() == t.value
	}
	return strings.Contains(it.text(), t.value) || it.named(t.value)
}
