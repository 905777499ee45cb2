package patient_test

import (
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"

	"chartroom/patient"
	"chartroom/record"
)

// taken is what a reader makes of a text: changes as "kind authority|mrn|…"
// and errors as what they say.
func taken(t *testing.T, r patient.Reader, text string) (lines []string) {
	t.Helper()
	if r.Today == "" {
		r.Today = "2026-11-25"
	}
	_, changes := r.Read(strings.NewReader(text))
	for ch, err := range changes {
		if err != nil {
			lines = append(lines, fmt.Sprintf("%T %s", err, err))
			continue
		}
		p := ch.Patient
		line := fmt.Sprintf("%s %s|%s|%s|%s|%s", ch.Kind, p.Authority, p.MRN.Reveal(), p.Last.Reveal(), p.First.Reveal(), p.DOB.Reveal())
		for _, n := range p.Names {
			line += fmt.Sprintf(" %s=%s,%s", n.Kind, n.Last.Reveal(), n.First.Reveal())
		}
		for _, n := range p.Numbers {
			line += fmt.Sprintf(" %s=%s:%s", n.Kind, n.Authority, n.Value.Reveal())
		}
		if ch.Other != (record.PatientKey{}) {
			line += fmt.Sprintf(" other=%s:%s", ch.Other.Authority, ch.Other.MRN.Reveal())
		}
		for word, is := range map[string]bool{"alive": ch.Alive, "unguarded": ch.Unguarded} {
			if is {
				line += " " + word
			}
		}
		if p.Deceased {
			line += " died=" + p.DeathDate.Reveal()
		}
		if p.Restricted {
			line += " restricted"
		}
		lines = append(lines, line)
	}
	return lines
}

func expect(t *testing.T, name string, have []string, want ...string) {
	t.Helper()
	if strings.Join(have, "\n") != strings.Join(want, "\n") {
		t.Errorf("%s:\n%s\nwant\n%s", name, strings.Join(have, "\n"), strings.Join(want, "\n"))
	}
}

const adtHead = "MSH|^~\\&|ADT|NORTH|CHART|NORTH|20260102||ADT^%s|7|P|2.5||||||%s\r"

func adt(event, charset string, segments ...string) string {
	return fmt.Sprintf(adtHead, event, charset) + strings.Join(segments, "\r") + "\r"
}

func TestADTMessagesAreRead(t *testing.T) {
	north := patient.Reader{Own: []string{"NORTH", "2.16.1"}}
	for _, c := range []struct {
		name, text string
		want       []string
	}{
		{"registration", adt("A28", "", "EVN|A28", "PID|1||0001^^^NORTH^MR~N7^^^WEST^MR~219448821^^^SSA^SS||GARCIA^MARIA^L^^^^L~LOPEZ^MARIA^^^^^M|SMITH^ANN|19610314120000+0000|F|GARCIA^MIA^^^^^N||18 QUARRY LANE^^AYR^MA^01432||(413)555-0182"),
			[]string{"part |0001|GARCIA|MARIA|1961-03-14 former=LOPEZ,MARIA alias=GARCIA,MIA mrn=WEST:N7"}},
		{"the site's own number first, whatever the order", adt("A08", "", "PID|1||N7^^^WEST^MR~0001^^^X&2.16.1&ISO^MR~0002^^^NORTH^MR||GARCIA^MARIA"),
			[]string{"part |0002|GARCIA|MARIA| mrn=WEST:N7 mrn=X:0001"}},
		{"authority by its universal id", adt("A08", "", "PID|1||0001^^^&2.16.1&ISO^MR||GARCIA^MARIA"), []string{"part |0001|GARCIA|MARIA|"}},
		{"other delimiters", "MSH#*~!$#ADT#NORTH#C#N#2026##ADT*A04#1#P#2.3\nPID#1##0001***NORTH*MR##GAR!F!CIA*MA!S!RIA##19610314\n", []string{"part |0001|GAR#CIA|MA*RIA|1961-03-14"}},
		{"escapes", adt("A08", "", `PID|1||0001||O\T\BRIEN\X41\\X42\^A\F\N\E\N\H\A\N\|`), []string{`part |0001|O&BRIENAB|A|N\NA|`}},
		{"an escape without its end", adt("A08", "", `PID|1||0001||BACK\SLASH^ANN`), []string{`part |0001|BACK\SLASH|ANN|`}},
		{"Latin-1 that the header names", adt("A08", "8859/1", "PID|1||0001||MU\xd1OZ^JOS\xc9"), []string{"part |0001|MUÑOZ|JOSÉ|"}},
		{"Latin-2 that the header names", adt("A08", "8859/2", "PID|1||0001||\xa3UKASIK^JAN"), []string{"part |0001|ŁUKASIK|JAN|"}},
		{"UTF-8 in hexadecimal", adt("A08", "UNICODE UTF-8", `PID|1||0001||MU\XC391\OZ^JOSE`), []string{"part |0001|MUÑOZ|JOSE|"}},
		{"UTF-8 that the header denies", adt("A08", "8859/1", "PID|1||0001||MUÑOZ^JOSÉ"), []string{"part |0001|MUÑOZ|JOSÉ|"}},
		{"framed, in a batch, with both line ends", "\xEF\xBB\xBFFHS|^~\\&|X\r\nBHS|^~\\&|X\r\n\x0b" + strings.ReplaceAll(adt("A01", "", "PID|1||0001||GARCIA^MARIA"), "\r", "\r\n") + "\x1c\r\x0b" + adt("A04", "", "PID|1||0002||STONE^AL") + "\x1c\rBTS|2\rFTS|1\r",
			[]string{"part |0001|GARCIA|MARIA|", "part |0002|STONE|AL|"}},
		{"merge", adt("A40", "", "PID|1||0001^^^NORTH^MR||GARCIA^MARIA", "PD1|x", "MRG|0002^^^NORTH^MR~0003^^^WEST^MR"),
			[]string{"merge |0001|GARCIA|MARIA| other=:0002", "merge |0001|GARCIA|MARIA| other=WEST:0003"}},
		{"two merges in a message", adt("A39", "", "PID|1||0001", "MRG|0002", "PID|2||0005", "MRG|0006"), []string{"merge |0001||| other=:0002", "merge |0005||| other=:0006"}},
		{"un-merge", adt("A37", "", "PID|1||0001", "PV1|1", "PID|2||0002"), []string{"unmerge |0001||| other=:0002"}},
		{"death", adt("A31", "", "PID|1||0001||GARCIA^MARIA"+strings.Repeat("|", 24)+"202001020304|Y"), []string{"part |0001|GARCIA|MARIA| died=2020-01-02"}},
		{"death taken back", adt("A31", "", "PID|1||0001||GARCIA^MARIA"+strings.Repeat("|", 25)+"N"), []string{"part |0001|GARCIA|MARIA| alive"}},
		{"restricted", adt("A31", "", "PID|1||0001", "PD1||||||||||||Y"), []string{"part |0001||| restricted"}},
		{"a VIP's visit", adt("A01", "", "PID|1||0001", "PV1|1|I||||||||||||||VIP"), []string{"part |0001||| restricted"}},
		{"no longer restricted", adt("A31", "", "PID|1||0001", "PD1||||||||||||N"), []string{"part |0001||| unguarded"}},
		{"a field erased", adt("A31", "", `PID|1||0001||GARCIA^MARIA||""`), []string{`part |0001|GARCIA|MARIA|""`}},
		{"the event's own segment tells the event", "MSH|^~\\&|A|B|C|D|2026||ADT|1|P|2.3\rEVN|A08\rPID|1||0001||GARCIA^MARIA\r", []string{"part |0001|GARCIA|MARIA|"}},
		{"the year alone", adt("A08", "", "PID|1||0001||GARCIA^MARIA||1961"), []string{"part |0001|GARCIA|MARIA|"}},
		{"what is of no use", adt("A11", "", "PID|1||0001") + "MSH|^~\\&|A|B|C|D|2026||ORU^R01|1|P|2.3\rPID|1||0002\r",
			[]string{"*patient.Skipped line 1: an event that says nothing of who a patient is", "*patient.Skipped line 3: no ADT message"}},
		{"broken ones among good ones", adt("A08", "", "PID|1||||NOBODY^ANN") + adt("A08", "", "PID|1||0001||GARCIA^MARIA||19610230") + adt("A40", "", "PID|1||0001") + adt("A37", "", "PID|1||0001") + adt("A08", "") + "PID|1||0001\r" + adt("A08", "", "PID|1||0009||LAST^ANN"),
			[]string{"*patient.RowError line 1: no record number", "*patient.RowError line 3: the birth date is not a date", "*patient.RowError line 5: the message does not name which record is merged into which",
				"*patient.RowError line 7: the message does not name the two records that are parted", "part |0001|||", "part |0009|LAST|ANN|"}},
		{"a birth date in the future", adt("A08", "", "PID|1||0001||GARCIA^MARIA||20610314"), []string{"*patient.Doubt line 1: the birth date lies in the future", "part |0001|GARCIA|MARIA|2061-03-14"}},
	} {
		expect(t, c.name, taken(t, north, c.text), c.want...)
	}
}

const fhirPatient = `{"resourceType":"Patient","meta":{"security":[{"code":"R"}]},"identifier":[
 {"use":"old","type":{"coding":[{"code":"MR"}]},"system":"urn:north","value":"00-77"},
 {"type":{"coding":[{"code":"MR"}]},"system":"urn:north","value":"0001"},
 {"system":"http://hl7.org/fhir/sid/us-ssn","value":"219-44-8821"},
 {"type":{"coding":[{"code":"DL"}]},"value":"D1"}],
 "name":[{"use":"maiden","family":"Lopez"},{"use":"official","family":"García","given":["María","L"]},{"use":"nickname","given":["Mia"]}],
 "telecom":[{"system":"email","value":"x@y.example"},{"system":"phone","value":"(413) 555-0182"}],
 "gender":"female","birthDate":"1961-03-14","deceasedDateTime":"2020-01-02T03:04:05Z",
 "address":[{"use":"old","line":["1 Gone St"]},{"line":["18 Quarry Lane"],"city":"Ayr","state":"MA","postalCode":"01432"}],
 "link":[{"type":"replaces","other":{"identifier":{"system":"urn:north","value":"0002"}}}]}`

func TestFHIRPatientsAreReadInEveryForm(t *testing.T) {
	north := patient.Reader{Own: []string{"urn:north"}}
	want := []string{"whole |0001|García|María|1961-03-14 former=Lopez, alias=García,Mia mrn=:0077 died=2020-01-02 restricted", "merge |0001||| other=:0002"}
	compact := strings.ReplaceAll(fhirPatient, "\n", "")
	plain := `{"resourceType":"Patient","identifier":[{"value":"0009"}],"name":[{"text":"Stone, Al"}]}`
	said := "whole |0009|Stone|Al|"
	other := `{"resourceType":"Observation","note":"x"}`
	for _, c := range []struct {
		name, text string
		want       []string
	}{
		{"alone", fhirPatient, want},
		{"alone, with a mark", "\xEF\xBB\xBF" + fhirPatient, want},
		{"one a line", compact + "\n" + plain + "\n", append(want[:2:2], said)},
		{"a bundle", `{"resourceType":"Bundle","type":"searchset","entry":[{"fullUrl":"x","resource":` + fhirPatient + `},` + "\n" + `{"resource":` + other + `},{"resource":` + plain + `},{"fullUrl":"y"}],"total":3}`,
			append(want[:2:2], "*patient.Skipped line 11: entry 2: no Patient", said, "*patient.Skipped line 11: entry 4: no resource")},
		{"bundles on lines", `{"resourceType":"Bundle","entry":[{"resource":` + compact + `}]}` + "\n" + `{"resourceType":"Bundle","entry":[{"resource":` + plain + `}]}` + "\n", append(want[:2:2], said)},
		{"a list", "[" + fhirPatient + "," + plain + "]", append(want[:2:2], said)},
		{"a broken line among good ones", plain + "\n" + `{"resourceType":"Patient","identifier":7}` + "\n{\"resourceType\"\n" + compact + "\n",
			append([]string{said, "*patient.RowError line 2: a number where there should be none", "*patient.RowError line 3: not JSON"}, want...)},
		{"a broken entry among good ones", `{"resourceType":"Bundle","entry":[{"resource":{"resourceType":"Patient","birthDate":"1961-02-30","identifier":[{"value":"1"}]}},{"resource":{"resourceType":"Patient"}},{"resource":` + plain + `}]}`,
			[]string{"*patient.RowError line 1: entry 1: the birth date is not a date", "*patient.RowError line 1: entry 2: no record number", said}},
		{"a link by a server's name alone", `{"resourceType":"Patient","identifier":[{"value":"1"}],"link":[{"type":"replaced-by","other":{"reference":"Patient/7"}}]}` + "\n",
			[]string{"*patient.RowError line 1: a link to another patient that does not give that patient's record number"}},
		{"replaced by another", `{"resourceType":"Patient","identifier":[{"value":"1"}],"link":[{"type":"replaced-by","other":{"identifier":{"value":"2"}}}]}` + "\n", []string{"whole |1|||", "merge |2||| other=:1"}},
		{"alive", `{"resourceType":"Patient","deceasedBoolean":false,"meta":{"security":[{"code":"N"}]},"identifier":[{"value":"1"}]}` + "\n", []string{"whole |1||| alive unguarded"}},
	} {
		have := taken(t, north, c.text)
		for i := range have { // two flags come in any order
			have[i] = strings.ReplaceAll(have[i], "unguarded alive", "alive unguarded")
		}
		expect(t, c.name, have, c.want...)
	}
}

// A bundle that ends in the middle says so: what follows is not known.
func TestAFileThatIsCutOffIsAnError(t *testing.T) {
	for name, text := range map[string]string{"bundle": `{"resourceType":"Bundle","entry":[{"resource":{"resourceType":"Patient","identifier":[{"value":"1"}]}},{"resource":{"resou`,
		"bundle between two entries": `{"resourceType":"Bundle","entry":[{"resource":{"resourceType":"Patient","identifier":[{"value":"1"}]}},`,
		"bundle behind an entry":     `{"resourceType":"Bundle","entry":[{"resource":{"resourceType":"Patient","identifier":[{"value":"1"}]}}`,
		"bundle with rubbish":        `{"resourceType":"Bundle","entry":[{"resource":{"resourceType":"Patient","identifier":[{"value":"1"}]}} CANARY`} {
		have := taken(t, patient.Reader{}, text)
		if len(have) != 2 || have[0] != "whole |1|||" || strings.HasPrefix(have[1], "*patient.") || strings.Contains(have[1], "CANARY") ||
			!strings.Contains(text, "CANARY") && !strings.HasSuffix(have[1], "the file ends in the middle") {
			t.Errorf("%s: %q", name, have)
		}
	}
}

func TestColumnsOfDeathNamesAndNumbersAreRead(t *testing.T) {
	text := "MRN,Last,First,DOB,Also Known As,Maiden Name,Other MRNs,Death Date,VIP\n" +
		"0001,Garcia,Maria,1961-03-14,Mia; Weber Maria,Lopez,N7;WEST:0077,2020-01-02,Y\n" +
		"0002,Stone,Al,1950-01-01,,,,,N\n" +
		"0003,Stone,Bo,1950-01-01,,,,1940-01-01,N\n" +
		"0004,Stone,Cy,1950-01-01,,,,soon,N\n"
	have := taken(t, patient.Reader{}, text)
	for i := range have {
		have[i] = strings.ReplaceAll(have[i], "unguarded alive", "alive unguarded")
	}
	expect(t, "columns", have,
		"whole |0001|Garcia|Maria|1961-03-14 alias=Garcia,Mia alias=Maria,Weber former=Lopez,Maria mrn=:N7 mrn=WEST:0077 died=2020-01-02 restricted",
		"whole |0002|Stone|Al|1950-01-01 alive unguarded",
		"*patient.Doubt line 4: the date of death is before the birth date", "whole |0003|Stone|Bo|1950-01-01 unguarded died=1940-01-01",
		"*patient.RowError line 5: the date of death is not a date")
}

func TestARecordNumberThatComesTwiceInAFileIsNamed(t *testing.T) {
	have := taken(t, patient.Reader{}, "mrn,last,dob\n1,Garcia,1961-03-14\n2,Stone,1950-01-01\n1,Garcia,1961-03-14\n2,Steel,1950-01-01\n3,Last,\n")
	expect(t, "twice", have, "whole |1|Garcia||1961-03-14", "whole |2|Stone||1950-01-01", "*patient.Skipped line 4: the same as line 2",
		"*patient.RowError line 5: the record number stands on line 3 already, with other data", "whole |3|Last||")
}

// No error may hold what stood in the file.
func TestNoErrorOfAFileTellsWhatStoodThere(t *testing.T) {
	for _, text := range []string{adt("A08", "", "PID|1||0001||CANARY^CANARY||19619999"), adt("CANARY", "", "PID|1||CANARY"), `{"resourceType":"Patient","identifier":[{"value":"1"}],"birthDate":"CANARY"}` + "\n",
		`{"resourceType":"Patient","name":"CANARY","identifier":[{"value":"1"}]}` + "\n", `{"resourceType":"Patient","name":[{"family":{"CANARY":1}}]}`, `{"resourceType":CANARY}`,
		"mrn,dob\nCANARY,CANARY\n", "mrn,deceased\n1,CANARY\n", "mrn,restricted\n1,CANARY\n"} {
		_, changes := (patient.Reader{}).Read(strings.NewReader(text))
		for _, err := range changes {
			if err != nil && strings.Contains(err.Error(), "CANARY") {
				t.Errorf("%q tells", err)
			}
		}
	}
}

// repeated is a text over and over, without being in memory.
type repeated struct {
	text string
	at   int
	left int
}

func (r *repeated) Read(p []byte) (n int, err error) {
	for n < len(p) && r.left > 0 {
		k := copy(p[n:], r.text[r.at:])
		if r.at += k; r.at == len(r.text) {
			r.at = 0
			r.left--
		}
		n += k
	}
	if n == 0 {
		return 0, io.EOF
	}
	return n, nil
}

func TestAHugeFileIsReadInLittleMemory(t *testing.T) {
	message := adt("A08", "", "PID|1||0001||GARCIA^MARIA||19610314", "OBX|1|ED|x||"+strings.Repeat("QUJD", 20_000))
	for name, in := range map[string]io.Reader{
		"HL7":                 &repeated{text: message, left: 3000},
		"FHIR":                io.MultiReader(strings.NewReader(`{"resourceType":"Bundle","entry":[`), &repeated{text: `{"resource":{"resourceType":"Binary","data":"` + strings.Repeat("QUJD", 20_000) + `"}},`, left: 3000}, strings.NewReader(`{}]}`)),
		"one endless line":    io.MultiReader(strings.NewReader(adt("A08", "", "PID|1||0001||")), &repeated{text: strings.Repeat("x", 80_000), left: 3000}),
		"one endless value":   io.MultiReader(strings.NewReader(`{"resourceType":"Patient","x":"`), &repeated{text: strings.Repeat("x", 80_000), left: 3000}),
		"one endless segment": io.MultiReader(strings.NewReader(adt("A08", "")+"PID|1||"), &repeated{text: strings.Repeat("x", 80_000), left: 3000}),
	} {
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		peak := uint64(0)
		n := 0
		_, changes := (patient.Reader{}).Read(in)
		for range changes {
			if n++; n%500 == 0 {
				runtime.GC()
				runtime.ReadMemStats(&after)
				peak = max(peak, after.HeapAlloc)
			}
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		peak = max(peak, after.HeapAlloc)
		if grown := int64(peak) - int64(before.HeapAlloc); grown > 80<<20 {
			t.Errorf("%s: %d MB of 240 are in memory", name, grown>>20)
		}
		if n == 0 {
			t.Errorf("%s: nothing came of it", name)
		}
	}
}

// Whatever bytes a registry's file holds, reading ends, every change names a
// record number, and every error says where.
func fuzzReader(f *testing.F, seeds ...string) {
	for _, s := range seeds {
		f.Add([]byte(s))
		f.Add([]byte(s[:len(s)*2/3]))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		_, changes := (patient.Reader{Today: "2026-11-25", Own: []string{"NORTH"}}).Read(strings.NewReader(string(b)))
		for ch, err := range changes {
			row, broken := errors.AsType[*patient.RowError](err)
			switch {
			case broken && (row.Line < 1 || row.Reason == ""):
				t.Errorf("a broken row without a place or a reason: %v", row)
			case err == nil && (ch.Patient.MRN.IsZero() || ch.Line < 1 || len(ch.Patient.MRN.Reveal()) > 200):
				t.Errorf("a change of nobody, or from nowhere: line %d", ch.Line)
			case err == nil && (ch.Kind == record.ChangeMerge || ch.Kind == record.ChangeUnmerge) && ch.Other.MRN.IsZero():
				t.Error("a link to nobody")
			}
			if dob := ch.Patient.DOB.Reveal(); dob != "" && dob != record.Erase && len(dob) != 10 {
				t.Errorf("a birth date of %d bytes", len(dob))
			}
		}
	})
}

func FuzzHL7(f *testing.F) {
	fuzzReader(f, adt("A28", "8859/1", `PID|1||0001^^^NORTH^MR~N7^^^WEST^MR||GAR\T\CIA^MAR\XC9\A^L^^^^L~LOPEZ^MARIA^^^^^M||19610314|F|||18 QUARRY LANE^^AYR^MA^01432||(413)555-0182||||||219448821||||||||||20200102|Y`, "PD1||||||||||||Y", "PV1|1|I||||||||||||||VIP"),
		adt("A40", "", "PID|1||0001", "MRG|0002~0003", "PID|2||0004", "MRG|0005"), adt("A37", "", "PID|1||0001", "PID|2||0002"), "FHS|^~\\&\rBHS|^~\\&\r\x0b"+adt("A08", "", `PID|1||0001||""||""`)+"\x1c\r")
}

func FuzzFHIR(f *testing.F) {
	fuzzReader(f, fhirPatient, strings.ReplaceAll(fhirPatient, "\n", "")+"\n{}\n", `{"entry":[{"resource":`+fhirPatient+`},{}],"resourceType":"Bundle"}`, "[{},"+fhirPatient+"]")
}

func FuzzCSV(f *testing.F) {
	fuzzReader(f, "mrn,last,alias,other mrn,death date,vip\n1,\"Gar\"\"cia\",Mia; X,W:2,2020-01-02,y\n", "id;name\n1;Stone, Al\n")
}
