package manifest

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode"
)

// The writer of documents. Why not the library's: every reader of YAML, ours and those of
// editors, must read back the same, so that only words that nobody takes for anything else
// go without quotes, and what a terminal or an editor does not show is an escape.

const (
	// maxFlow is the longest list that is written in one line, in bytes.
	maxFlow = 60
	// maxKey is the longest key that YAML takes without a question mark before it, with
	// room for quotes (YAML 1.2.2, section 7.4.2).
	maxKey = 1000
)

// writeYAML writes a mapping in blocks.
func writeYAML(o object) string {
	var b strings.Builder
	writeMapping(&b, o, "")
	return b.String()
}

func writeMapping(b *strings.Builder, o object, indent string) {
	for _, m := range o {
		switch key := scalar(m.key); {
		case m.isComment():
			fmt.Fprintf(b, "%s# %s\n", indent, m.value)
			continue
		case len(key) > maxKey:
			fmt.Fprintf(b, "%s? %s\n%s:", indent, key, indent)
		case indent == "" && m.key == "on": // as everybody writes it
			b.WriteString("on:")
		default:
			b.WriteString(indent + key + ":")
		}
		writeValue(b, m.value, indent+"  ")
	}
}

// comment is a member that says something to a person.
type comment string

func (m memberOf) isComment() bool {
	_, is := m.value.(comment)
	return is
}

// writeValue writes a value behind its key, and ends the line.
func writeValue(b *strings.Builder, value any, indent string) {
	switch v := value.(type) {
	case map[string]any:
		writeValue(b, ordered(v), indent)
	case object:
		if len(v) == 0 {
			b.WriteString(" {}\n")
			return
		}
		if flow, short := inBraces(v); short {
			b.WriteString(" " + flow + "\n")
			return
		}
		b.WriteByte('\n')
		writeMapping(b, v, indent)
	case []any:
		if flow, short := inLine(v); short {
			b.WriteString(" " + flow + "\n")
			return
		}
		b.WriteByte('\n')
		for _, item := range v {
			writeItem(b, item, indent)
		}
	case string:
		if block, ok := literal(v, indent); ok {
			b.WriteString(block)
			return
		}
		b.WriteString(" " + scalar(v) + "\n")
	default:
		b.WriteString(" " + plain(v) + "\n")
	}
}

// writeItem writes an entry of a list. A mapping begins in the line of the dash.
func writeItem(b *strings.Builder, item any, indent string) {
	if values, is := item.(map[string]any); is {
		item = ordered(values)
	}
	o, is := item.(object)
	if !is || len(o) == 0 {
		b.WriteString(indent + "-")
		writeValue(b, item, indent+"  ")
		return
	}
	var inner strings.Builder
	writeMapping(&inner, o, indent+"  ")
	b.WriteString(indent + "- " + strings.TrimPrefix(inner.String(), indent+"  "))
}

func ordered(values map[string]any) (o object) {
	for _, key := range slices.Sorted(maps.Keys(values)) {
		o = append(o, memberOf{key: key, value: orNull(values[key])})
	}
	return o
}

// nothing is null, which as a member's value would be none.
type nothing struct{}

// MarshalJSON writes null.
func (nothing) MarshalJSON() ([]byte, error) { return []byte("null"), nil }

func orNull(value any) any {
	if value == nil {
		return nothing{}
	}
	return value
}

// plain writes what is neither text nor holds other values.
func plain(value any) string {
	switch v := value.(type) {
	case bool:
		return fmt.Sprint(v)
	case json.Number:
		return v.String()
	default:
		return "null"
	}
}

// inLine writes a short list of short values in one line.
func inLine(list []any) (flow string, short bool) {
	parts := make([]string, len(list))
	for i, item := range list {
		switch v := item.(type) {
		case map[string]any, object, []any:
			return "", len(list) == 0
		case string:
			parts[i] = scalar(v)
		default:
			parts[i] = plain(v)
		}
	}
	flow = "[" + strings.Join(parts, ", ") + "]"
	return flow, len(flow) <= maxFlow
}

// inBraces writes a small mapping of ours in one line.
func inBraces(o object) (flow string, short bool) {
	parts := make([]string, len(o))
	for i, m := range o {
		value := ""
		switch v := m.value.(type) {
		case string:
			value = scalar(v)
		case bool, json.Number:
			value = plain(v)
		default:
			return "", false
		}
		parts[i] = scalar(m.key) + ": " + value
	}
	flow = "{" + strings.Join(parts, ", ") + "}"
	return flow, len(flow) <= maxFlow
}

var (
	// word is what every reader takes for text, but for the words of notText.
	word = regexp.MustCompile(`^[A-Za-z_/][A-Za-z0-9_./-]*( [A-Za-z0-9_./-]+)*$`)
	// measure is a duration, a rate or a size; and an address.
	measure = regexp.MustCompile(`^https?://[A-Za-z0-9][A-Za-z0-9._/:-]*[A-Za-z0-9/]$|^([0-9]+(h|ms|m|s))+$|^[0-9]+/[0-9]*[a-z]+$|^[0-9]+([KMG]i)?B$`)
	notText = regexp.MustCompile(`^(?i:y|n|yes|no|on|off|true|false|null)$`)
)

// scalar writes a text: as it is, or in double quotes.
func scalar(s string) string {
	if (word.MatchString(s) || measure.MatchString(s)) && !notText.MatchString(s) {
		return s
	}
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteString(`\` + string(r))
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\t':
			b.WriteString(`\t`)
		case unicode.IsPrint(r):
			b.WriteRune(r)
		case r < 0x100:
			fmt.Fprintf(&b, `\x%02x`, r)
		case r < 0x10000:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			fmt.Fprintf(&b, `\U%08x`, r)
		}
	}
	return b.String() + `"`
}

// literal writes a text of several lines as a block, where nothing of it would be lost.
func literal(s, indent string) (block string, ok bool) {
	body, ends := strings.CutSuffix(s, "\n")
	if !strings.Contains(body, "\n") || strings.HasPrefix(body, " ") || strings.HasPrefix(body, "\n") || strings.HasSuffix(body, "\n") {
		return "", false
	}
	for _, r := range body {
		if r != '\n' && !unicode.IsPrint(r) {
			return "", false
		}
	}
	mark := " |-\n"
	if ends {
		mark = " |\n"
	}
	var b strings.Builder
	b.WriteString(mark)
	for line := range strings.SplitSeq(body, "\n") {
		if strings.TrimSpace(line) == "" && line != "" {
			return "", false // blanks that an editor would take away
		}
		if line != "" {
			b.WriteString(indent + line)
		}
		b.WriteByte('\n')
	}
	return b.String(), true
}
