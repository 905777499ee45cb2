package ocr

import (
	"bytes"
	goimage "image"
	"image/color"
	"image/png"
	"math"
	"testing"
)

func TestEngineGetsItsLinesUncompressed(t *testing.T) {
	if !linesUncompressed() {
		t.Error("Leptonica's pixWriteMem stands before ours: every line is packed and unpacked")
	}
}

// shown is the picture for the screen that is made of an image.
func shown(t *testing.T, m goimage.Image) goimage.Image {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, m); err != nil {
		t.Fatal(err)
	}
	img, err := decode(b.Bytes(), "png", 0, bounds{1e9, 1 << 30})
	if err != nil {
		t.Fatal(err)
	}
	defer img.close()
	data, mediaType, width, err := img.picture(pictureHeight)
	if err != nil {
		t.Fatal(err)
	}
	codec := map[string]string{"image/webp": "webp", "image/png": "png"}[mediaType]
	read, err := decode(data, codec, 0, bounds{1e9, 1 << 30})
	if err != nil {
		t.Fatalf("%s: %v", mediaType, err)
	}
	defer read.close()
	if data, err = encodePNG(read.pix); err != nil {
		t.Fatal(err)
	}
	out, err := png.Decode(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	if out.Bounds().Dx() != width || out.Bounds().Dy() > pictureHeight {
		t.Errorf("%v, said to be %d wide", out.Bounds(), width)
	}
	return out
}

func TestPictureKeepsBrightnessAndColour(t *testing.T) {
	patches := []color.RGBA{{255, 255, 255, 255}, {0, 0, 0, 255}, {128, 128, 128, 255}, {200, 30, 40, 255}, {20, 60, 190, 255}, {40, 160, 60, 255}}
	for _, colours := range []int{3, len(patches)} { // grey, then colour
		m := goimage.NewRGBA(goimage.Rect(0, 0, 100*colours, 120))
		for i := range m.Pix {
			m.Pix[i] = 255
		}
		for x := range 100 * colours {
			for y := range 120 {
				m.SetRGBA(x, y, patches[x/100])
			}
		}
		out := shown(t, m)
		for i := range colours {
			r, g, b, _ := out.At(100*i+50, 60).RGBA()
			want := patches[i]
			for _, d := range []float64{float64(r>>8) - float64(want.R), float64(g>>8) - float64(want.G), float64(b>>8) - float64(want.B)} {
				if math.Abs(d) > 12 {
					t.Errorf("of %v became %d %d %d", want, r>>8, g>>8, b>>8)
					break
				}
			}
		}
	}
}

func TestVeryWidePagesHaveAPicture(t *testing.T) {
	m := goimage.NewGray(goimage.Rect(0, 0, 20000, 60))
	for i := range m.Pix {
		m.Pix[i] = byte(i)
	}
	shown(t, m)
}
