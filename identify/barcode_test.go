package identify

import (
	"slices"
	"strings"
	"testing"

	"chartroom/record"
)

// coded is a page with codes: "symbology content", GS1 where the symbology has
// a plus behind it.
func coded(text string, codes ...string) record.Page {
	p := paper(text)
	for i, c := range codes {
		symbology, content, _ := strings.Cut(c, " ")
		name, gs1 := strings.CutSuffix(symbology, "+")
		p.Barcodes = append(p.Barcodes, record.Barcode{Symbology: name, Text: record.Hide(content), GS1: gs1, Box: record.Box{Left: 1500, Top: 300 + 200*i, Width: 600, Height: 130}})
	}
	return p
}

// licence is made up; its form is the card standard's of 2016 (version 9).
const licence = "@\n\x1e\rANSI 636026090102DL00410215ZA02560038DLDCAD\nDCBNONE\nDCSGARCIA\nDDEN\nDACMARIA\nDDFN\nDADLUZ\nDDGN\nDBB03141961\nDBC2\nDAG18 QUARRY LANE\nDAISPRINGFIELD\nDAJAZ\nDAK850010000  \nDAQD48291364\nDCGUSA\r"

func TestBarcodesSayWhatTheirContentNames(t *testing.T) {
	eight := func() []MRNPattern {
		p, err := ParseMRNPattern("[0-9]{8}")
		if err != nil {
			t.Fatal(err)
		}
		return []MRNPattern{p}
	}()
	site := Options{SiteMRN: eight}
	for _, c := range []struct {
		name, page string
		codes      []string
		opt        Options
		want       string
	}{
		{"a bare number of the site's form", "", []string{"code128 00482913"}, site, "mrn patient 00482913"},
		{"a bare number of another form", "", []string{"code128 7741902"}, site, ""},
		{"a bare number where the form is not known", "", []string{"code128 7741902"}, Options{}, "mrn unclear 7741902"},
		{"a bare number that the print calls an accession", "Accession No: 20481377     Exam: Chest", []string{"code128 20481377"}, site, "accession patient 20481377"},
		{"a bare number that the print calls the record number", "MRN: 7741902", []string{"code39 7741902"}, Options{}, "mrn patient 7741902"},
		{"a number and an encounter", "", []string{"code128 00482913-V1180027"}, site, "mrn patient 00482913|account unclear V1180027"},
		{"tokens", "", []string{"qr PAT|00482913|ENC|V118002|DOC|consent"}, site, "mrn patient 00482913|account patient V118002"},
		{"named parts", "", []string{"datamatrix MRN:00482913;NAME:GARCIA^MARIA^L;DOB:1961-03-14;SEX:F"}, site,
			"mrn patient 00482913|name patient GARCIA, MARIA L|dob patient 1961-03-14|sex patient F"},
		{"a patient's number said to be so, of any form", "", []string{"qr MRN=AB77120"}, site, "mrn patient AB77120"},
		{"an ambiguous birth date keeps both readings", "", []string{"qr MRN:00482913;DOB:03/04/1961"}, site, "mrn patient 00482913|dob patient 1961-03-04|dob patient 1961-04-03"},
		{"numbers with rules", "", []string{"qr NHS:943 476 5919;NPI:1234567893"}, site, "nhs patient 9434765919|npi provider 1234567893"},
		{"GS1, who is served", "", []string{"datamatrix+ 8018950600013300000016\x1d9100482913"}, site, "gsrn patient 950600013300000016|mrn patient 00482913"},
		{"GS1, who serves, for people", "", []string{"qr (8017)950600013300000016(21)77"}, site, "gsrn provider 950600013300000016"},
		{"GS1, a product", "", []string{"datamatrix+ 01095060001343521726123110AB00482913"}, site, ""},
		{"GS1 as scanners announce it", "", []string{"code128 ]C18018950600013300000016"}, site, "gsrn patient 950600013300000016"},
		{"a bare number behind FNC1", "", []string{"code128+ 00482913"}, site, "mrn patient 00482913"},
		{"a licence says whose it is, not who the patient is", "", []string{"pdf417 " + licence}, site,
			"name unclear GARCIA, MARIA LUZ|dob unclear 1961-03-14|sex unclear F|address unclear 18 QUARRY LANE|licence unclear D48291364"},
		{"an address on the web", "", []string{"qr https://example.org/?mrn=00482913x"}, site, ""},
		{"separators", "", []string{"code39 PATCHT", "patch T", "qr ADAR-NEXTDOC"}, Options{}, ""},
		{"no text", "", []string{`pdf417 !\x82\x9F	A00482913`}, site, ""},
	} {
		f := Find([]record.Page{coded(c.page, c.codes...)}, record.Given{}, c.opt)
		var got []string
		for _, id := range f.Identifiers {
			if id.Source == record.SourceBarcode {
				got = append(got, string(id.Kind)+" "+string(id.Role)+" "+id.Value.Reveal())
				if id.Page != 1 || id.Box.Left != 1500 || id.Confidence <= 0 || id.Confidence > 1 || id.Raw.IsZero() || id.Check == "" {
					t.Errorf("%s: page %d, box %v, confidence %v, check %q", c.name, id.Page, id.Box, id.Confidence, id.Check)
				}
			}
		}
		want := strings.FieldsFunc(c.want, func(r rune) bool { return r == '|' })
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("%s:\n got %q\nwant %q", c.name, got, want)
		}
	}
}

func TestTheCheckDigitOfGS1IsHeld(t *testing.T) {
	for s, want := range map[string]bool{"950600013300000016": true, "950600013300000010": false, "9506000134352": true, "9506000134353": false} {
		if validGS1(s) != want {
			t.Errorf("%s: %v", s, !want)
		}
	}
}
