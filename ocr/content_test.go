package ocr

import (
	goimage "image"
	"image/color"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"chartroom/record"
)

// stroke draws a curve so many pixels thick: y of x from one column to another.
func stroke(m *goimage.Gray, from, to, thick int, y func(float64) float64) {
	last := y(float64(from))
	for x := from; x < to; x++ {
		next := y(float64(x))
		for v := min(last, next); v <= max(last, next)+float64(thick); v++ {
			for d := range thick {
				m.SetGray(x+d, int(v), color.Gray{20})
			}
		}
		last = next
	}
}

// tracing is paper with a fine grid and three curves across it.
func tracing(t testing.TB) *goimage.Gray {
	m := printed(t, 2550, 1800, line{"Lead II 25 mm per s", 200, 150})
	for i := range 40 {
		fill(m, 200+i*55, 300, 2, 1300)
		if i < 24 {
			fill(m, 200, 300+i*55, 2150, 2)
		}
	}
	for row := range 3 {
		stroke(m, 210, 2340, 5, func(x float64) float64 {
			return float64(500+row*400) + 60*math.Sin(x/40) - 160*math.Exp(-math.Pow(math.Mod(x, 300)-150, 2)/120)
		})
	}
	return m
}

// scrawled is a page of joined loops and hooks of all heights, in rows, as a
// hand leaves them.
func scrawled(t testing.TB) *goimage.Gray {
	m := printed(t, 2550, 3300)
	source := rand.New(rand.NewPCG(7, 9))
	for row := range 14 {
		for x := 200; x < 2200; {
			width := 60 + source.IntN(220)
			phase, pace := source.Float64()*6, 9+source.Float64()*14
			high := 18 + source.Float64()*60
			stroke(m, x, x+width, 5, func(v float64) float64 {
				return float64(350+row*190) + high*math.Sin(v/pace+phase)*(0.6+0.4*math.Sin(v/31))
			})
			x += width + 25 + source.IntN(70)
		}
	}
	return m
}

func TestHandwritingAndDrawingsAreMarkedAndPrintIsNot(t *testing.T) {
	p := startPool(t, Config{})
	var lines []line
	for i := range 5 {
		lines = append(lines, line{"Take one tablet", 200, 300 + i*90})
	}
	for name, c := range map[string]struct {
		m    *goimage.Gray
		want record.Content
	}{"tracing": {tracing(t), record.ContentDrawing}, "scrawl": {scrawled(t), record.ContentHandwriting}, "a little print": {printed(t, 2550, 1650, lines...), ""},
		"form": {ruledForm(t), ""}, "white": {printed(t, 1700, 2200), ""}} {
		r := recognise(t, p, pngPage(t, c.m))
		if r.Page.Content != c.want {
			t.Errorf("%s: content %q, %s (%s), %q", name, r.Page.Content, r.Page.State, r.Page.Reason, textOf(r))
		}
		if r.Page.State == record.PageFailed || r.Page.State == record.PageBlank && c.want != "" {
			t.Errorf("%s: %s", name, r.Page.State)
		}
		if c.want != "" && r.Page.State == record.PageLowConfidence && !strings.Contains(r.Page.Reason, "shows") {
			t.Errorf("%s: reason %q", name, r.Page.Reason)
		}
	}
}

func mirrored(m *goimage.Gray) *goimage.Gray {
	out, w := goimage.NewGray(m.Bounds()), m.Bounds().Dx()
	for y := range m.Bounds().Dy() {
		for x := range w {
			out.SetGray(w-1-x, y, m.GrayAt(x, y))
		}
	}
	return out
}

func TestInkThatIsNoWritingLeavesAPageBlank(t *testing.T) {
	p := startPool(t, Config{})
	ruled := printed(t, 2550, 3300)
	for i := range 30 {
		fill(ruled, 200, 300+i*95, 2150, 3)
	}
	fill(ruled, 400, 200, 3, 2900)
	cells := printed(t, 2550, 3300)
	for i := range 10 {
		box(cells, 200, 300+i*200, 1000, 203, 3)
		box(cells, 1197, 300+i*200, 1000, 203, 3)
	}
	holes := printed(t, 2550, 3300)
	for _, y := range []int{800, 1650, 2500} {
		for dy := -42; dy <= 42; dy++ {
			for dx := -42; dx <= 42; dx++ {
				if dx*dx+dy*dy < 42*42 {
					holes.SetGray(120+dx, y+dy, color.Gray{0})
				}
			}
		}
	}
	fill(holes, 0, 0, 2550, 40)
	fill(holes, 2520, 0, 30, 3300)
	specks := printed(t, 2550, 3300)
	source := rand.New(rand.NewPCG(5, 6))
	for range 300 {
		fill(specks, source.IntN(2540), source.IntN(3290), 2+source.IntN(2), 2+source.IntN(2))
	}
	through := printed(t, 2550, 3300, line{"The other side of the paper", 300, 500}, line{"shows through a little", 300, 600})
	through = mirrored(through)
	for i, v := range through.Pix {
		through.Pix[i] = 255 - (255-v)/8
	}
	for name, m := range map[string]*goimage.Gray{"ruled": ruled, "cells": cells, "holes and edges": holes, "specks": specks, "bleed-through": through} {
		if r := recognise(t, p, pngPage(t, m)); r.Page.State != record.PageBlank || len(r.Page.Words) > 0 || r.Page.Content != "" {
			t.Errorf("%s: %s (%s), content %q, ink %.5f, %q", name, r.Page.State, r.Page.Reason, r.Page.Content, r.Page.Ink, textOf(r))
		}
	}
}

func TestHugePageAndNoiseHaveAStateAndTheNextIsRead(t *testing.T) {
	p := startPool(t, Config{})
	long := recognise(t, p, pngPage(t, bilevel(printed(t, 20000, 400, line{"A very long page", 300, 200}))))
	if long.Page.State != record.PageText && long.Page.State != record.PageLowConfidence {
		t.Errorf("20,000 pixels: %s (%s), %q", long.Page.State, long.Page.Reason, textOf(long))
	}
	noise := printed(t, 2550, 3300)
	source := rand.New(rand.NewPCG(1, 1))
	for i := range noise.Pix {
		noise.Pix[i] = uint8(source.IntN(256))
	}
	r := recognise(t, p, pngPage(t, noise))
	if r.Page.State == record.PageText || r.Page.State == record.PageBlank {
		t.Errorf("noise: %s, %q", r.Page.State, textOf(r))
	}
	if next := recognise(t, p, notePage(t)); textOf(next) != noteText() {
		t.Errorf("the next page: %s", next.Page.State)
	}
}
