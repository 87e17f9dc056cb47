package expr

import (
	"fmt"
	"regexp"
	"regexp/syntax"
	"strings"
	"unicode/utf8"
)

// Regular expressions are RE2, as in gojq, but searched here: gojq's own search
// takes quadratic time to count characters, and keeps every expression for ever
// that it has seen, also those that come with events.

const (
	// maxPattern is how long a regular expression may be, and maxProgram how many
	// instructions it may compile to: [a-z]{1000} is short, but no small program.
	maxPattern = 1000
	maxProgram = 10_000
	// maxSearch bounds instructions times bytes of one search; the worst case
	// runs at about 100 million of them per second.
	maxSearch = 100_000_000
	// maxRegexps is how many expressions a machine remembers.
	maxRegexps = 16
	// matchSize and captureSize are about what the objects that match gives take.
	matchSize, captureSize = 500, 450
)

// matcher is a compiled regular expression.
type matcher struct {
	first *regexp.Regexp
	// later searches from behind one character, so that ^ and \b see that there
	// is one; its group 1 is the whole match.
	later        *regexp.Regexp
	instructions int
}

func compileMatcher(pattern, flags string) (*matcher, error) {
	if len(pattern) > maxPattern {
		return nil, &fault{reason: ReasonType, message: fmt.Sprintf("a regular expression is longer than %d bytes", maxPattern)}
	}
	if strings.Trim(flags, "gim") != "" {
		return nil, patternFault(fmt.Sprintf("unsupported flag %q", flags))
	}
	if strings.Contains(flags, "m") {
		pattern = "(?s)" + pattern
	}
	if strings.Contains(flags, "i") {
		pattern = "(?i)" + pattern
	}
	tree, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return nil, patternFault(err.Error())
	}
	program, err := syntax.Compile(tree.Simplify())
	if err != nil {
		return nil, patternFault(err.Error())
	}
	if len(program.Inst) > maxProgram {
		return nil, &fault{reason: ReasonType, message: "a regular expression has too large repetitions"}
	}
	first, err := regexp.Compile(pattern)
	if err != nil {
		return nil, patternFault(err.Error())
	}
	later, err := regexp.Compile(`\A(?s:.)(?s:.*?)(` + pattern + `)`)
	if err != nil {
		return nil, patternFault(err.Error())
	}
	return &matcher{first: first, later: later, instructions: len(program.Inst)}, nil
}

func patternFault(message string) *fault {
	const plain = "invalid regular expression"
	return &fault{reason: ReasonType, message: plain + ": " + message, plain: plain}
}

// matcher returns the compiled form of a pattern, remembered if possible.
func (m *machine) matcher(pattern, flags string) (*matcher, error) {
	id := [2]string{pattern, flags}
	if known := m.regexps[id]; known != nil {
		return known, nil
	}
	if err := m.work(10 * len(pattern)); err != nil {
		return nil, err
	}
	found, err := compileMatcher(pattern, flags)
	if err != nil {
		return nil, err
	}
	if len(m.regexps) >= maxRegexps {
		clear(m.regexps)
	}
	m.regexps[id] = found
	return found, nil
}

// find is the native behind test, match and all that is made of them. Its
// arguments are the pattern, the flags or null, and whether only to test. It
// gives a bool, or an array of match objects.
func (m *machine) find(v any, args []any) any {
	text, ok := v.(string)
	if !ok {
		return typeFault("cannot match a regular expression in", v)
	}
	pattern, ok := args[0].(string)
	if !ok {
		return typeFault("expected a string as a regular expression but got", args[0])
	}
	flags, ok := args[1].(string)
	if !ok && args[1] != nil {
		return typeFault("expected a string as the flags of a regular expression but got", args[1])
	}
	re, err := m.matcher(pattern, flags)
	if err != nil {
		return err
	}
	if args[2] == true {
		if err := m.paySearch(re, len(text)); err != nil {
			return err
		}
		return re.first.MatchString(text)
	}
	return m.findAll(re, text, strings.Contains(flags, "g"))
}

// paySearch pays for one search over so many bytes.
func (m *machine) paySearch(re *matcher, n int) error {
	if re.instructions*n > maxSearch {
		return m.tooLarge("searching %d bytes for so large a regular expression takes too long", n)
	}
	return m.work(re.instructions * n / 400)
}

// findAll returns the match objects of the first match, or of all. It searches
// match by match, with a look at the clock between.
func (m *machine) findAll(re *matcher, text string, all bool) any {
	matches := []any{}
	count := runeCounter{text: text}
	for pos := 0; pos <= len(text); {
		// Most searches end early, so a search pays for what it has passed over.
		if re.instructions*(len(text)-pos) > maxSearch {
			return m.paySearch(re, len(text)-pos)
		}
		loc := re.search(text, pos)
		passed := len(text) - pos
		if loc != nil {
			passed = loc[1] - pos
		}
		if err := m.paySearch(re, passed); err != nil {
			return err
		}
		if err := m.checkpoint(); err != nil {
			return err
		}
		if loc == nil {
			break
		}
		if err := m.alloc(matchSize + captureSize*(len(loc)/2-1)); err != nil {
			return err
		}
		matches = append(matches, matchObject(re.first, text, loc, &count))
		if !all {
			break
		}
		if pos = loc[1]; loc[0] == loc[1] {
			_, width := utf8.DecodeRuneInString(text[pos:])
			pos += max(width, 1)
		}
	}
	return matches
}

// search returns the leftmost match that begins at pos or later, as
// regexp.FindStringSubmatchIndex does.
func (re *matcher) search(text string, pos int) []int {
	if pos == 0 {
		return re.first.FindStringSubmatchIndex(text)
	}
	_, width := utf8.DecodeLastRuneInString(text[:pos])
	base := pos - width
	loc := re.later.FindStringSubmatchIndex(text[base:])
	if loc == nil {
		return nil
	}
	loc = loc[2:]
	for i := range loc {
		if loc[i] >= 0 {
			loc[i] += base
		}
	}
	return loc
}

// matchObject is what jq's match gives.
func matchObject(re *regexp.Regexp, text string, loc []int, count *runeCounter) any {
	names := re.SubexpNames()
	start := count.to(loc[0])
	captures := make([]any, 0, len(loc)/2-1)
	for i := 1; i < len(loc)/2; i++ {
		capture := map[string]any{"name": nil, "offset": -1, "length": 0, "string": nil}
		if names[i] != "" {
			capture["name"] = names[i]
		}
		if from, to := loc[2*i], loc[2*i+1]; from >= 0 {
			capture["offset"] = start + utf8.RuneCountInString(text[loc[0]:max(from, loc[0])])
			capture["length"] = utf8.RuneCountInString(text[from:to])
			capture["string"] = text[from:to]
		}
		captures = append(captures, capture)
	}
	return map[string]any{
		"offset":   start,
		"length":   utf8.RuneCountInString(text[loc[0]:loc[1]]),
		"string":   text[loc[0]:loc[1]],
		"captures": captures,
	}
}

// runeCounter counts the characters before a byte, for growing places.
type runeCounter struct {
	text         string
	bytes, runes int
}

func (c *runeCounter) to(bytes int) int {
	c.runes += utf8.RuneCountInString(c.text[c.bytes:bytes])
	c.bytes = bytes
	return c.runes
}

// splice is the native behind sub and gsub. Its input is the text, its
// arguments the match objects and for each of them an array of replacements. It
// gives an array of texts: the first with all first replacements, and so on.
func (m *machine) splice(v any, args []any) any {
	text, _ := v.(string)
	matches, replacements := args[0].([]any), args[1].([]any)
	var results []*strings.Builder
	rest := text
	next := 0 // the place of rest in text, in characters
	for i, v := range matches {
		match := v.(map[string]any)
		before, after := cutRunes(rest, match["offset"].(int)-next)
		for j, s := range replacements[i].([]any) {
			replacement, ok := s.(string)
			if !ok {
				return typeFault("cannot add", before, s)
			}
			if err := m.alloc(2 * (len(before) + len(replacement))); err != nil {
				return err
			}
			if j == len(results) {
				results = append(results, &strings.Builder{})
			}
			results[j].WriteString(before)
			results[j].WriteString(replacement)
		}
		_, rest = cutRunes(after, match["length"].(int))
		next = match["offset"].(int) + match["length"].(int)
	}
	return m.joined(results, text, rest)
}

func (m *machine) joined(results []*strings.Builder, text, rest string) any {
	if len(results) == 0 {
		return []any{text}
	}
	texts := make([]any, len(results))
	for i, b := range results {
		if err := m.alloc(len(rest) + elementSize); err != nil {
			return err
		}
		b.WriteString(rest)
		texts[i] = b.String()
	}
	return texts
}

// cut is the native behind splits. Its input is the text, its argument the match
// objects. It gives the array of the texts between the matches.
func (m *machine) cut(v any, args []any) any {
	rest, _ := v.(string)
	next := 0
	pieces := []any{}
	for _, v := range args[0].([]any) {
		match := v.(map[string]any)
		before, after := cutRunes(rest, match["offset"].(int)-next)
		if err := m.alloc(3 * elementSize); err != nil {
			return err
		}
		pieces = append(pieces, before)
		_, rest = cutRunes(after, match["length"].(int))
		next = match["offset"].(int) + match["length"].(int)
	}
	return append(pieces, rest)
}

// cutRunes cuts s after n characters.
func cutRunes(s string, n int) (before, after string) {
	i := 0
	for ; n > 0 && i < len(s); n-- {
		_, width := utf8.DecodeRuneInString(s[i:])
		i += width
	}
	return s[:i], s[i:]
}
