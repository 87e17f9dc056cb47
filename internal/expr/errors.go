package expr

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/itchyny/gojq"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// SyntaxError says what is wrong with an expression or template, and where. It
// is the cause of the *meshhook.Error (CodeInvalid) that the parsers return.
type SyntaxError struct {
	// Source is the whole expression or template.
	Source string
	// Offset is the byte in Source at which the trouble begins; len(Source)
	// where something is missing at the end.
	Offset int
	// Message says what is wrong, without the place.
	Message string
}

// Error returns the message with its column, and its line if there are several.
func (e *SyntaxError) Error() string {
	line, column := e.Position()
	if strings.Contains(e.Source, "\n") {
		return fmt.Sprintf("line %d, column %d: %s", line, column, e.Message)
	}
	return fmt.Sprintf("column %d: %s", column, e.Message)
}

// Position returns the line and the column of Offset, both from 1, the column
// counted in characters.
func (e *SyntaxError) Position() (line, column int) {
	before := e.Source[:max(0, min(e.Offset, len(e.Source)))]
	start := strings.LastIndexByte(before, '\n') + 1
	return strings.Count(before, "\n") + 1, utf8.RuneCountInString(before[start:]) + 1
}

// Line returns the line of Source that is wrong and the byte in it, from 0, at
// which the trouble begins: what is needed to show the place to a person.
func (e *SyntaxError) Line() (text string, at int) {
	offset := max(0, min(e.Offset, len(e.Source)))
	start := strings.LastIndexByte(e.Source[:offset], '\n') + 1
	text, _, _ = strings.Cut(e.Source[start:], "\n")
	return text, offset - start
}

// invalid wraps a SyntaxError as the error that users of the product see.
func invalid(what string, e *SyntaxError) *meshhook.Error {
	return meshhook.Errorf(meshhook.CodeInvalid, "%s %q: %w", what, shorten(e.Source, 80), e)
}

// Reason is the machine-readable kind of an EvalError. The set is closed.
type Reason string

// The reasons for which an evaluation fails.
const (
	ReasonType     Reason = "type"      // an operation met a value that it cannot take
	ReasonNumber   Reason = "number"    // a number is infinite, NaN or has too many digits
	ReasonResults  Reason = "results"   // one result was asked for, and there were more
	ReasonUser     Reason = "user"      // the expression itself called error
	ReasonUnsafe   Reason = "unsafe"    // a value must not stand where the template puts it
	ReasonTimeout  Reason = "timeout"   // the time or the steps were used up
	ReasonTooLarge Reason = "too_large" // the memory, output or results were used up
	ReasonCanceled Reason = "canceled"  // the caller's context was canceled
	ReasonInternal Reason = "internal"  // a fault of ours, or an input that is no JSON value
)

// EvalError says why an expression gave no answer. Its text is one line of
// bounded length. It shows no value that was read from .secrets.
type EvalError struct {
	// Expr is the source of the expression; "" where no expression is to blame.
	Expr string
	// Message says what went wrong.
	Message string
	// Reason is the kind of failure.
	Reason Reason
	// Err is the cause: the context's error where the reason is timeout or
	// canceled, else nil.
	Err error
}

// Error returns the message after the expression.
func (e *EvalError) Error() string {
	if e.Expr == "" {
		return e.Message
	}
	return fmt.Sprintf("expression %q: %s", shorten(e.Expr, 80), e.Message)
}

// Unwrap returns the cause.
func (e *EvalError) Unwrap() error { return e.Err }

// fault is an error on its way through the virtual machine.
type fault struct {
	reason  Reason
	message string
	plain   string // the message without any value in it; "" if message has none
	cause   error
}

func (f *fault) Error() string { return f.message }

// typeFault is the fault of an operation on values that it cannot take, worded
// as gojq words its own.
func typeFault(operation string, values ...any) *fault {
	var shown, plain []string
	for _, v := range values {
		name := gojq.TypeOf(v)
		plain = append(plain, name)
		if v != nil {
			name += " (" + gojq.Preview(v) + ")"
		}
		shown = append(shown, name)
	}
	return &fault{
		reason:  ReasonType,
		message: operation + ": " + strings.Join(shown, " and "),
		plain:   operation + ": " + strings.Join(plain, " and "),
	}
}

// numberFault is the fault of a number that cannot be calculated with.
func numberFault(message string) *fault {
	return &fault{reason: ReasonNumber, message: message}
}

// evalError turns what came out of the virtual machine into an EvalError.
func (p *Program) evalError(err error, input any) *EvalError {
	e := &EvalError{Expr: strings.TrimSpace(p.source), Reason: ReasonType}
	var value gojq.ValueError
	if f, ok := errors.AsType[*fault](err); ok {
		e.Reason, e.Message, e.Err = f.reason, f.message, f.cause
		if p.readsSecrets && f.plain != "" {
			e.Message = f.plain
		}
	} else if errors.As(err, &value) {
		e.Reason, e.Message = ReasonUser, thrownText(value.Value())
		if p.readsSecrets {
			e.Message = maskSecrets(e.Message, input)
		}
	} else if e.Message = textOfError(err); e.Message == "" {
		e.Reason, e.Message = ReasonInternal, "the input holds what is no JSON value"
	} else if p.readsSecrets {
		e.Message = withoutValues(e.Message)
	}
	e.Message = shorten(e.Message, 300)
	return e
}

// textOfError is err.Error(), but "" where that panics: gojq words its errors
// only now, and cannot name a type that JSON has not.
func textOfError(err error) (text string) {
	defer func() {
		if recover() != nil {
			text = ""
		}
	}()
	return err.Error()
}

// thrownText is what jq's error was called with, as text. It can be of any size,
// and as a tree of any at all; a large one is only hinted at.
func thrownText(v any) string {
	if s, ok := v.(string); ok {
		return s[:min(len(s), maxSource)]
	}
	s := scale{maxBytes: maxSource, maxNodes: maxSource}
	if s.add(v, 0) != nil {
		return gojq.Preview(v)
	}
	text, err := gojq.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// withoutValues keeps of one of gojq's messages what holds no value: the text
// up to the first one, and the type of that. gojq puts a value in parentheses
// or quotes, or after a colon.
func withoutValues(message string) string {
	end := strings.IndexAny(message, `("`)
	if end < 0 {
		end = len(message)
	}
	head, kind, _ := strings.Cut(message[:end], ": ")
	switch kind = strings.TrimSpace(kind); kind {
	case "boolean", "number", "string", "array", "object", "null":
		return head + ": " + kind
	}
	return strings.TrimSpace(head) + " (the value is not shown, since the expression reads secrets)"
}

// maskSecrets replaces the values of input.secrets in a message that the
// expression composed itself.
func maskSecrets(message string, input any) string {
	context, _ := input.(map[string]any)
	secrets, _ := context["secrets"].(map[string]any)
	for _, v := range secrets {
		if s, ok := v.(string); ok && s != "" {
			message = strings.ReplaceAll(message, s, meshhook.Mask)
		}
	}
	return message
}

// shorten makes text one line of at most n characters.
func shorten(text string, n int) string {
	text = text[:min(len(text), maxSource)]
	text = strings.Join(strings.Fields(strings.ToValidUTF8(text, "?")), " ")
	if utf8.RuneCountInString(text) <= n {
		return text
	}
	return string([]rune(text)[:n-1]) + "…"
}
