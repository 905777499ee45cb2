package patient_test

import (
	"errors"
	"io"
	"runtime"
	"strings"
	"testing"
	"unicode/utf16"

	"chartroom/patient"
	"chartroom/record"
)

type readAll struct {
	patients []record.Patient
	broken   []int
	err      error
}

func readCSV(r io.Reader, c patient.CSV) (out readAll) {
	for p, err := range c.Read(r) {
		if row, ok := errors.AsType[*patient.RowError](err); ok {
			out.broken = append(out.broken, row.Line)
		} else if err != nil {
			out.err = err
		} else {
			out.patients = append(out.patients, p)
		}
	}
	return out
}

const header = "mrn,last,first,middle,suffix,dob,sex,ssn,mbi,nhs,phone,street,city,state,zip\n"

func TestBrokenRowsAreNamedByLineAndTheRestIsRead(t *testing.T) {
	got := readCSV(strings.NewReader(header+
		"1001,Okafor,Chidi,,,1984-07-19,M,219-44-8821,,,(413) 555-0182,18 Quarry Lane,Ayr,MA,01432\n"+
		"1002,Short,Row\n"+
		"1003,Lind,Tove,,,1984-13-45,F,,,,,,,,\n"+
		",Nobody,Known,,,1984-07-19,F,,,,,,,,\n"+
		"\n"+
		"1004,Sorokin,Ilya,,,1958-04-25,male,,,,,\"9 Mill \"\"Old\"\" Row, Flat 2\",,,\n"+
		"1005,\"Never closed,x,,,1958-04-25,M,,,,,,,,\n"+
		"1006,Ferrare,Lucia,,,1990-01-02,F,,,,,,,,\n"), patient.CSV{})
	if got.err != nil || len(got.patients) != 3 {
		t.Fatalf("%d patients, error %v", len(got.patients), got.err)
	}
	if want := []int{3, 4, 5, 8}; !equal(got.broken, want) {
		t.Errorf("broken lines %v, want %v", got.broken, want)
	}
	first, second := got.patients[0], got.patients[1]
	if first.SSN.Reveal() != "219448821" || first.Phone.Reveal() != "4135550182" || first.DOB.Reveal() != "1984-07-19" {
		t.Error("numbers or dates are not canonical")
	}
	if second.Street.Reveal() != `9 Mill "Old" Row, Flat 2` || second.Sex.Reveal() != "M" {
		t.Error("a quoted field or a spelled-out sex was not read")
	}
}

func equal(a, b []int) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

func TestARowErrorHoldsNothingOfTheRow(t *testing.T) {
	for _, err := range (patient.CSV{}).Read(strings.NewReader(header + "4711,Secretname,Row\n4712,Secretname,x,,,Secretdate,F,,,,,,,,\n")) {
		if err == nil || strings.Contains(err.Error(), "Secret") || strings.Contains(err.Error(), "471") {
			t.Errorf("error %v", err)
		}
	}
}

func TestEncodingsSeparatorsAndColumnNamesAreUnderstood(t *testing.T) {
	wide := utf16.Encode([]rune("\ufeffMRN\tSurname\tForename\r\n77\tMüller\tZoë\r\n"))
	little := make([]byte, 0, 2*len(wide))
	for _, u := range wide {
		little = append(little, byte(u), byte(u>>8))
	}
	files := map[string]string{
		"UTF-8 with mark":      "\ufeffMRN,Last Name,First Name\n77,Müller,Zoë\n",
		"Latin-1, semicolons":  "Medical Record Number;Family Name;Given Name\r\n77;M\xfcller;Zo\xeb\r\n",
		"UTF-16, tabs":         string(little),
		"one column for names": "patient id,patient name\n77,\"Müller, Zoë\"\n",
		"no end of line":       "mrn,last,first\n77,Müller,Zoë",
	}
	for name, file := range files {
		got := readCSV(strings.NewReader(file), patient.CSV{})
		if len(got.patients) != 1 || got.err != nil || len(got.broken) > 0 {
			t.Errorf("%s: %d patients, broken %v, error %v", name, len(got.patients), got.broken, got.err)
			continue
		}
		if p := got.patients[0]; p.MRN.Reveal() != "77" || p.Last.Reveal() != "Müller" || p.First.Reveal() != "Zoë" {
			t.Errorf("%s: read wrongly", name)
		}
	}
}

func TestAFileWithoutRecordNumbersIsRefused(t *testing.T) {
	for _, file := range []string{"", "name,age\nx,1\n", "\x89PNG\r\n\x1a\n"} {
		if got := readCSV(strings.NewReader(file), patient.CSV{}); !errors.Is(got.err, patient.ErrHeader) {
			t.Errorf("error %v", got.err)
		}
	}
}

func TestTheOrderOfDatesIsTheReaders(t *testing.T) {
	file := "mrn,dob\n1,03/04/1961\n2,25/12/1961\n"
	month, day := readCSV(strings.NewReader(file), patient.CSV{}), readCSV(strings.NewReader(file), patient.CSV{DayFirst: true})
	if month.patients[0].DOB.Reveal() != "1961-03-04" || day.patients[0].DOB.Reveal() != "1961-04-03" {
		t.Error("an ambiguous date was not read in the reader's order")
	}
	if month.patients[1].DOB.Reveal() != "1961-12-25" {
		t.Error("a date that has one reading only was not read")
	}
}

// endless gives the same text for ever, up to a number of bytes.
type endless struct {
	text string
	left int
	at   int
}

func (e *endless) Read(p []byte) (int, error) {
	if e.left <= 0 {
		return 0, io.EOF
	}
	n := 0
	for n < len(p) && e.left > 0 {
		c := copy(p[n:], e.text[e.at:])
		n, e.at, e.left = n+c, (e.at+c)%len(e.text), e.left-c
	}
	return n, nil
}

func TestMemoryStaysBoundedHoweverLongTheFile(t *testing.T) {
	for name, text := range map[string]string{
		"rows":          "1001,Okafor,Chidi,,,1984-07-19,M,,,,,,,,\n",
		"one long line": strings.Repeat("x", 1000),
		"an open quote": "1001,\"Okafor,Chidi,,,1984-07-19,M,,,,,,,,\n",
	} {
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		rows := 0
		for range patient.ReadCSV(io.MultiReader(strings.NewReader(header), &endless{text: text, left: 8 << 20})) {
			rows++
			if rows%10_000 == 0 {
				runtime.ReadMemStats(&after)
				if after.HeapAlloc > before.HeapAlloc+64<<20 {
					t.Fatalf("%s: %d MB held", name, (after.HeapAlloc-before.HeapAlloc)>>20)
				}
			}
		}
		if rows == 0 {
			t.Errorf("%s: nothing was said of the file", name)
		}
	}
}

func FuzzReadCSV(f *testing.F) {
	f.Add(header + "1,a,\"b\n\n\"\"c,,,,,,,,,,,,\n")
	f.Add("mrn;dob\n\xff\xfe;\x00")
	f.Fuzz(func(t *testing.T, file string) {
		for p, err := range patient.ReadCSV(strings.NewReader(file)) {
			if err == nil && p.MRN.IsZero() {
				t.Error("a patient without a record number")
			}
		}
	})
}
