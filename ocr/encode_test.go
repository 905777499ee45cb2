package ocr

import (
	"bytes"
	"errors"
	goimage "image"
	"image/color"
	"image/jpeg"
	"image/png"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/image/bmp"
	"golang.org/x/image/tiff"
)

func empty(t *testing.T) *os.File {
	t.Helper()
	f, err := os.Create(filepath.Join(t.TempDir(), "coded"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// coded has a picture coded again, and gives the bytes.
func coded(t *testing.T, p *Pool, img Image, drawn bool) (string, []byte) {
	t.Helper()
	out := empty(t)
	codec, err := p.Encode(t.Context(), img, drawn, out)
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(out.Name())
	if err != nil {
		t.Fatal(err)
	}
	return codec, b
}

func samePixels(t *testing.T, a, b goimage.Image) {
	t.Helper()
	if a.Bounds() != b.Bounds() {
		t.Fatalf("sizes differ: %v, %v", a.Bounds(), b.Bounds())
	}
	for y := range a.Bounds().Dy() {
		for x := range a.Bounds().Dx() {
			r, g, bl, _ := a.At(x, y).RGBA()
			r2, g2, bl2, _ := b.At(x, y).RGBA()
			if r>>8 != r2>>8 || g>>8 != g2>>8 || bl>>8 != bl2>>8 {
				t.Fatalf("pixel %d, %d is %v, want %v", x, y, b.At(x, y), a.At(x, y))
			}
		}
	}
}

func TestAPageIsCodedAgainWithoutLoss(t *testing.T) {
	p := startPool(t, Config{Workers: 1})
	tinted := goimage.NewRGBA(goimage.Rect(0, 0, 200, 300)) // nearly grey: the tint must stay
	grey := goimage.NewGray(tinted.Rect)
	text := goimage.NewGray(tinted.Rect)
	for y := range 300 {
		for x := range 200 {
			v := uint8(x + y/8)
			tinted.SetRGBA(x, y, color.RGBA{v, v, v ^ 1, 255})
			grey.SetGray(x, y, color.Gray{v})
			if x/9%2 == y/7%2 {
				text.SetGray(x, y, color.Gray{255})
			}
		}
	}
	for _, c := range []struct {
		m     goimage.Image
		codec string
	}{{tinted, "png"}, {grey, "png"}, {text, "tiff"}} {
		var b bytes.Buffer
		if err := bmp.Encode(&b, c.m); err != nil {
			t.Fatal(err)
		}
		codec, got := coded(t, p, Image{File: file(t, b.Bytes()), Codec: "bmp"}, false)
		if codec != c.codec {
			t.Errorf("became a %s, want a %s", codec, c.codec)
			continue
		}
		decode := png.Decode
		if codec == "tiff" {
			decode = tiff.Decode
		}
		m, err := decode(bytes.NewReader(got))
		if err != nil {
			t.Fatal(err)
		}
		samePixels(t, c.m, m)
	}
}

func TestAPageIsSetUprightWhenCodedAgain(t *testing.T) {
	p := startPool(t, Config{Workers: 1})
	m := goimage.NewGray(goimage.Rect(0, 0, 30, 20))
	for i := range m.Pix {
		m.Pix[i] = uint8(i / 3)
	}
	img := pngPage(t, m)
	img.Turn = 90
	_, b := coded(t, p, img, false)
	got, err := png.Decode(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	samePixels(t, turned(m, 90), got)
}

func TestADrawnPageThatIsLargeBecomesAJPEG(t *testing.T) {
	p := startPool(t, Config{Workers: 1})
	noise := goimage.NewRGBA(goimage.Rect(0, 0, 1000, 800))
	r := rand.New(rand.NewPCG(1, 2))
	for i := range noise.Pix {
		noise.Pix[i] = uint8(r.Uint32()) | 3
	}
	codec, b := coded(t, p, pngPage(t, noise), true)
	if codec != "jpeg" {
		t.Fatalf("became a %s", codec)
	}
	if m, err := jpeg.Decode(bytes.NewReader(b)); err != nil || m.Bounds() != noise.Bounds() {
		t.Errorf("%v", err)
	}
	if codec, _ := coded(t, p, pngPage(t, noise), false); codec != "png" {
		t.Errorf("what was not drawn became a %s", codec)
	}
}

func TestWhatCannotBeDecodedIsNotCoded(t *testing.T) {
	p := startPool(t, Config{Workers: 1})
	for _, b := range [][]byte{nil, []byte("BM nothing"), []byte("\x89PNG\r\n\x1a\n")} {
		if _, err := p.Encode(t.Context(), Image{File: file(t, b), Codec: "png"}, false, empty(t)); !errors.Is(err, ErrUndecodable) {
			t.Errorf("%q: %v", b, err)
		}
	}
	recognise(t, p, pngPage(t, goimage.NewGray(goimage.Rect(0, 0, 300, 300)))) // the worker goes on
}
