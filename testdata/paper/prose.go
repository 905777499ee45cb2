package paper

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// The words that notes are made of, by slot. They were written for this
// project; a note put together from them means nothing.
var slots = map[string][]string{
	"complaint": {"shortness of breath on climbing stairs", "a dull ache below the right ribs", "swelling of both ankles", "a persistent dry cough", "intermittent palpitations", "low back pain without radiation",
		"dizziness on standing", "burning on urination", "blurred vision in the left eye", "a rash over both forearms", "difficulty swallowing solids", "numbness of the fourth and fifth fingers", "recurrent headaches with nausea",
		"fatigue and weight gain", "a painful swollen knee", "loss of appetite", "nocturnal leg cramps", "hoarseness for six weeks"},
	"span": {"three days", "about two weeks", "six months", "the past year", "several hours", "ten days", "four weeks", "roughly eight months"},
	"condition": {"essential hypertension", "type 2 diabetes mellitus", "chronic obstructive pulmonary disease", "atrial fibrillation", "hypothyroidism", "gastroesophageal reflux", "osteoarthritis of the hip", "iron deficiency anemia",
		"stage 3 chronic kidney disease", "migraine without aura", "diverticulosis", "benign prostatic hyperplasia", "rheumatoid arthritis", "obstructive sleep apnea", "mild persistent asthma", "peripheral neuropathy"},
	"drug": {"lisinopril 10 mg daily", "metformin 500 mg twice daily", "levothyroxine 75 mcg every morning", "atorvastatin 40 mg at bedtime", "amlodipine 5 mg daily", "omeprazole 20 mg before breakfast", "warfarin 2.5 mg as directed",
		"albuterol two puffs as needed", "gabapentin 300 mg three times a day", "furosemide 40 mg each morning", "prednisone 15 mg tapering", "sertraline 50 mg daily", "hydrochlorothiazide 12.5 mg", "tramadol 50 mg every six hours",
		"cephalexin 500 mg four times a day", "insulin glargine 18 units at night", "apixaban 5 mg twice daily"},
	"finding": {"The chest was clear to percussion and auscultation", "Heart sounds were regular without murmur", "The abdomen was soft with mild epigastric tenderness", "There was trace pitting edema to the mid shin",
		"Cranial nerves were intact and reflexes symmetrical", "The wound was dry and its edges well apposed", "Range of motion was limited to 70 degrees", "No cervical or axillary nodes were felt", "The tympanic membranes were dull but intact",
		"Peripheral pulses were palpable in both feet", "Gait was steady with a cane", "Skin turgor was reduced", "The pupils were equal and reacted briskly", "Fine crackles were heard at the left base"},
	"plan": {"We will repeat the blood count in two weeks", "An ultrasound of the abdomen has been requested", "Physical therapy twice a week was arranged", "The dose was increased and side effects were explained",
		"A home blood pressure log should be brought to the next visit", "Referral to the sleep laboratory was discussed and accepted", "Smoking cessation was advised once more", "Stitches can come out on day ten",
		"The family was taught how to change the dressing", "Fluid intake should be limited to 1500 mL", "A low sodium diet was recommended", "Vaccinations will be brought up to date", "No change of treatment is needed for the present"},
	"person": {"wife", "husband", "daughter", "son", "neighbor", "sister", "brother"},
	"work":   {"retired machinist", "school teacher", "long distance driver", "part time bookkeeper", "dairy farmer", "postal clerk", "warehouse supervisor", "librarian", "electrician", "seamstress"},
	"vital":  {"Blood pressure 142/86, pulse 78, respirations 16, temperature 98.4", "BP 118/72, HR 64 regular, SpO2 97 % on room air", "Weight 81.5 kg, height 174 cm, BMI 26.9", "Temp 37.9 C, pulse 102, BP 104/60, respirations 22", "BP 156/94 left arm, pulse 88, afebrile"},
	"organ":  {"gallbladder", "left kidney", "thyroid gland", "right lower lobe", "sigmoid colon", "lumbar spine", "right hip", "left breast", "pancreas", "mitral valve", "right shoulder", "prostate"},
	"image": {"shows no acute abnormality", "demonstrates a 7 mm nodule that was not seen before", "is unchanged from the earlier study", "appears mildly enlarged with smooth contours", "shows degenerative changes at several levels",
		"contains two calculi without duct dilatation", "is normal in size, shape and signal", "shows a small effusion"},
	"anesthetic": {"general endotracheal anesthesia", "spinal anesthesia", "local anesthesia with sedation", "an interscalene block", "a laryngeal mask airway"},
	"instrument": {"a No. 15 blade", "electrocautery", "the Kocher clamps", "a self-retaining retractor", "the 5 mm trocar", "interrupted 3-0 Vicryl", "running 4-0 Monocryl", "two titanium clips"},
	"step": {"The skin was incised with {instrument} and deepened to the fascia", "The {organ} was identified and mobilized with {instrument}", "Hemostasis was secured using {instrument}", "The field was irrigated with warm saline",
		"A drain was left in the bed of the {organ}", "The specimen was sent in formalin", "The wound was closed in layers with {instrument}", "Sponge and needle counts were correct twice", "The patient was brought to recovery in good condition"},
	"gross": {"Received in formalin, labeled with the patient's name, is a {size} portion of tan-pink tissue", "Sectioning reveals a firm gray-white nodule, {size}", "The margins are inked black and the specimen is submitted entirely in {count} cassettes",
		"The cut surface is homogeneous without necrosis or hemorrhage"},
	"micro": {"Sections show benign {organ} tissue with chronic inflammation", "No dysplasia or malignancy is identified in the material examined", "Glands are regular and evenly spaced with low mitotic activity", "The resection margins are free by at least 4 mm",
		"Immunostains for CD10 and Ki-67 were reviewed with adequate controls"},
	"size":  {"2.4 x 1.8 x 0.9 cm", "1.1 x 0.7 x 0.4 cm", "5.6 x 3.2 x 2.0 cm", "0.6 cm"},
	"count": {"two", "three", "four", "five", "six"},
	"consent": {"I understand that the procedure has been explained to me in words that I could follow", "The risks, including bleeding, infection and reaction to anesthetic, were described", "I was told about other treatments and what may happen without any",
		"I agree that tissue removed may be examined and disposed of as customary", "I know that I may withdraw this permission at any time before the procedure begins", "No promise has been made to me about the outcome",
		"I consent to the giving of blood or blood products if they become necessary", "Students and observers may be present unless I object"},
	"newborn": {"Term infant delivered vaginally, Apgars 8 and 9", "Fontanelle soft and flat, sutures mobile", "Red reflex present in both eyes", "Hips stable, no clicks on Ortolani or Barlow", "Breast feeding well, voided and passed meconium",
		"Mild physiologic jaundice to the chest", "Moro, grasp and suck reflexes normal", "Hearing screen passed bilaterally", "Vitamin K and eye prophylaxis given in the delivery room"},
	"courtesy": {"Thank you for seeing this pleasant patient", "I would be grateful for your opinion", "Many thanks for your referral", "It was a pleasure to meet this patient in clinic today", "Please do not hesitate to call with any questions"},
}

var sentences = []string{
	"The patient presents with {complaint} for {span}.", "There is a history of {condition} and {condition}.", "{finding}.", "{plan}.", "Current medicines are {drug}, {drug} and {drug}.", "{vital}.",
	"Symptoms began {span} ago and have been slowly worsening.", "The patient is a {work} who lives with a {person}.", "{plan}, and {drug} will be continued.", "The {person} reports {complaint} as well.", "{finding}. {finding}.",
	"Denies fever, chills or night sweats.", "Treatment with {drug} was started {span} ago with some relief.", "Known allergies: none recorded.", "Return sooner if {complaint} should recur.",
}

// compose fills the slots of a sentence.
func compose(rng *rand.Rand, s string) string {
	for {
		before, rest, open := strings.Cut(s, "{")
		name, after, closed := strings.Cut(rest, "}")
		if !open || !closed {
			return s
		}
		s = before + pick(rng, slots[name]) + after
	}
}

// note is a paragraph of so many sentences.
func note(rng *rand.Rand, n int) string {
	out := make([]string, n)
	for i := range out {
		out[i] = compose(rng, pick(rng, sentences))
	}
	return strings.Join(out, " ")
}

// several is n different fillings of a slot, each a sentence.
func several(rng *rand.Rand, slot string, n int) string {
	all := slots[slot]
	out := make([]string, 0, n)
	for _, i := range rng.Perm(len(all))[:min(n, len(all))] {
		out = append(out, compose(rng, all[i])+".")
	}
	return strings.Join(out, " ")
}

// An assay of a laboratory, its unit and the range that is usual.
type assay struct {
	name, unit string
	low, high  float64
	places     int
}

var assays = []assay{{"Sodium", "mmol/L", 136, 145, 0}, {"Potassium", "mmol/L", 3.5, 5.1, 1}, {"Chloride", "mmol/L", 98, 107, 0}, {"Bicarbonate", "mmol/L", 22, 29, 0}, {"Urea Nitrogen", "mg/dL", 7, 20, 0},
	{"Creatinine", "mg/dL", 0.6, 1.3, 2}, {"Glucose", "mg/dL", 70, 99, 0}, {"Calcium", "mg/dL", 8.5, 10.2, 1}, {"Total Protein", "g/dL", 6, 8.3, 1}, {"Albumin", "g/dL", 3.5, 5, 1}, {"Bilirubin, Total", "mg/dL", 0.1, 1.2, 1},
	{"Alk Phosphatase", "U/L", 44, 147, 0}, {"AST (SGOT)", "U/L", 10, 40, 0}, {"ALT (SGPT)", "U/L", 7, 56, 0}, {"WBC", "x10E3/uL", 4, 11, 1}, {"RBC", "x10E6/uL", 4.2, 5.8, 2}, {"Hemoglobin", "g/dL", 12, 17.5, 1},
	{"Hematocrit", "%", 36, 50, 1}, {"MCV", "fL", 80, 100, 1}, {"Platelets", "x10E3/uL", 150, 400, 0}, {"TSH", "uIU/mL", 0.4, 4, 2}, {"Ferritin", "ng/mL", 15, 200, 0}, {"CRP", "mg/L", 0, 5, 1}, {"Troponin I", "ng/mL", 0, 0.04, 3}}

// result is a measured value, and a flag where it is unusual.
func (a assay) result(rng *rand.Rand) (value, flag string) {
	v := a.low + (a.high-a.low)*(rng.NormFloat64()*0.4+0.5)
	v = max(v, 0)
	switch {
	case v > a.high:
		flag = "H"
	case v < a.low:
		flag = "L"
	}
	return fmt.Sprintf("%.*f", a.places, v), flag
}

func (a assay) usual() string { return fmt.Sprintf("%.*f - %.*f", a.places, a.low, a.places, a.high) }
