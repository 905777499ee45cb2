package patient

import (
	"bufio"
	"encoding/hex"
	"errors"
	"io"
	"iter"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
)

// HL7 v2 messages as systems really send them: delimiters are what the header
// says, segments end in CR, LF or both, several messages and batches stand in
// one file, and the bytes that frame messages on a wire may still be there.

// message is one message, of which only the segments of use are kept.
type message struct {
	line     int // where it begins
	segments []segment
	broken   string // why it cannot be read, "" where it can
}

// segment is a line of a message, cut at its fields. Field 0 is its name; a
// header's are numbered as the standard does, so that its field 1 is the
// delimiter.
type segment struct {
	fields []string
	d      delimiters
}

type delimiters struct {
	field, component, repetition, escape, sub byte
	charset                                   *charmap.Charmap // nil for UTF-8, or what is told from the bytes
}

var usual = delimiters{field: '|', component: '^', repetition: '~', escape: '\\', sub: '&'}

// segmentsOfUse are what a registry reads of a message.
const segmentsOfUse = "MSH EVN PID PD1 PV1 MRG ARV"

// longestSegment bounds a segment that is kept; others are passed over.
const longestSegment = 64 << 10

// mostSegments bounds the kept segments of one message.
const mostSegments = 2000

// messages gives the messages of a file, one by one.
func messages(r io.Reader) iter.Seq2[message, error] {
	return func(yield func(message, error) bool) {
		lines := &lineReader{in: bufio.NewReaderSize(r, longestSegment)}
		d := usual
		var now *message
		for {
			raw, long, err := lines.next()
			if err != nil && !errors.Is(err, io.EOF) {
				yield(message{}, err)
				return
			}
			name := segmentName(raw)
			if now != nil && (err != nil || name == "MSH" || name == "BHS" || name == "FHS" || name == "BTS" || name == "FTS") {
				if !yield(*now, nil) {
					return
				}
				now = nil
			}
			if err != nil {
				return
			}
			switch {
			case name == "MSH":
				now = &message{line: lines.line}
				if d = delimitersOf(raw); len(raw) < 8 {
					now.broken = "the message's header is too short"
				}
				now.add(header(raw, d), long)
				d.charset = charsetOf(now.segments[0].field(18).first().text(1))
				now.segments[0].d = d
			case now == nil && strings.Contains(segmentsOfUse, name) && name != "":
				now = &message{line: lines.line, broken: "a segment without a message's header before it"}
			case now != nil && name != "" && strings.Contains(segmentsOfUse, name):
				now.add(segment{strings.Split(raw, string(d.field)), d}, long)
			}
		}
	}
}

func (m *message) add(s segment, long bool) {
	switch {
	case long:
		m.broken = "a segment of more than 64 kB"
	case len(m.segments) >= mostSegments:
		m.broken = "a message of too many segments"
	default:
		m.segments = append(m.segments, s)
		return
	}
	if len(m.segments) == 0 {
		m.segments = append(m.segments, segment{d: usual})
	}
}

// segmentName is the three letters or digits that a segment begins with.
func segmentName(raw string) string {
	if len(raw) < 3 || len(raw) > 3 && isLetterOrDigit(raw[3]) {
		return ""
	}
	for i := range 3 {
		if !(raw[i] >= 'A' && raw[i] <= 'Z' || i > 0 && raw[i] >= '0' && raw[i] <= '9') {
			return ""
		}
	}
	return raw[:3]
}

// delimitersOf reads the delimiters that a header names; the usual ones stand
// in for those that it leaves out.
func delimitersOf(raw string) delimiters {
	d := usual
	if len(raw) < 4 {
		return d
	}
	d.field = raw[3]
	rest, _, _ := strings.Cut(raw[4:], string(d.field))
	for i, to := range []*byte{&d.component, &d.repetition, &d.escape, &d.sub} {
		if i < len(rest) {
			*to = rest[i]
		}
	}
	return d
}

// header cuts a header at its fields, of which the delimiter is the first.
func header(raw string, d delimiters) segment {
	fields := strings.Split(raw, string(d.field))
	return segment{append([]string{fields[0], string(d.field)}, fields[1:]...), d}
}

// charsetOf is the character set that a header names.
func charsetOf(name string) *charmap.Charmap {
	switch strings.NewReplacer(" ", "", "-", "", "_", "").Replace(strings.ToUpper(name)) {
	case "8859/1", "ISO88591", "ISOIR100", "LATIN1":
		return charmap.Windows1252 // what is sent as Latin-1 is often more
	case "8859/2", "ISO88592", "ISOIR101":
		return charmap.ISO8859_2
	case "8859/5", "ISO88595", "ISOIR144":
		return charmap.ISO8859_5
	case "8859/7", "ISO88597", "ISOIR126":
		return charmap.ISO8859_7
	case "8859/9", "ISO88599", "ISOIR148":
		return charmap.ISO8859_9
	case "8859/15", "ISO885915":
		return charmap.ISO8859_15
	case "WINDOWS1250", "CP1250":
		return charmap.Windows1250
	case "WINDOWS1251", "CP1251":
		return charmap.Windows1251
	}
	return nil
}

// field is one field of a segment, with all its repetitions.
type hl7Field struct {
	raw string
	d   delimiters
}

func (s segment) field(n int) hl7Field {
	if n >= len(s.fields) {
		return hl7Field{"", s.d}
	}
	return hl7Field{s.fields[n], s.d}
}

func (s segment) name() string {
	if len(s.fields) == 0 {
		return ""
	}
	return s.fields[0]
}

// null says whether the field says that there is nothing any more.
func (f hl7Field) null() bool { return f.raw == `""` }

// repetition is one of a field's values, cut at its components.
type repetition struct {
	components []string
	d          delimiters
}

// mostRepetitions bounds the repetitions of one field that are looked at.
const mostRepetitions = 200

func (f hl7Field) repetitions() (out []repetition) {
	for raw := range strings.SplitSeq(f.raw, string(f.d.repetition)) {
		if raw == "" || raw == `""` {
			continue
		}
		if out = append(out, repetition{strings.Split(raw, string(f.d.component)), f.d}); len(out) == mostRepetitions {
			break
		}
	}
	return out
}

// first is the first repetition, empty where there is none.
func (f hl7Field) first() repetition {
	if all := f.repetitions(); len(all) > 0 {
		return all[0]
	}
	return repetition{d: f.d}
}

// text is a component, from 1, as text: its first subcomponent, with escapes
// taken out.
func (r repetition) text(n int) string { return r.part(n, 1) }

// part is a subcomponent of a component, both from 1.
func (r repetition) part(n, sub int) string {
	if n > len(r.components) {
		return ""
	}
	subs := strings.Split(r.components[n-1], string(r.d.sub))
	if sub > len(subs) || subs[sub-1] == `""` {
		return ""
	}
	return strings.TrimSpace(r.d.unescape(subs[sub-1]))
}

// unescape makes text of what was sent: escapes become what they stand for,
// and bytes characters.
func (d delimiters) unescape(s string) string {
	if strings.IndexByte(s, d.escape) < 0 {
		return d.decode(s)
	}
	var b strings.Builder
	for s != "" {
		before, rest, found := strings.Cut(s, string(d.escape))
		b.WriteString(before)
		code, after, closed := strings.Cut(rest, string(d.escape))
		if !found {
			break
		}
		if !closed || len(code) > 200 { // the sign itself, by a sender who does not know its meaning
			b.WriteByte(d.escape)
			s = rest
			continue
		}
		b.WriteString(d.escaped(code))
		s = after
	}
	return d.decode(b.String())
}

func (d delimiters) escaped(code string) string {
	switch code {
	case "F":
		return string(d.field)
	case "S":
		return string(d.component)
	case "T":
		return string(d.sub)
	case "R":
		return string(d.repetition)
	case "E":
		return string(d.escape)
	case "P":
		return "#"
	}
	switch {
	case strings.HasPrefix(code, "X"):
		if raw, err := hex.DecodeString(code[1:]); err == nil {
			return string(raw)
		}
	case strings.HasPrefix(code, "."): // .br, .sp and their like part words
		return " "
	}
	return "" // highlighting, shifts of character sets, a site's own
}

// decode makes characters of bytes. What is UTF-8 is taken for it, whatever
// the header says: other text hardly ever looks like it.
func (d delimiters) decode(s string) string {
	if !utf8.ValidString(s) {
		if d.charset != nil {
			if text, err := d.charset.NewDecoder().String(s); err == nil {
				s = text
			}
		}
		if !utf8.ValidString(s) {
			s = decode([]byte(s))
		}
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return -1
		}
		return r
	}, s)
}

// lineReader reads segments. The line of the last one is counted from 1: the
// line ends are CR, LF or CR LF.
type lineReader struct {
	in   *bufio.Reader
	line int
	buf  []byte
}

// next gives a segment without the bytes of framing. One that is too long is
// cut, and told as such.
func (l *lineReader) next() (raw string, long bool, err error) {
	l.line++
	l.buf = l.buf[:0]
	for {
		c, err := l.in.ReadByte()
		if err != nil {
			if len(l.buf) > 0 && errors.Is(err, io.EOF) {
				return string(l.buf), long, nil
			}
			return "", long, err
		}
		switch c {
		case '\r':
			if next, err := l.in.Peek(1); err == nil && next[0] == '\n' {
				l.in.ReadByte()
			}
			return string(l.buf), long, nil
		case '\n':
			return string(l.buf), long, nil
		case 0x0b, 0x1c, 0x00: // framing
			continue
		}
		if len(l.buf) == longestSegment {
			long = true
			continue
		}
		if len(l.buf) == 0 && c == 0xEF { // a mark at the very start
			if mark, err := l.in.Peek(2); err == nil && mark[0] == 0xBB && mark[1] == 0xBF {
				l.in.Discard(2)
				continue
			}
		}
		l.buf = append(l.buf, c)
	}
}
