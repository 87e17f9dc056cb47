package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/profullstack/meshhook/internal/alert"
	"github.com/profullstack/meshhook/internal/content"
	"github.com/profullstack/meshhook/internal/expr"
	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/tail"
)

// checkAlert compiles an alert. Its error is an alertError.
func checkAlert(a meshhook.Alert) (*alert.Program, error) {
	program, err := alert.Compile(a)
	if invalid, ours := errors.AsType[*meshhook.Error](err); ours && len(invalid.Details) > 0 {
		return nil, &alertError{invalid, a}
	}
	return program, err
}

// alertError is all that is wrong with an alert, in the words of the flags.
type alertError struct {
	err   *meshhook.Error
	alert meshhook.Alert
}

// Error returns a line for each problem, after the flag that is to be mended.
func (e *alertError) Error() string {
	lines := make([]string, len(e.err.Details))
	for i, problem := range e.err.Details {
		lines[i] = flagOf(problem.Path) + ": " + problem.Message
	}
	return strings.Join(lines, "\n")
}

// Unwrap returns the error with its code.
func (e *alertError) Unwrap() error { return e.err }

// alertFlagNames are the flags of the members of an alert that have other names.
var alertFlagNames = map[string]string{"/expect/within": "--within"}

// flagOf names the flag that a place in an alert comes from, and the place in a
// structure.
func flagOf(path string) string {
	if name, ok := alertFlagNames[path]; ok {
		return name
	}
	member, rest, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	flag := "--" + strings.ReplaceAll(member, "_", "-")
	switch member {
	case "headers":
		return "--header " + unescape(rest)
	case "payload":
		if rest != "" {
			return flag + " at /" + rest
		}
	}
	return flag
}

// unescape reads a member of a JSON Pointer (RFC 6901, section 4).
func unescape(name string) string { return strings.NewReplacer("~1", "/", "~0", "~").Replace(name) }

// showAlertProblems prints what is wrong with an alert, each with the place in the
// expression where there is one.
func (a *app) showAlertProblems(e *alertError) {
	for _, problem := range e.err.Details {
		for line := range strings.SplitSeq(flagOf(problem.Path)+": "+problem.Message, "\n") {
			fmt.Fprintln(a.Err, "error: "+tail.Clean(line))
		}
		if syntax, ok := errors.AsType[*expr.SyntaxError](syntaxAt(e.alert, problem.Path)); ok {
			a.showSyntax(syntax)
		}
	}
}

// syntaxAt parses the expression at a place in an alert again, for where in it the
// trouble begins; nil where there is none.
func syntaxAt(a meshhook.Alert, path string) (err error) {
	member, rest, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	switch member {
	case "when":
		_, err = expr.Compile(a.When)
	case "throttle_key":
		_, err = expr.Compile(a.ThrottleKey)
	case "url":
		_, err = expr.ParseURL(a.URL)
	case "headers":
		_, err = expr.ParseHeader(a.Headers[unescape(rest)])
	case "payload":
		_, err = expr.ParseTemplate(payloadAt(a.Payload, rest))
	}
	return err
}

// payloadAt is the value at a place in a payload, "" for all of it; nil where there is
// none.
func payloadAt(payload json.RawMessage, path string) any {
	value, err := content.Decode(payload)
	if err != nil {
		return nil
	}
	for path != "" {
		var member string
		member, path, _ = strings.Cut(path, "/")
		switch at := value.(type) {
		case map[string]any:
			value = at[unescape(member)]
		case []any:
			i, err := strconv.Atoi(member)
			if err != nil || i < 0 || i >= len(at) {
				return nil
			}
			value = at[i]
		default:
			return nil
		}
	}
	return value
}
