package record

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"
)

// Schema is the version of the stored form that this program writes. It reads
// this and every earlier one; testdata/golden holds one record of each.
const Schema = 1

// ErrNewerSchema says that a record was written by a later program than this.
var ErrNewerSchema = errors.New("written by a newer version of chartroom")

// The wire types are the stored form: plain JSON whose keys never change their
// meaning within a schema. They are apart from the nouns so that revealing
// patient data is something this file does on purpose and nothing else can do
// by accident.
type (
	wireDocument struct {
		Schema      int              `json:"schema"`
		ID          ID               `json:"id"`
		Revision    int              `json:"revision"`
		Scan        Digest           `json:"scan"`
		Part        int              `json:"part,omitempty"`
		ScanPages   *[2]int          `json:"scan_pages,omitempty"`
		Parts       []wirePart       `json:"parts,omitempty"`
		Separators  []wireSeparator  `json:"separators,omitempty"`
		Sides       *wireSides       `json:"sides,omitempty"`
		Received    time.Time        `json:"received"`
		Status      Status           `json:"status"`
		FiledBy     string           `json:"filed_by,omitempty"`
		Reason      string           `json:"reason,omitempty"`
		Patient     *wirePatientRef  `json:"patient,omitempty"`
		DocType     string           `json:"doc_type,omitempty"`
		Date        string           `json:"date,omitempty"`
		Identifiers []wireIdentifier `json:"identifiers,omitempty"`
		Decided     time.Time        `json:"decided"`
		DecidedBy   string           `json:"decided_by,omitempty"`
		Because     string           `json:"because,omitempty"`
		Pages       []wirePage       `json:"pages,omitempty"`
	}
	wirePart struct {
		ID    ID     `json:"id"`
		Pages [2]int `json:"scan_pages"`
	}
	wireSides struct {
		Role     Side    `json:"holds"`
		Other    *Digest `json:"other,omitempty"`
		Reversed bool    `json:"reversed,omitempty"`
		Uneven   bool    `json:"uneven,omitempty"`
	}
	wireSeparator struct {
		Page    int         `json:"scan_page"`
		Code    wireBarcode `json:"code"`
		Patient string      `json:"patient,omitempty"`
		Kept    bool        `json:"kept,omitempty"`
		Picture string      `json:"picture,omitempty"`
	}
	wireBarcode struct {
		Symbology string  `json:"symbology"`
		Text      string  `json:"text"`
		Box       *[4]int `json:"box,omitempty"`
		GS1       bool    `json:"gs1,omitempty"`
	}
	wirePatientRef struct {
		MRN       string `json:"mrn"`
		Name      string `json:"name,omitempty"`
		DOB       string `json:"dob,omitempty"`
		Authority string `json:"authority,omitempty"`
	}
	wireIdentifier struct {
		Kind       Kind    `json:"kind"`
		Role       Role    `json:"role"`
		Value      string  `json:"value"`
		Raw        string  `json:"raw,omitempty"`
		Page       int     `json:"page,omitempty"`
		Box        *[4]int `json:"box,omitempty"`
		Confidence float64 `json:"confidence"`
		Source     Source  `json:"source"`
		Check      Check   `json:"check"`
	}
	wirePage struct {
		Number       int           `json:"page"`
		State        PageState     `json:"state"`
		Reason       string        `json:"reason,omitempty"`
		Content      Content       `json:"content,omitempty"`
		Width        int           `json:"width,omitempty"`
		Height       int           `json:"height,omitempty"`
		DPI          int           `json:"dpi,omitempty"`
		Rotation     int           `json:"rotation"`
		Reader       string        `json:"reader,omitempty"`
		Cleaned      string        `json:"cleaned,omitempty"`
		Ink          float64       `json:"ink,omitempty"`
		Picture      string        `json:"picture,omitempty"`
		PictureWidth int           `json:"picture_width,omitempty"`
		Words        []wireWord    `json:"words,omitempty"`
		Barcodes     []wireBarcode `json:"barcodes,omitempty"`
	}
	wireReceipt struct {
		Schema   int       `json:"schema"`
		ID       string    `json:"id"`
		Scan     Digest    `json:"scan"`
		Size     int64     `json:"size"`
		Name     []byte    `json:"name,omitempty"` // bytes, for names need not be UTF-8
		Path     []byte    `json:"path,omitempty"`
		From     string    `json:"from,omitempty"`
		Facility string    `json:"facility,omitempty"`
		Batch    string    `json:"batch,omitempty"`
		Place    string    `json:"place,omitempty"`
		MRN      string    `json:"given_mrn,omitempty"`
		DocType  string    `json:"given_type,omitempty"`
		Date     string    `json:"given_date,omitempty"`
		Received time.Time `json:"received"`
	}
	wirePatient struct {
		Schema    int    `json:"schema"`
		Authority string `json:"authority,omitempty"`
		MRN       string `json:"mrn"`
		Last      string `json:"last,omitempty"`
		First     string `json:"first,omitempty"`
		Middle    string `json:"middle,omitempty"`
		Suffix    string `json:"suffix,omitempty"`
		DOB       string `json:"dob,omitempty"`
		Sex       string `json:"sex,omitempty"`
		SSN       string `json:"ssn,omitempty"`
		MBI       string `json:"mbi,omitempty"`
		NHS       string `json:"nhs,omitempty"`
		Phone     string `json:"phone,omitempty"`
		Street    string `json:"street,omitempty"`
		City      string `json:"city,omitempty"`
		State     string `json:"state,omitempty"`
		Zip       string `json:"zip,omitempty"`

		Names      []wireName   `json:"names,omitempty"`
		Numbers    []wireNumber `json:"numbers,omitempty"`
		MergedInto *wireKey     `json:"merged_into,omitempty"`
		Deceased   bool         `json:"deceased,omitempty"`
		DeathDate  string       `json:"death_date,omitempty"`
		Restricted bool         `json:"restricted,omitempty"`
	}
	wireName struct {
		Kind   NameKind `json:"kind"`
		Last   string   `json:"last,omitempty"`
		First  string   `json:"first,omitempty"`
		Middle string   `json:"middle,omitempty"`
		Suffix string   `json:"suffix,omitempty"`
	}
	wireNumber struct {
		Kind      Kind   `json:"kind"`
		Authority string `json:"authority,omitempty"`
		Value     string `json:"value"`
	}
	wireKey struct {
		Authority string `json:"authority,omitempty"`
		MRN       string `json:"mrn"`
	}
)

// wireWord is [text, left, top, width, height, confidence in thousandths,
// block, line]: a page has hundreds, and keys would be most of the record. A
// word with other readings has them in a ninth place, as [text, confidence in
// thousandths, text, confidence, …].
type wireWord Word

func (w wireWord) MarshalJSON() ([]byte, error) {
	text, err := json.Marshal(w.Text.Reveal())
	if err != nil {
		return nil, err
	}
	b := fmt.Appendf(nil, "[%s,%d,%d,%d,%d,%d,%d,%d", text, w.Box.Left, w.Box.Top, w.Box.Width, w.Box.Height, thousandths(w.Confidence), w.Block, w.Line)
	if len(w.Alternatives) > 0 {
		var others []any
		for _, a := range w.Alternatives {
			others = append(others, a.Text.Reveal(), thousandths(a.Confidence))
		}
		list, err := json.Marshal(others)
		if err != nil {
			return nil, err
		}
		b = append(append(b, ','), list...)
	}
	return append(b, ']'), nil
}

func thousandths(f float64) int { return int(f*1000 + 0.5) }

func (w *wireWord) UnmarshalJSON(b []byte) error {
	var text string
	var confidence int
	var others []json.RawMessage
	fields := []any{&text, &w.Box.Left, &w.Box.Top, &w.Box.Width, &w.Box.Height, &confidence, &w.Block, &w.Line, &others}
	if err := json.Unmarshal(b, &fields); err != nil {
		return fmt.Errorf("word: %w", err)
	}
	w.Text, w.Confidence, w.Alternatives = Hide(text), float64(confidence)/1000, nil
	for i := 0; i+1 < len(others); i += 2 {
		if err := errors.Join(json.Unmarshal(others[i], &text), json.Unmarshal(others[i+1], &confidence)); err != nil {
			return fmt.Errorf("word: %w", plain(err))
		}
		w.Alternatives = append(w.Alternatives, Alternative{Hide(text), float64(confidence) / 1000})
	}
	return nil
}

// MarshalDocument writes a revision of a document in its stored form: gzipped
// JSON with its schema version, patient data revealed. Receipts are stored
// apart (MarshalReceipt). The same document always gives the same bytes.
func MarshalDocument(d *Document) ([]byte, error) {
	w := toWireDocument(d)
	w.Pages = make([]wirePage, len(d.Pages))
	for i := range d.Pages {
		w.Pages[i] = toWirePage(&d.Pages[i])
	}
	return pack(w)
}

// UnmarshalDocument reads what MarshalDocument of this or an earlier version
// wrote. A later version's gives ErrNewerSchema.
func UnmarshalDocument(b []byte) (*Document, error) {
	var w wireDocument
	if err := unpack(b, &w, &w.Schema); err != nil {
		return nil, fmt.Errorf("read document record: %w", err)
	}
	return fromWireDocument(&w), nil
}

// MarshalHead is MarshalDocument without the words and barcodes of the pages: what a list
// needs. UnmarshalDocument reads it too.
func MarshalHead(d *Document) ([]byte, error) {
	w := toWireDocument(d)
	w.Pages = make([]wirePage, len(d.Pages))
	for i := range d.Pages {
		w.Pages[i] = toWirePage(&d.Pages[i])
		w.Pages[i].Words, w.Pages[i].Barcodes = nil, nil
	}
	return pack(w)
}

// MarshalPage writes one page with its words.
func MarshalPage(p *Page) ([]byte, error) { return pack(toWirePage(p)) }

// UnmarshalPage reads what MarshalPage wrote.
func UnmarshalPage(b []byte) (*Page, error) {
	var w wirePage
	if err := unpack(b, &w, nil); err != nil {
		return nil, fmt.Errorf("read page record: %w", err)
	}
	p := fromWirePage(&w)
	return &p, nil
}

// MarshalReceipt writes a receipt in its stored form.
func MarshalReceipt(r *Receipt) ([]byte, error) {
	return pack(wireReceipt{Schema, r.ID, r.Scan, r.Size, []byte(r.Name.Reveal()), []byte(r.Path.Reveal()), r.From, r.Facility, r.Batch, r.Place,
		r.Given.MRN.Reveal(), r.Given.DocType.Reveal(), r.Given.Date.Reveal(), r.Received.UTC()})
}

// UnmarshalReceipt reads what MarshalReceipt wrote.
func UnmarshalReceipt(b []byte) (*Receipt, error) {
	var w wireReceipt
	if err := unpack(b, &w, &w.Schema); err != nil {
		return nil, fmt.Errorf("read receipt record: %w", err)
	}
	return &Receipt{ID: w.ID, Scan: w.Scan, Size: w.Size, Name: Hide(string(w.Name)), Path: Hide(string(w.Path)), From: w.From, Facility: w.Facility,
		Batch: w.Batch, Place: w.Place, Given: Given{Hide(w.MRN), Hide(w.DocType), Hide(w.Date)}, Received: w.Received}, nil
}

// MarshalPatientLine writes a patient as one line of JSON, ended by a line
// feed: the form of the registry's snapshots.
func MarshalPatientLine(p *Patient) ([]byte, error) {
	w := wirePatient{Schema: Schema, Authority: p.Authority, MRN: p.MRN.Reveal(), Last: p.Last.Reveal(), First: p.First.Reveal(), Middle: p.Middle.Reveal(), Suffix: p.Suffix.Reveal(),
		DOB: p.DOB.Reveal(), Sex: p.Sex.Reveal(), SSN: p.SSN.Reveal(), MBI: p.MBI.Reveal(), NHS: p.NHS.Reveal(), Phone: p.Phone.Reveal(),
		Street: p.Street.Reveal(), City: p.City.Reveal(), State: p.State.Reveal(), Zip: p.Zip.Reveal(),
		Deceased: p.Deceased, DeathDate: p.DeathDate.Reveal(), Restricted: p.Restricted}
	for _, n := range p.Names {
		w.Names = append(w.Names, wireName{n.Kind, n.Last.Reveal(), n.First.Reveal(), n.Middle.Reveal(), n.Suffix.Reveal()})
	}
	for _, n := range p.Numbers {
		w.Numbers = append(w.Numbers, wireNumber{n.Kind, n.Authority, n.Value.Reveal()})
	}
	if k := p.MergedInto; k != nil {
		w.MergedInto = &wireKey{k.Authority, k.MRN.Reveal()}
	}
	b, err := json.Marshal(w)
	return append(b, '\n'), err
}

// UnmarshalPatientLine reads what MarshalPatientLine wrote.
func UnmarshalPatientLine(b []byte) (*Patient, error) {
	var w wirePatient
	if err := json.Unmarshal(b, &w); err != nil {
		return nil, fmt.Errorf("read patient record: %w", plain(err))
	}
	if err := known(w.Schema); err != nil {
		return nil, fmt.Errorf("read patient record: %w", err)
	}
	p := &Patient{Authority: w.Authority, MRN: Hide(w.MRN), Last: Hide(w.Last), First: Hide(w.First), Middle: Hide(w.Middle), Suffix: Hide(w.Suffix),
		DOB: Hide(w.DOB), Sex: Hide(w.Sex), SSN: Hide(w.SSN), MBI: Hide(w.MBI), NHS: Hide(w.NHS), Phone: Hide(w.Phone),
		Street: Hide(w.Street), City: Hide(w.City), State: Hide(w.State), Zip: Hide(w.Zip),
		Deceased: w.Deceased, DeathDate: Hide(w.DeathDate), Restricted: w.Restricted}
	for _, n := range w.Names {
		p.Names = append(p.Names, PatientName{n.Kind, Hide(n.Last), Hide(n.First), Hide(n.Middle), Hide(n.Suffix)})
	}
	for _, n := range w.Numbers {
		p.Numbers = append(p.Numbers, PatientNumber{n.Kind, n.Authority, Hide(n.Value)})
	}
	if k := w.MergedInto; k != nil {
		p.MergedInto = &PatientKey{k.Authority, Hide(k.MRN)}
	}
	return p, nil
}

func toWireDocument(d *Document) *wireDocument {
	w := &wireDocument{Schema: Schema, ID: d.ID, Revision: d.Revision, Scan: d.Scan, Part: d.Part, Received: d.Received.UTC(), Status: d.Status,
		FiledBy: d.FiledBy, Reason: d.Reason, DocType: d.DocType, Date: d.Date, Decided: d.Decided.UTC(), DecidedBy: d.DecidedBy, Because: d.Because}
	if d.ScanPages != [2]int{} {
		w.ScanPages = &d.ScanPages
	}
	if s := d.Sides; s != (Sides{}) {
		w.Sides = &wireSides{Role: s.Role, Reversed: s.Reversed, Uneven: s.Uneven}
		if !s.Other.IsZero() {
			w.Sides.Other = &s.Other
		}
	}
	for _, p := range d.Parts {
		w.Parts = append(w.Parts, wirePart(p))
	}
	for _, s := range d.Separators {
		w.Separators = append(w.Separators, wireSeparator{s.Page, toWireBarcode(s.Code), s.Patient.Reveal(), s.Kept, s.Picture})
	}
	if p := d.Patient; p != nil {
		w.Patient = &wirePatientRef{p.MRN.Reveal(), p.Name.Reveal(), p.DOB.Reveal(), p.Authority}
	}
	for _, id := range d.Identifiers {
		wi := wireIdentifier{id.Kind, id.Role, id.Value.Reveal(), id.Raw.Reveal(), id.Page, nil, id.Confidence, id.Source, id.Check}
		if !id.Box.Empty() {
			wi.Box = &[4]int{id.Box.Left, id.Box.Top, id.Box.Width, id.Box.Height}
		}
		w.Identifiers = append(w.Identifiers, wi)
	}
	return w
}

func fromWireDocument(w *wireDocument) *Document {
	d := &Document{ID: w.ID, Revision: w.Revision, Scan: w.Scan, Part: w.Part, Received: w.Received, Status: w.Status, FiledBy: w.FiledBy,
		Reason: w.Reason, DocType: w.DocType, Date: w.Date, Decided: w.Decided, DecidedBy: w.DecidedBy, Because: w.Because}
	if w.ScanPages != nil {
		d.ScanPages = *w.ScanPages
	}
	if s := w.Sides; s != nil {
		d.Sides = Sides{Role: s.Role, Reversed: s.Reversed, Uneven: s.Uneven}
		if s.Other != nil {
			d.Sides.Other = *s.Other
		}
	}
	for _, p := range w.Parts {
		d.Parts = append(d.Parts, Part(p))
	}
	for _, s := range w.Separators {
		d.Separators = append(d.Separators, Separator{s.Page, fromWireBarcode(s.Code), Hide(s.Patient), s.Kept, s.Picture})
	}
	if p := w.Patient; p != nil {
		d.Patient = &PatientRef{Hide(p.MRN), Hide(p.Name), Hide(p.DOB), p.Authority}
	}
	for _, wi := range w.Identifiers {
		id := Identifier{wi.Kind, wi.Role, Hide(wi.Value), Hide(wi.Raw), wi.Page, Box{}, wi.Confidence, wi.Source, wi.Check}
		if wi.Box != nil {
			id.Box = Box{wi.Box[0], wi.Box[1], wi.Box[2], wi.Box[3]}
		}
		d.Identifiers = append(d.Identifiers, id)
	}
	for i := range w.Pages {
		d.Pages = append(d.Pages, fromWirePage(&w.Pages[i]))
	}
	return d
}

func toWirePage(p *Page) wirePage {
	w := wirePage{p.Number, p.State, p.Reason, p.Content, p.Width, p.Height, p.DPI, p.Rotation, p.Reader, p.Cleaned, p.Ink, p.Picture, p.PictureWidth, nil, nil}
	for i := range p.Words {
		w.Words = append(w.Words, wireWord(p.Words[i]))
	}
	for _, b := range p.Barcodes {
		w.Barcodes = append(w.Barcodes, toWireBarcode(b))
	}
	return w
}

func fromWirePage(w *wirePage) Page {
	p := Page{w.Number, w.State, w.Reason, w.Content, w.Width, w.Height, w.DPI, w.Rotation, w.Reader, w.Cleaned, w.Ink, nil, nil, w.Picture, w.PictureWidth}
	for i := range w.Words {
		p.Words = append(p.Words, Word(w.Words[i]))
	}
	for _, b := range w.Barcodes {
		p.Barcodes = append(p.Barcodes, fromWireBarcode(b))
	}
	return p
}

func toWireBarcode(b Barcode) wireBarcode {
	w := wireBarcode{Symbology: b.Symbology, Text: b.Text.Reveal(), GS1: b.GS1}
	if !b.Box.Empty() {
		w.Box = &[4]int{b.Box.Left, b.Box.Top, b.Box.Width, b.Box.Height}
	}
	return w
}

func fromWireBarcode(w wireBarcode) Barcode {
	b := Barcode{Symbology: w.Symbology, Text: Hide(w.Text), GS1: w.GS1}
	if w.Box != nil {
		b.Box = Box{w.Box[0], w.Box[1], w.Box[2], w.Box[3]}
	}
	return b
}

func pack(v any) ([]byte, error) {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if err := json.NewEncoder(z).Encode(v); err != nil {
		return nil, fmt.Errorf("write record: %w", err)
	}
	if err := z.Close(); err != nil {
		return nil, fmt.Errorf("write record: %w", err)
	}
	return b.Bytes(), nil
}

// maxRecord bounds what unpack will expand: far above a document at its limits.
const maxRecord = 1 << 30

func unpack(b []byte, v any, schema *int) error {
	z, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		return err
	}
	raw, err := io.ReadAll(io.LimitReader(z, maxRecord+1))
	if err != nil {
		return err
	}
	if len(raw) > maxRecord {
		return fmt.Errorf("larger than %d bytes", maxRecord)
	}
	if err := json.Unmarshal(raw, v); err != nil {
		return plain(err)
	}
	if schema != nil {
		return known(*schema)
	}
	return nil
}

func known(schema int) error {
	switch {
	case schema > Schema:
		return fmt.Errorf("schema %d: %w", schema, ErrNewerSchema)
	case schema < 1:
		return fmt.Errorf("schema %d does not exist", schema)
	}
	return nil
}

// plain keeps the offending value, which may be patient data, out of an error
// of encoding/json.
func plain(err error) error {
	if e, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return fmt.Errorf("unexpected %s at byte %d", e.Type, e.Offset)
	}
	if e, ok := errors.AsType[*json.SyntaxError](err); ok {
		return fmt.Errorf("not JSON at byte %d", e.Offset)
	}
	return err
}
