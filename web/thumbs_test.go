package web

import (
	"bytes"
	"encoding/base64"
	"image/png"
	"testing"
)

// A white square of 16 pixels, in lossy WebP.
const whiteWebP = "UklGRiQAAABXRUJQVlA4IBgAAAAwAQCdASoQABAAAUAmJaQAA3AA/vz0AAA="

func TestWhitePaperStaysWhiteInAThumbnail(t *testing.T) {
	picture, err := base64.StdEncoding.DecodeString(whiteWebP)
	if err != nil {
		t.Fatal(err)
	}
	b, err := shrink(picture)
	if err != nil {
		t.Fatal(err)
	}
	img, err := png.Decode(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	if r, _, _, _ := img.At(8, 8).RGBA(); r>>8 < 250 {
		t.Errorf("white paper has the brightness %d of 255", r>>8)
	}
}
