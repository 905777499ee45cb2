package identify

import (
	"cmp"
	"slices"
	"strings"
)

// A typeRule is one type of document and the words that speak for it: titles,
// which count most where they stand alone in a row, and cues, which count a little
// wherever they stand, or more where "!" marks them as telling.
type typeRule struct {
	name   string
	titles []string
	cues   []string
}

var typeRules = []typeRule{
	{"registration", []string{"registration form", "patient registration", "face sheet", "facesheet", "admission record", "patient information form", "new patient form", "patient demographics", "admission face sheet", "registration record", "demographic sheet", "registration", "patient information"},
		[]string{"guarantor", "emergency contact", "next of kin", "marital status", "employer", "religion", "subscriber"}},
	{"laboratory", []string{"laboratory report", "laboratory results", "lab report", "lab results", "clinical laboratory", "chemistry", "hematology report", "haematology report", "microbiology report", "laboratory", "biochemistry report", "blood results", "final laboratory report", "cumulative report"},
		[]string{"reference range", "collected", "specimen", "hemoglobin", "creatinine", "mg/dl", "mmol/l", "wbc", "platelet", "flag", "units", "glucose"}},
	{"discharge summary", []string{"discharge summary", "summary of discharge", "discharge report", "discharge letter", "hospital discharge summary", "discharge notification", "transfer summary", "discharge instructions"},
		[]string{"date of discharge", "date of admission", "hospital course", "discharge diagnosis", "discharge medications", "condition on discharge", "disposition", "discharged"}},
	{"progress note", []string{"progress note", "progress notes", "soap note", "clinical notes", "clinic note", "office visit", "nursing notes", "nursing note", "continuation sheet", "doctors notes", "visit note", "chart note", "office note", "follow up note", "daily progress note", "patient notes", "clinical note"},
		[]string{"subjective", "objective", "assessment and plan", "follow-up"}},
	{"referral letter", []string{"referral letter", "referral", "referral form", "referral request", "request for referral", "request for consultation", "patient referral", "letter of referral"},
		[]string{"!thank you for seeing", "referred by", "!reason for referral", "!i would be grateful", "!grateful if you would see", "referring", "!please see this", "!kindly see", "!i am referring", "!refer this patient"}},
	{"consent", []string{"consent", "consent form", "informed consent", "consent for operation or procedure", "consent to treatment", "consent for treatment", "authorization for", "authorization to release", "consent for surgery", "release of information", "consent to operate", "consent for anesthesia", "patient agreement to investigation or treatment", "authorization for release of information", "consent to procedure"},
		[]string{"i consent", "i understand", "i authorize", "signature of patient", "witness", "revoked", "i hereby"}},
	{"clinic letter", []string{"clinic letter", "outpatient letter", "outpatient clinic", "clinic date", "out-patient clinic", "outpatient department"},
		[]string{"!i reviewed", "!seen in clinic", "!in my clinic", "dear dr", "yours sincerely", "dear doctor", "clinic", "consultant", "i saw", "nhs", "!reviewed in", "!date of clinic"}},
	{"insurance claim", []string{"health insurance claim form", "claim form", "insurance claim", "cms-1500", "hcfa-1500", "ub-04", "explanation of benefits", "claim"},
		[]string{"insured's", "federal tax", "accept assignment", "policy group", "feca", "diagnosis pointer", "patient's relationship to insured", "charges", "billing provider", "rendering provider", "insured"}},
	{"radiology report", []string{"radiology report", "diagnostic imaging report", "department of radiology", "imaging report", "x-ray report", "radiology", "mri report", "ct report", "ultrasound report", "diagnostic imaging", "department of diagnostic imaging", "imaging", "mammography report", "radiological report"},
		[]string{"impression", "technique", "comparison", "contrast", "radiologist", "findings", "ct ", "mri ", "x-ray", "ultrasound", "exam date", "exam:"}},
	{"history and physical", []string{"history and physical", "history & physical", "h&p", "admission history", "admission note", "history and physical examination", "history physical", "admission history and physical", "clerking"},
		[]string{"chief complaint", "history of present illness", "past medical history", "review of systems", "physical examination", "family history", "social history"}},
	{"immunization record", []string{"immunization record", "immunisation record", "vaccination record", "immunization history", "vaccine administration record", "certificate of immunization", "immunizations", "vaccine record", "vaccination certificate", "immunization certificate", "record of immunization"},
		[]string{"vaccine", "dose", "mmr", "dtap", "hepatitis b", "polio", "lot no", "varicella", "tdap", "influenza", "manufacturer"}},
	{"fax", []string{"fax", "fax cover sheet", "facsimile", "fax transmission", "facsimile transmission", "fax cover", "facsimile cover sheet", "telefax", "fax message"},
		[]string{"number of pages", "pages including cover", "to:", "from:", "fax:", "confidentiality notice", "total pages", "intended recipient", "urgent"}},
	{"medication administration record", []string{"medication administration record", "mar", "medication record", "drug chart", "medication chart", "prescription chart", "medication administration", "medication sheet"},
		[]string{"route", "frequency", "scheduled", "prn", "nurse initials", "initials", "given", "dose"}},
	{"operative note", []string{"operative report", "operative note", "operation note", "report of operation", "procedure note", "operation record", "surgical report", "brief operative note", "procedure report", "operation report"},
		[]string{"preoperative diagnosis", "postoperative diagnosis", "anesthesia", "estimated blood loss", "surgeon", "procedure performed", "incision", "anaesthetic", "assistant"}},
	{"pathology", []string{"pathology report", "surgical pathology", "surgical pathology report", "histopathology report", "cytology report", "pathology", "histopathology", "cytopathology report", "anatomic pathology", "department of pathology"},
		[]string{"gross description", "microscopic", "specimen", "biopsy", "pathologist", "histologic", "final diagnosis"}},
	{"prescription", []string{"prescription", "prescription form", "rx", "fp10"},
		[]string{"refill", "refills", "sig", "dispense", "disp", "substitution", "dea", "tablets", "take one", "generic"}},
	{"correspondence", []string{"correspondence", "letter", "memorandum", "to whom it may concern"},
		[]string{"dear", "yours faithfully", "sincerely", "regards"}},
}

// foldedTitles are the titles of each rule as they are compared.
var foldedTitles = func() [][]string {
	all := make([][]string, len(typeRules))
	for i, rule := range typeRules {
		for _, t := range rule.titles {
			all[i] = append(all[i], fold(t))
		}
	}
	return all
}()

// The weights of what speaks for a type. A title alone decides; cues decide
// only together.
const (
	titleRow   = 10.0 // a row that is the title and nothing else
	titlePart  = 5.0  // a title among few other words, in the upper part
	titleLow   = 2.0  // the same further down
	cueWeight  = 1.0
	tellingCue = 3.0 // a cue marked with "!"
	mostCues   = 6.0
	typeLeast  = 3.0
)

// docType is the type that most speaks for, with how sure that is.
func docType(sheets []sheet) (string, float64) {
	if len(sheets) == 0 {
		return "", 0
	}
	scores := make([]float64, len(typeRules))
	scoreTitles(&sheets[0], scores)
	text := " " + strings.ToLower(pageText(&sheets[0])) + " "
	for i, rule := range typeRules {
		cues := 0.0
		for _, cue := range rule.cues {
			words, telling := strings.CutPrefix(cue, "!")
			switch {
			case !strings.Contains(text, words):
			case telling:
				cues += tellingCue
			default:
				cues += cueWeight
			}
		}
		scores[i] += min(cues, mostCues)
	}
	best := 0
	for i := range scores {
		if scores[i] > scores[best] {
			best = i
		}
	}
	if scores[best] < typeLeast {
		return "", 0
	}
	sorted := slices.Clone(scores)
	slices.SortFunc(sorted, func(a, b float64) int { return -cmp.Compare(a, b) })
	return typeRules[best].name, scores[best] / (scores[best] + sorted[1])
}

func pageText(s *sheet) string {
	var b strings.Builder
	for i := range s.rows {
		b.WriteString(s.rows[i].text())
		b.WriteByte('\n')
	}
	return b.String()
}

// scoreTitles adds what the rows say as titles. Each rule takes its best row;
// longer titles beat shorter ones that they contain.
func scoreTitles(s *sheet, scores []float64) {
	for n := range s.rows {
		r := &s.rows[n]
		if len(r.tokens) > 12 {
			continue
		}
		for from := 0; from < len(r.tokens); {
			to := from + 1
			for to < len(r.tokens) && !r.tokens[to].starts {
				to++
			}
			cell := r.tokens[from:to]
			for i := range typeRules {
				scores[i] = max(scores[i], titleScore(s, r, cell, foldedTitles[i]))
			}
			from = to
		}
	}
}

// titleScore is how much a cell is one of the titles.
func titleScore(s *sheet, r *row, cell []token, titles []string) float64 {
	key := fold(joinTokens(cell))
	if len(key) > 90 {
		return 0
	}
	best := 0.0
	for _, title := range titles {
		score := 0.0
		switch {
		case key == title || len(title) >= 8 && distance(key, title[:min(len(title), 60)], 1) <= 1:
			score = titleRow
		case len(title) >= 5 && strings.Contains(key, title) && len(cell) <= 8:
			score = titlePart
		default:
			continue
		}
		if r.mid > s.height*2/5 {
			score = min(score, titlePart) * titleLow / titlePart
		}
		size := min(float64(r.height)/float64(s.typical), 2) - 1
		best = max(best, score+float64(len(title))/30+max(size, 0)*3)
	}
	return best
}

// typeNamed is the type that somebody's words name, or "".
func typeNamed(s string) string {
	key := fold(s)
	if key == "" {
		return ""
	}
	for _, rule := range typeRules {
		if fold(rule.name) == key || slices.ContainsFunc(rule.titles, func(t string) bool { return fold(t) == key }) {
			return rule.name
		}
	}
	return ""
}
