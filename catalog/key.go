package catalog

import (
	"hash/fnv"
	"slices"
	"strings"
	"unicode"

	"chartroom/record"

	"golang.org/x/text/unicode/norm"
)

// What patients are looked up by. A misread number must not hide a patient, so
// there are several keys to everybody: numbers, the birth date, the telephone,
// how the last name sounds together with the first letter of the first name,
// and how the first name begins together with the year of birth. Every name
// and number that a patient has or had counts.

// A key is the hash of a kind and a value in its one form.
type key = int64

func keyOf(kind, value string) (key, bool) {
	if value == "" {
		return 0, false
	}
	h := fnv.New64a()
	h.Write([]byte(kind + "\x00" + value))
	return int64(h.Sum64()), true
}

// keys gathers keys, each once.
type keys struct{ list []key }

func (k *keys) add(kind, value string) {
	if v, ok := keyOf(kind, value); ok && !slices.Contains(k.list, v) {
		k.list = append(k.list, v)
	}
}

func (k *keys) number(kind record.Kind, p record.Private) {
	k.add(string(kind), numberKey(kind, plainNumber(p)))
}

// numberKey is a number as it is looked up: paper often leaves out the zeros a
// record number begins with.
func numberKey(kind record.Kind, plain string) string {
	if kind == record.KindMRN {
		return strings.TrimLeft(plain, "0")
	}
	return plain
}

func (k *keys) name(last, first, dob string) {
	k.add("last", last)
	k.sounds(last, first)
	k.given(first, dob)
}

func (k *keys) sounds(last, first string) {
	if last != "" && first != "" {
		k.add("sounds", sound(last)+" "+firstOf(first, 1))
	}
}

// given takes a birth date or year.
func (k *keys) given(first, dob string) {
	if len(dob) >= 4 && first != "" {
		k.add("given", firstOf(first, 3)+" "+dob[:4])
	}
}

func firstOf(s string, n int) string {
	r := []rune(s)
	return string(r[:min(n, len(r))])
}

// numberKinds are the kinds of numbers that patients are looked up by.
var numberKinds = []record.Kind{record.KindMRN, record.KindSSN, record.KindMBI, record.KindNHS}

// patientKeys are the keys that lead to a patient.
func patientKeys(p *record.Patient) []key {
	var k keys
	k.number(record.KindMRN, p.MRN)
	k.number(record.KindSSN, p.SSN)
	k.number(record.KindMBI, p.MBI)
	k.number(record.KindNHS, p.NHS)
	for _, n := range p.Numbers {
		if slices.Contains(numberKinds, n.Kind) {
			k.number(n.Kind, n.Value)
		}
	}
	dob := plainDate(p.DOB)
	k.add("dob", dob)
	k.add("phone", plainPhone(p.Phone))
	k.name(plainName(p.Last), plainName(p.First), dob)
	for _, n := range p.Names {
		k.name(plainName(n.Last), plainName(n.First), dob)
	}
	return k.list
}

// keys are the keys that a question leads to.
func (q *PatientQuery) keys() []key {
	var k keys
	for _, n := range []struct {
		kind  record.Kind
		value record.Private
	}{{record.KindMRN, q.MRN}, {record.KindSSN, q.SSN}, {record.KindMBI, q.MBI}, {record.KindNHS, q.NHS}} {
		plain := plainNumber(n.value)
		k.add(string(n.kind), numberKey(n.kind, plain))
		if q.Near {
			for v := range nearly(plain) {
				k.add(string(n.kind), numberKey(n.kind, v))
			}
		}
	}
	k.add("dob", plainDate(q.DOB))
	k.add("last", plainName(q.Last))
	k.add("phone", plainPhone(q.Phone))
	last, first := splitName(q.Sounds)
	k.sounds(last, first)
	_, first = splitName(q.Given)
	k.given(first, q.Year)
	return k.list
}

// documentKeys are the keys that would lead to a document's patient.
func documentKeys(d *record.Document) []key {
	var k keys
	var dobs []string
	for _, id := range d.Identifiers {
		if id.Kind == record.KindDOB && id.Role == record.RolePatient {
			dobs = append(dobs, plainDate(id.Value))
			k.add("dob", plainDate(id.Value))
		}
	}
	for _, id := range d.Identifiers {
		if id.Role != record.RolePatient && id.Role != record.RoleUnclear {
			continue
		}
		switch id.Kind {
		case record.KindMRN, record.KindSSN, record.KindMBI, record.KindNHS:
			k.number(id.Kind, id.Value)
			k.number(id.Kind, record.Hide(asDigits.Replace(plainNumber(id.Value))))
		case record.KindPhone:
			k.add("phone", plainPhone(id.Value))
		case record.KindName:
			last, first := splitName(id.Value)
			k.sounds(last, first)
			for _, dob := range dobs {
				k.given(first, dob)
			}
		}
	}
	return k.list
}

// splitName parts LAST, FIRST MIDDLE into the plain last and first name.
func splitName(p record.Private) (last, first string) {
	l, rest, _ := strings.Cut(p.Reveal(), ",")
	if words := strings.Fields(rest); len(words) > 0 {
		first = words[0]
	}
	return plainName(record.Hide(l)), plainName(record.Hide(first))
}

// plainNumber is the letters and digits of a number, in capitals.
func plainNumber(p record.Private) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return unicode.ToUpper(r)
		}
		return -1
	}, clean(p.Reveal()))
}

// plainName is the letters of a name, in capitals and without accents.
func plainName(p record.Private) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) {
			return unicode.ToUpper(r)
		}
		return -1
	}, norm.NFD.String(clean(p.Reveal())))
}

func plainDate(p record.Private) string { return strings.TrimSpace(p.Reveal()) }

// plainPhone is the last ten digits of a telephone number: without the country.
func plainPhone(p record.Private) string {
	digits := strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			return r
		}
		return -1
	}, p.Reveal())
	return digits[max(0, len(digits)-10):]
}

// soundsOf gives each consonant the digit of those that sound like it; vowels
// part, H and W do not.
const soundsOf = "01230120022455012623010202"

// sound is a name as Soundex has it: its first letter and how three of the
// next consonants sound. Letters other than A to Z stand for themselves.
func sound(name string) string {
	var b strings.Builder
	var last byte
	for i, r := range name {
		if r < 'A' || r > 'Z' {
			b.WriteRune(r)
			last = 0
			continue
		}
		code := soundsOf[r-'A']
		switch {
		case i == 0:
			b.WriteRune(r)
			last = code
		case r == 'H' || r == 'W':
		case code != '0' && code != last:
			b.WriteByte(code)
			last = code
		default:
			last = code
		}
		if b.Len() >= 4 {
			break
		}
	}
	return b.String()
}

var asDigits = strings.NewReplacer("O", "0", "Q", "0", "D", "0", "I", "1", "L", "1", "S", "5", "Z", "2", "B", "8", "G", "6", "T", "7", "A", "4")

// longestNear bounds for which numbers misreadings are sought.
const longestNear = 18

// nearly gives the numbers from which a number differs by one character: one
// misread, lost or added, or two that changed places. What a character could
// be instead is any digit.
func nearly(number string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		if len(number) < 4 || len(number) > longestNear {
			return
		}
		for i := range len(number) + 1 {
			for d := byte('0'); d <= '9'; d++ {
				if !yield(number[:i]+string(rune(d))+number[i:]) || i < len(number) && !yield(number[:i]+string(rune(d))+number[i+1:]) {
					return
				}
			}
			if i < len(number) && !yield(number[:i]+number[i+1:]) {
				return
			}
			if i+1 < len(number) && !yield(number[:i]+number[i+1:i+2]+number[i:i+1]+number[i+2:]) {
				return
			}
		}
	}
}
