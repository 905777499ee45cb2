package identify

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"chartroom/record"
)

// A person's name, taken apart.
type name struct {
	last, first, middle, suffix string
	credential                  bool // MD, RN and the like follow or Dr stands before: a provider
	comma                       bool // written LAST, FIRST
	masked                      bool // digits were taken for letters
	newborn                     bool // BABY BOY SMITH, B/O SMITH
	used                        int
}

func (n *name) canonical() record.Private {
	return record.CanonicalName(n.last, n.first, n.middle, n.suffix)
}

// full says whether it has a first and a last name.
func (n *name) full() bool { return n.last != "" && n.first != "" }

var (
	titles      = wordSet("mr mrs ms miss mx master sir dame prof professor rev sister mister madam")
	doctors     = wordSet("dr doctor prof professor")
	credentials = wordSet("md do rn np pa pac fnp phd mbbs mbchb mrcp mrcgp frcs frcr frcpath lpn dds dmd dpm crna cnm arnp aprn msn bsn facs facc mph pharmd rph rt rdms cma ma lcsw psyd dnp mrcs frcp frca")
	surely      = wordSet("md rn phd mbbs mbchb np") // these are nobody's first name
	suffixes    = map[string]string{"jr": "JR", "sr": "SR", "ii": "II", "iii": "III", "iv": "IV", "jnr": "JR", "snr": "SR", "junior": "JR", "senior": "SR", "11": "II", "111": "III"}
	particles   = wordSet("de del della der den van von la le di da dos das du st el al bin ibn ter ten mac mc o")
	// notNames are words of forms and charts that never name a person.
	notNames = wordSet("patient patients name names medical record records hospital hospitals center centre clinic department health healthcare notes note progress report reports date dates birth number no mrn dob sex male female age admission discharge summary " +
		"laboratory lab radiology consent form page phone fax tel address street road avenue drive st. suite city state zip insurance policy group account physician provider attending doctor nurse signature signed by and of the for with to in on at from " +
		"history physical examination chief complaint allergies medications diagnosis assessment plan results test specimen collected received reported accession order exam study findings impression general regional memorial university community trust nhs " +
		"information registration referral letter dear yours sincerely regarding re copy cc confidential urgent surgery practice ward unit room bed service services emergency department surgical pathology operative " +
		"immunization vaccine dose claim benefits assignment authorization release procedure operation transfer type blood first last middle initial suffix relationship guarantor insured subscriber mother father spouse kin next contact none unknown n/a same self " +
		"see above please print attached office use only time printed user review systems social family past present illness visit encounter inpatient outpatient am pm who is was has presents year old yo is are not this that left right normal negative positive")
)

func wordSet(words string) map[string]bool {
	m := make(map[string]bool)
	for w := range strings.FieldsSeq(words) {
		m[w] = true
	}
	return m
}

// maxNameTokens is the most words of one name.
const maxNameTokens = 7

// parseName reads a name at the start of tokens and stops where it ends: at a
// wide gap, a number, a word of forms, or what follows a credential.
func parseName(tokens []token) (name, bool) {
	if len(tokens) > 0 && strings.Contains(tokens[0].text, "^") {
		return hl7Name(tokens[0].text)
	}
	var n name
	var words []string
	comma := -1
	i := 0
	for ; i < len(tokens) && i < maxNameTokens; i++ {
		t := &tokens[i]
		if i > 0 && t.starts && len(words) > 0 {
			break
		}
		word := strings.Trim(t.text, "()[]*\"_:;~•|")
		plain := strings.ToLower(strings.Trim(strings.ReplaceAll(word, ".", ""), ",-/'’"))
		switch {
		case plain == "" && len(words) == 0:
			continue
		case len(words) == 0 && titles[plain] || doctors[plain] && len(words) == 0:
			n.credential = n.credential || doctors[plain]
			continue
		case credentials[plain] && (len(words) > 1 || len(words) == 1 && surely[plain]):
			n.credential = true
			continue
		case len(words) > 0 && suffixes[plain] != "":
			n.suffix = suffixes[plain]
			continue
		case titles[plain] && len(words) > 0: // SMITH, JOHN MR
			continue
		}
		clean, masked, ok := nameWord(word)
		if len(words) == 0 && len(clean) == 1 && clean != word[:1] {
			break
		}
		if !ok || n.credential && len(words) > 1 {
			break
		}
		n.masked = n.masked || masked
		words = append(words, clean)
		if endsComma(word, len(words), t, tokens, i) && comma < 0 {
			comma = len(words)
		}
		continue
	}
	n.used = i
	return n.assemble(words, comma)
}

// endsComma says whether a word ends with the comma of LAST, FIRST. A full
// stop after a long word of capitals that another follows is a comma misread.
func endsComma(word string, count int, t *token, tokens []token, i int) bool {
	if strings.HasSuffix(word, ",") {
		return true
	}
	if !strings.HasSuffix(word, ".") || count != 1 || i+1 >= len(tokens) || tokens[i+1].starts {
		return false
	}
	return len(word) > 4 && strings.ToUpper(word) == word && startsUpper(tokens[i+1].text)
}

// nameWord cleans a word of a name: letters, hyphens and apostrophes, opening
// with a capital or being a particle. A digit between letters is a letter
// misread.
func nameWord(s string) (clean string, masked, ok bool) {
	s = strings.Trim(s, ".,-/’‘'`")
	s = strings.ReplaceAll(s, "’", "'")
	if s == "" || utf8.RuneCountInString(s) > 24 {
		return "", false, false
	}
	if strings.ContainsAny(s, "01258") && countLetters(s)*2 > len(s) && len(s) > 2 {
		s = strings.NewReplacer("0", "O", "1", "I", "5", "S", "8", "B", "2", "Z").Replace(s)
		masked = true
	}
	for _, r := range s {
		if !unicode.IsLetter(r) && r != '-' && r != '\'' && r != '.' {
			return "", false, false
		}
	}
	lower := strings.ToLower(s)
	if len(s) == 1 && s == lower { // an initial whose size was misjudged
		return strings.ToUpper(s), true, true
	}
	if notNames[lower] || !startsUpper(s) && !particles[lower] {
		return "", false, false
	}
	return s, masked, true
}

func countLetters(s string) int {
	n := 0
	for _, r := range s {
		if unicode.IsLetter(r) {
			n++
		}
	}
	return n
}

func startsUpper(s string) bool {
	r, _ := utf8.DecodeRuneInString(s)
	return unicode.IsUpper(r)
}

// assemble makes a name of its words: before the comma the last name, or
// without one the last word and its particles.
func (n *name) assemble(words []string, comma int) (name, bool) {
	words = n.stripNewborn(words)
	if len(words) == 0 {
		return name{}, false
	}
	if comma > 0 && comma < len(words) {
		n.comma = true
		n.last = strings.Join(words[:comma], " ")
		n.first = words[comma]
		n.middle = strings.Join(words[comma+1:], " ")
		return *n, plausibleName(n.last) && len(words) <= 5
	}
	at := len(words) - 1
	for at > 1 && particles[strings.ToLower(words[at-1])] {
		at--
	}
	if len(words) == 1 {
		n.last = words[0]
		return *n, plausibleName(n.last)
	}
	n.last, n.first, n.middle = strings.Join(words[at:], " "), words[0], strings.Join(words[1:at], " ")
	return *n, plausibleName(n.last) && len(words) <= 5
}

func plausibleName(last string) bool { return utf8.RuneCountInString(last) >= 2 }

// stripNewborn takes BABY BOY, BABY GIRL, BABY, TWIN A off, which stand where
// a child has no name yet.
func (n *name) stripNewborn(words []string) []string {
	isBaby := func(w string) bool {
		return slices.Contains([]string{"BABY", "BABYBOY", "BABYGIRL", "INFANT", "NEWBORN", "B/O"}, strings.ToUpper(w))
	}
	n.newborn = slices.ContainsFunc(words, isBaby)
	return words
}

// hl7Name reads LAST^FIRST^MIDDLE^SUFFIX.
func hl7Name(s string) (name, bool) {
	p := append(strings.Split(s, "^"), "", "", "")
	n := name{used: 1, comma: true}
	n.last, n.first, n.middle, n.suffix = p[0], p[1], p[2], suffixes[strings.ToLower(p[3])]
	_, _, ok := nameWord(n.last)
	return n, ok && n.first != ""
}
