package paper

import (
	"fmt"
	"strings"
	"time"
)

// layout is a kind of document, and how it is written.
type layout struct {
	name, docType string
	uk            bool
	size          [2]float64
	infant        bool // such documents are about the newborn
	nameless      bool // they name nobody
	room          bool // they leave room for a label low on the right
	write         func(*author)
}

var (
	letterPaper    = [2]float64{612, 792}
	a4Paper        = [2]float64{595, 842}
	landscapePaper = [2]float64{792, 612}
)

// layouts are all kinds of documents.
var layouts = []layout{
	{name: "face_sheet", docType: "registration", room: true, size: letterPaper, write: faceSheet},
	{name: "claim_form", docType: "insurance claim", room: true, size: letterPaper, write: claimForm},
	{name: "prose_letter", docType: "referral letter", room: true, size: letterPaper, write: proseLetter},
	{name: "uk_clinic_letter", docType: "clinic letter", uk: true, size: a4Paper, write: clinicLetter},
	{name: "typed_note", docType: "progress note", room: true, size: letterPaper, write: typedNote},
	{name: "newborn_exam", docType: "history and physical", size: letterPaper, infant: true, write: newbornExam},
	{name: "lab_grid", docType: "laboratory", size: letterPaper, write: labGrid},
	{name: "radiology_banner", docType: "radiology report", room: true, size: letterPaper, write: radiologyBanner},
	{name: "operative_note", docType: "operative note", size: letterPaper, write: operativeNote},
	{name: "consent_boxes", docType: "consent", size: letterPaper, write: consentBoxes},
	{name: "immunization_card", docType: "immunization record", room: true, size: letterPaper, write: immunizationCard},
	{name: "medication_grid", docType: "medication administration record", size: landscapePaper, write: medicationGrid},
	{name: "pathology_report", docType: "pathology", size: letterPaper, write: pathologyReport},
	{name: "fax_referral", docType: "fax", size: letterPaper, write: faxReferral},
	{name: "prescription", docType: "prescription", room: true, size: letterPaper, write: prescription},
	{name: "discharge_columns", docType: "discharge summary", size: letterPaper, write: dischargeColumns},
	{name: "dotted_history", docType: "history and physical", size: letterPaper, write: dottedHistory},
	{name: "statement", docType: "correspondence", room: true, size: letterPaper, write: statement},
	{name: "uk_discharge", docType: "discharge summary", uk: true, size: a4Paper, write: ukDischarge},
	{name: "label_chart", docType: "progress note", size: letterPaper, write: labelChart},
	{name: "memo", docType: "correspondence", size: letterPaper, write: memo},
	{name: "continuation", docType: "other", nameless: true, size: letterPaper, write: continuation},
}

// faceSheet: ruled cells with small captions, the patient among guarantor,
// next of kin and subscriber.
func faceSheet(a *author) {
	a.page()
	f := a.pickFace(sanses)
	label, value := style{face: f, size: 6.5}, style{face: pick(a.rng, []typeface{courier, f}), size: 10}
	a.centre(style{face: f, size: 13, bold: true}, 306, 50, strings.ToUpper(a.site.name))
	a.centre(style{face: f, size: 11}, 306, 66, "PATIENT REGISTRATION / FACE SHEET")
	y := 80.0
	row := func(h float64, cells ...string) {
		x := 45.0
		w := 522.0 / float64(len(cells)/2)
		for i := 0; i < len(cells); i += 2 {
			a.cell(label, value, x, y, w, h, cells[i], cells[i+1])
			x += w
		}
		y += h
	}
	section := func(title string) {
		a.fill(45, y, 522, 13, 205)
		a.frame(45, y, 522, 13, 0.7)
		a.say(style{face: f, size: 8, bold: true}, 49, y+10, title)
		y += 13
	}
	guarantor, kin, holder := a.relative(), a.relative(), a.relative()
	section("PATIENT INFORMATION")
	row(27, "PATIENT NAME (LAST, FIRST MI)", a.name(capsFirst), "MEDICAL RECORD NO.", a.mrn())
	row(27, "DATE OF BIRTH", a.dob(), "AGE", fmt.Sprint(a.age()), "SEX", a.sex(), "SOC SEC NO", a.ssn())
	row(27, "STREET ADDRESS", a.street(), "CITY / STATE / ZIP", a.who.City+", "+a.who.State+" "+a.who.Zip)
	row(27, "HOME PHONE", a.phone(), "ADMIT DATE / TIME", a.today()+" 14:"+pick(a.rng, words("05 20 35 50")), "ACCOUNT NO.", a.number("account", "V", 9))
	section("GUARANTOR")
	row(27, "GUARANTOR NAME", a.someone("guarantor", guarantor, capsFirst), "RELATIONSHIP", pick(a.rng, words("PARENT SPOUSE CHILD OTHER")))
	a.other("guarantor", "dob", guarantor.Born.Format(time.DateOnly))
	a.other("guarantor", "phone", onlyDigits(guarantor.Phone))
	row(27, "GUARANTOR DOB", a.on(guarantor.Born), "GUARANTOR PHONE", guarantor.Phone)
	section("EMERGENCY CONTACT / NEXT OF KIN")
	a.other("next-of-kin", "phone", onlyDigits(kin.Phone))
	row(27, "NAME", a.someone("next-of-kin", kin, firstCaps), "RELATION", pick(a.rng, words("SPOUSE SISTER SON DAUGHTER")), "PHONE", kin.Phone)
	section("INSURANCE")
	a.other("insured", "dob", holder.Born.Format(time.DateOnly))
	plan, policy := pick(a.rng, []string{"BLUE RIDGE MUTUAL", "COASTAL HEALTH PLAN", "MEDICARE PART A"}), "XJ"+digits(a.rng, 8)
	if strings.HasPrefix(plan, "MEDICARE") {
		policy = a.mbi()
	}
	row(27, "PRIMARY PLAN", plan, "POLICY NUMBER", policy, "GROUP", digits(a.rng, 5))
	row(27, "SUBSCRIBER", a.someone("insured", holder, capsFirst), "SUBSCRIBER DOB", a.on(holder.Born))
	section("PHYSICIANS")
	row(27, "ATTENDING", a.someone("provider", a.doctor, capsFirst)+" MD", "ADMITTING DIAGNOSIS", strings.ToUpper(pick(a.rng, slots["condition"])))
	y += 18
	a.prose(style{face: f, size: 8.5}, 45, y, 522, "I certify that the information given above is correct. "+several(a.rng, "consent", 4))
	a.signed(45, y+80, 230, a.who)
	a.say(style{face: f, size: 7.5}, 45, y+90, "Signature of patient or responsible party")
}

// claimForm: numbered boxes and comb fields, insured beside patient.
func claimForm(a *author) {
	a.page()
	f, v := a.pickFace([]typeface{arial, helvetica, narrow}), style{face: pick(a.rng, []typeface{courier, courier, thin}), size: 10.5}
	label := style{face: f, size: 6}
	a.say(style{face: f, size: 13, bold: true}, 40, 48, "HEALTH BENEFIT CLAIM FORM")
	a.right(style{face: f, size: 7}, 572, 48, "FORM HB-"+digits(a.rng, 4)+" (REV. 08/11)")
	insured, tick := a.relative(), pick(a.rng, []float64{0.35, 1, 1})
	y := 60.0
	caption := func(x float64, text string) { a.say(label, x+2, y+8, text) }
	comb := func(x float64, text string, n int) {
		a.comb(v, x+6, y+11, 14, 16, n, tick, text)
	}
	line := func(h float64) { a.frame(40, y, 532, h, 0.8) }
	line(31)
	caption(40, "1. MEMBER ID NUMBER")
	comb(40, "M"+digits(a.rng, 9), 12)
	caption(300, "1a. PATIENT RECORD NUMBER")
	a.mrn()
	comb(300, a.who.MRN, 10)
	y += 31
	line(31)
	caption(40, "2. PATIENT'S NAME (Last, First, Middle Initial)")
	a.say(v, 50, y+25, a.name(capsFirst))
	caption(330, "3. PATIENT'S BIRTH DATE   MM  DD  YYYY")
	x := 336.0
	a.own("dob", a.who.Born.Format(time.DateOnly))
	for _, part := range []string{a.who.Born.Format("01"), a.who.Born.Format("02"), a.who.Born.Format("2006")} {
		x = a.comb(v, x, y+11, 14, 16, len(part), tick, part) + 6
	}
	caption(500, "SEX  M     F")
	a.tick(514, y+24, 9, a.sex() == "M")
	a.tick(534, y+24, 9, a.who.Sex == "F")
	delete(a.truth.Identifiers, "sex") // a cross in a box is no text
	y += 31
	line(31)
	caption(40, "4. INSURED'S NAME (Last, First, Middle Initial)")
	a.say(v, 50, y+25, a.someone("insured", insured, capsFirst))
	caption(330, "5. INSURED'S DATE OF BIRTH   MM  DD  YYYY")
	a.other("insured", "dob", insured.Born.Format(time.DateOnly))
	x = 336
	for _, part := range []string{insured.Born.Format("01"), insured.Born.Format("02"), insured.Born.Format("2006")} {
		x = a.comb(v, x, y+11, 14, 16, len(part), tick, part) + 6
	}
	y += 31
	line(31)
	caption(40, "6. PATIENT'S ADDRESS (No., Street)")
	a.say(v, 50, y+25, strings.ToUpper(a.street()))
	caption(330, "7. PATIENT RELATIONSHIP TO INSURED")
	for i, r := range []string{"Self", "Spouse", "Child", "Other"} {
		a.say(label.at(7), 336+float64(i)*55, y+24, r)
		a.tick(362+float64(i)*55, y+25, 8, i == 1)
	}
	y += 31
	line(31)
	caption(40, "CITY, STATE, ZIP CODE")
	a.say(v, 50, y+25, strings.ToUpper(a.who.City)+" "+a.who.State+" "+a.who.Zip)
	caption(330, "TELEPHONE")
	a.say(v, 340, y+25, a.phone())
	y += 31
	line(22)
	caption(40, "8. DIAGNOSIS OR NATURE OF ILLNESS OR INJURY")
	for i := range 4 {
		a.say(v, 60+float64(i)*125, y+19, fmt.Sprintf("%d. %c%s.%s", i+1, 'A'+rune(a.rng.IntN(20)), digits(a.rng, 2), digits(a.rng, 1)))
	}
	y += 22
	rows := [][]string{}
	for range 6 {
		day := a.date.AddDate(0, 0, -a.rng.IntN(9)).Format("01 02 06")
		rows = append(rows, []string{day, day, "11", "99" + digits(a.rng, 3), fmt.Sprintf("%d.00", 40+a.rng.IntN(600)), "1", "99" + digits(a.rng, 8)})
	}
	y += 12
	for i, h := range []string{"FROM", "TO", "PLACE", "PROCEDURE", "CHARGES", "UNITS", "RENDERING PROVIDER"} {
		a.say(label, []float64{46, 116, 186, 226, 300, 380, 420}[i], y, h)
	}
	y = a.table(v, y+15, 19, []float64{46, 116, 190, 230, 310, 385, 425}, 569, true, rows)
	y += 4
	line(31)
	caption(40, "9. FEDERAL TAX ID")
	comb(40, digits(a.rng, 9), 10)
	caption(210, "10. PATIENT'S ACCOUNT NO.")
	a.say(v, 220, y+25, a.number("account", "AC", 6))
	caption(390, "11. TOTAL CHARGE")
	a.say(v, 400, y+25, fmt.Sprintf("$ %d.00", 400+a.rng.IntN(3000)))
	y += 31
	line(48)
	caption(40, "12. SIGNATURE OF PHYSICIAN OR SUPPLIER")
	a.say(v, 50, y+24, strings.ToUpper(a.md()))
	a.say(v, 50, y+40, "SIGNED "+a.today())
	caption(300, "13. BILLING PROVIDER NAME AND ADDRESS")
	a.say(v.at(9), 310, y+22, strings.ToUpper(a.site.name))
	a.say(v.at(8), 310, y+34, strings.ToUpper(a.site.address))
}

// proseLetter: no field has a label; the patient stands in a sentence.
func proseLetter(a *author) {
	a.page()
	s := style{face: a.pickFace(texts), size: 11}
	y := a.letterhead(s, chance(a.rng, 0.5), 72)
	to := newPerson(a.rng)
	a.say(s, 72, y+10, a.longToday())
	y += 40
	for _, l := range []string{"Dr. " + a.someone("provider", to, firstLast), "Department of " + pick(a.rng, words("Cardiology Neurology Gastroenterology Orthopedics Rheumatology Urology")), to.Street, to.City + ", " + to.State + " " + to.Zip} {
		a.say(s, 72, y, l)
		y += 14
	}
	y += 14
	a.say(s.strong(), 72, y, "RE: "+a.name(firstLast)+", born "+a.longDOB())
	if chance(a.rng, 0.7) {
		y += 14
		a.say(s, 96, y, pick(a.rng, []string{"our record ", "chart number ", "our ref. "})+a.mrn())
	}
	y += 28
	a.say(s, 72, y, "Dear Dr. "+plain(to.Last)+":")
	y += 22
	he, his := "He", "his"
	if a.who.Sex == "F" {
		he, his = "She", "her"
	}
	title := "Mr. "
	if a.who.Sex == "F" {
		title = "Ms. "
	}
	y = a.prose(s, 72, y, 468, compose(a.rng, "{courtesy}. ")+title+plain(a.who.Last)+fmt.Sprintf(" is a %d-year-old who came to us with ", a.age())+pick(a.rng, slots["complaint"])+". "+he+" first noticed this "+
		pick(a.rng, slots["span"])+" ago. "+note(a.rng, 4)) + 8
	y = a.prose(s, 72, y, 468, note(a.rng, 6)) + 8
	y = a.prose(s, 72, y, 468, "I would value your advice on "+his+" further care. "+several(a.rng, "plan", 3)) + 20
	a.say(s, 72, y, "Sincerely,")
	a.signed(72, y+44, 170, a.doctor)
	a.say(s, 72, y+58, a.md())
	a.say(s.at(9), 72, y+78, "cc: medical records")
}

// clinicLetter: a British letter, day before month, with an NHS number.
func clinicLetter(a *author) {
	a.page()
	s := style{face: a.pickFace([]typeface{arial, calibri, helvetica}), size: 10.5}
	a.right(s.at(15).strong(), 540, 50, a.site.name)
	a.right(s.at(8.5), 540, 63, a.site.address)
	a.right(s.at(8.5), 540, 74, "Tel: "+a.site.phone)
	y := 100.0
	a.say(s, 56, y, "Our ref: "+initial(a.doctor.Last)+"/"+strings.ToLower(initial(a.doctor.First))+"m/"+a.mrn())
	a.say(s, 56, y+14, "Date dictated: "+a.on(a.ago(3)))
	a.say(s, 56, y+28, "Date typed: "+a.today())
	gp := newPerson(a.rng)
	y += 56
	for _, l := range []string{"Dr " + a.someone("provider", gp, initialed), "The Surgery", gp.Street, "Thornaby"} {
		a.say(s, 56, y, l)
		y += 13
	}
	y += 16
	a.say(s, 56, y, "Dear Dr "+plain(gp.Last))
	y += 20
	a.say(s.strong(), 56, y, "Re: "+a.name(titledLast)+"   DOB: "+a.dob()+"   NHS No: "+a.nhs())
	a.say(s.strong(), 56, y+14, a.street()+", Thornaby TB4 2"+pick(a.rng, words("QA RT XL")))
	y += 40
	for _, h := range []string{"Diagnosis:", "Current medication:", "Plan:"} {
		a.say(s.strong(), 56, y, h)
		y = a.prose(s, 160, y, 380, compose(a.rng, map[string]string{"Diagnosis:": "{condition}; {condition}", "Current medication:": "{drug}, {drug}, {drug}", "Plan:": "{plan}. {plan}."}[h])) + 5
	}
	y += 8
	y = a.prose(s, 56, y, 484, "I reviewed this patient in the clinic on "+a.on(a.ago(5))+". "+note(a.rng, 5)) + 8
	y = a.prose(s, 56, y, 484, note(a.rng, 5)) + 8
	y = a.prose(s, 56, y, 484, several(a.rng, "plan", 3)) + 16
	a.say(s, 56, y, "Yours sincerely")
	a.signed(56, y+40, 160, a.doctor)
	a.say(s, 56, y+54, a.someone("provider", a.doctor, firstLast))
	a.say(s, 56, y+67, "Consultant Physician")
}

// typedNote: a typewriter's page, facts in a row without labels.
func typedNote(a *author) {
	a.page()
	s := style{face: typewriter, size: pick(a.rng, []float64{11, 12}), jitter: 0.15 + a.rng.Float64()*0.25, grey: uint8(a.rng.IntN(70))}
	if chance(a.rng, 0.3) {
		s.face, s.jitter = courier, s.jitter/2
	}
	y := 60.0
	a.say(s, 70, y, strings.ToUpper(a.site.name))
	y += 30
	a.own("dob", a.who.Born.Format(time.DateOnly))
	a.say(s, 70, y, a.name(pick(a.rng, []nameForm{lowerFirst, capsFirst})))
	a.say(s, 330, y, a.mrn())
	a.say(s, 430, y, a.who.Born.Format(pick(a.rng, []string{"1-2-06", "01/02/06", "1/2/2006"})))
	y += 34
	a.say(s, 70, y, a.date.Format(pick(a.rng, []string{"1/2/2006", "January 2, 2006", "1-2-2006"})))
	y += 24
	for range 3 {
		y = a.prose(s, 70, y, 480, note(a.rng, 4+a.rng.IntN(3))) + s.size
	}
	y = a.prose(s, 70, y, 480, several(a.rng, "plan", 3)) + 30
	a.say(s, 330, y, a.md())
	a.say(s, 70, y+16, strings.ToLower(initial(a.doctor.First)+initial(a.doctor.Last))+"/mb")
}

// newbornExam: the infant's page, with its mother's name or, worse, her label.
func newbornExam(a *author) {
	a.page()
	s := style{face: a.pickFace(sanses), size: 10}
	mother := newPerson(a.rng)
	mother.Sex, mother.First, mother.Last, mother.Suffix = "F", firstName(a.rng, "F"), a.who.Last, ""
	mother.Born = a.who.Born.AddDate(-18-a.rng.IntN(22), 0, -a.rng.IntN(300))
	for mother.MRN == "" || a.reg.known[mother.MRN] {
		mother.MRN = "0" + digits(a.rng, 7)
	}
	a.say(s.at(14).strong(), 50, 60, "NEWBORN ADMISSION EXAMINATION")
	a.say(s, 50, 78, a.site.name+" Nursery")
	a.pair(s, 50, 110, 150, "Infant's name", a.name(lastFirst))
	a.pair(s, 50, 126, 150, "Infant MRN", a.mrn())
	a.pair(s, 50, 142, 150, "Born", a.dob()+" at 0"+digits(a.rng, 1)+":4"+digits(a.rng, 1))
	a.pair(s, 50, 158, 150, "Sex", a.sexWord())
	a.pair(s, 50, 174, 150, "Birth weight", fmt.Sprintf("%d g", 2400+a.rng.IntN(1800)))
	a.pair(s, 50, 190, 150, "Examined", a.today())
	if a.truth.Trap == "newborn" {
		a.other("mother", "name", plain(mother.Last)+"|"+plain(mother.First))
		a.other("mother", "mrn", mother.MRN)
		a.other("mother", "dob", mother.Born.Format(time.DateOnly))
		a.paste(a.sticker(mother, pick(a.rng, []string{"MOTHER", ""})), 360, 70+a.rng.Float64()*20, a.rng.NormFloat64()*2)
	} else {
		a.pair(s, 340, 110, 400, "Mother", a.someone("mother", mother, lastFirst))
	}
	y := 225.0
	for _, h := range words("General Head Eyes Chest Heart Abdomen Genitalia Hips Skin Neurologic") {
		a.say(s.strong(), 50, y, h)
		y = a.prose(s, 150, y, 400, compose(a.rng, pick(a.rng, slots["newborn"]))+". "+pick(a.rng, []string{"Normal.", "Unremarkable.", "Not remarkable today.", "See remarks."}))
		a.rule(50, y-8, 510, 0, 0.4)
		y += 6
	}
	y = a.prose(s, 50, y+8, 510, "Assessment and plan: "+several(a.rng, "newborn", 4))
	a.signed(350, y+50, 180, a.doctor)
	a.say(s, 350, y+62, a.md())
}

// sticker is an adhesive label of a person.
func (a *author) sticker(p Person, above string) *canvas {
	c := newCanvas(200, 76, a.dpi, a.rng)
	c.frame(0.5, 0.5, 198.5, 74.5, 0.8)
	s := style{face: pick(a.rng, []typeface{courier, arial, narrow}), size: 9}
	y := 14.0
	if above != "" {
		c.say(s.at(7), 8, y-3, above)
		y += 10
	}
	c.say(s.at(10).strong(), 8, y, capsFirst.write(p))
	c.say(s, 8, y+13, "MRN "+p.MRN)
	c.say(s, 8, y+25, "DOB "+p.Born.Format("01/02/2006")+"  "+p.Sex)
	c.say(s.at(7.5), 8, y+36, strings.ToUpper(p.Street+" "+p.City))
	code := p.MRN
	if a.truth.Trap == "barcode" {
		code = a.wrong.MRN
	}
	a.bars(c, 118, y+4, 76, 22, code)
	return c
}

// labGrid: results of several days side by side, the patient in a footer.
func labGrid(a *author) {
	a.page()
	s := style{face: pick(a.rng, append([]typeface{courier}, sanses...)), size: 9}
	a.say(s.at(12).strong(), 40, 48, a.site.name)
	a.right(s.at(12).strong(), 572, 48, "CUMULATIVE LABORATORY SUMMARY")
	a.rule(40, 54, 532, 0, 1.2)
	a.say(s, 40, 70, "Patient "+a.name(capsFirst))
	a.say(s, 300, 70, "Hosp No "+a.mrn())
	a.say(s, 440, 70, "Birthdate "+a.dob())
	a.say(s, 40, 84, "Requested by "+a.md())
	a.say(s, 300, 84, "Sex "+a.sex())
	a.say(s, 440, 84, "Lab No "+a.number("accession", "L", 7))
	columns := []float64{45, 150, 220, 290, 360, 430, 500}
	head := []string{"Test"}
	for i := range 4 {
		head = append(head, a.on(a.date.AddDate(0, 0, i-3)))
	}
	head = append(head, "Units", "Range")
	small := s.at(7.8)
	rows := [][]string{head}
	for _, i := range a.rng.Perm(len(assays))[:16+a.rng.IntN(6)] {
		row := []string{assays[i].name}
		for range 4 {
			v, flag := assays[i].result(a.rng)
			row = append(row, strings.TrimSpace(v+" "+flag))
		}
		rows = append(rows, append(row, assays[i].unit, assays[i].usual()))
	}
	y := a.table(small, 110, 18, columns, 569, chance(a.rng, 0.7), rows)
	a.prose(s, 40, y+14, 532, "Comment: "+several(a.rng, "plan", 2)+" H above, L below the usual range. Specimen received in good order.")
	a.say(s, 40, 740, "Printed "+a.on(a.date.AddDate(0, 0, 1+a.rng.IntN(60)))+" 06:1"+digits(a.rng, 1))
	a.right(s, 572, 740, "Page 1 of 1")
}

// radiologyBanner: white on black at the top, the rest in two kinds of print.
func radiologyBanner(a *author) {
	a.page()
	f := a.pickFace(sanses)
	s := style{face: f, size: 10.5}
	a.fill(40, 36, 532, 30, 20)
	a.say(style{face: f, size: 14, bold: true, white: true}, 52, 57, "DIAGNOSTIC IMAGING")
	a.right(style{face: f, size: 10, white: true}, 560, 56, a.site.name)
	left, right := 48.0, 320.0
	y := 88.0
	a.pair(s, left, y, left+80, "Patient", a.name(firstLast))
	a.pair(s, right, y, right+90, "Unit number", a.mrn())
	a.pair(s, left, y+15, left+80, "Date of birth", a.dob())
	a.pair(s, right, y+15, right+90, "Exam no.", a.number("accession", pick(a.rng, words("XR CT US MR")), 7))
	a.pair(s, left, y+30, left+80, "Performed", a.today())
	a.pair(s, right, y+30, right+90, "Referred by", a.md())
	a.rule(40, y+38, 532, 0, 0.8)
	organ := pick(a.rng, slots["organ"])
	y += 60
	for _, part := range [][2]string{{"EXAMINATION", strings.ToUpper(pick(a.rng, []string{"CT of the ", "Ultrasound of the ", "MRI of the ", "Radiograph of the "}) + organ)}, {"INDICATION", compose(a.rng, "{complaint} for {span}.")},
		{"TECHNIQUE", pick(a.rng, []string{"Axial images were obtained after 90 mL of contrast.", "Two views were taken.", "Standard sequences without gadolinium.", "Real-time scanning in two planes."})},
		{"COMPARISON", "Study of " + a.on(a.ago(900)) + "."},
		{"FINDINGS", "The " + organ + compose(a.rng, " {image}. The {organ} {image}. The {organ} {image}. The {organ} {image}. Visualized bones are intact. The {organ} {image}. No free fluid is seen. The {organ} {image}.")},
		{"IMPRESSION", compose(a.rng, "1. The {organ} {image}. 2. The {organ} {image}. 3. {plan}.")}} {
		a.say(s.strong(), left, y, part[0]+":")
		y = a.prose(s, left, y+15, 516, part[1]) + 10
	}
	a.say(s, left, y+10, "Read and signed by "+a.someone("provider", newPerson(a.rng), firstLast)+", MD on "+a.on(a.date.AddDate(0, 0, a.rng.IntN(2))))
}

// operativeNote: two pages or three, each under a running head.
func operativeNote(a *author) {
	s := style{face: a.pickFace(texts), size: 11.5}
	pages := 2 + a.rng.IntN(2)
	for n := 1; n <= pages; n++ {
		a.page()
		a.say(s.at(9), 60, 40, a.name(capsFirst)+"   MR# "+a.mrn())
		a.right(s.at(9), 552, 40, fmt.Sprintf("Operative Report   Page %d of %d", n, pages))
		a.rule(60, 45, 492, 0, 0.6)
		y := 80.0
		if n == 1 {
			a.centre(s.at(14).strong(), 306, 74, a.site.name)
			a.centre(s.at(12).strong(), 306, 92, "REPORT OF OPERATION")
			y = 124
			for _, l := range [][2]string{{"Date of surgery:", a.today()}, {"Surgeon:", a.md()}, {"Assistant:", a.someone("provider", newPerson(a.rng), firstLast)}, {"Birth date:", a.dob()}, {"Anesthesia:", pick(a.rng, slots["anesthetic"])},
				{"Preoperative diagnosis:", pick(a.rng, slots["condition"])}, {"Postoperative diagnosis:", "Same"}} {
				a.pair(s, 60, y, 210, l[0], l[1])
				y += 17
			}
			y += 10
			a.say(s.strong(), 60, y, "PROCEDURE IN DETAIL")
			y += 20
		}
		for y < 560 {
			y = a.prose(s, 60, y, 492, several(a.rng, "step", 4)) + 10
		}
		if n == pages {
			a.say(s, 60, y+20, "Dictated but not read: "+a.md())
			a.say(s.at(9), 60, y+36, "D: "+a.today()+"   T: "+a.on(a.date.AddDate(0, 0, 1)))
		}
	}
}

// consentBoxes: boxes to fill and to tick, filled by machine.
func consentBoxes(a *author) {
	a.page()
	f := a.pickFace(sanses)
	s, v := style{face: f, size: 9.5}, style{face: pick(a.rng, []typeface{typewriter, courier, f}), size: 10.5}
	a.frame(36, 36, 540, 720, 1.2)
	a.centre(s.at(13).strong(), 306, 58, "PERMISSION FOR TREATMENT AND ANESTHESIA")
	a.centre(s, 306, 72, a.site.name)
	label := s.at(7.5)
	a.cell(label, v, 44, 84, 264, 30, "Patient (surname, given names)", a.name(pick(a.rng, []nameForm{lastFirst, capsFirst})))
	a.cell(label, v, 308, 84, 130, 30, "Hospital no.", a.mrn())
	a.cell(label, v, 438, 84, 130, 30, "Date of birth", a.dob())
	a.cell(label, v, 44, 114, 264, 30, "Physician", a.md())
	a.cell(label, v, 308, 114, 260, 30, "Procedure", pick(a.rng, []string{"Cholecystectomy", "Colonoscopy", "Knee arthroscopy", "Hernia repair", "Cataract extraction", "Thyroid biopsy"}))
	y := 166.0
	for i, t := range a.rng.Perm(len(slots["consent"]))[:7] {
		a.say(s, 66, y, fmt.Sprintf("%d.", i+1))
		a.tick(46, y, 9, chance(a.rng, 0.8))
		y = a.prose(s.at(10), 82, y, 480, slots["consent"][t]+", and my questions have been answered.") + 10
	}
	witness := newPerson(a.rng)
	for _, l := range [][2]string{{"Patient or guardian", ""}, {"Witness", a.someone("witness", witness, firstLast)}, {"Physician", a.someone("provider", a.doctor, firstLast)}} {
		y += 36
		a.signed(46, y, 230, pick(a.rng, []Person{a.who, witness, a.doctor}))
		a.say(label, 46, y+10, l[0])
		a.say(v.at(9), 300, y-2, l[1])
		a.say(v, 460, y-2, a.today())
		a.say(label, 460, y+10, "Date")
	}
}

// immunizationCard: many dates, one of them a birth; a parent's name.
func immunizationCard(a *author) {
	a.page()
	f := a.pickFace(sanses)
	s, v := style{face: f, size: 9}, style{face: pick(a.rng, []typeface{courier, f, typewriter}), size: 9.5}
	parent := a.relative()
	a.centre(s.at(14).strong(), 306, 54, "VACCINE ADMINISTRATION RECORD")
	a.centre(s, 306, 68, a.site.name+", "+a.site.address)
	a.pair(s, 60, 96, 140, "Child or adult:", "")
	a.say(v, 140, 96, a.name(lastFirst))
	a.pair(s, 340, 96, 400, "Born on", a.dob())
	a.pair(s, 60, 112, 140, "Record no.", a.mrn())
	a.pair(s, 340, 112, 400, "Sex", a.sex())
	a.pair(s, 60, 128, 140, "Parent", a.someone("parent", parent, firstLast))
	a.pair(s, 340, 128, 400, "Phone", parent.Phone)
	a.other("parent", "phone", onlyDigits(parent.Phone))
	rows := [][]string{{"Vaccine", "Date given", "Dose", "Lot", "Site", "Given by"}}
	last := a.date
	for i, vac := range a.rng.Perm(14) {
		if i > 10 {
			break
		}
		rows = append(rows, []string{words("DTaP IPV MMR HepB Hib PCV13 Rotavirus Varicella HepA Tdap MenACWY HPV9 Influenza COVID-19")[vac], a.on(last.AddDate(0, 0, -i*91)), fmt.Sprint(1 + a.rng.IntN(4)),
			string(rune('A'+a.rng.IntN(26))) + digits(a.rng, 4) + string(rune('A'+a.rng.IntN(26))), pick(a.rng, []string{"L delt", "R delt", "L thigh", "R thigh"}), initialed.write(newPerson(a.rng))})
	}
	y := a.table(v, 162, 22, []float64{60, 150, 250, 300, 380, 450}, 552, true, rows)
	a.prose(s, 60, y+16, 490, "Keep this record. It will be needed for school entry. Reported to the state registry on "+a.today()+".")
}

// medicationGrid: a broad sheet of hours and days; the patient in the corner.
func medicationGrid(a *author) {
	a.page()
	f := a.pickFace([]typeface{arial, narrow, helvetica})
	s := style{face: f, size: 8.5}
	a.say(s.at(13).strong(), 36, 44, "MEDICATION ADMINISTRATION RECORD")
	a.right(s, 756, 44, a.site.name)
	first := a.date.AddDate(0, 0, -6)
	columns := []float64{40, 250}
	head := []string{"Medication, dose, route", "Time"}
	for i := range 7 {
		columns = append(columns, 300+float64(i)*65)
		head = append(head, a.on(first.AddDate(0, 0, i)))
	}
	rows := [][]string{head}
	for range 8 {
		for k, hour := range pick(a.rng, [][]string{{"0800"}, {"0900", "2100"}, {"0600", "1400", "2200"}}) {
			row := []string{"", hour}
			if k == 0 {
				row[0] = compose(a.rng, "{drug}")
			}
			for range 7 {
				row = append(row, pick(a.rng, words("KT RB ML JD AS HELD PN")))
			}
			rows = append(rows, row)
		}
	}
	rows = rows[:min(len(rows), 17)]
	y := a.table(s.at(7.5), 68, 24, columns, 753, true, rows)
	y = max(y, 470)
	a.frame(36, y, 330, 84, 1)
	a.say(s, 42, y+14, "Name: "+a.name(capsFirst))
	a.say(s, 42, y+28, "MRN: "+a.mrn()+"    Birth: "+a.dob())
	a.say(s, 42, y+42, "Room: "+digits(a.rng, 3)+"    Attending: "+a.md())
	a.say(s, 42, y+56, "Allergies: "+pick(a.rng, words("none penicillin sulfa latex codeine")))
	a.say(s, 42, y+70, "Week ending "+a.today())
	a.say(s, 390, y+14, "Initials and signatures of nurses")
	for i := range 3 {
		p := newPerson(a.rng)
		a.signed(390, y+34+float64(i)*20, 150, p)
		a.say(s, 560, y+34+float64(i)*20, a.someone("provider", p, firstLast)+", RN")
	}
}

// pathologyReport: specimen numbers, a referrer, a pathologist.
func pathologyReport(a *author) {
	a.page()
	s := style{face: a.pickFace(texts), size: 10.5}
	y := a.letterhead(s, true, 0)
	a.centre(s.at(13).strong(), 306, y, "SURGICAL PATHOLOGY CONSULTATION")
	y += 16
	a.frame(50, y, 512, 74, 0.8)
	a.rule(306, y, 0, 74, 0.5)
	a.say(s, 56, y+16, "Patient: "+a.name(capsFirst))
	a.say(s, 56, y+31, "Med Rec #: "+a.mrn())
	a.say(s, 56, y+46, "DOB/Age/Sex: "+a.dob()+"  "+fmt.Sprint(a.age())+" yrs  "+a.sex())
	a.say(s, 56, y+61, "Location: "+pick(a.rng, words("OR-2 Endoscopy Clinic 4-West")))
	a.say(s, 312, y+16, "Specimen #: "+a.number("accession", a.date.Format("S06-"), 5))
	a.say(s, 312, y+31, "Collected: "+a.on(a.ago(4)))
	a.say(s, 312, y+46, "Received: "+a.on(a.date.AddDate(0, 0, -1)))
	a.say(s, 312, y+61, "Submitting: "+a.md())
	y += 96
	organ := pick(a.rng, slots["organ"])
	for _, part := range [][2]string{{"SPECIMEN", "A. " + organ + ", biopsy. B. " + pick(a.rng, slots["organ"]) + ", excision."}, {"CLINICAL HISTORY", compose(a.rng, "{complaint} for {span}; {condition}.")},
		{"GROSS DESCRIPTION", several(a.rng, "gross", 4)}, {"MICROSCOPIC DESCRIPTION", several(a.rng, "micro", 5)}, {"DIAGNOSIS", compose(a.rng, "A. "+organ+": chronic inflammation, negative for malignancy. B. {organ}: margins free.")}} {
		a.say(s.strong(), 50, y, part[0])
		y = a.prose(s, 50, y+15, 512, part[1]) + 10
	}
	a.say(s, 50, y+8, "Reported "+a.today()+" by "+a.someone("provider", newPerson(a.rng), firstLast)+", MD, Pathologist")
}

// faxReferral: a machine's header line, a cover's fields, then the matter.
func faxReferral(a *author) {
	a.page()
	s := style{face: a.pickFace(texts), size: 11}
	to := newPerson(a.rng)
	a.say(style{face: courier, size: 8}, 30, 20, a.date.Format("Jan-02-2006 03:04PM")+"   FROM-"+strings.ToUpper(a.site.name)+"   "+a.site.phone+"   T-"+digits(a.rng, 3)+"  P.001/001  F-"+digits(a.rng, 3))
	a.say(s.at(26).strong(), 60, 74, "FAX")
	y := 104.0
	a.other("provider", "phone", onlyDigits(to.Phone))
	for _, l := range [][2]string{{"To:", a.someone("provider", to, firstLast) + ", MD"}, {"Fax number:", to.Phone}, {"From:", a.md()}, {"Date:", a.today()}, {"Pages:", "1 including this one"}, {"Subject:", "Referral"}} {
		a.pair(s, 60, y, 150, l[0], l[1])
		a.rule(148, y+3, 390, 0, 0.4)
		y += 20
	}
	y += 16
	a.pair(s, 60, y, 150, "Patient:", a.name(firstLast))
	a.pair(s, 60, y+16, 150, "Date of birth:", a.dob())
	a.pair(s, 60, y+32, 150, "MRN:", a.mrn())
	a.pair(s, 60, y+48, 150, "Phone:", a.phone())
	y += 84
	y = a.prose(s, 60, y, 480, "Please see this patient for "+pick(a.rng, slots["complaint"])+". "+note(a.rng, 6)) + 14
	y = a.prose(s, 60, y, 480, compose(a.rng, "Medicines: {drug}; {drug}. {courtesy}.")) + 40
	a.prose(s.at(8), 60, y, 480, "This message is intended for the person named above. If it reached you in error, call the sender and destroy all pages. It may hold health information that the law protects.")
}

// prescription: a small form on a large sheet; the prescriber's numbers.
func prescription(a *author) {
	a.page()
	s := style{face: a.pickFace(serifs), size: 10.5}
	a.frame(110, 60, 390, 480, 1)
	a.centre(s.at(13).strong(), 305, 84, a.md())
	a.centre(s, 305, 99, a.site.name)
	a.centre(s.at(9), 305, 112, a.site.address+"   "+a.site.phone)
	npi, dea := "1"+digits(a.rng, 9), initial(plain(a.doctor.Last))
	a.other("provider", "npi", npi)
	a.centre(s.at(9), 305, 125, "NPI "+npi+"   DEA B"+strings.ToUpper(dea)+digits(a.rng, 7))
	a.rule(110, 133, 390, 0, 0.8)
	v := style{face: pick(a.rng, []typeface{typewriter, courier}), size: 11}
	for i, l := range [][2]string{{"Name", a.name(firstLast)}, {"Address", a.street() + ", " + a.who.City}, {"Birth date", a.dob()}, {"Date", a.today()}, {"Chart #", a.mrn()}} {
		y := 158 + float64(i)*20
		a.say(s, 124, y, l[0])
		a.say(v, 190, y-1, l[1])
		a.rule(186, y+3, 300, 0, 0.4)
	}
	a.say(s.at(34).strong(), 124, 300, "Rx")
	y := 290.0
	for range 2 + a.rng.IntN(2) {
		a.say(v, 180, y, compose(a.rng, "{drug}"))
		a.say(v, 180, y+15, fmt.Sprintf("Disp # %d   Refills %d", 10*(1+a.rng.IntN(9)), a.rng.IntN(4)))
		y += 42
	}
	a.signed(270, 500, 200, a.doctor)
	a.say(s.at(8), 270, 511, "Signature of prescriber")
	a.say(s.at(8), 124, 528, "Substitution is allowed unless the prescriber writes otherwise")
}

// dischargeColumns: a column of facts beside the story, over two pages.
func dischargeColumns(a *author) {
	a.page()
	f := a.pickFace([]typeface{calibri, arial, helvetica, times})
	s := style{face: f, size: 10}
	a.say(s.at(15).strong(), 44, 52, a.site.name)
	a.say(s.at(12), 44, 68, "Hospital course and discharge instructions")
	a.rule(44, 76, 524, 0, 1)
	admitted := a.ago(14)
	y := 96.0
	for _, l := range [][2]string{{"PATIENT", a.name(lastFirst)}, {"RECORD", a.mrn()}, {"BORN", a.dob()}, {"SEX", a.sexWord()}, {"ADMITTED", a.on(admitted)}, {"DISCHARGED", a.today()}, {"ATTENDING", a.md()}, {"FAMILY DOCTOR", a.someone("provider", newPerson(a.rng), initialed)},
		{"CONTACT", a.someone("next-of-kin", a.relative(), firstLast)}} {
		a.say(s.at(7.5).strong(), 44, y, l[0])
		y = a.prose(s, 44, y+12, 140, l[1]) + 6
	}
	a.rule(192, 84, 0, 660, 0.5)
	y = 96.0
	for _, part := range [][2]string{{"Reason for admission", compose(a.rng, "{complaint} for {span}, with known {condition}.")}, {"Hospital course", note(a.rng, 8)}, {"Procedures", several(a.rng, "step", 2)}, {"Condition on discharge", compose(a.rng, "{finding}. {vital}.")},
		{"Medicines to take", compose(a.rng, "{drug}; {drug}; {drug}; {drug}.")}, {"Follow up", several(a.rng, "plan", 3)}} {
		a.say(s.strong(), 204, y, part[0])
		y = a.prose(s, 204, y+14, 364, part[1]) + 10
	}
	if chance(a.rng, 0.4) {
		a.page()
		a.say(s.at(9), 44, 44, a.name(lastFirst)+" / "+a.mrn()+" / discharge "+a.today()+" / page 2")
		y = 80
		for range 4 {
			y = a.prose(s, 44, y, 524, note(a.rng, 5)) + 10
		}
	}
	a.say(s, 204, min(y+20, 770), "Electronically signed by "+a.md())
}

// dottedHistory: labels led to their values by dots, a printer of fixed pitch.
func dottedHistory(a *author) {
	a.page()
	s := style{face: pick(a.rng, monos), size: 10}
	if s.face == thin {
		s.bold = true
	}
	a.say(s, 60, 50, strings.ToUpper(a.site.name))
	a.say(s, 60, 64, "ADMISSION HISTORY AND PHYSICAL EXAMINATION")
	y := 92.0
	for _, l := range [][2]string{{"NAME", a.name(capsFirst)}, {"HOSPITAL NUMBER", a.mrn()}, {"DATE OF BIRTH", a.dob()}, {"DATE OF ADMISSION", a.today()}, {"ATTENDING", strings.ToUpper(a.md())}} {
		a.say(s, 60, y, l[0]+strings.Repeat(".", 22-len(l[0]))+" "+l[1])
		y += 14
	}
	y += 14
	for _, part := range [][2]string{{"CHIEF COMPLAINT:", compose(a.rng, "{complaint}.")}, {"PRESENT ILLNESS:", note(a.rng, 5)}, {"PAST HISTORY:", compose(a.rng, "{condition}, {condition}. {condition}, treated with {drug}.")},
		{"MEDICATIONS:", compose(a.rng, "{drug}, {drug}.")}, {"EXAMINATION:", compose(a.rng, "{vital}. {finding}. {finding}. {finding}.")}, {"IMPRESSION:", compose(a.rng, "{condition}. {plan}.")}} {
		text := part[0] + "  " + part[1]
		y = a.prose(s, 60, y, 500, strings.ToUpper(text)) + 8
	}
}

// statement: a bill, its numbers none of the patient's record; who pays first.
func statement(a *author) {
	a.page()
	s := style{face: a.pickFace(texts), size: 10}
	y := a.letterhead(s, false, 60)
	payer := a.relative()
	for _, l := range []string{a.someone("guarantor", payer, firstCaps), strings.ToUpper(payer.Street), strings.ToUpper(payer.City) + " " + payer.State + " " + payer.Zip} {
		a.say(s, 80, y+20, l)
		y += 14
	}
	a.other("guarantor", "address", payer.Street)
	y += 50
	a.say(s, 60, y, "Statement date "+a.today())
	a.say(s, 330, y, "Account "+a.number("account", "", 10))
	a.say(s, 60, y+16, "Services to "+a.name(firstLast)+" (born "+a.dob()+", record "+a.mrn()+")")
	rows := [][]string{{"Date of service", "Description", "Amount"}}
	for range 7 {
		rows = append(rows, []string{a.on(a.ago(60)), pick(a.rng, []string{"Office visit, established patient", "Venipuncture", "Chest radiograph, two views", "Complete blood count", "Electrocardiogram", "Emergency department level 3"}), fmt.Sprintf("%d.%s", 10+a.rng.IntN(900), digits(a.rng, 2))})
	}
	y = a.table(s, y+46, 18, []float64{62, 170, 470}, 550, chance(a.rng, 0.5), rows)
	y = a.prose(s, 60, y+20, 490, "Your plan has been billed. The amount due by "+a.on(a.date.AddDate(0, 1, 0))+fmt.Sprintf(" is $%d.%s. ", 20+a.rng.IntN(900), digits(a.rng, 2))+"Please write the account number on your check, or call us to arrange payment over time.") + 20
	a.rule(60, y, 490, 0, 0.5)
	a.say(s.at(9), 60, y+16, "Detach here and return this part with your payment.")
}

// ukDischarge: a ward's letter in boxes, British forms, hospital and NHS number.
func ukDischarge(a *author) {
	a.page()
	f := a.pickFace([]typeface{arial, calibri, helvetica})
	s, label := style{face: f, size: 10}, style{face: f, size: 8}
	a.say(s.at(14).strong(), 44, 50, a.site.name)
	a.say(s.at(11), 44, 66, "Discharge Summary")
	y := 80.0
	row := func(cells ...string) {
		w := 507.0 / float64(len(cells)/2)
		for i := 0; i < len(cells); i += 2 {
			a.cell(label, s, 44+w*float64(i/2), y, w, 30, cells[i], cells[i+1])
		}
		y += 30
	}
	row("Surname", strings.ToUpper(plain(a.who.Last)), "Forename", plain(a.who.First), "Date of Birth", a.dob())
	a.own("name", plain(a.who.Last)+"|"+plain(a.who.First)+"||")
	row("Hospital Number", a.mrn(), "NHS Number", a.nhs(), "Gender", a.sexWord())
	row("Address", a.street(), "Consultant", a.someone("provider", a.doctor, firstLast))
	row("Admitted", a.on(a.ago(12)), "Discharged", a.today(), "Ward", pick(a.rng, words("Nightingale Lister Fleming Jenner")))
	row("GP", "Dr "+a.someone("provider", newPerson(a.rng), initialed), "Next of kin", a.someone("next-of-kin", a.relative(), firstLast))
	y += 22
	for _, part := range [][2]string{{"Presenting complaint", compose(a.rng, "{complaint} for {span}.")}, {"Clinical summary", note(a.rng, 7)}, {"Investigations", compose(a.rng, "The {organ} {image}. The {organ} {image}.")}, {"Medication on discharge", compose(a.rng, "{drug}; {drug}; {drug}.")},
		{"Actions for GP", several(a.rng, "plan", 3)}} {
		a.say(s.strong(), 44, y, part[0])
		y = a.prose(s, 44, y+14, 507, part[1]) + 9
	}
	a.say(s, 44, y+12, "Completed by "+a.someone("provider", newPerson(a.rng), firstLast)+", Foundation Doctor")
}

// labelChart: ruled lines with a hand's writing, the patient only on a label.
func labelChart(a *author) {
	a.page()
	f := a.pickFace(sanses)
	s := style{face: f, size: 10}
	a.say(s.at(13).strong(), 44, 54, "NURSING PROGRESS RECORD")
	a.say(s, 44, 70, a.site.name)
	a.paste(a.sticker(a.who, ""), 360, 36+a.rng.Float64()*14, a.rng.NormFloat64()*1.5)
	a.name(capsFirst)
	a.mrn()
	a.own("dob", a.who.Born.Format(time.DateOnly))
	a.sex()
	a.own("address", a.who.Street)
	y := 140.0
	a.say(s.strong(), 48, y, "Date")
	a.say(s.strong(), 120, y, "Time")
	a.say(s.strong(), 170, y, "Notes")
	pen := style{face: pick(a.rng, hands), size: 15, grey: 40}
	written := 3 + a.rng.IntN(4)
	for i := range 24 {
		y += 24
		a.rule(44, y, 524, 0, 0.4)
		if i < written*3 && i%3 == 0 {
			a.say(s, 48, y-5, a.on(a.date.AddDate(0, 0, i/3-written+1)))
			a.say(s, 120, y-5, fmt.Sprintf("%02d:%s", 6+a.rng.IntN(14), pick(a.rng, words("00 15 30 45"))))
			a.scribble(pen, 170, y-4, a.wrap(pen, 380, compose(a.rng, pick(a.rng, sentences)))[0])
		}
	}
	a.rule(115, 128, 0, 600, 0.4)
	a.rule(165, 128, 0, 600, 0.4)
}

// memo: a telephone message that tells little; of twins or father and son not
// enough to tell them apart.
func memo(a *author) {
	a.page()
	s := style{face: pick(a.rng, []typeface{arial, times, typewriter, calibri}), size: 11.5}
	a.say(s.at(15).strong(), 80, 70, "TELEPHONE MESSAGE")
	a.say(s, 80, 88, a.site.name)
	a.rule(80, 96, 450, 0, 1)
	name, born := "", ""
	switch {
	case a.truth.Trap == "ambiguous" && a.truth.Alike == string(twins):
		name, born = initialed.write(a.who), a.dob()
		a.own("name", plain(a.who.Last)+"|"+initial(plain(a.who.First))+"||")
	case a.truth.Trap == "ambiguous":
		name = plain(a.who.First) + " " + plain(a.who.Last)
		a.own("name", plain(a.who.Last)+"|"+plain(a.who.First)+"||")
	default:
		name, born = a.name(firstLast), a.dob()
	}
	y := 124.0
	caller := a.relative()
	for _, l := range [][2]string{{"Taken on", a.today() + " at 1" + digits(a.rng, 1) + ":35"}, {"For", a.md()}, {"Caller", a.someone("next-of-kin", caller, firstLast)}, {"Concerning", name}, {"Born", born}} {
		if l[1] != "" {
			a.pair(s, 80, y, 180, l[0], l[1])
			y += 20
		}
	}
	if a.truth.Trap != "ambiguous" {
		a.pair(s, 80, y, 180, "Chart", a.mrn())
		y += 20
	}
	y = a.prose(s, 80, y+24, 450, "Caller reports "+pick(a.rng, slots["complaint"])+" for "+pick(a.rng, slots["span"])+". "+note(a.rng, 3)) + 16
	a.prose(s, 80, y, 450, "Advised: "+several(a.rng, "plan", 2))
	a.signed(330, y+110, 180, newPerson(a.rng))
}

// continuation: a later page of something, that names nobody.
func continuation(a *author) {
	a.page()
	s := style{face: a.pickFace(texts), size: 11}
	a.right(s, 550, 50, fmt.Sprintf("continued, page %d", 2+a.rng.IntN(4)))
	y := 90.0
	for y < 560 {
		y = a.prose(s, 62, y, 488, note(a.rng, 5)) + 12
	}
	a.say(s, 62, y+20, "Dictated "+a.today())
}
