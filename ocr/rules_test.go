package ocr

import (
	goimage "image"
	"image/color"
	"image/draw"
	"strings"
	"testing"

	"chartroom/record"
)

// fill blackens a rectangle.
func fill(m *goimage.Gray, left, top, width, height int) {
	draw.Draw(m, goimage.Rect(left, top, left+width, top+height), goimage.NewUniform(color.Gray{0}), goimage.Point{}, draw.Src)
}

// box draws the sides of a rectangle, so many pixels thick.
func box(m *goimage.Gray, left, top, width, height, thick int) {
	fill(m, left, top, width, thick)
	fill(m, left, top+height-thick, width, thick)
	fill(m, left, top, thick, height)
	fill(m, left+width-thick, top, thick, height)
}

// dashes draws a broken line down.
func dashes(m *goimage.Gray, x, top, bottom int) {
	for y := top; y < bottom; y += 20 {
		fill(m, x, y, 2, min(15, bottom-y))
	}
}

// ruledForm is a page of cells: dates between dashes, names over a line, a box
// to tick, and a comb.
func ruledForm(t testing.TB) *goimage.Gray {
	t.Helper()
	var lines []line
	for i, text := range []string{"16", "12", "65"} {
		lines = append(lines, line{text, 340 + i*90, 396})
	}
	lines = append(lines, line{"DATE OF BIRTH", 330, 330}, line{"INSURED", 730, 330}, line{"Doe, Jane", 740, 396}, line{"Employed", 330, 560}, line{"Retired", 730, 560})
	for i, r := range "48291376" {
		lines = append(lines, line{string(r), 343 + i*70, 700})
	}
	m := printed(t, 1500, 900, lines...)
	box(m, 300, 280, 400, 130, 3)
	box(m, 697, 280, 400, 130, 3)
	dashes(m, 410, 350, 405)
	dashes(m, 500, 350, 405)
	box(m, 590, 525, 45, 45, 3)
	box(m, 930, 525, 45, 45, 3)
	for i := range 9 {
		fill(m, 320+i*70, 640, 3, 80)
	}
	fill(m, 320, 720, 8*70+3, 3)
	return m
}

func TestRulesAreNotReadAndWordsOfCellsStayApart(t *testing.T) {
	p := startPool(t, Config{})
	r := recognise(t, p, pngPage(t, ruledForm(t)))
	text := textOf(r)
	for _, want := range []string{"DATE OF BIRTH", "16 12 65", "Doe, Jane", "Employed", "Retired", "48291376"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in %q", want, text)
		}
	}
	if strings.ContainsAny(text, "|[]_") {
		t.Errorf("rules were read: %q", text)
	}
	if !strings.Contains(r.Cleaned, "rules") {
		t.Errorf("cleaned: %q", r.Cleaned)
	}
}

func TestStrokesThatCrossARuleAreKept(t *testing.T) {
	ink := oneBit(t, func(m *goimage.Gray) {
		fill(m, 100, 200, 600, 4)
		fill(m, 300, 150, 6, 100) // crosses
		fill(m, 400, 150, 6, 50)  // stands on it
	})
	defer ink.close()
	found, err := unrule(ink, 300, 1)
	if err != nil || found == nil || len(found.across) != 1 {
		t.Fatalf("%+v, %v", found, err)
	}
	if n := ink.inked(300, 150, 6, 100); n != 600 {
		t.Errorf("of a stroke of 600 that crosses %d are left", n)
	}
	if n := ink.inked(400, 150, 6, 50); n != 300 {
		t.Errorf("of a stroke of 300 that ends on the rule %d are left", n)
	}
	if n := ink.inked(100, 190, 190, 30) + ink.inked(420, 190, 300, 30); n != 0 {
		t.Errorf("%d of the rule are left", n)
	}
}

func TestPrintIsNoRule(t *testing.T) {
	ink := oneBit(t, func(m *goimage.Gray) {
		draw.Draw(m, m.Bounds(), printed(t, 1500, 900, line{"I will fill in HIM, EFT and all 1111 of l1I|!", 100, 300}, line{"Illness LIMIT -- TEETH", 100, 400}), goimage.Point{}, draw.Src)
	})
	defer ink.close()
	before := ink.inked(0, 0, 1500, 900)
	found, err := unrule(ink, 300, 1)
	if err != nil || found != nil || ink.inked(0, 0, 1500, 900) != before {
		t.Errorf("%+v, %v, %d of %d left", found, err, ink.inked(0, 0, 1500, 900), before)
	}
}

func TestKindsOfRules(t *testing.T) {
	for name, c := range map[string]struct {
		draw         func(*goimage.Gray)
		across, down int
	}{
		"cells":    {func(m *goimage.Gray) { box(m, 100, 100, 400, 100, 3); fill(m, 300, 100, 3, 100) }, 2, 3},
		"dashes":   {func(m *goimage.Gray) { fill(m, 100, 100, 500, 3); dashes(m, 300, 120, 250) }, 1, 7},
		"tick box": {func(m *goimage.Gray) { fill(m, 100, 200, 423, 3); box(m, 100, 100, 45, 45, 3) }, 3, 2},
		"comb": {func(m *goimage.Gray) {
			fill(m, 100, 200, 423, 3)
			for i := range 7 {
				fill(m, 100+i*70, 150, 3, 50)
			}
		}, 1, 7},
		"uneven ticks": {func(m *goimage.Gray) {
			fill(m, 100, 200, 423, 3)
			for _, x := range []int{100, 190, 250, 420} {
				fill(m, x+20, 150, 3, 50)
			}
		}, 1, 0},
		"a solid block": {func(m *goimage.Gray) { fill(m, 100, 100, 500, 100) }, 0, 0},
	} {
		ink := oneBit(t, c.draw)
		found, err := unrule(ink, 300, 1)
		ink.close()
		if err != nil {
			t.Fatal(err)
		}
		if found == nil {
			found = &form{}
		}
		if len(found.across) != c.across || len(found.down) != c.down {
			t.Errorf("%s: across %v, down %v", name, found.across, found.down)
		}
	}
}

// oneBit is a one-bit image of 1500 by 900 pixels with what draw drew.
func oneBit(t *testing.T, draw func(*goimage.Gray)) *image {
	t.Helper()
	m := printed(t, 1500, 900)
	draw(m)
	b := []byte("P4 1500 900\n")
	for y := range 900 {
		for x := 0; x < 1500; x += 8 {
			var v byte
			for k := range 8 {
				if x+k < 1500 && m.GrayAt(x+k, y).Y < 128 {
					v |= 0x80 >> k
				}
			}
			b = append(b, v)
		}
	}
	img, err := decode(b, "pnm", 0, bounds{1 << 30, 1 << 30})
	if err != nil {
		t.Fatal(err)
	}
	return img
}

func word(text string, left, top, width, height, line int) record.Word {
	return record.Word{Text: record.Hide(text), Box: record.Box{Left: left, Top: top, Width: width, Height: height}, Confidence: 0.9, Block: 1, Line: line}
}

func TestWordAcrossTheBorderOfCellsIsTwo(t *testing.T) {
	f := &form{down: []record.Box{{Left: 300, Top: 80, Width: 3, Height: 60}, {Left: 340, Top: 400, Width: 3, Height: 60}}}
	got := texts(f.sort([]record.Word{word("SMITHJOHN", 200, 90, 180, 36, 1), word("Whole", 200, 200, 180, 36, 2)}, 300))
	if strings.Join(got, " ") != "SMITH JOHN Whole" {
		t.Errorf("%q", got)
	}
}

func TestCharactersOfACombAreOneWordButForEmptyCells(t *testing.T) {
	f := &form{}
	for i := range 11 {
		f.down = append(f.down, record.Box{Left: 100 + i*60, Top: 100, Width: 3, Height: 50})
	}
	var words []record.Word
	for i, r := range "4829 1376" {
		if r != ' ' {
			words = append(words, word(string(r), 118+i*60, 105, 25, 36, 1))
		}
	}
	words = append(words, word("next", 790, 105, 90, 36, 1))
	if got := strings.Join(texts(f.sort(words, 300)), " "); got != "4829 1376 next" {
		t.Errorf("%q", got)
	}
	table := &form{}
	for i := range 11 {
		table.down = append(table.down, record.Box{Left: 100 + i*60, Top: 100, Width: 3, Height: 500})
	}
	if got := table.sort(words, 300); len(got) != len(words) {
		t.Errorf("columns of a table were joined: %q", texts(got))
	}
}
