package ocr

import (
	"bytes"
	"context"
	goimage "image"
	"image/color"
	"image/draw"
	"image/png"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"golang.org/x/image/font"
	"golang.org/x/image/font/gofont/goregular"
	"golang.org/x/image/font/opentype"
	"golang.org/x/image/math/fixed"

	"chartroom/jail"
)

// The test binary plays the worker, as the real program does.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "ocr-worker" {
		playWorker(os.Args[2:])
	}
	os.Exit(m.Run())
}

// playWorker is the worker, or one that goes wrong in the way its argument names.
func playWorker(args []string) {
	if len(args) == 0 {
		jail.Exit(Worker(context.Background()))
	}
	jail.Exit(misbehave(args[0], args[1:]))
}

// startPool runs a pool for the length of a test.
func startPool(t testing.TB, cfg Config) *Pool {
	t.Helper()
	if cfg.Workers == 0 {
		cfg.Workers = 1
	}
	p := NewPool(cfg, slog.New(slog.NewTextHandler(io.Discard, nil)))
	ctx, cancel := context.WithCancel(context.Background())
	var all sync.WaitGroup
	all.Go(func() {
		if err := p.Run(ctx); err != nil {
			t.Errorf("run pool: %v", err)
		}
	})
	t.Cleanup(func() { cancel(); all.Wait() })
	return p
}

// line is a line of print: its text and where its baseline begins.
type line struct {
	text string
	x, y int
}

var face = sync.OnceValues(func() (font.Face, error) {
	f, err := opentype.Parse(goregular.TTF)
	if err != nil {
		return nil, err
	}
	return opentype.NewFace(f, &opentype.FaceOptions{Size: 12, DPI: 300, Hinting: font.HintingFull})
})

// print sets lines in 12 point at 300 dots per inch on white paper.
func printed(t testing.TB, width, height int, lines ...line) *goimage.Gray {
	t.Helper()
	f, err := face()
	if err != nil {
		t.Fatal(err)
	}
	paper := goimage.NewGray(goimage.Rect(0, 0, width, height))
	draw.Draw(paper, paper.Bounds(), goimage.White, goimage.Point{}, draw.Src)
	for _, l := range lines {
		d := font.Drawer{Dst: paper, Src: goimage.Black, Face: f, Dot: fixed.P(l.x, l.y)}
		d.DrawString(l.text)
	}
	return paper
}

// turned turns a picture clockwise.
func turned(m *goimage.Gray, degrees int) *goimage.Gray {
	w, h := m.Bounds().Dx(), m.Bounds().Dy()
	size := goimage.Rect(0, 0, w, h)
	if degrees%180 != 0 {
		size = goimage.Rect(0, 0, h, w)
	}
	out := goimage.NewGray(size)
	for y := range h {
		for x := range w {
			c := m.GrayAt(x, y)
			switch degrees {
			case 0:
				out.SetGray(x, y, c)
			case 90:
				out.SetGray(h-1-y, x, c)
			case 180:
				out.SetGray(w-1-x, h-1-y, c)
			case 270:
				out.SetGray(y, w-1-x, c)
			}
		}
	}
	return out
}

// bilevel has two colours only, as PNG's one-bit palette.
func bilevel(m *goimage.Gray) *goimage.Paletted {
	out := goimage.NewPaletted(m.Bounds(), color.Palette{color.White, color.Black})
	for i, v := range m.Pix {
		if v < 128 {
			out.Pix[i] = 1
		}
	}
	return out
}

// file writes bytes to a temporary file and opens it.
func file(t testing.TB, b []byte) *os.File {
	t.Helper()
	path := filepath.Join(t.TempDir(), "page")
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// pngPage is an image to be read, as PNG at 300 dots per inch.
func pngPage(t testing.TB, m goimage.Image) Image {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, m); err != nil {
		t.Fatal(err)
	}
	return Image{File: file(t, b.Bytes()), Codec: "png", DPIX: 300, DPIY: 300, Number: 1}
}

func recognise(t testing.TB, p *Pool, img Image) Result {
	t.Helper()
	r, err := p.Recognise(t.Context(), img)
	if err != nil {
		t.Fatal(err)
	}
	return r
}
