package ocr

import (
	"bytes"
	"fmt"
	goimage "image"
	"image/color"
	"image/png"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"chartroom/record"
)

// letter is a page of print in which every word stands once.
func letter(t testing.TB) (paper *goimage.Gray, words []string) {
	t.Helper()
	var lines []line
	for i := range 26 {
		row := []string{"Entry", strconv.Itoa(1000 + 37*i), note[i%len(note)].text[:9], "dose", strconv.Itoa(20000 + 411*i), "given", strconv.Itoa(500 + 7*i), "mg"}
		lines = append(lines, line{strings.Join(row, " "), 300, 320 + i*80})
		words = append(words, row...)
	}
	return printed(t, 1900, 2600, lines...), words
}

// encoded is a picture as a PNG file.
func encoded(t testing.TB, m goimage.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, m); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// skewed is the page turned clockwise about its middle, white at the corners.
func skewed(m *goimage.Gray, degrees float64) *goimage.Gray {
	b := m.Bounds()
	out := goimage.NewGray(b)
	sin, cos := math.Sincos(degrees * math.Pi / 180)
	cx, cy := float64(b.Dx())/2, float64(b.Dy())/2
	at := func(x, y int) float64 {
		if (goimage.Point{x, y}).In(b) {
			return float64(m.GrayAt(x, y).Y)
		}
		return 255
	}
	for y := range b.Dy() {
		for x := range b.Dx() {
			dx, dy := float64(x)-cx, float64(y)-cy
			sx, sy := dx*cos+dy*sin+cx, -dx*sin+dy*cos+cy
			ix, iy := int(math.Floor(sx)), int(math.Floor(sy))
			fx, fy := sx-float64(ix), sy-float64(iy)
			v := (at(ix, iy)*(1-fx)+at(ix+1, iy)*fx)*(1-fy) + (at(ix, iy+1)*(1-fx)+at(ix+1, iy+1)*fx)*fy
			out.SetGray(x, y, color.Gray{uint8(v + 0.5)})
		}
	}
	return out
}

func TestSkewedPageReadsLikeAStraightOneAndItsBoxesLieOnItsWords(t *testing.T) {
	p := startPool(t, Config{})
	paper, truth := letter(t)
	straight := recognise(t, p, pngPage(t, paper))
	for _, degrees := range []float64{3.5, -2} {
		r := recognise(t, p, pngPage(t, skewed(paper, degrees)))
		was, _ := recall(strings.Join(truth, " "), textOf(straight))
		if got, _ := recall(strings.Join(truth, " "), textOf(r)); got < was-0.01 || was < 0.98 {
			t.Errorf("%.1f degrees: %.3f of the words, straight %.3f", degrees, got, was)
		}
		if !strings.Contains(r.Cleaned, "straightened by "+strconv.FormatFloat(-degrees, 'f', 1, 64)[:2]) || r.Page.Width != 1900 || r.Page.Height != 2600 || r.Page.Rotation != 0 {
			t.Errorf("%.1f degrees: %q, %dx%d, rotation %d", degrees, r.Cleaned, r.Page.Width, r.Page.Height, r.Page.Rotation)
		}
		checkSkewedBoxes(t, straight.Page, r.Page, degrees)
	}
}

// checkSkewedBoxes expects every number at the place to which the page's skew
// has carried it.
func checkSkewedBoxes(t *testing.T, straight, skewed record.Page, degrees float64) {
	t.Helper()
	boxes := map[string]record.Box{}
	for _, w := range skewed.Words {
		boxes[w.Text.Reveal()] = w.Box
	}
	sin, cos := math.Sincos(degrees * math.Pi / 180)
	checked := 0
	for _, w := range straight.Words {
		got, found := boxes[w.Text.Reveal()]
		if _, err := strconv.Atoi(w.Text.Reveal()); err != nil || !found || len(w.Text.Reveal()) < 4 {
			continue
		}
		x, y := float64(w.Box.Left)+float64(w.Box.Width)/2-950, float64(w.Box.Top)+float64(w.Box.Height)/2-1300
		wantX, wantY := x*cos-y*sin+950, x*sin+y*cos+1300
		gotX, gotY := float64(got.Left)+float64(got.Width)/2, float64(got.Top)+float64(got.Height)/2
		if math.Abs(gotX-wantX) > 6 || math.Abs(gotY-wantY) > 6 || got.Height > w.Box.Height+20 {
			t.Errorf("%.1f degrees: %s lies at %v, want its middle at %.0f, %.0f", degrees, w.Text.Reveal(), got, wantX, wantY)
		}
		checked++
	}
	if checked < 45 {
		t.Errorf("%.1f degrees: only %d numbers found on both pages", degrees, checked)
	}
}

// shaded puts most of a page into the shade of somebody's arm, with the noise
// of a camera.
func shaded(m *goimage.Gray) *goimage.Gray {
	out := goimage.NewGray(m.Bounds())
	source := rand.New(rand.NewPCG(5, 6))
	for y := range m.Bounds().Dy() {
		for x := range m.Bounds().Dx() {
			light := 0.92 - 0.1*float64(x)/float64(m.Bounds().Dx())
			light *= 1 - 0.58*min(max(float64(1700-x-y/2)/80, 0), 1) // 80 pixels from full light to full shade
			out.SetGray(x, y, color.Gray{uint8((70+float64(m.GrayAt(x, y).Y)*0.72)*light + float64(source.IntN(7)))})
		}
	}
	return out
}

func TestPageInTheShadeIsRead(t *testing.T) {
	p := startPool(t, Config{})
	paper, truth := letter(t)
	r := recognise(t, p, pngPage(t, shaded(paper)))
	if got, _ := recall(strings.Join(truth, " "), textOf(r)); got < 0.97 || r.Cleaned != "light evened" {
		t.Errorf("%.3f of the words; %q", got, r.Cleaned)
	}
}

func TestCleanPageIsHandedOverAsItIs(t *testing.T) {
	p := startPool(t, Config{})
	paper, _ := letter(t)
	for name, m := range map[string]goimage.Image{"grey": paper, "one bit": bilevel(paper), "a little skewed": skewed(paper, 0.6)} {
		if r := recognise(t, p, pngPage(t, m)); r.Cleaned != "" {
			t.Errorf("%s: %q, %.40q", name, r.Cleaned, textOf(r))
		}
	}
}

func TestWhiteOnBlackIsRead(t *testing.T) {
	p := startPool(t, Config{})
	paper, truth := letter(t)
	for i, v := range paper.Pix {
		paper.Pix[i] = 255 - v
	}
	r := recognise(t, p, pngPage(t, paper))
	if got, _ := recall(strings.Join(truth, " "), textOf(r)); got < 0.95 {
		t.Errorf("%.3f of the words; %q", got, r.Cleaned)
	}
}

func TestBlackEdgesAndPunchHolesAreNoWords(t *testing.T) {
	p := startPool(t, Config{})
	paper, _ := letter(t)
	clean := recognise(t, p, pngPage(t, paper))
	for y := range 2600 {
		for x := range 1900 {
			edge := x < 50+y/80 || y > 2540
			for _, hole := range []int{400, 1300, 2200} {
				edge = edge || (x-150)*(x-150)+(y-hole)*(y-hole) < 40*40
			}
			if edge {
				paper.SetGray(x, y, color.Gray{8})
			}
		}
	}
	r := recognise(t, p, pngPage(t, paper))
	if textOf(r) != textOf(clean) || r.Cleaned != "black edges wiped" {
		t.Errorf("%q: %d words, without edges %d", r.Cleaned, len(r.Page.Words), len(clean.Page.Words))
	}
}

func TestInkAloneTellsHowAPageIsTurned(t *testing.T) {
	paper := printed(t, 1900, 1300, note...)
	for y := range 1300 { // what lies beside the paper says nothing about it
		for x := range 60 {
			paper.SetGray(x, y, color.Gray{})
		}
	}
	for _, c := range []struct{ degrees, turn int }{{0, 0}, {90, 270}, {180, 180}, {270, 90}} {
		img, err := decode(encoded(t, turned(paper, c.degrees)), "png", 0, bounds{1e8, 1e9})
		if err != nil {
			t.Fatal(err)
		}
		s, err := newSheet(img, 300, 300)
		if err != nil {
			t.Fatal(err)
		}
		if stands, err := s.stance(); stands != (stance{turn: c.turn, sure: c.degrees == 0}) || err != nil {
			t.Errorf("turned by %d: %+v, %v", c.degrees, stands, err)
		}
		s.close()
	}
}

// raggedFax is the page sent by a fax machine of 200 dots per inch that saw it in
// poor light: strokes come out ragged.
func raggedFax(m *goimage.Gray) *goimage.Paletted {
	w, h := m.Bounds().Dx()*2/3, m.Bounds().Dy()*2/3
	out := goimage.NewPaletted(goimage.Rect(0, 0, w, h), color.Palette{color.White, color.Black})
	source := rand.New(rand.NewPCG(7, 8))
	for y := range h {
		for x := range w {
			sum := 0.0
			for i := range 9 {
				sum += float64(m.GrayAt(x*3/2+i%3-1, y*3/2+i/3-1).Y)
			}
			if sum/9+source.NormFloat64()*48 < 150-30*source.Float64() {
				out.Pix[y*w+x] = 1
			}
		}
	}
	return out
}

func TestRaggedFaxIsSmoothedAndItsWordsAreRead(t *testing.T) {
	p := startPool(t, Config{})
	paper, truth := letter(t)
	img := pngPage(t, raggedFax(paper))
	img.DPIX, img.DPIY = 200, 200
	r := recognise(t, p, img)
	if got, _ := recall(strings.Join(truth, " "), textOf(r)); got < 0.97 || !strings.Contains(r.Cleaned, "strokes smoothed") {
		t.Errorf("%.3f of the words; %q", got, r.Cleaned)
	}
}

// fanned is the page as a camera sees it that looks from above: its lines rise
// to the right at the top and fall at the bottom, by so many degrees between.
func fanned(m *goimage.Gray, degrees float64) *goimage.Gray {
	b := m.Bounds()
	out := goimage.NewGray(b)
	slope := math.Tan(degrees*math.Pi/180) / float64(b.Dy())
	for y := range b.Dy() {
		for x := range b.Dx() {
			from := float64(y) + slope*(float64(x)-float64(b.Dx())/2)*(float64(y)-float64(b.Dy())/2)
			low, v := int(math.Floor(from)), 255.0
			if low >= 0 && low+1 < b.Dy() {
				part := from - float64(low)
				v = float64(m.GrayAt(x, low).Y)*(1-part) + float64(m.GrayAt(x, low+1).Y)*part
			}
			out.SetGray(x, y, color.Gray{uint8(v + 0.5)})
		}
	}
	return out
}

func TestFanningLinesAreMadeParallelAndBoxesLieOnTheWords(t *testing.T) {
	p := startPool(t, Config{})
	paper, truth := letter(t)
	const degrees = 3.5
	straight, r := recognise(t, p, pngPage(t, shaded(paper))), recognise(t, p, pngPage(t, shaded(fanned(paper, degrees))))
	if got, _ := recall(strings.Join(truth, " "), textOf(r)); got < 0.97 || !strings.Contains(r.Cleaned, "fanning of") {
		t.Errorf("%.3f of the words; %q", got, r.Cleaned)
	}
	boxes := map[string]record.Box{}
	for _, w := range r.Page.Words {
		boxes[w.Text.Reveal()] = w.Box
	}
	slope, checked := math.Tan(degrees*math.Pi/180)/2600, 0
	for _, w := range straight.Page.Words {
		got, found := boxes[w.Text.Reveal()]
		if _, err := strconv.Atoi(w.Text.Reveal()); err != nil || !found || len(w.Text.Reveal()) < 4 {
			continue
		}
		x, y := float64(w.Box.Left)+float64(w.Box.Width)/2-950, float64(w.Box.Top)+float64(w.Box.Height)/2-1300
		gotX, gotY := float64(got.Left)+float64(got.Width)/2-950, float64(got.Top)+float64(got.Height)/2-1300
		if math.Abs(gotX-x) > 8 || math.Abs(gotY+slope*x*gotY-y) > 8 {
			t.Errorf("%s lies at %.0f, %.0f, was printed at %.0f, %.0f", w.Text.Reveal(), gotX, gotY, x, y)
		}
		checked++
	}
	if checked < 45 {
		t.Errorf("only %d numbers found on both pages", checked)
	}
}

func TestBlackAndWhiteStoredAsGreyIsOneBitAgain(t *testing.T) {
	paper, _ := letter(t)
	grey := goimage.NewGray(paper.Bounds())
	for i, v := range paper.Pix {
		if v >= 128 {
			grey.Pix[i] = 250 + uint8(i%5) // as JPEG leaves it
		}
	}
	for _, c := range []struct {
		m     *goimage.Gray
		depth int
	}{{grey, 1}, {paper, 8}, {printed(t, 400, 400), 8}} {
		img, err := decode(encoded(t, c.m), "png", 0, bounds{1e8, 1e9})
		if err != nil {
			t.Fatal(err)
		}
		s, err := newSheet(img, 300, 300)
		if err != nil {
			t.Fatal(err)
		}
		if s.img.depth() != c.depth {
			t.Errorf("%d bits, want %d", s.img.depth(), c.depth)
		}
		s.close()
	}
}

// dirtied is the page with dirt on it: so many specks of at most six dots
// across, of the blackness given or somewhat lighter, to a square inch at 300
// dots per inch.
func dirtied(m *goimage.Gray, each int, black uint8) *goimage.Gray {
	out := goimage.NewGray(m.Bounds())
	copy(out.Pix, m.Pix)
	source := rand.New(rand.NewPCG(9, 10))
	for range each * len(m.Pix) / 300 / 300 {
		x, y, size := source.IntN(m.Rect.Dx()-6), source.IntN(m.Rect.Dy()-6), 2+source.IntN(5)
		for i := range size * size {
			out.SetGray(x+i%size, y+i/size, color.Gray{black + uint8(source.IntN(30))})
		}
	}
	return out
}

func TestSpecksAreNoWordsAndTakeNone(t *testing.T) {
	p := startPool(t, Config{})
	paper, truth := letter(t)
	grey := dirtied(paper, 110, 20)
	for name, m := range map[string]goimage.Image{"grey": grey, "one bit": bilevel(grey)} {
		r := recognise(t, p, pngPage(t, m))
		got, f1 := recall(strings.Join(truth, " "), textOf(r))
		if got < 0.86 || f1 < 0.84 || !strings.Contains(r.Cleaned, "specks wiped") {
			t.Errorf("%s: %.3f of the words, F1 %.3f; %q", name, got, f1, r.Cleaned)
		}
	}
}

// Full stops, points of figures and dots of letters are as small as dirt, and
// stay: on a dirty page as on a clean one.
func TestPointsOfFiguresAreNoSpecks(t *testing.T) {
	p := startPool(t, Config{})
	var lines []line
	var truth []string
	for i := range 24 {
		row := []string{fmt.Sprintf("%d.%d", 3+i, 1+i%9), fmt.Sprintf("%d.%02d", 70+i, 11+i), "mg/l"}
		lines = append(lines, line{"Sodium " + strings.Join(row, "   "), 300, 320 + i*80})
		truth = append(truth, row[:2]...)
	}
	r := recognise(t, p, pngPage(t, bilevel(dirtied(printed(t, 1900, 2600, lines...), 12, 0))))
	missed := 0
	for _, figure := range truth {
		if !strings.Contains(textOf(r), figure) {
			missed++
		}
	}
	if missed > 1 || !strings.Contains(r.Cleaned, "specks wiped") {
		t.Errorf("of %d figures %d are not read; %q", len(truth), missed, r.Cleaned)
	}
}

// crumbled is the page by a printer that runs out of toner: letters fall to
// crumbs.
func crumbled(m *goimage.Gray) *goimage.Gray {
	out := goimage.NewGray(m.Bounds())
	source := rand.New(rand.NewPCG(11, 12))
	for i, v := range m.Pix {
		if out.Pix[i] = 255; v < 128 && source.IntN(100) < 52 {
			out.Pix[i] = 0
		}
	}
	return out
}

func TestCrumbsOfLettersAreNoSpecks(t *testing.T) {
	paper, _ := letter(t)
	img, err := decode(encoded(t, crumbled(paper)), "png", 0, bounds{1e8, 1e9})
	if err != nil {
		t.Fatal(err)
	}
	s, err := newSheet(img, 300, 300)
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	if s.specks != nil {
		t.Error("crumbs of letters are taken for specks")
	}
}

func TestPunchHolesOfSheetsThatLieAskewAreNoWords(t *testing.T) {
	p := startPool(t, Config{})
	paper, _ := letter(t)
	clean := recognise(t, p, pngPage(t, paper))
	for _, hole := range []int{400, 1300, 2200} {
		for y := hole - 40; y < hole+40; y++ {
			for x := 140; x < 260; x++ {
				if (x-205)*(x-205)+(y-hole)*(y-hole) < 40*40 { // the margin's tenth ends at 190
					paper.SetGray(x, y, color.Gray{8})
				}
			}
		}
	}
	r := recognise(t, p, pngPage(t, paper))
	if textOf(r) != textOf(clean) || !strings.Contains(r.Cleaned, "black edges wiped") {
		t.Errorf("%q: %d words, without holes %d", r.Cleaned, len(r.Page.Words), len(clean.Page.Words))
	}
}

// barred is a page whose headings stand in white on bars of a grey, and the
// words of the headings.
func barred(t testing.TB, grey uint8) (page *goimage.Gray, headings []string) {
	t.Helper()
	var lines []line
	for i := range 22 {
		lines = append(lines, line{note[i%len(note)].text, 300, 420 + i*80 + i/4*100})
	}
	page = printed(t, 1900, 2600, lines...)
	for i, h := range []string{"PATIENT INFORMATION", "Insurance Coverage", "EMERGENCY CONTACT Relation Telephone", "Problems and Allergies", "MEDICATION RECORD"} {
		bar := printed(t, 1400, 60, line{h, 30 + 250*(i%2), 45})
		for k, v := range bar.Pix {
			page.SetGray(250+k%1400, 310+i*420+k/1400, color.Gray{grey + uint8(int(255-v)*int(255-grey)/255)})
		}
		headings = append(headings, strings.Fields(h)...)
	}
	return page, headings
}

func TestWhiteHeadingsOnDarkBarsAreRead(t *testing.T) {
	p := startPool(t, Config{})
	for name, grey := range map[string]uint8{"black": 0, "dark grey": 60, "grey": 120} {
		page, headings := barred(t, grey)
		images := map[string]goimage.Image{"grey": page}
		if grey == 0 {
			images["one bit"] = bilevel(page)
		}
		for kind, m := range images {
			r := recognise(t, p, pngPage(t, m))
			if got, _ := recall(strings.Join(headings, " "), textOf(r)); got < 0.95 || !strings.Contains(r.Cleaned, "dark blocks inverted") {
				t.Errorf("%s bars, %s: %.3f of the headings; %q", name, kind, got, r.Cleaned)
			}
		}
	}
}

// reduced is the page at less than 300 dots per inch, by the mean of dots.
func reduced(m *goimage.Gray, dpi int) *goimage.Gray {
	out := goimage.NewGray(goimage.Rect(0, 0, m.Rect.Dx()*dpi/300, m.Rect.Dy()*dpi/300))
	for y := range out.Rect.Dy() {
		for x := range out.Rect.Dx() {
			sum, n := 0, 0
			for fy := y * 300 / dpi; fy < (y+1)*300/dpi; fy++ {
				for fx := x * 300 / dpi; fx < (x+1)*300/dpi; fx++ {
					sum, n = sum+int(m.GrayAt(fx, fy).Y), n+1
				}
			}
			out.SetGray(x, y, color.Gray{uint8(sum / n)})
		}
	}
	return out
}

// Small print at 100 dots per inch, whose letters are a few dots high, is read
// also where the file knows no resolution or says an absurd one.
func TestSmallPrintOfFewDotsIsReadWhateverTheFileSays(t *testing.T) {
	p := startPool(t, Config{})
	paper, truth := letter(t)
	for _, said := range []int{100, 0, 1200} {
		img := pngPage(t, reduced(paper, 62))
		img.DPIX, img.DPIY = said, said
		r := recognise(t, p, img)
		if got, _ := recall(strings.Join(truth, " "), textOf(r)); got < 0.97 {
			t.Errorf("the file says %d: %.3f of the words, taken for %d", said, got, r.Page.DPI)
		}
	}
}

// madeWords is a reading of so many words of five letters, which lie on their side or not.
func madeWords(n int, confidence float64, lying bool) []record.Word {
	words := make([]record.Word, n)
	for i := range words {
		words[i] = record.Word{Text: record.Hide("words"), Confidence: confidence, Box: record.Box{Width: 50, Height: 12}}
		if lying {
			words[i].Box = record.Box{Width: 12, Height: 50}
		}
	}
	return words
}

func TestWordsThatStandUprightCountForMoreThanSurerOnesThatLie(t *testing.T) {
	read := func(turned int, words []record.Word) reading {
		return reading{sheet: &sheet{turned: turned}, sight: &sight{words: words}, quality: qualityOf(words)}
	}
	lying, upright, noise := read(0, madeWords(40, 0.91, true)), read(270, madeWords(40, 0.89, false)), read(90, madeWords(40, 0.28, false))
	for _, c := range []struct {
		name string
		a, b reading
		want int
	}{
		{"standing after lying", lying, upright, 270},
		{"lying after standing", upright, lying, 270},
		{"noise after lying", lying, noise, 0},
		{"lying after noise", noise, lying, 0},
	} {
		if got := better(c.a, c.b, nil).sheet.turned; got != c.want {
			t.Errorf("%s: the page turned by %d won, want %d", c.name, got, c.want)
		}
	}
}

func TestAPageThatReadsBadlyIsTurnedInOtherWays(t *testing.T) {
	read := func(words []record.Word) reading {
		return reading{sheet: &sheet{}, sight: &sight{words: words}, quality: qualityOf(words)}
	}
	for _, c := range []struct {
		name   string
		g      reading
		stands stance
		want   []int
	}{
		{"reads well", read(madeWords(40, 0.9, false)), stance{}, nil},
		{"words lie", read(madeWords(40, 0.9, true)), stance{}, []int{90, 270}},
		{"lines run up and down, nothing read", read(nil), stance{doubtful: true}, []int{90, 270}},
		{"guesswork", read(madeWords(40, 0.3, false)), stance{}, []int{180}},
		{"too little to tell", read(madeWords(2, 0.3, false)), stance{}, nil},
	} {
		var got []int
		for _, way := range c.g.elsewhere(c.stands) {
			got = append(got, way())
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: turned by %v, want %v", c.name, got, c.want)
		}
	}
}
