package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/boombuler/barcode"
	"github.com/boombuler/barcode/code128"
	"github.com/boombuler/barcode/qr"
	"github.com/spf13/cobra"

	"chartroom/patient"
	"chartroom/pdf"
)

// sheetOptions are what separators prints.
type sheetOptions struct {
	count    int
	patch    string
	patients []string
	list     string
	paper    string
	output   string
}

func separatorsCommand(o *options) *cobra.Command {
	var s sheetOptions
	c := &cobra.Command{
		Use:   "separators",
		Short: "Print separator sheets and patients' cover sheets",
		Long: `Makes a PDF of sheets that part the documents of a batch: lay one between two
documents before scanning. A patient's cover sheet parts too, and its number is
held against the pages behind it. Print them on white paper at full size.`,
		Example: `  chartroom separators --count 20 --output sheets.pdf
  chartroom separators --patient 00482913 --output cover.pdf
  chartroom separators --list registry.csv --paper a4 --output covers.pdf`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := o.settings()
			if err != nil {
				return err
			}
			sheets, err := s.sheets(cfg)
			if err != nil {
				return err
			}
			if s.output == "" {
				return writeSheets(cmd.Context(), cmd.OutOrStdout(), s.paper, sheets)
			}
			if !isFolder(filepath.Dir(s.output)) {
				return usageError{fmt.Sprintf("%q is no folder: make it, or write elsewhere", filepath.Dir(s.output))}
			}
			r, w := io.Pipe()
			go func() { w.CloseWithError(writeSheets(cmd.Context(), w, s.paper, sheets)) }()
			return writeWhole(s.output, r)
		},
	}
	f := c.Flags()
	f.IntVar(&s.count, "count", 0, "so many separator sheets (1 where no cover sheet is asked for)")
	f.StringVar(&s.patch, "patch", "T", "the sheets' patch code: T, 1, 2, 3, 4 or 6")
	f.StringArrayVar(&s.patients, "patient", nil, "a cover sheet for the patient of this number; may be repeated")
	f.StringVar(&s.list, "list", "", "a cover sheet for each patient of a CSV file, as patients import reads it")
	f.StringVar(&s.paper, "paper", "letter", "letter or a4")
	f.StringVarP(&s.output, "output", "o", "", "file to write")
	f.StringVar(&s.output, "out", "", "the same as --output")
	return c
}

// separatorSheet is one sheet to be printed: what it is in words, its patch code and the
// text of its barcode.
type separatorSheet struct {
	title string
	lines []string
	patch string
	code  string
}

// mostSheets bounds what is printed of one kind at once: more is a slip of the hand.
const mostSheets = 5000

// sheets are those asked for. What nothing would part at is not printed.
func (s sheetOptions) sheets(cfg Config) (sheets []separatorSheet, err error) {
	if _, ok := papers[s.paper]; !ok {
		return nil, usageError{fmt.Sprintf("--paper %s: want letter or a4", s.paper)}
	}
	if _, ok := patchBars[s.patch]; !ok {
		return nil, usageError{fmt.Sprintf("--patch %s: want one of %s", s.patch, strings.Join(patchCodes, ", "))}
	}
	if s.count < 0 || s.count > mostSheets {
		return nil, usageError{fmt.Sprintf("--count %d: want 1 to %d sheets", s.count, mostSheets)}
	}
	numbers, err := s.numbered()
	if err != nil {
		return nil, err
	}
	if s.count == 0 && len(numbers) == 0 {
		s.count = 1
	}
	plain := separatorSheet{title: "Separator sheet", patch: s.patch, code: "PATCH" + s.patch, lines: []string{
		"A new document begins behind this sheet.", "Lay it between two documents before scanning.", "It is not part of any record, and can be used again."}}
	for range s.count {
		sheets = append(sheets, plain)
	}
	for _, p := range numbers {
		lines := []string{"Patient number: " + p.number}
		if p.name != "" {
			lines = append(lines, "Name: "+p.name)
		}
		sheets = append(sheets, separatorSheet{title: "Patient cover sheet", patch: s.patch, code: coverPrefix + p.number, lines: append(lines,
			"The pages behind this sheet, up to the next one,", "belong to this patient.")})
	}
	return sheets, s.understood(cfg, plain, numbers)
}

// understood says whether some drop folder parts at the sheets.
func (s sheetOptions) understood(cfg Config, plain separatorSheet, numbers []numbered) error {
	all, err := cfg.rules()
	if err != nil {
		return err
	}
	parts, covers := false, len(numbers) == 0
	for _, rules := range all {
		sep := rules.Separators
		parts = parts || slices.Contains(sep.Patch, plain.patch)
		for _, b := range sep.Barcodes {
			parts = parts || b.MatchString(plain.code)
		}
		for _, p := range numbers {
			if sep.Cover != nil {
				m := sep.Cover.FindStringSubmatch(coverPrefix + p.number)
				covers = covers || len(m) > 1 && m[1] == p.number
			}
		}
	}
	switch {
	case s.count > 0 && !parts:
		return usageError{fmt.Sprintf("no scan is parted at patch code %s: name it in separators.patch, or print another with --patch", plain.patch)}
	case !covers:
		return usageError{"no drop folder reads these cover sheets: separators.cover must read " + coverPrefix + "(.+)"}
	}
	return nil
}

// numbered is a patient to print a cover sheet for.
type numbered struct{ number, name string }

func (s sheetOptions) numbered() (all []numbered, err error) {
	for _, n := range s.patients {
		all = append(all, numbered{number: strings.TrimSpace(n)})
	}
	if s.list != "" {
		f, err := os.Open(s.list)
		if err != nil {
			return nil, usageError{fmt.Sprintf("%q cannot be read: check the path", s.list)}
		}
		defer f.Close()
		for p, err := range (patient.CSV{}).Read(f) {
			if _, ok := errors.AsType[*patient.RowError](err); ok {
				continue
			}
			if err != nil {
				return nil, err
			}
			all = append(all, numbered{p.MRN.Reveal(), p.Name().Reveal()})
		}
	}
	for _, p := range all {
		if p.number == "" || len(p.number) > 40 || strings.ContainsFunc(p.number, func(r rune) bool { return r <= ' ' || r > '~' }) {
			return nil, usageError{"a patient number must have 1 to 40 letters, digits and signs of ASCII"}
		}
	}
	return all, nil
}

// canvas is what a sheet is drawn on, in points from the upper left corner.
type canvas interface {
	Box(x, y, width, height float64)
	Text(x, y, size float64, bold bool, text string) float64
}

const inch = 72.0

// papers are the sizes of paper, in points.
var papers = map[string][2]float64{"letter": {8.5 * inch, 11 * inch}, "a4": {210 * inch / 25.4, 297 * inch / 25.4}}

// patchBars are the bars of the patch codes, wide or narrow, from the edge of
// the sheet inwards.
var patchBars = map[string]string{"1": "wwnn", "2": "wnnw", "3": "wnwn", "4": "nwwn", "6": "nnww", "T": "nwnw"}

// The measures of a patch code, and where it lies on a sheet.
const (
	narrowBar  = 0.08 * inch
	wideBar    = 0.20 * inch
	patchEdge  = 0.5 * inch // between the edge of the paper and the bars
	patchInner = 1.7 * inch // where the bars of the other sides begin, and the words
)

// draw draws the sheet: its patch code along all four sides, so that it does
// not matter how it is fed, its barcode twice, and what it is in words.
func (s separatorSheet) draw(c canvas, width, height float64) error {
	at := patchEdge
	for _, bar := range patchBars[s.patch] {
		wide := narrowBar
		if bar == 'w' {
			wide = wideBar
		}
		c.Box(patchInner, at, width-2*patchInner, wide)
		c.Box(patchInner, height-at-wide, width-2*patchInner, wide)
		c.Box(at, patchInner, wide, height-2*patchInner)
		c.Box(width-at-wide, patchInner, wide, height-2*patchInner)
		at += wide + narrowBar
	}
	y := patchInner + 0.5*inch
	c.Text(patchInner+0.2*inch, y, 24, true, s.title)
	for _, line := range s.lines {
		y += 20
		c.Text(patchInner+0.2*inch, y, 12, false, line)
	}
	bars, err := code128.Encode(s.code)
	if err != nil {
		return fmt.Errorf("draw barcode: %w", err)
	}
	squares, err := qr.Encode(s.code, qr.M, qr.Auto)
	if err != nil {
		return fmt.Errorf("draw barcode: %w", err)
	}
	inner := width - 2*patchInner
	module := min(inner/float64(bars.Bounds().Dx()+20), 0.025*inch)
	drawCode(c, bars, (width-module*float64(bars.Bounds().Dx()))/2, y+0.7*inch, module, 0.8*inch)
	c.Text(patchInner+0.2*inch, y+1.75*inch, 10, false, s.code)
	module = 1.6 * inch / float64(squares.Bounds().Dx())
	drawCode(c, squares, (width-1.6*inch)/2, y+2.4*inch, module, module)
	return nil
}

// drawCode draws the dark runs of a barcode, each of its rows so high.
func drawCode(c canvas, code barcode.Barcode, x, y, module, high float64) {
	b := code.Bounds()
	dark := func(i, j int) bool {
		r, _, _, _ := code.At(b.Min.X+i, b.Min.Y+j).RGBA()
		return r < 0x8000
	}
	for j := range b.Dy() {
		for i := 0; i < b.Dx(); i++ {
			from := i
			for i < b.Dx() && dark(i, j) {
				i++
			}
			if i > from {
				c.Box(x+float64(from)*module, y+float64(j)*high, float64(i-from)*module, high)
			}
		}
	}
}

// writeSheets writes the sheets as a PDF, a page each.
func writeSheets(ctx context.Context, w io.Writer, paper string, sheets []separatorSheet) error {
	size := papers[paper]
	now := time.Now().UTC()
	p := pdf.NewWriter(w, pdf.Info{Title: "Separator sheets", Subject: fmt.Sprintf("%d sheets", len(sheets)), Producer: "chartroom " + version, Created: now, Identity: now.String()})
	for _, s := range sheets {
		if err := ctx.Err(); err != nil {
			return err
		}
		page := p.Sheet(size[0], size[1])
		if err := s.draw(page, size[0], size[1]); err != nil {
			return err
		}
		if err := page.End(); err != nil {
			return err
		}
	}
	return p.Close()
}
