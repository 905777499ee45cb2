package patient

import (
	"bufio"
	"bytes"
	"fmt"
	"hash/maphash"
	"io"
	"iter"
	"slices"
	"strings"
	"time"

	"chartroom/record"
)

// Format is a form in which registries are delivered.
type Format string

// The formats, which are told by what a file holds and never by its name.
const (
	FormatCSV  Format = "CSV"
	FormatFHIR Format = "FHIR"
	FormatHL7  Format = "HL7 v2"
)

// Reader reads the files in which other systems deliver who their patients
// are. Its zero value will do.
type Reader struct {
	DayFirst bool     // how a CSV file means dates that could be either
	Own      []string // names that the site's own authority goes by in files
	Replace  bool     // a number may go over to somebody else
	Today    string   // no birth or death is later; the zero value is today
}

// Skipped is something in a file that is well and of no use: a message of
// another kind, a resource that is no patient.
type Skipped struct {
	Line   int
	Reason string
}

func (e *Skipped) Error() string { return fmt.Sprintf("line %d: %s", e.Line, e.Reason) }

// Doubt is something in a file that can hardly be so. The patient is taken as
// the file says: leaving somebody out would hide who is alike.
type Doubt struct {
	Line   int
	Reason string
}

func (e *Doubt) Error() string { return fmt.Sprintf("line %d: %s", e.Line, e.Reason) }

// openingSize is how much of a file's beginning tells its format.
const openingSize = 1 << 20

// Read gives the changes that a file holds, one by one, and holds no more than
// one patient in memory. What cannot be read gives a *RowError, what is of no
// use a *Skipped, what can hardly be so a *Doubt beside the change itself, and
// reading goes on; any other error is the last.
func (r Reader) Read(in io.Reader) (Format, iter.Seq2[record.PatientChange, error]) {
	if r.Today == "" {
		r.Today = time.Now().Format(time.DateOnly)
	}
	buffered := bufio.NewReaderSize(in, openingSize)
	opening, _ := buffered.Peek(openingSize)
	switch formatOf(opening) {
	case FormatHL7:
		return FormatHL7, r.doubted(r.readHL7(buffered))
	case FormatFHIR:
		return FormatFHIR, r.doubted(r.once(r.readFHIR(buffered, opening)))
	}
	return FormatCSV, r.doubted(r.once(r.readCSV(buffered)))
}

// formatOf tells a format by how a file begins.
func formatOf(opening []byte) Format {
	text := bytes.TrimLeft(bytes.TrimPrefix(opening, []byte("\xEF\xBB\xBF")), " \t\r\n\v\x1c")
	for _, head := range []string{"MSH", "FHS", "BHS"} {
		if rest, ok := bytes.CutPrefix(text, []byte(head)); ok && len(rest) > 1 && !isLetterOrDigit(rest[0]) && rest[0] > ' ' && !bytes.ContainsAny(rest[:1], ",;") {
			return FormatHL7
		}
	}
	if len(text) > 0 && (text[0] == '{' || text[0] == '[') {
		return FormatFHIR
	}
	return FormatCSV
}

func isLetterOrDigit(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z'
}

// readCSV gives the rows of a delimited file as changes.
func (r Reader) readCSV(in io.Reader) iter.Seq2[record.PatientChange, error] {
	return func(yield func(record.PatientChange, error) bool) {
		for ch, err := range (CSV{DayFirst: r.DayFirst}).changes(in) {
			if err == nil {
				ch.Patient.Authority = r.authority(ch.Patient.Authority)
				for i := range ch.Patient.Numbers {
					ch.Patient.Numbers[i].Authority = r.authority(ch.Patient.Numbers[i].Authority)
				}
			}
			ch.Correction = r.Replace
			if !yield(ch, err) {
				return
			}
		}
	}
}

// authority is an authority's name as the registry has it.
func (r Reader) authority(name string) string {
	name = strings.TrimSpace(name)
	if name == "" || slices.ContainsFunc(r.Own, func(own string) bool { return strings.EqualFold(strings.TrimSpace(own), name) }) {
		return ""
	}
	return name
}

// doubted adds what can hardly be so.
func (r Reader) doubted(changes iter.Seq2[record.PatientChange, error]) iter.Seq2[record.PatientChange, error] {
	return func(yield func(record.PatientChange, error) bool) {
		for ch, err := range changes {
			if err == nil {
				if reason := r.implausible(&ch.Patient); reason != "" && !yield(record.PatientChange{Line: ch.Line}, &Doubt{ch.Line, reason}) {
					return
				}
			}
			if !yield(ch, err) {
				return
			}
		}
	}
}

// implausible says what is impossible about a patient's dates, or "".
func (r Reader) implausible(p *record.Patient) string {
	dob, death := p.DOB.Reveal(), p.DeathDate.Reveal()
	switch {
	case len(dob) == 10 && dob > r.Today:
		return "the birth date lies in the future"
	case len(death) == 10 && death > r.Today:
		return "the date of death lies in the future"
	case len(dob) == 10 && len(death) == 10 && death < dob:
		return "the date of death is before the birth date"
	}
	return ""
}

// mostOnce bounds how many record numbers of one file are remembered.
const mostOnce = 8_000_000

// once refuses a record number that a file gives a second time with other
// data: nobody could say which is right. The same again is of no use.
func (r Reader) once(changes iter.Seq2[record.PatientChange, error]) iter.Seq2[record.PatientChange, error] {
	type place struct {
		line  int32
		bytes uint32 // a hash of the rest
	}
	return func(yield func(record.PatientChange, error) bool) {
		seed, seen := maphash.MakeSeed(), map[uint64]place{}
		for ch, err := range changes {
			if err == nil && ch.Kind == record.ChangeWhole {
				key := maphash.String(seed, ch.Patient.Authority+"\x00"+ch.Patient.MRN.Reveal())
				body, _ := record.MarshalPatientLine(&ch.Patient)
				here := place{int32(ch.Line), uint32(maphash.Bytes(seed, body))}
				before, again := seen[key]
				switch {
				case again && before.bytes == here.bytes:
					err = &Skipped{ch.Line, fmt.Sprintf("the same as line %d", before.line)}
				case again:
					err = &RowError{ch.Line, fmt.Sprintf("the record number stands on line %d already, with other data", before.line)}
				case len(seen) < mostOnce:
					seen[key] = here
				}
			}
			if !yield(ch, err) {
				return
			}
		}
	}
}

// date reads a date of HL7 or FHIR, of which at least the day must be given:
// "" where it is not. ok is false where it is no date.
func date(s string) (iso string, ok bool) {
	digits := strings.Map(func(c rune) rune {
		if c == '-' {
			return -1
		}
		return c
	}, s[:min(len(s), 10)])
	if len(digits) < 8 && strings.Trim(digits, "0123456789") == "" {
		return "", len(digits) == 4 || len(digits) == 6 || len(digits) == 0
	}
	t, err := time.Parse("20060102", digits[:min(len(digits), 8)])
	if err != nil || t.Year() < 1850 || t.Year() > 2200 {
		return "", false
	}
	return t.Format(time.DateOnly), true
}
