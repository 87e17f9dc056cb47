package workflow

import (
	"regexp"
	"strconv"
	"strings"
	"unicode"
)

var (
	syntaxError   = regexp.MustCompile(`^yaml: (?:line (\d+): )?((?s).*)$`)
	unknownAnchor = regexp.MustCompile(`^unknown anchor '((?s).*)' referenced$`)
)

// syntax reports what the YAML parser said. It knows the line at best, and of
// some mistakes not even that; those are looked for here.
func (c *checker) syntax(err error) {
	line, message := 1, err.Error()
	if m := syntaxError.FindStringSubmatch(message); m != nil {
		message = m[2]
		if n, err := strconv.Atoi(m[1]); err == nil {
			line = n
		}
	}
	line = min(line, max(len(c.source), 1)) // it may be one past the end
	column := 1
	switch anchor := unknownAnchor.FindStringSubmatch(message); {
	case anchor != nil:
		line, column = c.seek(line, func(text string) int { return strings.Index(text, "*"+anchor[1]) })
		message = "there is no &" + anchor[1] + " before this *" + anchor[1] + "; a text that begins with * goes in quotes"
	case message == "control characters are not allowed":
		line, column = c.seek(line, func(text string) int { return strings.IndexFunc(text, isForbidden) })
		message += `; write them as escapes in double quotes, like "\e"`
	case strings.HasPrefix(strings.TrimLeft(c.line(c.line0+line), " "), "\t"):
		message += "; this line begins with a tab, and YAML is indented with spaces"
	}
	c.problem(c.line0+line, column, "this is not YAML: %s", message)
}

// seek returns the first place that at finds in a line, or else the beginning of
// the line that is given.
func (c *checker) seek(otherwise int, at func(line string) int) (line, column int) {
	for i, text := range c.lines() {
		if k := at(text); k >= 0 {
			return i + 1, k + 1
		}
	}
	return otherwise, 1
}

// isForbidden tells whether YAML does not take a character as it is (YAML 1.2.2,
// section 5.1).
func isForbidden(r rune) bool {
	return unicode.IsControl(r) && !strings.ContainsRune("\t\r\n\u0085", r)
}
