package scantest

import (
	"bytes"
	"image"
	"image/color"
	"io"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/image/ccitt"
)

func TestTestdataIsWhatIsMade(t *testing.T) {
	files := Files()
	total := 0
	for name, want := range files {
		got, err := os.ReadFile(filepath.Join("../../testdata", name))
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s is not what is made (%v): go run ./testdata/make", name, err)
		}
		total += len(got)
	}
	if total > 1_500_000 {
		t.Errorf("%d bytes of test scans are too many", total)
	}
}

func TestFaxCodesComeBack(t *testing.T) {
	odd := image.NewGray(image.Rect(0, 0, 2999, 40))
	for i := range odd.Pix {
		x, y := i%2999, i/2999
		if (x/(1+y*y))%2 == 0 || y == 7 && x > 100 {
			odd.Pix[i] = 255
		}
	}
	for _, m := range []*image.Gray{odd, Discharge.Draw(100, 100), Blank.Draw(400, 50), Stored(Laboratory.Draw(200, 200), 6)} {
		for name, c := range map[string]struct {
			coded []byte
			as    ccitt.SubFormat
		}{"G4": {G4(m), ccitt.Group4}, "G3": {G3(m), ccitt.Group3}} {
			r := ccitt.NewReader(bytes.NewReader(c.coded), ccitt.MSB, c.as, m.Rect.Dx(), m.Rect.Dy(), nil)
			got, err := io.ReadAll(r)
			if err != nil || !bytes.Equal(got, bilevel(m, true)) {
				t.Errorf("%s of %v comes back different (%v)", name, m.Rect, err)
			}
		}
	}
}

func TestStoredIsUndoneByTheOrientation(t *testing.T) {
	m := image.NewGray(image.Rect(0, 0, 3, 2))
	m.SetGray(2, 0, color.Gray{9}) // top right
	want := map[int]image.Point{1: {2, 0}, 2: {0, 0}, 3: {0, 1}, 4: {2, 1}, 5: {0, 2}, 6: {0, 0}, 7: {1, 0}, 8: {1, 2}}
	for o, p := range want {
		if s := Stored(m, o); s.GrayAt(p.X, p.Y).Y != 9 {
			t.Errorf("orientation %d: the top right corner is not at %v", o, p)
		}
	}
}
