package ocr

import (
	goimage "image"
	"image/draw"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"chartroom/record"
)

// patchSheet is a letter page at a resolution with the bars of a patch code
// across its top, as the scanner meets them: w is a wide bar.
func patchSheet(dpi int, bars string, scale float64) *goimage.Gray {
	m := goimage.NewGray(goimage.Rect(0, 0, dpi*17/2, dpi*11))
	draw.Draw(m, m.Bounds(), goimage.White, goimage.Point{}, draw.Src)
	at := 0.5
	for _, b := range bars {
		width := 0.08 * scale
		if b == 'w' {
			width = 0.2 * scale
		}
		draw.Draw(m, goimage.Rect(dpi, int(at*float64(dpi)+0.5), dpi*15/2, int((at+width)*float64(dpi)+0.5)), goimage.Black, goimage.Point{}, draw.Src)
		at += width + 0.08*scale
	}
	return m
}

// leaning shears a picture, which for few degrees is as good as turning it.
func leaning(m *goimage.Gray, slope float64) *goimage.Gray {
	out := goimage.NewGray(m.Bounds())
	draw.Draw(out, out.Bounds(), goimage.White, goimage.Point{}, draw.Src)
	w, h := m.Bounds().Dx(), m.Bounds().Dy()
	for y := range h {
		for x := range w {
			if from := y - int(slope*float64(x)); from >= 0 && from < h {
				out.SetGray(x, y, m.GrayAt(x, from))
			}
		}
	}
	return out
}

// speckled turns one dot in n round.
func speckled(m *goimage.Gray, n int) *goimage.Gray {
	r := rand.New(rand.NewPCG(7, uint64(n)))
	for i := range m.Pix {
		if r.IntN(n) == 0 {
			m.Pix[i] = 255 - m.Pix[i]
		}
	}
	return m
}

// patchesOf are the patch codes found on a page.
func patchesOf(t *testing.T, m *goimage.Gray, dpi int) (names []string, boxes []record.Box) {
	t.Helper()
	img := pngPage(t, bilevel(m))
	data, err := os.ReadFile(img.File.Name())
	if err != nil {
		t.Fatal(err)
	}
	return patchesIn(t, data, img.Codec, 0, dpi)
}

func patchesIn(t *testing.T, data []byte, codec string, frame, dpi int) (names []string, boxes []record.Box) {
	t.Helper()
	img, err := decode(data, codec, frame, bounds{pixels: 400e6, bytes: 1 << 30})
	if err != nil {
		t.Skipf("%v", err)
	}
	s, err := newSheet(img, dpi, dpi)
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	found, err := s.patches()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range found {
		names, boxes = append(names, f.Text.Reveal()), append(boxes, f.Box)
	}
	return names, boxes
}

var patchBars = map[string]string{"1": "wwnn", "2": "wnnw", "3": "wnwn", "4": "nwwn", "6": "nnww", "T": "nwnw"}

func TestEveryPatchCodeIsReadFromAnySide(t *testing.T) {
	for name, bars := range patchBars {
		for _, dpi := range []int{100, 200} {
			for _, degrees := range []int{0, 90, 180, 270} {
				got, boxes := patchesOf(t, turned(patchSheet(dpi, bars, 1), degrees), dpi)
				if strings.Join(got, " ") != name {
					t.Errorf("patch %s at %d dpi turned by %d reads %v", name, dpi, degrees, got)
				} else if b := boxes[0]; degrees == 0 && (b.Top < dpi*2/5 || b.Bottom() > dpi*3/2 || b.Width < dpi*6) {
					t.Errorf("patch %s at %d dpi has the box %v", name, dpi, b)
				}
			}
		}
	}
}

func TestPatchCodesSurviveTheScanner(t *testing.T) {
	for what, m := range map[string]*goimage.Gray{
		"leaning":         leaning(patchSheet(200, "nwnw", 1), 0.05),
		"leaning back":    leaning(patchSheet(200, "nwnw", 1), -0.05),
		"speckled":        speckled(patchSheet(200, "nwnw", 1), 20),
		"printed small":   patchSheet(200, "nwnw", 0.75),
		"printed large":   patchSheet(200, "nwnw", 1.3),
		"speckled, leans": speckled(leaning(patchSheet(300, "nwnw", 0.9), 0.03), 15),
	} {
		if got, _ := patchesOf(t, m, 300*m.Bounds().Dx()/2550); strings.Join(got, " ") != "T" {
			t.Errorf("%s: reads %v", what, got)
		}
	}
}

func TestBarsThatAreNoPatchCodeAreNone(t *testing.T) {
	for _, bars := range []string{"nnnn", "wwww", "wnnn", "wwwn", "nwn", "nwnwn", "wnwnw"} {
		if got, _ := patchesOf(t, patchSheet(200, bars, 1), 200); len(got) > 0 {
			t.Errorf("%s reads as %v", bars, got)
		}
	}
	if got, _ := patchesOf(t, patchSheet(200, "nwnw", 3), 200); len(got) > 0 {
		t.Errorf("bars three times as wide read as %v", got)
	}
}

// Nothing on real pages and pictures of barcodes is a patch code. What is one
// among the separators is seen by the whole program's tests.
func TestSamplesHoldNoPatchCodeThatIsNone(t *testing.T) {
	samples := os.Getenv("CHARTROOM_SAMPLES")
	if samples == "" {
		samples = "../../shared/samples"
	}
	looked := 0
	for _, dir := range []string{"pages", "barcodes", "medical", "forms", "faxes", "chart", "traps"} {
		filepath.WalkDir(filepath.Join(samples, dir), func(path string, d os.DirEntry, err error) error {
			codec := map[string]string{".png": "png", ".jpg": "jpeg", ".jpeg": "jpeg", ".tif": "tiff", ".tiff": "tiff"}[strings.ToLower(filepath.Ext(path))]
			if err != nil || codec == "" {
				return nil
			}
			data, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			t.Run(strings.TrimPrefix(path, samples), func(t *testing.T) {
				if names, boxes := patchesIn(t, data, codec, 0, 0); len(names) > 0 {
					t.Errorf("%v at %v", names, boxes)
				}
			})
			looked++
			return nil
		})
	}
	if looked == 0 {
		t.Skip("no samples here")
	}
}
