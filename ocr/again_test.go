package ocr

import (
	goimage "image"
	"image/draw"
	"strings"
	"testing"

	"chartroom/record"
)

func read(text string, confidence float64) record.Word {
	return record.Word{Text: record.Hide(text), Confidence: confidence, Block: 1, Line: 1}
}

func TestTheBetterReadingIsKeptAndTheOtherIsAnAlternative(t *testing.T) {
	for _, c := range []struct {
		first, second string
		was, is       float64
		want          string
	}{
		{"l234", "1234", 0.4, 0.9, "1234"},
		{"1234", "l234", 0.7, 0.75, "1234"},         // hardly surer
		{"Garcia", "Gar", 0.4, 0.9, "Garcia"},       // poorer in letters
		{"Garcia", "|||||||", 0.4, 0.95, "Garcia"},  // no word
		{"Garcia", "eeeeeeee", 0.4, 0.95, "Garcia"}, // the same letter over and over
		{"Garcia", "Garcia", 0.4, 0.9, "Garcia"},
	} {
		got := settle(read(c.first, c.was), read(c.second, c.is))
		if got.Text.Reveal() != c.want {
			t.Errorf("%s or %s: %s", c.first, c.second, got.Text.Reveal())
		}
		var others []string
		for _, a := range got.Alternatives {
			others = append(others, a.Text.Reveal())
		}
		if want := strings.Trim(strings.Replace(c.first+" "+c.second, c.want, "", 1), " "); c.first != c.second && strings.Join(others, " ") != want || c.first == c.second && len(others) > 0 {
			t.Errorf("%s or %s: alternatives %q", c.first, c.second, others)
		}
	}
}

func TestGarbageNeverBeatsAReading(t *testing.T) {
	first := []record.Word{read("Member", 0.9), read("12345", 0.8)}
	var noise []record.Word
	for range 200 {
		noise = append(noise, read("xq", 0.4))
	}
	if clearlyBetter(noise, first) {
		t.Error("many guesses beat few sure words")
	}
	if !clearlyBetter(append(first, read("insurance", 0.9), read("company", 0.9)), first) {
		t.Error("more sure words do not beat fewer")
	}
	if clearlyBetter(append(first, read("a", 0.9)), first) {
		t.Error("a letter more is enough")
	}
}

func TestOnlyFieldsOfDigitsAreReadAsDigits(t *testing.T) {
	for text, want := range map[string]bool{"O48291": true, "06/12/l965": true, "555-010O": true, "OCT": false, "B12": false, "SOIL": false, "A1C": false, "4Q29x1": false} {
		if got := alphabet(text) != ""; got != want {
			t.Errorf("%s: %t", text, got)
		}
	}
}

// What the layout of the page hid from the first reading is seen by its ink.
func TestWritingThatNoWordCoversIsFound(t *testing.T) {
	m := printed(t, 1500, 900, line{"Patient: Maria Garcia", 100, 200}, line{"Number: 4829137", 100, 500})
	fill(m, 900, 100, 4, 600)
	img := decoded(t, m)
	v := &sight{img: img, dpi: 300, f: 1, words: []record.Word{word("Patient:", 100, 160, 480, 55, 1)}}
	defer v.close()
	rest := v.unread()
	for _, b := range rest {
		if b.Top > 400 && b.Top < 520 && b.Left >= 90 && b.Right() < 520 {
			continue
		}
		t.Errorf("seen at %v", b)
	}
	if len(rest) == 0 {
		t.Error("the second line was not seen")
	}
	if v.contradicted(rest) {
		t.Error("a line contradicts a page of as many words")
	}
	v.words = nil
	if !v.contradicted(v.unread()) {
		t.Error("writing without a word does not contradict")
	}
}

func TestUnseenWritingIsReadAndStandsInItsPlace(t *testing.T) {
	r, v := looking(t, printed(t, 1500, 900, line{"Patient: Maria Garcia", 100, 200}, line{"Number: 4829137", 100, 300}, line{"Continue with medication", 100, 400}))
	whole := strings.Join(texts(v.words), " ")
	kept := v.words[:0:0]
	for _, w := range v.words {
		if w.Text.Reveal() != "Number:" && w.Text.Reveal() != "4829137" {
			kept = append(kept, w)
		}
	}
	v.words = kept
	r.again(v)
	if got := strings.Join(texts(v.words), " "); got != whole || v.did.again == 0 {
		t.Errorf("%q, want %q", got, whole)
	}
	if (&record.Page{Words: v.words}).Text() == "" {
		t.Error("no text")
	}
	v.words = kept
	r.budget = 0
	r.again(v)
	if len(v.words) != len(kept) {
		t.Error("a second look without a budget")
	}
}

func TestDoubtfulWordIsReadAgainWithAlternatives(t *testing.T) {
	r, v := looking(t, printed(t, 1500, 900, line{"Patient: Maria Garcia", 100, 200}, line{"Number: 4829137", 100, 300}))
	for i := range v.words {
		if v.words[i].Text.Reveal() == "4829137" {
			v.words[i].Text, v.words[i].Confidence = record.Hide("48Z9l37"), 0.3
		}
	}
	r.again(v)
	for _, w := range v.words {
		if w.Text.Reveal() == "4829137" {
			if len(w.Alternatives) == 0 || w.Alternatives[0].Text.Reveal() != "48Z9l37" {
				t.Errorf("%d alternatives", len(w.Alternatives))
			}
			return
		}
	}
	t.Errorf("read as %q", texts(v.words))
}

func TestScatteredWordsComeInReadingOrder(t *testing.T) {
	got := inOrder([]record.Word{word("three", 100, 150, 90, 30, 9), word("two", 300, 103, 90, 30, 7), word("one", 100, 100, 90, 30, 8), word("four", 100, 400, 90, 30, 1)})
	if (&record.Page{Words: got}).Text() != "one two\nthree\n\nfour" {
		t.Errorf("%q", (&record.Page{Words: got}).Text())
	}
}

func TestInsertedWordsStandWhereTheyAreRead(t *testing.T) {
	words := []record.Word{word("Name:", 100, 100, 120, 30, 1), word("Date:", 100, 200, 120, 30, 2)}
	words = append(words, record.Word{Text: record.Hide("Far"), Box: record.Box{Left: 100, Top: 800, Width: 120, Height: 30}, Block: 2, Line: 1})
	words = insert(words, []record.Word{word("GARCIA", 250, 102, 120, 30, 1)})
	words = insert(words, []record.Word{word("Between", 100, 500, 120, 30, 1)})
	if got := (&record.Page{Words: words}).Text(); got != "Name: GARCIA\nDate:\n\nBetween\n\nFar" {
		t.Errorf("%q", got)
	}
}

// looking is a reader with a page that it has read once.
func looking(t *testing.T, m *goimage.Gray) (*reader, *sight) {
	t.Helper()
	silence()
	dir, err := dataFolder("")
	if err != nil {
		t.Fatal(err)
	}
	r, err := newReader(setup{Languages: "eng", Tessdata: dir, MaxPixels: 1e8, Memory: 1 << 31, SecondLooks: 0.5})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.close)
	s, err := newSheet(decoded(t, m), 300, 300)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.close)
	v, err := r.see(s)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(v.close)
	return r, v
}

func decoded(t *testing.T, m *goimage.Gray) *image {
	t.Helper()
	b := []byte("P5 1500 900 255\n")
	flat := goimage.NewGray(goimage.Rect(0, 0, 1500, 900))
	draw.Draw(flat, flat.Bounds(), m, goimage.Point{}, draw.Src)
	img, err := decode(append(b, flat.Pix...), "pnm", 0, bounds{1 << 30, 1 << 30})
	if err != nil {
		t.Fatal(err)
	}
	return img
}
