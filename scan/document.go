package scan

import (
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/pdfcpu/pdfcpu/pkg/api"
	"github.com/pdfcpu/pdfcpu/pkg/pdfcpu/model"
	"github.com/pdfcpu/pdfcpu/pkg/pdfcpu/types"
)

// document is a PDF as pdfcpu read it. It lives in the jailed worker only.
type document struct {
	*model.Context
	file   io.ReaderAt
	spool  *spool
	limits task
	pages  []leaf
}

// leaf is a page of the page tree with what it inherits.
type leaf struct {
	dict      types.Dict
	resources resources
	media     types.Object
	crop      types.Object
	rotate    types.Object
}

type resources = types.Dict

const (
	maxDepth   = 64      // of the page tree
	maxNodes   = 200_000 // of the page tree
	maxContent = 64 << 20
)

// readDocument reads the cross references and objects of a PDF and walks its
// page tree.
func readDocument(r io.ReaderAt, sp *spool, t task) (*document, error) {
	api.DisableConfigDir()
	conf := model.NewDefaultConfiguration()
	conf.ValidationMode = model.ValidationRelaxed
	conf.Offline = true
	ctx, err := api.ReadContext(io.NewSectionReader(r, 0, t.Size), conf)
	if err != nil {
		return nil, fmt.Errorf("read PDF: %w", err)
	}
	d := &document{Context: ctx, file: r, spool: sp, limits: t}
	root, err := ctx.Pages()
	if err != nil || root == nil {
		return nil, errors.Join(errors.New("read PDF: no page tree"), err)
	}
	nodes := maxNodes
	if err := d.walk(*root, leaf{}, 0, &nodes, map[types.Object]bool{}); err != nil {
		return nil, fmt.Errorf("read PDF: %w", err)
	}
	return d, nil
}

// count is the number of pages the root of the page tree claims.
func (d *document) count() int {
	root, err := d.Context.Pages()
	if err != nil || root == nil {
		return 0
	}
	tree, err := d.DereferenceDict(*root)
	if err != nil {
		return 0
	}
	n, _ := d.integer(tree, "Count")
	return n
}

// walk collects the pages below a node, in order. A node met twice below
// itself ends the walk there.
func (d *document) walk(o types.Object, inherited leaf, depth int, nodes *int, above map[types.Object]bool) error {
	if *nodes--; *nodes < 0 || depth > maxDepth {
		return errors.New("page tree too large")
	}
	if above[o] {
		return errors.New("page tree runs in a circle")
	}
	dict, err := d.DereferenceDict(o)
	if err != nil || dict == nil {
		return errors.Join(errors.New("page tree has a gap"), err)
	}
	node := d.inherit(dict, inherited)
	kids, isNode := dict.Find("Kids")
	if !isNode {
		d.pages = append(d.pages, node)
		return nil
	}
	list, err := d.DereferenceArray(kids)
	if err != nil {
		return fmt.Errorf("page tree: %w", err)
	}
	if ref, ok := o.(types.IndirectRef); ok {
		above[ref] = true
		defer delete(above, ref)
	}
	for _, kid := range list {
		if err := d.walk(kid, node, depth+1, nodes, above); err != nil {
			return err
		}
	}
	return nil
}

func (d *document) inherit(dict types.Dict, from leaf) leaf {
	l := leaf{dict, from.resources, from.media, from.crop, from.rotate}
	if o, ok := dict.Find("Resources"); ok {
		if res, err := d.DereferenceDict(o); err == nil && res != nil {
			l.resources = res
		}
	}
	for key, to := range map[string]*types.Object{"MediaBox": &l.media, "CropBox": &l.crop, "Rotate": &l.rotate} {
		if o, ok := dict.Find(key); ok {
			*to = o
		}
	}
	return l
}

// box is what the page shows of itself, in its own coordinates.
func (d *document) box(l leaf) rect {
	media, ok := d.rect(l.media)
	if !ok || media.area() == 0 {
		media = rect{0, 0, 612, 792}
	}
	if crop, ok := d.rect(l.crop); ok {
		if both := crop.intersect(media); both.area() > 0 {
			return both
		}
	}
	return media
}

func (d *document) rect(o types.Object) (rect, bool) {
	n, ok := d.numbers(o)
	if !ok || len(n) != 4 {
		return rect{}, false
	}
	return rect{min(n[0], n[2]), min(n[1], n[3]), max(n[0], n[2]), max(n[1], n[3])}, true
}

// turned is the page's Rotate, 0, 90, 180 or 270.
func (d *document) turned(l leaf) int {
	if l.rotate == nil {
		return 0
	}
	v, err := d.DereferenceNumber(l.rotate)
	if err != nil || math.Abs(v) > 1e6 {
		return 0
	}
	return (int(math.Round(v/90))*90%360 + 360) % 360
}

// numbers is an array of numbers.
func (d *document) numbers(o types.Object) ([]float64, bool) {
	if o == nil {
		return nil, false
	}
	a, err := d.DereferenceArray(o)
	if err != nil || a == nil || len(a) > 64 {
		return nil, false
	}
	out := make([]float64, len(a))
	for i, e := range a {
		if out[i], err = d.DereferenceNumber(e); err != nil {
			return nil, false
		}
	}
	return out, true
}

// find is a dictionary's value, resolved; nil for none.
func (d *document) find(dict types.Dict, keys ...string) types.Object {
	for _, k := range keys {
		if o, ok := dict.Find(k); ok {
			if v, err := d.Dereference(o); err == nil && v != nil {
				return v
			}
		}
	}
	return nil
}

func (d *document) integer(dict types.Dict, keys ...string) (int, bool) {
	switch v := d.find(dict, keys...).(type) {
	case types.Integer:
		return v.Value(), true
	case types.Float:
		return int(v.Value()), true
	}
	return 0, false
}

func (d *document) boolean(dict types.Dict, keys ...string) bool {
	v, ok := d.find(dict, keys...).(types.Boolean)
	return ok && v.Value()
}

func (d *document) name(dict types.Dict, key string) string {
	v, _ := d.find(dict, key).(types.Name)
	return v.Value()
}

// contents is a page's content streams one after another.
func (d *document) contents(l leaf) ([]byte, error) {
	o, ok := l.dict.Find("Contents")
	if !ok {
		return nil, nil
	}
	parts := types.Array{o}
	if v, err := d.Dereference(o); err == nil {
		if a, ok := v.(types.Array); ok {
			parts = a
		}
	}
	var all []byte
	for _, p := range parts {
		b, err := d.unpacked(p)
		if err != nil {
			return nil, err
		}
		if len(all)+len(b) > maxContent {
			return nil, errors.New("content too long")
		}
		all = append(append(all, b...), '\n')
	}
	return all, nil
}

// unpacked is the content of a stream that is no picture.
func (d *document) unpacked(o types.Object) ([]byte, error) {
	sd, _, err := d.DereferenceStreamDict(o)
	if err != nil || sd == nil {
		return nil, errors.Join(errors.New("no stream"), err)
	}
	if err := sd.DecodeWithLimit(maxContent); err != nil {
		return nil, err
	}
	return sd.Content, nil
}

// object is what the name of a Do stands for.
type object struct {
	form  *form
	image raster
}

// form is drawing instructions that stand apart.
type form struct {
	content   []byte
	matrix    matrix
	box       rect
	resources resources // nil: those of whoever draws it
	optional  bool      // can be switched off, or is see-through
}

// raster is a picture's stream, not decoded.
type raster struct {
	*types.StreamDict
	mask     bool
	optional bool
}

func (d *document) object(res resources, name string) (object, bool) {
	all, ok := d.find(res, "XObject").(types.Dict)
	if !ok {
		return object{}, false
	}
	o, ok := all.Find(name)
	if !ok {
		return object{}, false
	}
	sd, _, err := d.DereferenceStreamDict(o)
	if err != nil || sd == nil {
		return object{}, false
	}
	_, optional := sd.Find("OC")
	switch d.name(sd.Dict, "Subtype") {
	case "Image":
		return object{image: raster{sd, d.boolean(sd.Dict, "ImageMask", "IM"), optional}}, true
	case "Form":
		f, ok := d.form(sd, o)
		f.optional = f.optional || optional
		return object{form: f}, ok
	}
	return object{}, false
}

func (d *document) form(sd *types.StreamDict, o types.Object) (*form, bool) {
	f := &form{matrix: identity, box: everywhere}
	if n, ok := d.numbers(d.find(sd.Dict, "Matrix")); ok && len(n) == 6 {
		f.matrix = matrix{n[0], n[1], n[2], n[3], n[4], n[5]}
	}
	if r, ok := d.rect(d.find(sd.Dict, "BBox")); ok {
		f.box = r
	}
	if res, ok := d.find(sd.Dict, "Resources").(types.Dict); ok {
		f.resources = res
	}
	b, err := d.unpacked(o)
	f.content = b
	return f, err == nil
}

// harmless reports whether a graphics state changes nothing of how a picture
// looks.
func (d *document) harmless(res resources, name string) bool {
	all, ok := d.find(res, "ExtGState").(types.Dict)
	if !ok {
		return false
	}
	gs, ok := d.find(all, name).(types.Dict)
	if !ok {
		return false
	}
	for key := range gs {
		switch v := d.find(gs, key); key {
		case "Type", "SA", "OP", "op", "OPM", "SM", "LW", "LC", "LJ", "ML", "D", "RI", "FL", "Font", "AIS", "TK":
		case "ca", "CA":
			if n, err := d.DereferenceNumber(v); err != nil || n != 1 {
				return false
			}
		case "BM", "SMask":
			if n, ok := v.(types.Name); !ok || n != "Normal" && n != "None" {
				return false
			}
		default:
			return false
		}
	}
	return true
}

// annotated reports whether anything is drawn on top of the page's content:
// form fields, notes, stamps.
func (d *document) annotated(l leaf) bool {
	list, ok := d.find(l.dict, "Annots").(types.Array)
	if !ok {
		return false
	}
	for _, o := range list {
		a, err := d.DereferenceDict(o)
		if err != nil {
			return true
		}
		if kind := d.name(a, "Subtype"); a != nil && kind != "Link" && kind != "Popup" {
			return true
		}
	}
	return false
}

// attached reports whether the PDF carries other files.
func (d *document) attached() bool {
	root, err := d.Catalog()
	if err != nil {
		return false
	}
	if _, ok := root.Find("Collection"); ok {
		return true
	}
	names, ok := d.find(root, "Names").(types.Dict)
	if !ok {
		return false
	}
	files, ok := d.find(names, "EmbeddedFiles").(types.Dict)
	return ok && len(files) > 0
}
