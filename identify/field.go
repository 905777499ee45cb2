package identify

import (
	"maps"
	"slices"
	"strings"
	"sync"

	"chartroom/record"
)

// A field is what stands beside a label: an identifier of some kind, a part of
// a name, a date of some meaning, or something to be passed over so that
// nobody takes it for a patient's number.
type field struct {
	kind record.Kind
	role record.Role // "" is told by the place
	weak bool        // an everyday word: a label only with a colon or in a cell of its own
}

// Kinds that never leave this package.
const (
	partLast   record.Kind = "last"
	partFirst  record.Kind = "first"
	partMiddle record.Kind = "middle"
	passOver   record.Kind = "-"
	datePrefix             = "date:"
)

// The meanings of dates, by which the document's own date is chosen.
const (
	dateDischarge record.Kind = datePrefix + "discharge"
	dateAdmission record.Kind = datePrefix + "admission"
	dateCollected record.Kind = datePrefix + "collected"
	dateReceived  record.Kind = datePrefix + "received"
	dateReported  record.Kind = datePrefix + "reported"
	dateExam      record.Kind = datePrefix + "exam"
	dateService   record.Kind = datePrefix + "service"
	dateSigned    record.Kind = datePrefix + "signed"
	dateWritten   record.Kind = datePrefix + "written"
	dateDictated  record.Kind = datePrefix + "dictated"
	datePrinted   record.Kind = datePrefix + "printed" // never the document's
	dateElse      record.Kind = datePrefix + "else"    // expiry, onset, next visit: never the document's
)

func isDate(k record.Kind) bool { return strings.HasPrefix(string(k), datePrefix) }

// wording is one line of the table of labels: the words, parted by commas, for
// one field. A "+" at the end of a word stands for the word alone and followed
// by no, number, id and the like; a "*" for only those.
type wording struct {
	field
	words string
}

var wordings = []wording{
	{field{record.KindName, record.RolePatient, false}, "patient name, patients name, name of patient, patient full name, pt name, pts name, client name, clients name, resident name, " +
		"childs name, name of child, infants name, patient name last first, patient name last first mi, patients name last name first name middle initial, name of pt, " +
		"patient last first, patient legal name, patient name printed, printed name of patient, print patient name"},
	{field{record.KindName, record.RolePatient, true}, "patient, pt, re, regarding, client, patient identification, in re, our patient, your patient, subject"},
	{field{record.KindName, "", true}, "name, full name, legal name, name last first, name last first mi, name last first middle, print name, printed name"},
	{field{partLast, "", true}, "last name, surname, family name, last"},
	{field{partFirst, "", true}, "first name, forename, forenames, given name, given names, first, first names"},
	{field{partMiddle, "", true}, "middle name, middle initial, mi, middle"},
	{field{record.KindDOB, "", false}, "dob, date of birth, birthdate, birth date, dateof birth, birthday, dob age, dob sex, dob age sex, date of birth age, date of birth sex, date of birth mm dd yyyy, birth dt, bdate, born, born on, dob mm dd yyyy, d o b"},
	{field{record.KindSex, "", false}, "sex, gender, sex at birth, legal sex, sex m f, gender m f"},
	{field{record.KindMRN, "", false}, "mrn+, medical record+, med rec+, medrec+, medical rec+, mr*, m r*, emrn, crn+, urn+, ur*, unit*, chart*, hospital*, hosp*, record*, patient*, pt*, pid, pt id no, patient id no, " +
		"health record*, file*, registration*, case record*, patient record*, hospital unit*, mpi+, empi+, patient mrn, medical record number mrn, medical record no mrn, patient identifier, hospital mrn, unit record*, client*, patient identification*"},
	{field{record.KindAccount, "", false}, "account+, acct+, patient account+, patient acct+, patients account+, visit*, encounter*, csn+, fin+, har+, admission*, episode*, billing account+, hospital account+"},
	{field{record.KindAccession, "", false}, "accession+, acc*, lab*, laboratory*, lab accession+"},
	{field{record.KindSSN, "", false}, "ssn+, social security+, soc sec+, ss*, social sec+, patient ssn+"},
	{field{record.KindMBI, "", false}, "mbi+, medicare+, medicare beneficiary+, medicare beneficiary identifier, medicare mbi"},
	{field{record.KindNHS, "", false}, "nhs+, new nhs+, patient nhs+"},
	{field{kindCHI, "", false}, "chi+"},
	{field{kindNHI, "", false}, "nhi+"},
	{field{record.KindNPI, record.RoleProvider, false}, "npi+, provider npi+, national provider+, national provider identifier"},
	{field{record.KindPhone, "", true}, "phone+, telephone+, tel+, contact*, home phone+, home telephone+, home tel+, cell phone+, cell+, mobile+, mobile phone+, work phone+, daytime phone+, phone home, phone cell, telephone include area code, primary phone+, patient phone+, patients phone+, phone day"},
	{field{record.KindAddress, "", true}, "address, street address, home address, mailing address, addr, street, residence, patient address, patients address, patients address no street, address line 1, permanent address, current address"},

	{field{dateDischarge, "", false}, "date of discharge, discharge date, discharge dt, disch date, date discharged, date of discharge transfer"},
	{field{dateDischarge, "", true}, "discharged, discharge, discharged on, disch"},
	{field{dateAdmission, "", false}, "date of admission, admission date, admit date, adm date, date admitted, admit dt, admission dt"},
	{field{dateAdmission, "", true}, "admitted, admission, admit, admitted on, adm"},
	{field{dateCollected, "", false}, "collection date, date collected, specimen date, date drawn, sample date, date of sample, collected on, collected date, date of collection, specimen collected, date time collected, collected date time, collection date time, drawn on"},
	{field{dateCollected, "", true}, "collected, drawn, sampled, coll"},
	{field{dateReceived, "", false}, "date received, received date, received on, date of receipt, specimen received"},
	{field{dateReceived, "", true}, "received, recd"},
	{field{dateReported, "", false}, "report date, date reported, date of report, result date, reported on, date of result, date resulted, report date time, authorised on, date authorised"},
	{field{dateReported, "", true}, "reported, resulted, finalized"},
	{field{dateExam, "", false}, "exam date, date of exam, study date, date of study, examination date, date of examination, procedure date, date of procedure, date of operation, operation date, surgery date, date of surgery, exam dt, date of scan, scan date, test date, date of test, date performed, exam date time, date time of exam"},
	{field{dateService, "", false}, "date of service, service date, dos, visit date, date of visit, encounter date, clinic date, date of clinic, date seen, date of consultation, consult date, consultation date, date of encounter, date of appointment, date of attendance, dates of service, date of clinic visit, date of note, note date, date of immunization"},
	{field{dateSigned, "", false}, "date signed, signature date, signed date, date of signature, signed on"},
	{field{dateWritten, "", true}, "date, dated, todays date, date time, dt"},
	{field{dateWritten, "", false}, "letter date, date of letter, date of referral, referral date, date written, date prescribed, date issued, issue date, date completed, form date, date of registration, registration date, date ordered, order date, date of request"},
	{field{dateDictated, "", false}, "date dictated, dictation date, dictated on, typed on, date typed, date transcribed, transcribed on"},
	{field{dateDictated, "", true}, "dictated, typed, transcribed"},
	{field{datePrinted, "", false}, "print date, printed on, date printed, run date, print date time, date faxed, printed date"},
	{field{datePrinted, "", true}, "printed, faxed, run on, print time"},
	{field{dateElse, "", false}, "expiration date, expiry date, exp date, due date, next appointment, date of injury, date of onset, effective date, vaccination date, date given, follow up date, date of death, date of last, return date, admission time, date of current illness, next visit, valid until, date of accident, revision date, rev date, form revised"},
	{field{dateElse, "", true}, "expires, exp, expiry, follow up, onset, rev, revised, effective, due, lmp, edd, edc"},

	{field{passOver, "", false}, "relationship to insured, patient relationship to insured, patients relationship to insured, patient status, patients condition related to, employers name or school name, patients or authorized persons signature, " +
		"insureds or authorized persons signature, is there another health benefit plan, insurance plan name or program name, insureds or authorized persons, name and address of facility, insureds plan name or program name, other insureds policy or group number, " +
		"dea or tin, attachment control number, other claim id, original ref no, prior authorization number, signature of physician or supplier, date of birth of insured, patients weight, patient weight"},
	{field{record.KindName, record.RoleInsured, false}, "other insureds name, insureds name last name first name middle initial, other insureds name last name first name middle initial"},
	{field{record.KindName, record.RoleProvider, false}, "name of referring physician or other source, name of referring provider or other source, name of referring provider"},
	{field{passOver, "", true}, "fax+, policy+, group+, claim+, order+, specimen+, sample+, clia+, dea+, license+, licence+, lic*, tax*, federal tax*, ein, control+, attachment control+, reference+, ref+, our ref, your ref, requisition+, req*, " +
		"authorization*, auth*, referral*, invoice+, batch+, box+, bed+, room+, ward+, lot+, ndc+, rx*, prescription*, insurance+, member*, subscriber*, plan+, payer+, medicaid+, case*, form+, page+, age, race, ethnicity, " +
		"religion, marital status, occupation, employer, language, preferred language, relationship, relationship to patient, height, weight, diagnosis, allergies, email, e mail, zip, zip code, postcode, city, state, county, country, time, " +
		"department, dept, location, unit, hospital, facility, clinic, laboratory, service, procedure, exam, examination, study, impression, findings, indication, clinical history, history, technique, comparison, conclusion, plan, " +
		"medications, signature, signed, patient signature, signature of patient, patients signature, providers pt id, provider patient id, provider pt id, payer id, hicn, hic*, pharmacy, insurance company, insurance carrier, status, type, " +
		"extension, ext, pager, beeper, national insurance*, ni*, gmc*, nmc*, state license+, security, code, maiden name, former name, nickname, preferred name, aka, alias, place of birth, birthplace, birth weight, time of birth, gestation, apgar, " +
		"primary insurance, secondary insurance, insurance plan, copay, deductible, reason, reason for visit, chief complaint, complaint, subject line, pages, number of pages, cc, company, organization, title, priority, volume, test, result"},
}

// persons are the words for people. Each stands alone, with "name", and before
// birth date, number, telephone, address and sex.
var persons = []struct {
	role  record.Role
	words string
}{
	{record.RolePatient, "patient, pt, client, resident, child, baby, newborn, infant"},
	{record.RoleProvider, "physician, doctor, dr, provider, attending, attending physician, attending md, attending provider, ordering physician, ordering provider, ordering md, ordered by, requested by, requesting physician, requesting provider, requesting doctor, " +
		"referring physician, referring provider, referring doctor, referring md, referred by, referring gp, referred to, gp, general practitioner, registered gp, consultant, surgeon, primary care physician, primary care provider, primary care, pcp, family physician, family doctor, dictated by, " +
		"signed by, verified by, electronically signed by, electronically signed, interpreted by, read by, reviewed by, radiologist, reading radiologist, pathologist, anesthesiologist, anesthetist, performed by, collected by, technologist, technician, reported by, " +
		"author, transcribed by, transcriptionist, prescriber, prescribed by, nurse, registered nurse, rn, admitting physician, admitting doctor, admitting, treating physician, rendering provider, supervising physician, assistant, assistant surgeon, clinician, therapist, " +
		"consulting physician, resident physician, midwife, health visitor, authorised by, authorized by, approved by, administered by, given by, entered by, seen by, responsible clinician, lead clinician, copy to, copies to, copied to, to, from, attn, attention, sender, recipient, pharmacist, seen and examined by, operating surgeon, billing provider, ordering, referring"},
	{record.RoleGuarantor, "guarantor, responsible party, person responsible, bill to, responsible person, financially responsible party, guarantors, responsible partys"},
	{record.RoleInsured, "insured, subscriber, policy holder, policyholder, insureds, subscribers, policyholders, cardholder, insured party, other insured, other insureds, primary insured, secondary insured, insurance subscriber, employee, sponsor"},
	{record.RoleNextOfKin, "next of kin, nok, emergency contact, contact, contact person, spouse, husband, wife, father, fathers, parent, parents, guardian, legal guardian, parent guardian, parent or guardian, partner, son, daughter, person to notify, notify in emergency, in case of emergency, " +
		"in case of emergency notify, spouses, carer, caregiver, representative, personal representative, legal representative, power of attorney, proxy, health care proxy, brother, sister, emergency contacts, significant other, " +
		"sibling, twin, grandmother, grandfather, grandparent, stepmother, stepfather, foster parent, aunt, uncle, cousin, niece, nephew, conservator, surrogate, emergency contact 1, emergency contact 2, emergency contact person, responsible adult"},
	{record.RoleMother, "mother, mothers, mom, birth mother, mother of baby, mothers maiden"},
	{record.RoleUnclear, "donor, organ donor, living donor, informant, requester, requestor, attorney, lawyer, friend, relative, neighbor, neighbour, roommate, companion, account holder, applicant"},
	{record.RoleWitness, "witness, witnessed by, witness 1, witness 2, witness to signature, interpreter, translator"},
}

// headings begin a part of a form that speaks of one person.
var headingEnds = []string{"", "information", "details", "data", "section", "demographics", "info", "identification", "particulars", "contact information", "contact details", "personal information"}

// A lexicon is the tables by folded words: the labels, the headings, and the
// labels long enough to be recognised with a wrong letter by their length.
type lexicon struct {
	labels   map[string]field
	headings map[string]record.Role
	fuzzy    map[int][]string
	sorted   []string // the labels in order
}

// opens says whether any label begins so.
func (l *lexicon) opens(key string) bool {
	at, _ := slices.BinarySearch(l.sorted, key)
	return at < len(l.sorted) && strings.HasPrefix(l.sorted[at], key)
}

// words is the lexicon, made when a page is first read.
var words = sync.OnceValue(func() *lexicon {
	l := &lexicon{labels: makeLabels(), headings: makeHeadings()}
	l.fuzzy = makeFuzzy(l.labels)
	l.sorted = slices.Sorted(maps.Keys(l.labels))
	return l
})

var numberEndings = []string{"no", "number", "num", "nr", "id", "n", "nos", "identifier", "no s", "code"}

func makeLabels() map[string]field {
	m := make(map[string]field)
	for _, w := range wordings {
		for words := range strings.SplitSeq(w.words, ",") {
			addWording(m, w.field, strings.TrimSpace(words))
		}
	}
	for _, p := range persons {
		for words := range strings.SplitSeq(p.words, ",") {
			addPerson(m, p.role, strings.TrimSpace(words))
		}
	}
	return m
}

func addWording(m map[string]field, f field, words string) {
	base := strings.TrimRight(words, "+*")
	if !strings.HasSuffix(words, "*") {
		add(m, base, f)
	}
	if base == words {
		return
	}
	f.weak = f.weak && f.kind != passOver
	for _, end := range numberEndings {
		add(m, base+" "+end, f)
	}
}

// addPerson adds the wordings for a person. Earlier entries stand: a label of the table above keeps its meaning.
func addPerson(m map[string]field, role record.Role, words string) {
	add(m, words, field{record.KindName, role, true})
	for _, form := range []string{words + " name", words + "s name", "name of " + words, "printed name of " + words, words + " printed name", words + " name printed"} {
		add(m, form, field{record.KindName, role, false})
	}
	add(m, words+" signature", field{passOver, role, false})
	add(m, "signature of "+words, field{passOver, role, false})
	for _, poss := range []string{"", "s"} {
		for what, kind := range map[string]record.Kind{"dob": record.KindDOB, "date of birth": record.KindDOB, "birth date": record.KindDOB, "birthdate": record.KindDOB, "mrn": record.KindMRN,
			"medical record number": record.KindMRN, "ssn": record.KindSSN, "social security number": record.KindSSN, "phone": record.KindPhone, "phone number": record.KindPhone,
			"telephone": record.KindPhone, "address": record.KindAddress, "sex": record.KindSex, "gender": record.KindSex, "npi": record.KindNPI, "id": passOver, "id number": passOver, "no": passOver, "policy": passOver,
			"last name": partLast, "first name": partFirst, "middle name": partMiddle, "hospital number": record.KindMRN, "nhs number": record.KindNHS, "nhs no": record.KindNHS, "policy group or feca number": passOver} {
			add(m, words+poss+" "+what, field{kind, role, false})
		}
	}
}

func add(m map[string]field, words string, f field) {
	key := fold(words)
	if _, taken := m[key]; !taken {
		m[key] = f
	}
}

func makeHeadings() map[string]record.Role {
	m := make(map[string]record.Role)
	put := func(words string, role record.Role) {
		for _, end := range headingEnds {
			if end != "" || role != record.RoleProvider {
				m[fold(words+" "+end)] = role
			}
		}
	}
	for _, words := range []string{"patient", "patients", "pt", "client", "about the patient", "patient personal", "about you", "demographic", "demographics", "newborn", "infant", "baby"} {
		put(words, record.RolePatient)
	}
	put("insurance", record.RoleInsured)
	put("primary insurance", record.RoleInsured)
	put("secondary insurance", record.RoleInsured)
	for _, p := range persons {
		for words := range strings.SplitSeq(p.words, ",") {
			put(strings.TrimSpace(words), p.role)
		}
	}
	return m
}

func makeFuzzy(labels map[string]field) map[int][]string {
	m := make(map[int][]string)
	for key := range labels {
		if len(key) >= 6 {
			m[len(key)] = append(m[len(key)], key)
		}
	}
	return m
}
