package paper

import (
	"fmt"
	"image"
	"os"
	"path/filepath"
	"sync"

	"golang.org/x/image/font"
	"golang.org/x/image/font/opentype"
	"golang.org/x/image/font/sfnt"
	"golang.org/x/image/math/fixed"
)

// A typeface is a family as paper shows it: regular and bold, by file names
// below fontFolder.
type typeface struct{ regular, bold string }

// fontFolder is where Debian puts fonts.
const fontFolder = "/usr/share/fonts/truetype"

// The typefaces, and what each stands for on these pages. All are Debian
// packages that the Makefile installs for the tests.
var (
	times      = typeface{"liberation/LiberationSerif-Regular.ttf", "liberation/LiberationSerif-Bold.ttf"} // fonts-liberation: office letters
	arial      = typeface{"liberation/LiberationSans-Regular.ttf", "liberation/LiberationSans-Bold.ttf"}   // and forms
	narrow     = typeface{"liberation/LiberationSansNarrow-Regular.ttf", "liberation/LiberationSansNarrow-Bold.ttf"}
	courier    = typeface{"liberation/LiberationMono-Regular.ttf", "liberation/LiberationMono-Bold.ttf"} // computer print-outs
	century    = typeface{"freefont/FreeSerif.ttf", "freefont/FreeSerifBold.ttf"}                        // fonts-freefont-ttf: other shapes of the same kinds
	helvetica  = typeface{"freefont/FreeSans.ttf", "freefont/FreeSansBold.ttf"}
	thin       = typeface{"freefont/FreeMono.ttf", "freefont/FreeMonoBold.ttf"}                 // a worn matrix printer's
	calibri    = typeface{"crosextra/Carlito-Regular.ttf", "crosextra/Carlito-Bold.ttf"}        // fonts-crosextra-carlito: letters since 2007
	verdana    = typeface{"dejavu/DejaVuSans.ttf", "dejavu/DejaVuSans-Bold.ttf"}                // fonts-dejavu-core: screens' print-outs
	typewriter = typeface{"gnutypewriter/GNUTypewriter.ttf", "gnutypewriter/GNUTypewriter.ttf"} // fonts-gnutypewriter
	hand       = typeface{"fifthhorseman/dkg.ttf", "fifthhorseman/dkgBd.ttf"}                   // fonts-dkg-handwriting: a neat hand
	scrawl     = typeface{"breip/Breip.ttf", "breip/Breip.ttf"}                                 // fonts-breip: a hasty one
)

var (
	serifs = []typeface{times, century}
	sanses = []typeface{arial, helvetica, calibri, verdana}
	monos  = []typeface{courier, thin}
	texts  = []typeface{times, century, arial, helvetica, calibri, verdana, narrow}
	hands  = []typeface{hand, scrawl}
)

// everyFace is all that the pages may use.
var everyFace = []typeface{times, arial, narrow, courier, century, helvetica, thin, calibri, verdana, typewriter, hand, scrawl}

// Fonts are the Debian packages whose fonts the pages use.
const Fonts = "fonts-dejavu-core fonts-liberation fonts-freefont-ttf fonts-gnutypewriter fonts-dkg-handwriting fonts-breip fonts-crosextra-carlito"

var parsed sync.Map // file name -> *sfnt.Font

// load parses a font file once.
func load(name string) (*sfnt.Font, error) {
	if f, ok := parsed.Load(name); ok {
		return f.(*sfnt.Font), nil
	}
	b, err := os.ReadFile(filepath.Join(fontFolder, name))
	if err != nil {
		return nil, fmt.Errorf("load font: %w; the Debian packages %s bring what is needed", err, Fonts)
	}
	f, err := opentype.Parse(b)
	if err != nil {
		return nil, fmt.Errorf("load font %s: %w", name, err)
	}
	parsed.Store(name, f)
	return f, nil
}

// checkFonts finds out whether every font is there, so that drawing cannot fail.
func checkFonts() error {
	for _, t := range everyFace {
		for _, name := range []string{t.regular, t.bold} {
			if _, err := load(name); err != nil {
				return err
			}
		}
	}
	return nil
}

// glyph is a letter's ink, placed relative to the pen.
type glyph struct {
	ink     *image.Alpha
	advance fixed.Int26_6
}

// letters draws the letters of one font at one size, each once.
type letters struct {
	font   *sfnt.Font
	face   font.Face
	glyphs map[rune]glyph
}

func newLetters(name string, pixels float64) *letters {
	f, err := load(name)
	if err != nil {
		panic(err) // New has checked
	}
	face, err := opentype.NewFace(f, &opentype.FaceOptions{Size: pixels, DPI: 72, Hinting: font.HintingNone})
	if err != nil {
		panic(err)
	}
	return &letters{font: f, face: face, glyphs: map[rune]glyph{}}
}

func (l *letters) glyph(r rune) glyph {
	if g, ok := l.glyphs[r]; ok {
		return g
	}
	box, mask, at, advance, ok := l.face.Glyph(fixed.Point26_6{}, r)
	if at, err := l.font.GlyphIndex(nil, r); !ok || err != nil || at == 0 {
		panic(fmt.Sprintf("no letter %q in the font", r)) // plain has made names fit every font
	}
	ink := image.NewAlpha(box)
	if !box.Empty() {
		from := mask.(*image.Alpha)
		for y := range box.Dy() {
			copy(ink.Pix[y*ink.Stride:], from.Pix[from.PixOffset(at.X, at.Y+y):][:box.Dx()])
		}
	}
	g := glyph{ink, advance}
	l.glyphs[r] = g
	return g
}
