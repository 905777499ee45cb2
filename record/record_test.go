package record

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"html/template"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "write the golden record of the current schema anew")

func example() *Document {
	scan := Digest(sha256.Sum256([]byte("a scan")))
	return &Document{
		ID: DocumentID(scan, 2), Revision: 3, Scan: scan, Part: 2, ScanPages: [2]int{4, 5},
		Received: time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC), Status: StatusFiled, FiledBy: FiledByAuto, Reason: "number and birth date agree",
		Patient: &PatientRef{MRN: Hide("00482913"), Name: Hide("GARCIA, MARIA L"), DOB: Hide("1961-03-14")}, DocType: "laboratory", Date: "2011-02-09",
		Identifiers: []Identifier{{KindMRN, RolePatient, Hide("00482913"), Hide("0O482913"), 1, Box{310, 412, 180, 36}, 0.97, SourceText, CheckNone}},
		Decided:     time.Date(2026, 11, 23, 10, 0, 5, 0, time.UTC), DecidedBy: "chartroom 1",
		Pages: []Page{
			{Number: 1, State: PageText, Width: 2550, Height: 3300, DPI: 300, Rotation: 90, Reader: "tesseract 5", Cleaned: "straightened by 1.6 degrees", Ink: 0.04, Picture: "pictures/x/1.webp", PictureWidth: 1275,
				Words: []Word{
					{Hide("Maria"), Box{100, 200, 90, 30}, 0.961, 1, 1, nil},
					{Hide("García"), Box{200, 200, 90, 30}, 0.5, 1, 1, nil},
					{Hide("6.1"), Box{100, 240, 40, 30}, 1, 1, 2, nil},
					{Hide("mmol/L"), Box{100, 400, 90, 30}, 0, 2, 1, nil},
				}},
			{Number: 2, State: PageBlank},
		},
	}
}

// withBarcodes is the example as later programs of the same schema write it.
func withBarcodes() *Document {
	d := example()
	d.Pages[0].Barcodes = []Barcode{{Code128, Hide("00482913"), Box{1500, 300, 600, 130}, false}, {DataMatrix, Hide("8018123456789012345678\x1d10AB"), Box{100, 300, 90, 90}, true}}
	return d
}

func TestStoredDocumentComesBackWhole(t *testing.T) {
	want := withBarcodes()
	b, err := MarshalDocument(want)
	if err != nil {
		t.Fatal(err)
	}
	got, err := UnmarshalDocument(b)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("came back different:\n%s\n%s", reveal(t, got), reveal(t, want))
	}
	again, err := MarshalDocument(got)
	if err != nil || !bytes.Equal(b, again) {
		t.Error("the same document gave other bytes")
	}
}

func TestSplitScanComesBackWhole(t *testing.T) {
	want := example()
	patch := Barcode{SymbologyPatch, Hide("T"), Box{10, 20, 300, 80}, false}
	want.Pages[0].Barcodes = []Barcode{{"code128", Hide("00482913"), Box{1, 2, 3, 4}, false}}
	want.Separators = []Separator{{3, patch, Private{}, false, "pictures/x/3.png"}, {4, Barcode{"qr", Hide("P"), Box{}, false}, Hide("00482913"), true, ""}}
	want.Sides = Sides{Fronts, Digest{7}, true, true}
	want.Parts = []Part{{DocumentID(want.Scan, 1), [2]int{1, 2}}, {want.ID, want.ScanPages}}
	b, err := MarshalDocument(want)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := UnmarshalDocument(b); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("came back different, error %v", err)
	}
}

// A page of a pile lies in the scan of its side, wherever the document begins.
func TestPagesOfAPileLieInTheScanOfTheirSide(t *testing.T) {
	for _, c := range []struct {
		d      Document
		others int
		want   string
	}{
		{Document{}, 0, "1 2 3"},
		{Document{ScanPages: [2]int{4, 6}}, 0, "4 5 6"},
		{Document{Sides: Sides{Role: Fronts}}, 0, "1 2 3"},
		{Document{Sides: Sides{Role: Fronts, Other: Digest{1}}}, 3, "1 1' 2"},
		{Document{Sides: Sides{Role: Fronts, Other: Digest{1}, Reversed: true}}, 3, "1 3' 2"},
		{Document{ScanPages: [2]int{4, 6}, Sides: Sides{Role: Fronts, Other: Digest{1}, Reversed: true}}, 3, "2' 3 1'"},
		{Document{ScanPages: [2]int{3, 5}, Sides: Sides{Role: Fronts, Other: Digest{1}, Uneven: true}}, 2, "2 2' 3"},
	} {
		var got []string
		for page := 1; page <= 3; page++ {
			n, other := c.d.ScanPage(page, c.others)
			got = append(got, fmt.Sprint(n)+map[bool]string{true: "'"}[other])
		}
		if s := strings.Join(got, " "); s != c.want {
			t.Errorf("%v of %v lie at %s, want %s", c.d.ScanPages, c.d.Sides, s, c.want)
		}
	}
}

func TestAlternativesAndContentComeBackAndStandInNoText(t *testing.T) {
	want := example()
	plain := want.Pages[0].Text()
	want.Pages[0].Words[1].Alternatives = []Alternative{{Hide("Garcla \"x\""), 0.4}, {Hide("Gancía"), 0.125}}
	want.Pages[1].Content = ContentDrawing
	b, err := MarshalDocument(want)
	if err != nil {
		t.Fatal(err)
	}
	got, err := UnmarshalDocument(b)
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("came back different, error %v", err)
	}
	if got.Pages[0].Text() != plain {
		t.Errorf("text %q", got.Pages[0].Text())
	}
}

func TestHeadLeavesOnlyTheWordsOut(t *testing.T) {
	want := example()
	b, err := MarshalHead(want)
	if err != nil {
		t.Fatal(err)
	}
	got, err := UnmarshalDocument(b)
	if err != nil {
		t.Fatal(err)
	}
	for i := range want.Pages {
		want.Pages[i].Words = nil
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("head differs:\n%s\n%s", reveal(t, got), reveal(t, want))
	}
}

func TestReceiptAndPatientComeBackWhole(t *testing.T) {
	r := &Receipt{ID: "01", Scan: Digest{1}, Size: 7, Name: Hide("caf\xe9\n.tif"), Path: Hide("a/b"), From: "front desk", Facility: "North", Batch: "B7", Place: "box 12",
		Given: Given{Hide("001"), Hide("consent"), Hide("2001-02-03")}, Received: time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC)}
	b, err := MarshalReceipt(r)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := UnmarshalReceipt(b); err != nil || !reflect.DeepEqual(got, r) {
		t.Errorf("receipt: %v, error %v", got, err)
	}
	p := &Patient{"site", Hide("1"), Hide("Garcia"), Hide("Maria"), Hide("L"), Hide("Jr"), Hide("1961-03-14"), Hide("F"), Hide("2"), Hide("3"), Hide("4"), Hide("5"), Hide("6"), Hide("7"), Hide("8"), Hide("9"),
		[]PatientName{{NameFormer, Hide("Lopez"), Hide("Maria"), Hide("L"), Hide("Jr")}, {NameAlias, Hide("Garcia"), Hide("Mia"), Private{}, Private{}}},
		[]PatientNumber{{KindMRN, "other site", Hide("77")}}, &PatientKey{"site", Hide("2")}, true, Hide("2001-02-03"), true}
	line, err := MarshalPatientLine(p)
	if err != nil || !bytes.HasSuffix(line, []byte("}\n")) {
		t.Fatalf("line %q, error %v", line, err)
	}
	if got, err := UnmarshalPatientLine(line); err != nil || !reflect.DeepEqual(got, p) {
		t.Errorf("patient differs, error %v", err)
	}
}

// Records live for decades: whatever any release wrote must stay readable.
func TestEveryReleasedSchemaStaysReadable(t *testing.T) {
	wants := map[string]*Document{"document-1.json.gz": example(), "document-1-barcodes.json.gz": withBarcodes()}
	if *update {
		b, err := MarshalDocument(withBarcodes())
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(fmt.Sprintf("testdata/golden/document-%d-barcodes.json.gz", Schema), b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	files, err := filepath.Glob("testdata/golden/document-*.json.gz")
	if err != nil || len(files) != len(wants) {
		t.Fatalf("want %d golden records, have %d (%v)", len(wants), len(files), err)
	}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		d, err := UnmarshalDocument(b)
		if err != nil {
			t.Errorf("%s: %v", f, err)
			continue
		}
		if !reflect.DeepEqual(d, wants[filepath.Base(f)]) {
			t.Errorf("%s: reads as something else", f)
		}
	}
}

func TestALaterSchemaIsRefusedByName(t *testing.T) {
	b, err := pack(wireDocument{Schema: Schema + 1})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := UnmarshalDocument(b); !errors.Is(err, ErrNewerSchema) {
		t.Errorf("error %v, want ErrNewerSchema", err)
	}
}

func TestADamagedRecordGivesAnErrorWithoutItsContent(t *testing.T) {
	for _, raw := range []string{`{"schema":"CANARY"}`, `{"schema":1,"pages":[{"words":[[7,"CANARY"]]}]}`, `CANARY`, `{"schema":0}`} {
		_, err := UnmarshalDocument(repack(t, raw))
		if err == nil || strings.Contains(err.Error(), "CANARY") {
			t.Errorf("%s: error %v", raw, err)
		}
	}
	if _, err := UnmarshalDocument([]byte("not gzip")); err == nil {
		t.Error("no error for bytes that are no record")
	}
}

func TestPrivateIsSilentHoweverItIsPrinted(t *testing.T) {
	p := Hide("CANARY")
	holder := struct {
		P Private
		Q *Private
	}{p, &p}
	var out bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		fmt.Fprintf(&out, verb+verb, p, holder)
		fmt.Fprintf(&out, verb, *example())
		fmt.Fprintf(&out, verb, example().Identifiers[0])
	}
	log := slog.New(slog.NewJSONHandler(&out, nil))
	log.Info("x", "p", p, "holder", holder, "doc", example(), "patient", Patient{Last: p})
	slog.New(slog.NewTextHandler(&out, nil)).Info("x", "p", p, "holder", holder)
	b, err := json.Marshal(holder)
	if err != nil {
		t.Fatal(err)
	}
	out.Write(b)
	template.Must(template.New("").Parse(`{{.P}} {{printf "%v" .P}} <a title="{{.P}}">`)).Execute(&out, holder)
	for _, secret := range []string{"CANARY", "Garc", "GARCIA", "482913"} {
		if strings.Contains(out.String(), secret) {
			t.Errorf("%s leaked: %s", secret, out.String())
		}
	}
	if p.Reveal() != "CANARY" || !p.Equal(Hide("CANARY")) || p.Equal(Hide("other")) {
		t.Error("Reveal or Equal is wrong")
	}
}

func TestTextSpansLeadFromOffsetsToWords(t *testing.T) {
	page := example().Pages[0]
	text, spans := page.TextSpans()
	if want := "Maria García\n6.1\n\nmmol/L"; text != want {
		t.Errorf("text %q, want %q", text, want)
	}
	for i, s := range spans {
		if got := text[s[0]:s[1]]; got != page.Words[i].Text.Reveal() {
			t.Errorf("span %d holds %q", i, got)
		}
	}
}

func TestDocumentIDFollowsFromTheScanAlone(t *testing.T) {
	a, b := Digest{1}, Digest{2}
	again := Digest{1}
	if DocumentID(a, 0) != DocumentID(again, 0) || DocumentID(a, 0) == DocumentID(b, 0) || DocumentID(a, 0) == DocumentID(a, 1) {
		t.Error("ids do not tell scans and parts apart")
	}
	for _, id := range []ID{DocumentID(a, 0), DocumentID(a, 1), DocumentID(b, 500)} {
		if !id.Valid() {
			t.Errorf("%s is not valid", id)
		}
	}
	for _, id := range []ID{"", "../etc", "0400000000000000-", "0400000000000000-01", "040000000000000U", "0400000000000000/1"} {
		if id.Valid() {
			t.Errorf("%q is valid", id)
		}
	}
}

func TestNamesAreWrittenOneWay(t *testing.T) {
	for _, c := range []struct{ last, first, middle, suffix, want string }{
		{"Garcia", "Maria", "L", "", "GARCIA, MARIA L"},
		{" de  la Cruz", "Ana", "", "Jr", "DE LA CRUZ, ANA JR"},
		{"Madonna", "", "", "", "MADONNA"},
		{"", "Ana", "", "", "ANA"},
	} {
		if got := CanonicalName(c.last, c.first, c.middle, c.suffix).Reveal(); got != c.want {
			t.Errorf("%v gives %q, want %q", c, got, c.want)
		}
	}
}

func repack(t *testing.T, raw string) []byte {
	t.Helper()
	b, err := pack(jsonText(raw))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// jsonText writes its bytes whether or not they are JSON.
type jsonText string

func (j jsonText) MarshalJSON() ([]byte, error) {
	if json.Valid([]byte(j)) {
		return []byte(j), nil
	}
	return json.Marshal(string(j))
}

func reveal(t *testing.T, d *Document) string {
	t.Helper()
	b, err := json.Marshal(toWireDocument(d))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// Snapshots of the registry written before patients had other names, numbers
// and ends stay readable, and what has none of these is written as it was.
func TestAPatientOfTheFirstFormStaysReadable(t *testing.T) {
	line := `{"schema":1,"authority":"site","mrn":"00000001","last":"Garcia","first":"Maria","dob":"1961-03-14","phone":"5550100"}` + "\n"
	p, err := UnmarshalPatientLine([]byte(line))
	if err != nil {
		t.Fatal(err)
	}
	if p.MRN.Reveal() != "00000001" || p.Phone.Reveal() != "5550100" || p.MergedInto != nil || p.Deceased || p.Restricted {
		t.Error("an old line reads as something else")
	}
	if again, err := MarshalPatientLine(p); err != nil || string(again) != line {
		t.Errorf("an old line is written otherwise (%v)", err)
	}
}
