package patient_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"

	"chartroom/identify"
	"chartroom/patient"
	"chartroom/record"
)

// misreadings are pairs of what stands and what is read, commonest first.
var misreadings = []string{"0O", "90", "5S", "06", "6G", "09", "27", "8B", "l1", "08", "98", "1L", "56", "O0", "35", "14", "S5", "85", "I1", "B8", "Z2", "m rn", "e c", "A4", "T7", "NM", "UV", ",.", ":;", "/1"}

// misread spoils a share of the characters as recognition does: mostly by a
// look-alike, sometimes any other, sometimes none at all.
func misread(r *rand.Rand, s string, share float64) string {
	var b strings.Builder
	for _, c := range s {
		if c == ' ' || r.Float64() >= share {
			b.WriteRune(c)
			continue
		}
		switch n := r.IntN(10); {
		case n == 0:
		case n < 3 && c >= '0' && c <= '9':
			b.WriteByte(byte('0' + r.IntN(10)))
		default:
			b.WriteString(lookAlikeOf(r, c))
		}
	}
	return b.String()
}

func lookAlikeOf(r *rand.Rand, c rune) string {
	from := r.IntN(len(misreadings))
	for i := range misreadings {
		if m := misreadings[(from+i)%len(misreadings)]; rune(m[0]) == c {
			return strings.TrimSpace(m[1:])
		}
	}
	return string(c)
}

var (
	lastNames  = strings.Fields("Smith Johnson Garcia Brown Nguyen Lee Walker O'Brien Van-Dyke Kowalski Okafor Lindqvist Tanaka Rossi Sorokin Abara Demir Holloway Pritchard Ferraro")
	firstNames = strings.Fields("Maria Mario Marta John Jon Joan Anna Anne Hana Chidi Chika Elif Owen Rei Tove Lucia Luca Ilya Bianca Karl Carl Dana Dan Kim")
)

// crowded is a registry full of people who are easily mixed up: few names,
// many namesakes, twins, fathers and sons, numbers one digit apart.
func crowded(r *rand.Rand, n int) []record.Patient {
	var all []record.Patient
	number := 400_000
	for len(all) < n {
		number += 1 + r.IntN(30)
		p := person(fmt.Sprintf("%08d", number), lastNames[r.IntN(len(lastNames))], firstNames[r.IntN(len(firstNames))], string(rune('A'+r.IntN(26))), birthday(r), []string{"M", "F"}[r.IntN(2)])
		if r.IntN(2) == 0 {
			p.Middle = record.Private{}
		}
		all = append(all, p)
		twin := p
		number++
		twin.MRN = record.Hide(fmt.Sprintf("%08d", number))
		switch r.IntN(8) {
		case 0: // a twin
			twin.First = record.Hide(firstNames[r.IntN(len(firstNames))])
		case 1: // father and son
			twin.DOB, twin.Suffix = record.Hide(birthday(r)), record.Hide("Jr")
		case 2: // a namesake born a day apart
			twin.DOB = record.Hide(p.DOB.Reveal()[:9] + fmt.Sprint(r.IntN(10)))
		default:
			continue
		}
		all = append(all, twin)
	}
	return all
}

func birthday(r *rand.Rand) string {
	return fmt.Sprintf("%04d-%02d-%02d", 1930+r.IntN(80), 1+r.IntN(12), 1+r.IntN(28))
}

// impostor is somebody who is not registered and nearly a patient.
func impostor(r *rand.Rand, p record.Patient) record.Patient {
	change := func(s string, at int) string {
		return s[:at] + string(rune('0'+(int(s[at]-'0')+1+r.IntN(8))%10)) + s[at+1:]
	}
	p.MRN = record.Hide(change(p.MRN.Reveal(), r.IntN(8)))
	d := p.DOB.Reveal()
	p.DOB = record.Hide(d[:8] + fmt.Sprintf("%02d", 1+(int(d[8]-'0')*10+int(d[9]-'0')+r.IntN(27))%28))
	return p
}

// sheetOf writes a patient's page in one of several layouts.
func sheetOf(r *rand.Rand, p record.Patient) string {
	d := p.DOB.Reveal()
	dob := d[5:7] + "/" + d[8:] + "/" + d[:4]
	first := strings.TrimSpace(p.First.Reveal() + " " + p.Middle.Reveal())
	comma := strings.ToUpper(p.Last.Reveal() + ", " + first)
	natural := first + " " + p.Last.Reveal()
	switch r.IntN(4) {
	case 0:
		return fmt.Sprintf("LABORATORY REPORT\n\nPatient: %s     MRN: %s     DOB: %s\nSex: %s     Collected: 12/30/2021\nOrdering Provider: Ada Quill, MD", comma, p.MRN.Reveal(), dob, p.Sex.Reveal())
	case 1:
		return fmt.Sprintf("DISCHARGE SUMMARY\n\nPATIENT NAME:      %s\nMEDICAL RECORD #:  %s\nDATE OF BIRTH:     %s\nDATE OF DISCHARGE: 12/30/2021", comma, p.MRN.Reveal(), dob)
	case 2:
		return fmt.Sprintf("PROGRESS NOTES           %s\n                         DOB %s  %s\n                         MRN %s\n\n12/30/2021 seen today", comma, dob, p.Sex.Reveal(), p.MRN.Reveal())
	}
	return fmt.Sprintf("CONSENT\n\nPatient's name    %s\nBirth date        %s\nHospital number   %s\nPhysician         Ada Quill, MD\nDate              12/30/2021", natural, dob, p.MRN.Reveal())
}

// typed makes a page of text as a typewriter would, in columns of 20 pixels.
func typed(text string) record.Page {
	p := record.Page{Number: 1, State: record.PageText, Width: 2550, Height: 3300, DPI: 300}
	for row, line := range strings.Split(text, "\n") {
		for at := 0; at < len(line); {
			if line[at] == ' ' {
				at++
				continue
			}
			end := at + strings.IndexByte(line[at:]+" ", ' ')
			p.Words = append(p.Words, record.Word{Text: record.Hide(line[at:end]), Confidence: 0.95, Block: 1, Line: row + 1,
				Box: record.Box{Left: 100 + 20*at, Top: 100 + 50*row, Width: 20*(end-at) - 4, Height: 30}})
			at = end
		}
	}
	return p
}

func describe(p record.Patient) string {
	return p.MRN.Reveal() + " " + p.Name().Reveal() + " " + p.DOB.Reveal()
}

// TestNoMisreadingFilesToAnotherPatient writes pages of a crowded registry's
// patients and of strangers who look like them, spoils their characters, and
// files. FULL=1 does a hundred thousand.
func TestNoMisreadingFilesToAnotherPatient(t *testing.T) {
	documents := 2000
	if os.Getenv("FULL") != "" {
		documents = 100_000
	}
	r := rand.New(rand.NewPCG(seed(t), 11))
	people := crowded(r, 5000)
	registry := newMemory(people...)
	for _, share := range []float64{0, 0.01, 0.03, 0.05, 0.10} {
		right, wrong, known := 0, 0, 0
		for range documents / 5 {
			p := people[r.IntN(len(people))]
			own := r.IntN(4) > 0
			if !own {
				for p = impostor(r, p); len(registry.by["mrn"+p.MRN.Reveal()]) > 0; {
					p = impostor(r, p)
				}
			}
			page := typed(misread(r, sheetOf(r, p), share))
			found := identify.Find([]record.Page{page}, record.Given{}, identify.Options{})
			got, err := patient.Match(t.Context(), registry, patient.Evidence{Identifiers: found.Identifiers, Date: found.Date, Pages: 1})
			if err != nil {
				t.Fatal(err)
			}
			if own {
				known++
			}
			if got.Status != record.StatusFiled {
				continue
			}
			if own && got.Patient.MRN.Equal(p.MRN) {
				right++
			} else {
				wrong++
				t.Logf("made-up page of %s, own %v, filed to %s:\n%s", describe(p), own, describe(*got.Patient), page.Text())
			}
		}
		t.Logf("%4.0f %% of characters misread: %d of %d filed (%.3f), %d to the wrong patient", 100*share, right, known, float64(right)/float64(known), wrong)
		if wrong > 0 {
			t.Errorf("%d documents filed to the wrong patient", wrong)
		}
	}
}

// seed of the made-up documents: 7, or what CHARTROOM_TEST_SEED says.
func seed(t *testing.T) uint64 {
	t.Helper()
	s := os.Getenv("CHARTROOM_TEST_SEED")
	if s == "" {
		return 7
	}
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}
