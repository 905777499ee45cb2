package web

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"sync"

	"golang.org/x/image/draw"
	"golang.org/x/image/webp"

	"chartroom/record"
)

const (
	thumbWidth  = 240      // pixels: sharp at twice the size it is shown
	thumbPixels = 16 << 20 // the largest picture that is made small: 128 MB at the deepest colour, whatever a worker may say
	thumbMemory = 24 << 20 // bytes of small pictures kept
	thumbMakers = 2        // made at a time
)

type thumbKey struct {
	id   record.ID
	page string
}

// thumbs makes small pictures and keeps the latest of them in memory. They are
// grey: a thumb is for recognising a form, and grey is a third of the bytes.
type thumbs struct {
	slots chan struct{}

	mu    sync.Mutex
	kept  map[thumbKey][]byte
	order []thumbKey // oldest first
	bytes int
}

func newThumbs() *thumbs {
	return &thumbs{slots: make(chan struct{}, thumbMakers), kept: map[thumbKey][]byte{}}
}

func (t *thumbs) get(key thumbKey) []byte {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.kept[key]
}

// make gives the picture made small, as PNG, and remembers it.
func (t *thumbs) make(ctx context.Context, key thumbKey, picture []byte) ([]byte, error) {
	select {
	case t.slots <- struct{}{}:
		defer func() { <-t.slots }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	b, err := shrink(picture)
	if err == nil {
		t.put(key, b)
	}
	return b, err
}

func (t *thumbs) put(key thumbKey, b []byte) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, known := t.kept[key]; known {
		return
	}
	t.kept[key], t.order, t.bytes = b, append(t.order, key), t.bytes+len(b)
	for t.bytes > thumbMemory && len(t.order) > 1 {
		t.bytes -= len(t.kept[t.order[0]])
		delete(t.kept, t.order[0])
		t.order = t.order[1:]
	}
}

func shrink(picture []byte) ([]byte, error) {
	decode, config := png.Decode, png.DecodeConfig
	if pictureKind(picture) == "image/webp" {
		decode, config = webp.Decode, webp.DecodeConfig
	}
	c, err := config(bytes.NewReader(picture))
	if err != nil {
		return nil, fmt.Errorf("read size: %w", err)
	}
	if c.Width < 1 || c.Height < 1 || c.Width > thumbPixels/c.Height {
		return nil, fmt.Errorf("%d × %d pixels are too many", c.Width, c.Height)
	}
	src, err := decode(bytes.NewReader(picture))
	if err != nil {
		return nil, fmt.Errorf("decode: %w", err)
	}
	if v, ok := src.(*image.YCbCr); ok {
		src = brightness(v)
	}
	width := min(thumbWidth, c.Width)
	small := image.NewGray(image.Rect(0, 0, width, max(1, min(4*width, c.Height*width/c.Width))))
	draw.Draw(small, small.Bounds(), image.NewUniform(color.White), image.Point{}, draw.Src)
	draw.BiLinear.Scale(small, small.Bounds(), src, src.Bounds(), draw.Over, nil)
	var b bytes.Buffer
	err = (&png.Encoder{CompressionLevel: png.BestSpeed}).Encode(&b, small)
	return b.Bytes(), err
}

// brightness is a WebP picture in grey. WebP writes black as 16 and white as
// 235 (ITU-R BT.601), which the decoder hands on as it is.
func brightness(v *image.YCbCr) *image.Gray {
	g := image.NewGray(v.Rect)
	for y := range v.Rect.Dy() {
		row := v.Y[y*v.YStride:]
		for x := range v.Rect.Dx() {
			g.Pix[y*g.Stride+x] = uint8(min(255, max(0, (int(row[x])-16)*255/219)))
		}
	}
	return g
}
