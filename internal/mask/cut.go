package mask

import (
	"strings"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// longestEscape is how many bytes stand for one in the longest escape: \u00e9.
const longestEscape = 6

// Cut is Text for a text that was cut off at its end: the beginning of a secret there,
// of four bytes or more, is hidden, too.
func (m *Masker) Cut(text string) string {
	if m.Empty() {
		return text
	}
	text = m.Text(text)
	longest := 0
	for _, p := range m.patterns {
		longest = max(longest, len(p.text))
	}
	end := text[max(0, len(text)-longest*longestEscape):]
	if begun := m.begun(whole(end), depth); begun < len(end) {
		return text[:len(text)-len(end)+begun] + meshhook.Mask
	}
	return text
}

// begun returns the byte of the source at which a secret begins that goes on behind
// the end; the end where there is none.
func (m *Masker) begun(v view, layers int) int {
	from := v.at[len(v.text)]
	for _, p := range m.patterns {
		for size := min(len(p.text)-1, len(v.text)); size >= minValue; size-- {
			if strings.HasSuffix(v.text, p.text[:size]) {
				from = min(from, v.at[len(v.text)-size])
				break
			}
		}
	}
	if layers == 0 {
		return from
	}
	for _, e := range escapes {
		if m.escaped(v.text, e) {
			from = min(from, m.begun(v.unescape(e), layers-1))
		}
	}
	return from
}
