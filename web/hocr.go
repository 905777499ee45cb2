package web

import (
	"fmt"
	"html/template"
	"io"

	"chartroom/record"
)

// hocr writes a document as hOCR, page by page, so that a long one needs no
// memory of its own. Boxes are in pixels of the page turned upright. The
// picture that a page names is the one of the pages here, which may be smaller.
type hocr struct {
	w   io.Writer
	id  record.ID
	err error
}

func (h *hocr) put(format string, args ...any) {
	if h.err == nil {
		_, h.err = fmt.Fprintf(h.w, format, args...)
	}
}

// newHOCR starts the file.
func newHOCR(w io.Writer, d *record.Document, version string) *hocr {
	h := &hocr{w: w, id: d.ID}
	h.put(`<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Transitional//EN" "http://www.w3.org/TR/xhtml1/DTD/xhtml1-transitional.dtd">
<html xmlns="http://www.w3.org/1999/xhtml" xml:lang="en" lang="en">
<head>
<title>%s</title>
<meta http-equiv="Content-Type" content="text/html; charset=utf-8"/>
<meta name="ocr-system" content="chartroom %s"/>
<meta name="ocr-number-of-pages" content="%d"/>
<meta name="ocr-capabilities" content="ocr_page ocr_carea ocr_line ocrx_word"/>
</head>
<body>
`, xmlText(string(d.ID)), xmlText(version), len(d.Pages))
	return h
}

// close ends the file.
func (h *hocr) close() error {
	h.put("</body>\n</html>\n")
	return h.err
}

func (h *hocr) page(p *record.Page) {
	about := ""
	if p.Picture != "" {
		about = fmt.Sprintf("image &quot;/api/v1/documents/%s/pages/%d/picture&quot;; ", h.id, p.Number)
	}
	resolution := ""
	if p.DPI > 0 {
		resolution = fmt.Sprintf("; scan_res %d %d", p.DPI, p.DPI)
	}
	h.put("<div class='ocr_page' id='page_%d' title='%sbbox 0 0 %d %d; ppageno %d%s'>\n", p.Number, about, p.Width, p.Height, p.Number-1, resolution)
	for start, area := 0, 1; start < len(p.Words); area++ {
		end := start + 1
		for end < len(p.Words) && p.Words[end].Block == p.Words[start].Block {
			end++
		}
		h.area(p, area, start, end)
		start = end
	}
	h.put("</div>\n")
}

func (h *hocr) area(p *record.Page, area, start, end int) {
	h.put(" <div class='ocr_carea' id='block_%d_%d' title='%s'>\n", p.Number, area, bbox(p.Words[start:end]))
	for line := 1; start < end; line++ {
		stop := start + 1
		for stop < end && sameLine(&p.Words[stop], &p.Words[start]) {
			stop++
		}
		h.put("  <span class='ocr_line' id='line_%d_%d_%d' title='%s'>", p.Number, area, line, bbox(p.Words[start:stop]))
		for i := start; i < stop; i++ {
			h.word(p, i, i > start)
		}
		h.put("</span>\n")
		start = stop
	}
	h.put(" </div>\n")
}

func (h *hocr) word(p *record.Page, i int, space bool) {
	if space {
		h.put(" ")
	}
	h.put("<span class='ocrx_word' id='word_%d_%d' title='%s; x_wconf %d'>%s</span>", p.Number, i+1, bbox(p.Words[i:i+1]),
		int(p.Words[i].Confidence*100+0.5), xmlText(p.Words[i].Text.Reveal()))
}

// bbox is the box around the words as hOCR writes it: left, top, right, bottom.
func bbox(words []record.Word) string {
	var b record.Box
	for i := range words {
		b = b.Union(words[i].Box)
	}
	return fmt.Sprintf("bbox %d %d %d %d", b.Left, b.Top, b.Right(), b.Bottom())
}

// xmlText escapes text for XHTML and takes out what XML cannot hold.
func xmlText(s string) string {
	clean := make([]rune, 0, len(s))
	for _, r := range s {
		if r == '\t' || r == '\n' || r >= 0x20 && r != 0xFFFE && r != 0xFFFF {
			clean = append(clean, r)
		}
	}
	return template.HTMLEscapeString(string(clean))
}
