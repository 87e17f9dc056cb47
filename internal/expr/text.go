package expr

import (
	"context"
	"strings"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// Text is a string with expressions in it that is rendered as a string: a
// message, a URL or the value of a header. It may be used by many goroutines at
// once.
type Text struct {
	source string
	parts  []part
	limits Limits
	// join puts the rendered parts together, where they must be safe.
	join func(t *Text, values []any) (string, error)
}

// ParseText compiles a text. A result that is a string stands in it as it is,
// any other as JSON, null too. The error is a *meshhook.Error with CodeInvalid,
// whose cause is a *SyntaxError.
func ParseText(s string) (*Text, error) { return parseText(s, Limits{}, (*Text).joinPlain) }

// ParseHeader compiles the value of an HTTP header. Rendering fails with
// ReasonUnsafe if the value would hold a control character other than a tab
// (RFC 9110, section 5.5), so that no value can begin another header, and if a
// result is null.
func ParseHeader(s string) (*Text, error) {
	if strings.ContainsFunc(s, unfitForHeader) {
		return nil, meshhook.Errorf(meshhook.CodeInvalid, "header %q: a header cannot hold a line break or control character", shorten(s, 80))
	}
	return parseText(s, Limits{}, (*Text).joinHeader)
}

func parseText(s string, limits Limits, join func(*Text, []any) (string, error)) (*Text, error) {
	limits = limits.orDefault()
	parts, err := parseParts(s, limits)
	if err != nil {
		return nil, invalid("template", err)
	}
	return &Text{source: s, parts: parts, limits: limits, join: join}, nil
}

// String returns the source.
func (t *Text) String() string { return t.source }

// References returns what all expressions of the text read, as
// Program.References does.
func (t *Text) References() []string {
	return referencesOf(func(visit func(*Program)) { walkParts(t.parts, visit) })
}

// Render evaluates the expressions and returns the text. An error is an
// *EvalError.
func (t *Text) Render(ctx context.Context, input any) (string, error) {
	values, err := evaluate(newMeter(ctx, t.limits), t.parts, input)
	if err != nil {
		return "", err
	}
	return t.join(t, values)
}

func (t *Text) joinPlain(values []any) (string, error) { return joinText(values) }

func (t *Text) joinHeader(values []any) (string, error) {
	for i, v := range values {
		text, err := textOf(v)
		if err != nil {
			return "", err
		}
		if v == nil {
			return "", t.unsafe(i, "gave null, which must not stand in a header; write // for a default")
		}
		if strings.ContainsFunc(text, unfitForHeader) {
			return "", t.unsafe(i, "gave a line break or control character, which must not stand in a header")
		}
	}
	return joinText(values)
}

// unfitForHeader tells whether a character must not stand in the value of a header.
func unfitForHeader(c rune) bool { return c < ' ' && c != '\t' || c == 0x7f }

// unsafe is the error of a part whose result must not stand where it is. It
// never shows the result.
func (t *Text) unsafe(i int, message string) error {
	return &EvalError{Expr: strings.TrimSpace(t.parts[i].program.source), Message: message, Reason: ReasonUnsafe}
}
