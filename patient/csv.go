package patient

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"chartroom/record"
)

// ErrHeader says that a file's first line names no column of record numbers.
var ErrHeader = errors.New("the first line names no column for the record number (such as mrn)")

// RowError is a row that could not be read. It says where and why, never what
// stood there.
type RowError struct {
	Line   int // of the file, from 1, where the row begins
	Reason string
}

func (e *RowError) Error() string { return fmt.Sprintf("line %d: %s", e.Line, e.Reason) }

// CSV reads registries. The zero value reads dates in numbers with the month
// first where they could be either.
type CSV struct{ DayFirst bool }

// ReadCSV reads a registry with the zero value of CSV.
func ReadCSV(r io.Reader) iter.Seq2[record.Patient, error] { return CSV{}.Read(r) }

// Read gives the patients of a delimited file, one by one, holding no more
// than one row in memory. Its first line names the columns, in any order and
// under any of their common names; commas, semicolons, tabs and bars part
// them. UTF-8, UTF-16 with its mark, and Latin-1 are understood.
//
// A broken row gives a *RowError and reading goes on. A file without a header
// that helps gives one error that wraps ErrHeader, and one that cannot be read
// further the reader's error; then it ends.
func (c CSV) Read(r io.Reader) iter.Seq2[record.Patient, error] {
	return func(yield func(record.Patient, error) bool) {
		for ch, err := range c.changes(r) {
			if !yield(ch.Patient, err) {
				return
			}
		}
	}
}

// changes is Read, with what the columns say beside the patient.
func (c CSV) changes(r io.Reader) iter.Seq2[record.PatientChange, error] {
	return func(yield func(record.PatientChange, error) bool) {
		rows := newRowReader(r)
		columns, says, err := rows.header()
		if err != nil {
			yield(record.PatientChange{}, err)
			return
		}
		for {
			line, fields, err := rows.next()
			if errors.Is(err, io.EOF) {
				return
			}
			p, err := c.row(line, fields, columns, err)
			if p == nil && err == nil {
				continue
			}
			if err != nil {
				p = &record.Patient{}
			}
			ch := record.PatientChange{Kind: record.ChangeWhole, Line: line, Patient: *p, Alive: says.death && !p.Deceased, Unguarded: says.guard && !p.Restricted}
			if _, broken := errors.AsType[*RowError](err); !yield(ch, err) || err != nil && !broken {
				return
			}
		}
	}
}

// row makes a patient of a row, nil where the row is empty.
func (c CSV) row(line int, fields []string, columns []column, err error) (*record.Patient, error) {
	if err != nil || len(fields) == 0 || len(fields) == 1 && strings.TrimSpace(fields[0]) == "" {
		return nil, err
	}
	if len(fields) != len(columns) {
		return nil, &RowError{line, fmt.Sprintf("%d columns where the first line has %d", len(fields), len(columns))}
	}
	var p record.Patient
	for i, set := range columns {
		if set == nil {
			continue
		}
		if reason := set(c, &p, strings.TrimSpace(fields[i])); reason != "" {
			return nil, &RowError{line, reason}
		}
	}
	if p.MRN.IsZero() {
		return nil, &RowError{line, "no record number"}
	}
	for i := range p.Names {
		completeName(&p.Names[i], &p)
	}
	return &p, nil
}

// maxRow bounds a row in bytes, maxJoined how many lines a quoted field may
// span: a quote that is never closed must not swallow the file.
const (
	maxRow    = 64 << 10
	maxJoined = 8
)

// A rowReader reads rows of fields. Lines that were read ahead for a quoted
// field that did not end are kept and read again as rows of their own.
type rowReader struct {
	in      *bufio.Reader
	comma   rune
	line    int // of the last line taken
	pending []string
}

func newRowReader(r io.Reader) *rowReader {
	in := bufio.NewReaderSize(r, maxRow)
	mark, _ := in.Peek(3)
	switch {
	case bytes.HasPrefix(mark, []byte{0xEF, 0xBB, 0xBF}):
		in.Discard(3)
	case bytes.HasPrefix(mark, []byte{0xFF, 0xFE}), bytes.HasPrefix(mark, []byte{0xFE, 0xFF}):
		in = bufio.NewReaderSize(&utf16Reader{in: in, big: mark[0] == 0xFE}, maxRow)
		in.ReadRune() // the mark
	}
	return &rowReader{in: in}
}

// header reads the first line and says which column goes where.
func (r *rowReader) header() (columns []column, says says, err error) {
	first, err := r.takeLine()
	if errors.Is(err, io.EOF) {
		return nil, says, fmt.Errorf("read registry: empty file: %w", ErrHeader)
	}
	if err != nil {
		return nil, says, fmt.Errorf("read registry: %w", err)
	}
	r.comma = separator(first)
	names, _ := r.split(first)
	columns = make([]column, len(names))
	found, id := false, -1
	for i, name := range names {
		key := letters(name)
		columns[i] = columnNamed(key)
		found = found || isMRNColumn(key)
		says.death = says.death || slices.Contains(deathNames, key)
		says.guard = says.guard || slices.Contains(guardNames, key)
		if key == "ID" {
			id = i
		}
	}
	if !found && id >= 0 { // where nothing better names the record number
		columns[id], found = columnNamed(mrnNames[0]), true
	}
	if !found {
		return nil, says, fmt.Errorf("read registry: %w", ErrHeader)
	}
	return columns, says, nil
}

// says is what a file has a column for.
type says struct{ death, guard bool }

// separator is what parts the columns: the commonest of those in use.
func separator(header string) rune {
	best, most := ',', 0
	for _, r := range ",;\t|" {
		if n := strings.Count(header, string(r)); n > most {
			best, most = r, n
		}
	}
	return best
}

// next reads a row: its line number and fields.
func (r *rowReader) next() (int, []string, error) {
	text, err := r.takeLine()
	line := r.line
	if err != nil {
		return line, nil, err
	}
	joined := []string{}
	for {
		fields, open := r.split(text)
		if !open {
			return line, fields, nil
		}
		more, err := r.takeLine()
		if errors.Is(err, io.EOF) || len(joined) == maxJoined || err == nil && len(text)+len(more) > maxRow {
			if err == nil {
				joined = append(joined, more)
			}
			r.pending = append(joined, r.pending...)
			r.line = line
			return line, nil, &RowError{line, "a quotation mark that is not closed"}
		}
		if err != nil {
			return line, nil, err
		}
		joined = append(joined, more)
		text += "\n" + more
	}
}

// takeLine gives the next line as UTF-8 without its end.
func (r *rowReader) takeLine() (string, error) {
	r.line++
	if len(r.pending) > 0 {
		text := r.pending[0]
		r.pending = r.pending[1:]
		return text, nil
	}
	raw, err := r.in.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) {
		for errors.Is(err, bufio.ErrBufferFull) {
			_, err = r.in.ReadSlice('\n')
		}
		if err == nil || errors.Is(err, io.EOF) {
			err = &RowError{r.line, fmt.Sprintf("longer than %d bytes", maxRow)}
		}
		return "", err
	}
	if err != nil && (!errors.Is(err, io.EOF) || len(raw) == 0) {
		return "", err
	}
	return decode(bytes.TrimRight(raw, "\r\n")), nil
}

// split parts a line into fields, and says whether a quoted one is still open.
// A quotation mark inside a field that did not open with one is a character.
func (r *rowReader) split(s string) (fields []string, open bool) {
	var field strings.Builder
	quoted, closed := false, false
	for len(s) > 0 {
		c, size := utf8.DecodeRuneInString(s)
		s = s[size:]
		switch {
		case c == '"' && quoted && strings.HasPrefix(s, `"`):
			field.WriteByte('"')
			s = s[1:]
		case c == '"' && quoted:
			quoted, closed = false, true
		case c == '"' && !closed && strings.TrimSpace(field.String()) == "":
			field.Reset()
			quoted = true
		case c == r.comma && !quoted:
			fields = append(fields, field.String())
			field.Reset()
			closed = false
		default:
			field.WriteRune(c)
		}
	}
	return append(fields, field.String()), quoted
}

// decode makes text of a line: UTF-8 as it is, anything else as Latin-1 with
// the signs that Windows puts where Latin-1 has none.
func decode(raw []byte) string {
	if utf8.Valid(raw) {
		return string(raw)
	}
	var b strings.Builder
	for _, c := range raw {
		switch c {
		case 0x91, 0x92:
			b.WriteByte('\'')
		case 0x8A:
			b.WriteRune('Š')
		case 0x8E:
			b.WriteRune('Ž')
		case 0x9A:
			b.WriteRune('š')
		case 0x9E:
			b.WriteRune('ž')
		default:
			b.WriteRune(rune(c))
		}
	}
	return b.String()
}

// utf16Reader turns UTF-16 into UTF-8 as it is read.
type utf16Reader struct {
	in   *bufio.Reader
	big  bool
	rest []byte
}

func (u *utf16Reader) Read(p []byte) (int, error) {
	for len(u.rest) == 0 {
		r, err := u.unit()
		if err != nil {
			return 0, err
		}
		if utf16.IsSurrogate(r) {
			low, err := u.unit()
			if err != nil {
				return 0, err
			}
			r = utf16.DecodeRune(r, low)
		}
		u.rest = utf8.AppendRune(nil, r)
	}
	n := copy(p, u.rest)
	u.rest = u.rest[n:]
	return n, nil
}

func (u *utf16Reader) unit() (rune, error) {
	a, err := u.in.ReadByte()
	if err != nil {
		return 0, err
	}
	b, err := u.in.ReadByte()
	if err != nil {
		return 0, err
	}
	if u.big {
		return rune(a)<<8 | rune(b), nil
	}
	return rune(b)<<8 | rune(a), nil
}
