package paper

import (
	"bytes"
	"encoding/json"
	"image"
	"image/color"
	"image/png"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/image/tiff"
)

func box(t testing.TB, seed uint64, o Options) *Box {
	t.Helper()
	b, err := New(seed, o)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestTheSameSeedMakesTheSameScansInAnyOrder(t *testing.T) {
	a, b := box(t, 3, Options{Patients: 300}), box(t, 3, Options{Patients: 300})
	if !reflect.DeepEqual(a.Registry(), b.Registry()) {
		t.Error("two registries of one seed differ")
	}
	n := []int{7, 26, 52, 75}
	for _, i := range n {
		a.Scan(i)
	}
	slices.Reverse(n)
	for _, i := range n {
		x, y := a.Scan(i), b.Scan(i)
		if len(x.Pages) != len(x.Images) || len(x.Turned) != len(x.Images) {
			t.Errorf("scan %d: %d pages of text, %d images", i, len(x.Pages), len(x.Images))
		}
		if !reflect.DeepEqual(x.Truth, y.Truth) || !bytes.Equal(x.Bytes(), y.Bytes()) {
			t.Errorf("scan %d differs when made again", i)
		}
	}
	if other := box(t, 4, Options{Patients: 300}).Scan(7); reflect.DeepEqual(other.Truth, a.Scan(7).Truth) {
		t.Error("another seed makes the same scan")
	}
}

// dateForms are all ways in which a birth may be written on these pages.
var dateForms = slices.Concat([]string{"1-2-06", "01/02/06", "1/2/2006", "01 02 2006"}, first(usDates), first(ukDates), []string{"January 2, 2006", "Jan 2, 2006", "2 January 2006", "01/02/2006"})

func first(pairs [][2]string) (out []string) {
	for _, p := range pairs {
		out = append(out, p[0])
	}
	return out
}

// stands reports whether a value of a kind is on a page of text.
func stands(kind, value, text string) bool {
	low, bare := strings.ToLower(text), regexp.MustCompile(`[ ()-]`).ReplaceAllString(text, "")
	switch kind {
	case "name":
		parts := strings.Split(strings.ToLower(value), "|")
		return strings.Contains(low, parts[0]) && (strings.Contains(low, parts[1]) || strings.Contains(low, parts[1][:1]+". "+parts[0]))
	case "dob":
		born, err := time.Parse(time.DateOnly, value)
		return err == nil && slices.ContainsFunc(dateForms, func(f string) bool { return strings.Contains(text, born.Format(f)) })
	case "sex":
		return regexp.MustCompile(`\b` + value + `(emale|ale)?\b`).MatchString(text)
	case "address":
		return strings.Contains(low, strings.ToLower(value))
	}
	return strings.Contains(bare, strings.ReplaceAll(value, "-", ""))
}

func TestEveryIdentifierAndDecoyOfTheTruthStandsOnThePage(t *testing.T) {
	b := box(t, 11, Options{Patients: 500, coarse: true})
	words := strings.Split("registration,laboratory,discharge summary,progress note,referral letter,consent,clinic letter,insurance claim,radiology report,history and physical,immunization record,fax,medication administration record,operative note,pathology,prescription,correspondence,other", ",")
	traps := map[string]bool{}
	for i := range 6 * len(Layouts()) {
		s, pages, _ := b.draft(i)
		text := strings.Join(slices.Concat(s.Pages...), "\n")
		if len(s.Pages) != len(pages) || len(s.Pages) == 0 {
			t.Errorf("%s: %d pages of text, %d printed", s.Layout, len(s.Pages), len(pages))
		}
		if s.Identifiers["name"] == "" && s.Trap == "" || !slices.Contains(words, s.DocType) || len(text) < 150 {
			t.Errorf("%s: %q, %v, %d bytes of text", s.Layout, s.DocType, s.Identifiers, len(text))
		}
		traps[s.Trap] = true
		if (s.Trap == "") != (s.Patient != nil) || s.Patient != nil && s.Identifiers["mrn"] != "" && s.Identifiers["mrn"] != *s.Patient {
			t.Errorf("scan %d, %s: trap %q, %v", i, s.Layout, s.Trap, s.Identifiers)
		}
		for kind, value := range s.Identifiers {
			if !stands(kind, value, strings.ReplaceAll(text, "\n", " ")) {
				t.Errorf("scan %d, %s: %s %q is not on the page:\n%s", i, s.Layout, kind, value, text)
			}
		}
		for _, d := range s.Decoys {
			kind, value, _ := strings.Cut(d, ":")
			if !stands(kind, value, strings.ReplaceAll(text, "\n", " ")) || s.Roles[d] == "" {
				t.Errorf("scan %d, %s: decoy %q in role %q is not on the page:\n%s", i, s.Layout, d, s.Roles[d], text)
			}
		}
	}
	for _, trap := range Traps {
		if !traps[trap] {
			t.Errorf("no trap %q among so many scans", trap)
		}
	}
}

func TestBoxOnDiskHasARegistryScansAndTheirTruth(t *testing.T) {
	dir := t.TempDir()
	b := box(t, 5, Options{Patients: 50, Layouts: []string{"typed_note", "operative_note"}, Levels: []Level{Clean}})
	if err := b.Write(dir, 4, 2); err != nil {
		t.Fatal(err)
	}
	lines, err := os.ReadFile(filepath.Join(dir, "truth.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for l := range bytes.Lines(lines) {
		var tr Truth
		if err := json.Unmarshal(l, &tr); err != nil {
			t.Fatal(err)
		}
		if info, err := os.Stat(filepath.Join(dir, "scans", tr.File)); err != nil || info.Size() < 1000 {
			t.Errorf("scan %s: %v", tr.File, err)
		}
		n++
	}
	registry, err := os.ReadFile(filepath.Join(dir, "registry.csv"))
	if err != nil || bytes.Count(registry, []byte("\n")) != 51 || !bytes.HasPrefix(registry, []byte(strings.Join(Header, ",")+"\n")) || n != 4 {
		t.Errorf("registry of %d lines, truth of %d, %v", bytes.Count(registry, []byte("\n")), n, err)
	}
}

func TestRegistryHasPeopleWhoAreAlikeAndNobodyTwice(t *testing.T) {
	b := box(t, 2, Options{Patients: 400})
	seen := map[string]bool{}
	for _, p := range b.Registry() {
		if seen[p.MRN] || len(p.MRN) != 8 {
			t.Errorf("number %q is given twice or is not one", p.MRN)
		}
		seen[p.MRN] = true
	}
	for _, how := range likenesses {
		if len(b.reg.alike[how]) == 0 {
			t.Errorf("nobody is alike as %s", how)
		}
		for _, pair := range b.reg.alike[how] {
			p, q := b.reg.people[pair[0]], b.reg.people[pair[1]]
			differ := 0
			for i := range p.MRN {
				if p.MRN[i] != q.MRN[i] {
					differ++
				}
			}
			ok := map[likeness]bool{twins: p.Last == q.Last && p.Born.Equal(q.Born) && p.First != q.First, fatherSon: p.First == q.First && p.Last == q.Last && q.Born.Sub(p.Born).Hours() > 20*365*24,
				nearMRN: differ == 1, namesakes: p.First == q.First && p.Last == q.Last, changed: p.Born.Equal(q.Born) && p.First == q.First}[how]
			if !ok {
				t.Errorf("not alike as %s: %v, %v", how, p, q)
			}
		}
	}
}

func TestFilesHoldTheirPictures(t *testing.T) {
	b := box(t, 6, Options{Patients: 100, Layouts: []string{"typed_note", "prescription", "operative_note"}})
	checked := map[string]bool{}
	for i := range 18 {
		s := b.Scan(i)
		m, want := s.Images[0], s.Bytes()
		if s.Wear.DPIX != s.Wear.DPIY && m.Rect.Dx() < m.Rect.Dy() && s.Wear.DPIY == 98 && s.Wear.Turn%180 == 0 {
			t.Errorf("a coarse fax of %v", m.Rect)
		}
		var got image.Image
		var err error
		switch s.kind {
		case "png":
			got, err = png.Decode(bytes.NewReader(want))
		case "g4.tiff", "packbits.tiff", "lzw.tiff":
			got, err = tiff.Decode(bytes.NewReader(want))
		default:
			continue
		}
		if err != nil || !got.Bounds().Eq(m.Rect) {
			t.Errorf("%s: %v", s.kind, err)
			continue
		}
		for k := 0; k < len(m.Pix); k += 977 {
			x, y := k%m.Rect.Dx(), k/m.Rect.Dx()
			if g := color.GrayModel.Convert(got.At(x, y)).(color.Gray); g != m.GrayAt(x, y) {
				t.Errorf("%s: (%d, %d) is %v, not %v", s.kind, x, y, g, m.GrayAt(x, y))
				break
			}
		}
		checked[s.kind] = true
	}
	if len(checked) < 2 {
		t.Errorf("checked only %v", checked)
	}
}

func TestPhotographedSheetKeepsItsCorners(t *testing.T) {
	from := [4][2]float64{{3, 7}, {210, 1}, {190, 330}, {9, 300}}
	to := [4][2]float64{{0, 0}, {200, 0}, {200, 300}, {0, 300}}
	h := plane(from, to)
	for i, p := range from {
		w := h[6]*p[0] + h[7]*p[1] + 1
		if x, y := (h[0]*p[0]+h[1]*p[1]+h[2])/w, (h[3]*p[0]+h[4]*p[1]+h[5])/w; math.Hypot(x-to[i][0], y-to[i][1]) > 1e-6 {
			t.Errorf("%v comes to (%.3f, %.3f), not %v", p, x, y, to[i])
		}
	}
}

func TestRecallCountsWordsAndLeavesHandsOut(t *testing.T) {
	for _, c := range []struct {
		truth, hands, read string
		recall, f1         float64
	}{{"one two two Three", "", "ONE two three", 0.75, 6.0 / 7}, {"one two", "smith one", "one two smith one", 1, 1}, {"", "", "noise", 1, 1}, {"one", "", "", 0, 0}} {
		if r, f := Recall(c.truth, c.hands, c.read); math.Abs(r-c.recall) > 1e-9 || math.Abs(f-c.f1) > 1e-9 {
			t.Errorf("%q read as %q: %.3f, %.3f", c.truth, c.read, r, f)
		}
	}
}

func TestCleanPagesAreReadableByTesseract(t *testing.T) {
	tesseract, err := exec.LookPath("tesseract")
	if err != nil {
		t.Skip("tesseract is not installed")
	}
	b := box(t, 9, Options{Patients: 200, Upright: true, Levels: []Level{Clean}, Layouts: []string{"prose_letter", "typed_note", "pathology_report"}})
	for i := range 3 {
		s := b.Scan(i)
		path := filepath.Join(t.TempDir(), "page.png")
		if err := os.WriteFile(path, pngFile(s.Images[0], false, s.Wear.DPIX, s.Wear.DPIY), 0o600); err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command(tesseract, path, "-")
		cmd.Env = append(os.Environ(), "OMP_THREAD_LIMIT=1")
		out, err := cmd.Output()
		if err != nil {
			t.Fatal(err)
		}
		if got, _ := Recall(strings.Join(s.Pages[0], "\n"), "", string(out)); got < 0.95 {
			t.Errorf("%s: %.3f of the words", s.Layout, got)
		}
	}
}
