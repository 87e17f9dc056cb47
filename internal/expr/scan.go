package expr

import "strings"

// scanner reads jq's tokens as far as it takes to know where strings, comments
// and brackets begin and end. The grammar is gojq's business.
type scanner struct {
	src   string
	pos   int
	stack []byte // open brackets, and '"' for a string around an interpolation
}

// token is a piece of source that is not in a string or comment.
type token struct {
	kind       tokenKind
	start, end int
}

type tokenKind int

const (
	tokenEnd   tokenKind = iota
	tokenWord            // a name: select, $x, @json, and keywords
	tokenField           // .name
	tokenOpen            // ( [ {
	tokenClose           // ) ] }
	tokenOther           // one byte of anything else
)

// next returns the next token; a string counts as no token, but what is
// interpolated in it does.
func (s *scanner) next() token {
	for s.pos < len(s.src) {
		start, c := s.pos, s.src[s.pos]
		s.pos++
		switch {
		case c == '"':
			s.skipString()
		case c == '#':
			s.skipComment()
		case c == ' ' || c == '\t' || c == '\n' || c == '\r':
		case isWord(c) || c == '$' || c == '@':
			return s.word(tokenWord, start)
		case c == '.' && s.pos < len(s.src) && isWord(s.src[s.pos]):
			return s.word(tokenField, start)
		case strings.IndexByte("([{", c) >= 0:
			s.stack = append(s.stack, c)
			return token{tokenOpen, start, s.pos}
		case strings.IndexByte(")]}", c) >= 0:
			return s.closing(c, start)
		default:
			return token{tokenOther, start, s.pos}
		}
	}
	return token{tokenEnd, len(s.src), len(s.src)}
}

func isWord(c byte) bool {
	return c == '_' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}

func (s *scanner) word(kind tokenKind, start int) token {
	for s.pos < len(s.src) && isWord(s.src[s.pos]) {
		s.pos++
	}
	return token{kind, start, s.pos}
}

// closing pops the bracket that c closes. Where that ends an interpolation, the
// string around it goes on.
func (s *scanner) closing(c byte, start int) token {
	t := token{tokenClose, start, s.pos}
	if n := len(s.stack); n > 0 && pairs(s.stack[n-1], c) {
		s.stack = s.stack[:n-1]
		if n > 1 && c == ')' && s.stack[n-2] == '"' {
			s.stack = s.stack[:n-2]
			s.skipString()
		}
	}
	return t
}

func pairs(open, end byte) bool {
	return open == '(' && end == ')' || open == '[' && end == ']' || open == '{' && end == '}'
}

// skipString goes to the end of the string whose quote has been read, or into
// the first interpolation in it.
func (s *scanner) skipString() {
	for s.pos < len(s.src) {
		c := s.src[s.pos]
		s.pos++
		switch {
		case c == '"':
			return
		case c == '\\' && s.pos < len(s.src):
			s.pos++
			if s.src[s.pos-1] == '(' {
				s.stack = append(s.stack, '"', '(')
				return
			}
		}
	}
}

// skipComment goes to the end of the line. As in jq 1.7, a backslash takes the
// line end after it into the comment.
func (s *scanner) skipComment() {
	for s.pos < len(s.src) {
		switch c := s.src[s.pos]; c {
		case '\n', '\r':
			return
		case '\\':
			s.pos++
			if rest := s.src[s.pos:]; strings.HasPrefix(rest, "\r\n") {
				s.pos += 2
			} else if rest != "" && strings.IndexByte("\\\n\r", rest[0]) >= 0 {
				s.pos++
			}
		default:
			s.pos++
		}
	}
}

// closingBraces returns the offset of the }} that ends the expression which
// begins at from, or -1. Braces in strings and comments, and braces that close
// one opened in the expression, do not end it.
func closingBraces(src string, from int) int {
	s := scanner{src: src, pos: from}
	for {
		depth := len(s.stack)
		t := s.next()
		switch {
		case t.kind == tokenEnd:
			return -1
		case t.kind != tokenClose || src[t.start] != '}' || len(s.stack) < depth:
		case strings.HasPrefix(src[t.start:], "}}"):
			return t.start
		}
	}
}

// findWord returns the offset of the first place where name stands as a
// function or variable, or 0: the AST knows no places, so errors about a name
// look for it here.
func findWord(src, name string) int {
	s := scanner{src: src}
	for {
		t := s.next()
		if t.kind == tokenEnd {
			return 0
		}
		if t.kind == tokenWord && src[t.start:t.end] == name {
			return t.start
		}
	}
}
