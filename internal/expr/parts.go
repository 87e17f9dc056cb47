package expr

import (
	"strings"

	"github.com/itchyny/gojq"
)

// part is a piece of a text: an expression, or what stands between.
type part struct {
	literal string
	program *Program
}

// parseParts cuts a text at its expressions and compiles them. Empty literals
// are left out.
func parseParts(s string, limits Limits) ([]part, *SyntaxError) {
	var parts []part
	for pos := 0; pos < len(s); {
		open := strings.Index(s[pos:], "{{")
		if open < 0 {
			return append(parts, part{literal: s[pos:]}), nil
		}
		if open += pos; open > pos {
			parts = append(parts, part{literal: s[pos:open]})
		}
		end := closingBraces(s, open+2)
		if end < 0 {
			return nil, &SyntaxError{Source: s, Offset: open, Message: `this {{ has no }}; a literal {{ is written {{ "{{" }}`}
		}
		program, err := compile(s[open+2:end], limits)
		if err != nil {
			return nil, &SyntaxError{Source: s, Offset: open + 2 + err.Offset, Message: err.Message}
		}
		parts = append(parts, part{program: program})
		pos = end + 2
	}
	return parts, nil
}

// walkParts visits the programs of a text.
func walkParts(parts []part, visit func(*Program)) {
	for _, p := range parts {
		if p.program != nil {
			visit(p.program)
		}
	}
}

// evaluate returns the literal or the result of each part, out of one purse.
func evaluate(m *meter, parts []part, input any) ([]any, error) {
	values := make([]any, len(parts))
	for i, p := range parts {
		if p.program == nil {
			if err := m.emit(len(p.literal)); err != nil {
				return nil, outputError(err)
			}
			values[i] = p.literal
			continue
		}
		v, err := p.program.one(m, input, "wrap it in [ ]")
		if err != nil {
			return nil, err
		}
		values[i] = v
	}
	return values, nil
}

// outputError is the error of a template whose literals alone are too long.
func outputError(err error) error {
	return &EvalError{Message: "the template " + err.Error(), Reason: ReasonTooLarge}
}

// joinText puts values together as texts.
func joinText(values []any) (string, error) {
	var b strings.Builder
	for _, v := range values {
		text, err := textOf(v)
		if err != nil {
			return "", err
		}
		b.WriteString(text)
	}
	return b.String(), nil
}

// textOf is jq's tostring: a string itself, and JSON of all else.
func textOf(v any) (string, error) {
	if s, ok := v.(string); ok {
		return s, nil
	}
	text, err := gojq.Marshal(v)
	return string(text), err
}

// Quote writes a text as a template that stands for it: each {{ becomes
// {{ "{{" }}.
func Quote(text string) string { return strings.ReplaceAll(text, "{{", `{{ "{{" }}`) }
