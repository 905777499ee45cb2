package main

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/image/font"
	"golang.org/x/image/font/gofont/goregular"
	"golang.org/x/image/font/opentype"
	"golang.org/x/image/math/fixed"
)

// Paper made for the tests: nobody on it exists.

// newFace makes a face for one sheet: a face is not for several at once.
func newFace() font.Face {
	f, err := opentype.Parse(goregular.TTF)
	if err != nil {
		panic(err)
	}
	face, err := opentype.NewFace(f, &opentype.FaceOptions{Size: 11, DPI: 200, Hinting: font.HintingFull})
	if err != nil {
		panic(err)
	}
	return face
}

// sheet draws lines of text as a small page at 200 dpi, in PNG. 200 dpi is
// 7874 pixels a metre.
func sheet(lines ...string) []byte {
	img := image.NewGray(image.Rect(0, 0, 1100, 120+60*len(lines)))
	draw.Draw(img, img.Bounds(), image.White, image.Point{}, draw.Src)
	d := font.Drawer{Dst: img, Src: image.NewUniform(color.Black), Face: newFace()}
	for i, line := range lines {
		d.Dot = fixed.P(70, 90+60*i)
		d.DrawString(line)
	}
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		panic(err)
	}
	return b.Bytes()
}

// words that no two sheets share, each easy to read.
var planted = []string{"giraffe", "umbrella", "lantern", "walnut", "trombone", "glacier", "pelican", "saffron", "harbour", "meadow", "granite", "cricket", "blanket", "violin", "tractor",
	"compass", "dolphin", "feather", "hammock", "juniper", "kettle", "lobster", "mustard", "nutmeg", "orchard", "panther", "quarter", "raccoon", "sandal", "thimble"}

// plant is the word planted on sheet n: one of the list, twice combined where
// there are more sheets than words.
func plant(n int) string {
	if n < len(planted) {
		return planted[n]
	}
	return planted[n%len(planted)] + " " + planted[(n/len(planted)+n)%len(planted)]
}

// dropSheet writes a sheet as a scanner would: under another name, then
// renamed.
func dropSheet(t *testing.T, folder, name string, content []byte) {
	t.Helper()
	tmp := filepath.Join(folder, name+".part")
	if err := os.WriteFile(tmp, content, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(tmp, filepath.Join(folder, name)); err != nil {
		t.Fatal(err)
	}
}

func labSheet(n int) []byte { return sheet(labLines(n)...) }

func labLines(n int) []string {
	return []string{"LABORATORY REPORT", "Patient: GARCIA, MARIA L", fmt.Sprintf("MRN: %08d", 482900+n), "DOB: 03/14/1961", "Remark " + plant(n)}
}
