package scan

import (
	"bytes"
	"strconv"
)

// instruction is one drawing instruction of a PDF page: an operator and what
// stands before it. Arrays and dictionaries are flattened into the operands;
// nothing here needs their shape.
type instruction struct {
	op       string
	operands []operand
}

// operand is a number, a name (without its slash) or something else.
type operand struct {
	kind   byte // '0' number, '/' name, '(' string
	number float64
	name   string
}

// maxOperands bounds what one instruction may carry; only text has so many.
const maxOperands = 4096

// instructions calls do for each instruction of a content stream until the
// stream ends or do returns false.
func instructions(content []byte, do func(instruction) bool) {
	l := lexer{b: content}
	var operands []operand
	for {
		tok, ok := l.next()
		if !ok {
			return
		}
		if tok.kind != 0 {
			if len(operands) < maxOperands {
				operands = append(operands, tok)
			}
			continue
		}
		if tok.name == "ID" { // an inline picture's bytes follow, up to EI
			l.skipInline()
			tok.name = "BI"
		} else if tok.name == "BI" {
			operands = operands[:0]
			continue
		}
		if !do(instruction{tok.name, operands}) {
			return
		}
		operands = operands[:0]
	}
}

// lexer parts a content stream. An operator has kind 0.
type lexer struct {
	b []byte
	i int
}

func isSpace(c byte) bool {
	return c == ' ' || c == '\n' || c == '\r' || c == '\t' || c == '\f' || c == 0
}

func isDelimiter(c byte) bool {
	return bytes.IndexByte([]byte("()<>[]{}/%"), c) >= 0
}

func (l *lexer) next() (operand, bool) {
	for l.i < len(l.b) {
		switch c := l.b[l.i]; {
		case isSpace(c), c == '[', c == ']', c == '{', c == '}', c == '>', c == ')':
			l.i++
		case c == '%':
			l.skipLine()
		case c == '(':
			l.skipString()
			return operand{kind: '('}, true
		case c == '<':
			if l.i++; l.i < len(l.b) && l.b[l.i] == '<' {
				l.i++
				continue
			}
			l.skipHex()
			return operand{kind: '('}, true
		case c == '/':
			l.i++
			return operand{kind: '/', name: unescapeName(l.word())}, true
		default:
			return wordOperand(l.word()), true
		}
	}
	return operand{}, false
}

func wordOperand(w string) operand {
	if c := w[0]; c >= '0' && c <= '9' || c == '-' || c == '+' || c == '.' {
		n, err := strconv.ParseFloat(w, 64)
		if err != nil {
			n = 0 // as readers do with "--5" or "1.2.3"
		}
		return operand{kind: '0', number: n}
	}
	return operand{name: w}
}

// word is everything up to a space or a delimiter.
func (l *lexer) word() string {
	start := l.i
	for l.i < len(l.b) && !isSpace(l.b[l.i]) && !isDelimiter(l.b[l.i]) {
		l.i++
	}
	return string(l.b[start:l.i])
}

func (l *lexer) skipLine() {
	for l.i < len(l.b) && l.b[l.i] != '\n' && l.b[l.i] != '\r' {
		l.i++
	}
}

func (l *lexer) skipString() {
	depth := 0
	for ; l.i < len(l.b); l.i++ {
		switch l.b[l.i] {
		case '\\':
			l.i++
		case '(':
			depth++
		case ')':
			if depth--; depth == 0 {
				l.i++
				return
			}
		}
	}
}

func (l *lexer) skipHex() {
	for l.i < len(l.b) && l.b[l.i] != '>' {
		l.i++
	}
	l.i++
}

// skipInline passes over the bytes of an inline picture: up to an EI that
// stands alone.
func (l *lexer) skipInline() {
	for l.i < len(l.b) {
		j := bytes.Index(l.b[l.i:], []byte("EI"))
		if j < 0 {
			l.i = len(l.b)
			return
		}
		at := l.i + j
		l.i = at + 2
		if isSpace(l.b[at-1]) && (l.i == len(l.b) || isSpace(l.b[l.i])) {
			return
		}
	}
}

// unescapeName resolves #xx in a name.
func unescapeName(s string) string {
	if bytes.IndexByte([]byte(s), '#') < 0 {
		return s
	}
	var out []byte
	for i := 0; i < len(s); i++ {
		if s[i] == '#' && i+2 < len(s) {
			if v, err := strconv.ParseUint(s[i+1:i+3], 16, 8); err == nil {
				out = append(out, byte(v))
				i += 2
				continue
			}
		}
		out = append(out, s[i])
	}
	return string(out)
}
