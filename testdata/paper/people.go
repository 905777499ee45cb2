package paper

import (
	"encoding/csv"
	"fmt"
	"io"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"
)

// Person is somebody who does not exist, as a registry has them.
type Person struct {
	MRN, Last, First, Middle, Suffix string
	Born                             time.Time
	Sex                              string // "F", "M"
	SSN, MBI, NHS, Phone             string
	Street, City, State, Zip         string
}

// The names are put together at random; a meeting with a living person is chance.
var (
	lastNames = words(`Smith Johnson Williams Brown Jones Garcia Miller Davis Rodriguez Martinez Hernandez Lopez Gonzalez Wilson Anderson Thomas Taylor Moore Jackson Martin
		Lee Perez Thompson White Harris Sanchez Clark Ramirez Lewis Robinson Walker Young Allen King Wright Scott Torres Nguyen Hill Flores Green Adams Nelson Baker Hall Rivera
		Campbell Mitchell Carter Roberts Patel Kaur Begum Hussain Khan Chowdhury O'Connor O'Neill O'Sullivan McDonald MacLeod McCarthy FitzGerald St.Clair Okafor Adeyemi Nwosu
		Mbeki Abebe Tesfaye Haile Kowalski Wiśniewski Nowak Zieliński Novák Horvath Kovács Popescu Ivanov Petrov Papadopoulos Rossi Esposito Bianchi Ferrari Müller Schäfer Weiß
		Jørgensen Håkansson Virtanen Lindqvist Yamamoto Suzuki Takahashi Kim Park Choi Jung Chen Wang Li Zhang Liu Huang Tran Pham Vo Bui Santos Reyes DelaCruz Villanueva Silva
		Pereira Ferreira Oliveira Almeida Haddad Nasser Farouk Khoury Cohen Levy Goldberg Friedman Rosenthal Begay Yazzie Kealoha Whitehorse Ashworth Blenkinsop Featherstonehaugh
		Hollingsworth Ramsbottom Thwaite Wetherby Pickering Ellsworth Abernathy Quackenbush Vanderbilt Stoltzfus Yoder Boudreaux Thibodeaux LeBlanc Gauthier Tremblay Bouchard
		Illingworth Mullins Lilley Willis Hollis Ollie Dill Sill Romm Rornan Clum Dawn Barns Bams Cole Cote`)
	compoundNames = []string{"van der Berg", "de la Cruz", "von Hohenfels", "Garcia Lopez", "Ruiz-Delgado", "Smythe-Barrow", "Abdul-Rahman", "al-Masri", "Della Rovere", "ter Haar",
		"Ng-Fraser", "Lloyd-Pryce", "San Miguel", "Mac an Bhaird", "Ben-David", "De Souza", "van Dyk", "St. John", "d'Angelo", "ap Rhys"}
	womensNames = words(`Mary Patricia Jennifer Linda Elizabeth Barbara Susan Jessica Sarah Karen Lisa Nancy Betty Margaret Sandra Ashley Kimberly Emily Donna Michelle Maria
		Ana Lucía Guadalupe Ximena Priya Lakshmi Ayesha Fatima Noor Zainab Mei Xiu Hanako Yuki Soo-Jin Thuy Linh Ngozi Chiamaka Adwoa Amara Siobhán Aoife Niamh Bronwyn Eilidh
		Agnieszka Ewa Zofia Ilse Greta Ingrid Astrid Katarzyna Svetlana Olga Chloë Renée Marie-Claire Anne-Marie Jo Dee Lou Ida Ada Eva Ava Mia Bo Wilhelmina Clementine
		Philippa Harriet Beatrix Rosalind Gwendolyn Dorothy Florence Edith Mildred Ethel Agnes Ruth Esther Miriam Naomi Leilani Winona`)
	mensNames = words(`James Robert John Michael David William Richard Joseph Thomas Christopher Charles Daniel Matthew Anthony Mark Donald Steven Andrew Paul Joshua Kenneth
		José Juan Luis Miguel Ángel Rajesh Arjun Vikram Mohammed Ahmed Omar Yusuf Wei Jun Hiroshi Kenji Min-Ho Duc Quang Chukwuemeka Kwame Kofi Oluwaseun Seán Ciarán Padraig
		Rhys Hamish Angus Piotr Krzysztof Jan Lars Björn Sven Dmitri Sergei Jean-Luc François Étienne Al Ed Bo Ty Vi Ignatius Bartholomew Thaddeus Cornelius Reginald Cecil
		Archibald Horace Clarence Ernest Wilfred Isaac Abraham Solomon Moses Keanu Kai Ahiga`)
	streetNames = words(`Mill Harrow Larkspur Juniper Foundry Quarry Chapel Weaver Tanner Orchard Copper Saltmarsh Kiln Ferry Beacon Thistle Gable Hawthorn Linden Sycamore`)
	streetKinds = words(`Street Road Lane Avenue Court Drive Way Close Place Terrace`)
	towns       = []struct{ city, state, zip string }{{"Elmford", "OH", "439"}, {"Marlow Falls", "NY", "124"}, {"Port Ashby", "ME", "041"}, {"Cedar Bluff", "NE", "687"}, {"Saint Orrin", "LA", "704"},
		{"Dunmore Heights", "PA", "185"}, {"Las Palomas", "NM", "870"}, {"Kettle River", "MN", "557"}, {"Brightwater", "WA", "983"}, {"Oldfield", "TX", "786"}}
)

func words(s string) []string { return strings.Fields(s) }

func pick[T any](rng *rand.Rand, from []T) T { return from[rng.IntN(len(from))] }

func chance(rng *rand.Rand, p float64) bool { return rng.Float64() < p }

// digits is so many random digits.
func digits(rng *rand.Rand, n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte('0' + rng.IntN(10))
	}
	return string(b)
}

// day is a random day of the years from and before to.
func day(rng *rand.Rand, from, to int) time.Time {
	begin := time.Date(from, 1, 1, 0, 0, 0, 0, time.UTC)
	return begin.AddDate(0, 0, rng.IntN((to-from)*365))
}

// newPerson makes somebody up; the number is the registry's to give.
func newPerson(rng *rand.Rand) Person {
	p := Person{Last: pick(rng, lastNames), Sex: pick(rng, []string{"F", "M"}), Born: day(rng, 1924, 2024), Phone: fmt.Sprintf("(%d%s) 555-01%s", 2+rng.IntN(8), digits(rng, 2), digits(rng, 2))}
	switch k := rng.IntN(20); {
	case k == 0:
		p.Last = pick(rng, compoundNames)
	case k == 1:
		p.Last += "-" + pick(rng, lastNames)
	}
	p.First, p.Middle = firstName(rng, p.Sex), ""
	if chance(rng, 0.55) {
		p.Middle = firstName(rng, p.Sex)
		if chance(rng, 0.8) {
			p.Middle = string([]rune(p.Middle)[:1])
		}
	}
	if p.Sex == "M" && chance(rng, 0.06) {
		p.Suffix = pick(rng, []string{"Jr", "Sr", "II", "III"})
	}
	p.moveIn(rng)
	p.numbers(rng)
	return p
}

func firstName(rng *rand.Rand, sex string) string {
	if sex == "F" {
		return pick(rng, womensNames)
	}
	return pick(rng, mensNames)
}

func (p *Person) moveIn(rng *rand.Rand) {
	t := pick(rng, towns)
	p.Street = fmt.Sprintf("%d %s %s", 1+rng.IntN(9800), pick(rng, streetNames), pick(rng, streetKinds))
	p.City, p.State, p.Zip = t.city, t.state, t.zip+digits(rng, 2)
}

// numbers gives a person numbers of their own that pass their checks.
func (p *Person) numbers(rng *rand.Rand) {
	area := 1 + rng.IntN(898)
	if area == 666 {
		area = 667
	}
	p.SSN = fmt.Sprintf("%03d-%02d-%04d", area, 1+rng.IntN(99), 1+rng.IntN(9999))
	const letters = "ACDEFGHJKMNPQRTUVWXY" // all but those that look like digits
	p.MBI = ""
	for _, kind := range "CA*NA*NAANN" {
		switch {
		case kind == 'C':
			p.MBI += strconv.Itoa(1 + rng.IntN(9))
		case kind == 'A' || kind == '*' && chance(rng, 0.5):
			p.MBI += string(letters[rng.IntN(len(letters))])
		default:
			p.MBI += digits(rng, 1)
		}
	}
	p.NHS = nhs(rng)
}

// nhs is a number whose last digit checks the others, modulo eleven.
func nhs(rng *rand.Rand) string {
	for {
		n := strconv.Itoa(4+rng.IntN(4)) + digits(rng, 8)
		sum := 0
		for i, d := range n {
			sum += int(d-'0') * (10 - i)
		}
		if check := (11 - sum%11) % 11; check < 10 {
			return n + strconv.Itoa(check)
		}
	}
}

// initial is the first letter of a name.
func initial(name string) string {
	if name == "" {
		return ""
	}
	return string([]rune(name)[:1])
}

// likeness is how two people of a registry are alike.
type likeness string

// The likenesses that a registry is salted with.
const (
	twins     likeness = "twins"
	fatherSon likeness = "father-son"
	nearMRN   likeness = "mrn-near"
	namesakes likeness = "namesakes"
	changed   likeness = "former-name"
)

var likenesses = []likeness{twins, fatherSon, nearMRN, namesakes, changed}

// like makes somebody up who is like p, and how.
func (p Person) like(rng *rand.Rand, how likeness) (Person, Person) {
	q := newPerson(rng)
	switch how {
	case twins:
		q.Last, q.Suffix, q.Born = p.Last, "", p.Born
		p.Suffix = ""
		if initial(q.First) != initial(p.First) {
			q.First = sharing(rng, q.Sex, p.First)
		}
		q.Street, q.City, q.State, q.Zip, q.Phone = p.Street, p.City, p.State, p.Zip, p.Phone
	case fatherSon:
		p.Sex, p.First, p.Suffix = "M", firstName(rng, "M"), "Sr"
		p.Born = day(rng, 1930, 1975)
		q.Last, q.First, q.Middle, q.Sex, q.Suffix = p.Last, p.First, p.Middle, "M", "Jr"
		q.Born = p.Born.AddDate(22+rng.IntN(14), rng.IntN(12), rng.IntN(28))
		q.Street, q.City, q.State, q.Zip, q.Phone = p.Street, p.City, p.State, p.Zip, p.Phone
	case namesakes:
		q.Last, q.First, q.Sex = p.Last, p.First, p.Sex
	case changed:
		p.Sex, p.First = "F", firstName(rng, "F")
		q.First, q.Middle, q.Sex, q.Suffix = p.First, p.Middle, p.Sex, "" // another woman of the first name and birthday
		q.Born = p.Born
	}
	return p, q
}

// sharing is a first name that begins as another does, if there is one.
func sharing(rng *rand.Rand, sex, first string) string {
	all := womensNames
	if sex == "M" {
		all = mensNames
	}
	var same []string
	for _, n := range all {
		if initial(n) == initial(first) && n != first {
			same = append(same, n)
		}
	}
	if len(same) == 0 {
		return pick(rng, all)
	}
	return pick(rng, same)
}

// oneOff is a number that differs from another in one digit.
func oneOff(rng *rand.Rand, n string) string {
	b := []byte(n)
	at := 1 + rng.IntN(len(b)-1)
	for was := b[at]; b[at] == was; {
		b[at] = byte('0' + rng.IntN(10))
	}
	return string(b)
}

// registry is the people whom a hospital knows, and which pairs are alike.
type registry struct {
	people []Person
	alike  map[likeness][][2]int
	known  map[string]bool
}

// newRegistry makes up so many people; a tenth are like another.
func newRegistry(rng *rand.Rand, n int) *registry {
	r := &registry{alike: map[likeness][][2]int{}, known: map[string]bool{}}
	for len(r.people) < n {
		p := newPerson(rng)
		if len(r.people)%20 != 0 || len(r.people)+2 > n {
			r.add(rng, p, "")
			continue
		}
		how := likenesses[len(r.people)/20%len(likenesses)]
		p, q := p.like(rng, how)
		mrn := ""
		r.add(rng, p, "")
		if how == nearMRN {
			mrn = oneOff(rng, r.people[len(r.people)-1].MRN)
		}
		r.add(rng, q, mrn)
		r.alike[how] = append(r.alike[how], [2]int{len(r.people) - 2, len(r.people) - 1})
	}
	return r
}

// add enters a person under a number that nobody has, the given one if it is free.
func (r *registry) add(rng *rand.Rand, p Person, mrn string) {
	for mrn == "" || r.known[mrn] {
		mrn = "0" + digits(rng, 7)
	}
	r.known[mrn] = true
	p.MRN = mrn
	r.people = append(r.people, p)
}

// stranger is somebody who is not registered.
func (r *registry) stranger(rng *rand.Rand) Person {
	p := newPerson(rng)
	for p.MRN == "" || r.known[p.MRN] {
		p.MRN = "0" + digits(rng, 7)
	}
	return p
}

// impostor is not registered, but much like somebody who is: of the same name,
// or with a number nearly the same.
func (r *registry) impostor(rng *rand.Rand) Person {
	p, of := r.stranger(rng), pick(rng, r.people)
	p.Last, p.First, p.Sex = of.Last, of.First, of.Sex
	switch rng.IntN(3) {
	case 0:
		p.Middle, p.Suffix = of.Middle, of.Suffix
	case 1:
		if near := oneOff(rng, of.MRN); !r.known[near] {
			p.MRN = near
		}
	}
	return p
}

// Header is the first row of a registry's file.
var Header = words("mrn last first middle suffix dob sex ssn mbi nhs phone street city state zip")

// writeRegistry writes people as a registry's file.
func writeRegistry(w io.Writer, people []Person) error {
	c := csv.NewWriter(w)
	rows := [][]string{Header}
	for _, p := range people {
		rows = append(rows, []string{p.MRN, p.Last, p.First, p.Middle, p.Suffix, p.Born.Format(time.DateOnly), p.Sex, p.SSN, p.MBI, p.NHS, p.Phone, p.Street, p.City, p.State, p.Zip})
	}
	return c.WriteAll(rows)
}
