package ocr

import (
	"errors"
	"fmt"
	"slices"

	"chartroom/record"
)

// reader reads pages in a worker.
type reader struct {
	engine  *engine // of the page's languages, see speak
	engines *engines
	compass *compass
	budget  float64 // see Config.SecondLooks
	most    bounds
}

func newReader(s setup) (*reader, error) {
	all := &engines{tessdata: s.Tessdata, usual: s.Languages}
	e, err := all.of("")
	if err != nil {
		return nil, err
	}
	c, err := openCompass(s.Tessdata)
	if err != nil {
		all.close()
		return nil, err
	}
	return &reader{engine: e, engines: all, compass: c, budget: s.SecondLooks, most: bounds{pixels: s.MaxPixels, bytes: s.Memory / 3}}, nil
}

func (r *reader) close() {
	r.engines.close()
	r.compass.close()
}

// pictureHeight bounds the picture for the screen, in pixels.
const pictureHeight = 1700

// read goes from the bytes of a file to what stands on the page.
func (r *reader) read(data []byte, req request) (reply, []byte, error) {
	s, err := r.open(data, req)
	if err != nil {
		return reply{}, nil, err
	}
	defer func() { s.close() }()
	share, marks, err := s.ink.marks(max(s.dpi/25, 3))
	if err != nil {
		return reply{}, nil, err
	}
	var codes []record.Barcode
	if !req.WithoutCodes {
		if codes, err = s.barcodes(); err != nil {
			return reply{}, nil, err
		}
	}
	patches, err := s.patches()
	if err != nil {
		return reply{}, nil, err
	}
	codes = append(codes, patches...)
	from := s.img.size()
	words, fromLayer := r.layer(s, fromWire(req.Words))
	var did cleaning
	var content record.Content
	written := share
	if !fromLayer {
		var best reading
		if best, err = r.recognise(s); err != nil {
			return reply{}, nil, err
		}
		s = best.sheet
		defer best.sight.close()
		r.again(best.sight)
		if len(codes) == 0 { // a barcode is no drawing
			content = best.sight.content()
		}
		if best.sight.bare() { // rules and edges are no writing
			written, marks, best.sight.words = 0, 0, nil
		}
		words, did = best.sight.on(s), best.sight.did
	}
	page := reply{Width: s.img.width(), Height: s.img.height(), DPI: s.dpi, Rotation: s.turned, FromLayer: fromLayer, Ink: share, Cleaned: did.String()}
	codes = turnedCodes(codes, s.turned, from)
	words = besides(words, codes)
	page.State, page.Reason, words = judge(words, written, marks)
	if page.Content = content; page.State == record.PageLowConfidence && content != "" {
		page.Reason = "the page shows " + map[record.Content]string{record.ContentHandwriting: "handwriting", record.ContentDrawing: "a drawing"}[content]
	}
	page.Words, page.Barcodes = toWire(words), toWireBarcodes(codes)
	picture, mediaType, width, err := s.img.picture(pictureHeight)
	if err != nil {
		return reply{}, nil, err
	}
	page.PictureType, page.PictureWidth = mediaType, width
	return page, picture, nil
}

// open decodes the page and brings it into the form that is read: turned as
// the file says, of one resolution across and down, its ink found.
func (r *reader) open(data []byte, req request) (*sheet, error) {
	img, err := decode(data, req.Codec, req.Frame, r.most)
	if err != nil {
		return nil, err
	}
	x, y := req.DPIX, req.DPIY
	if x <= 0 || y <= 0 {
		if x, y = img.resolution(); req.Turn%180 != 0 {
			x, y = y, x
		}
	}
	if req.Mirror || req.Turn != 0 {
		if req.Turn%180 != 0 && req.DPIX > 0 && req.DPIY > 0 {
			x, y = y, x
		}
		if err := img.replace(img.turn(req.Mirror, req.Turn)); err != nil {
			return nil, err
		}
	}
	return newSheet(img, x, y)
}

// recognise reads the sheet the way it seems to stand and, where that is not
// sure and reads badly, the way the orientation data says it should, and the
// way it came.
// The better reading wins; its sheet takes the place of the one given.
func (r *reader) recognise(s *sheet) (reading, error) {
	stands, err := s.stance()
	if err != nil {
		return reading{}, err
	}
	compass := r.turn(s)
	order := []func() int{by(stands.turn), compass, by(0)}
	switch {
	case stands.sure:
		order = order[:1]
	case stands.doubtful:
		order[0] = compass
	}
	a := attempt{tried: map[int]bool{}}
	err = r.try(s, &a, order)
	if err == nil && !stands.sure {
		err = r.try(s, &a, a.best.elsewhere(stands))
	}
	if err != nil {
		a.best.drop(s)
		return reading{}, err
	}
	if a.best.sheet != s {
		s.close()
	}
	return a.best, nil
}

// attempt is a page's best reading so far, after it was turned in so many ways.
type attempt struct {
	best  reading
	tried map[int]bool
	good  bool
}

// try reads the sheet turned in other ways, until one reads well.
func (r *reader) try(s *sheet, a *attempt, ways []func() int) error {
	for i := 0; i < len(ways) && !a.good; i++ {
		degrees := ways[i]()
		if a.tried[degrees] {
			continue
		}
		a.tried[degrees] = true
		next, err := r.readTurned(s, degrees)
		if err != nil {
			return err
		}
		a.good = next.good()
		a.best = better(a.best, next, s)
	}
	return nil
}

func by(degrees int) func() int { return func() int { return degrees } }

// elsewhere is how else to turn a page that reads badly: by a quarter where its
// lines run up and down, over where what was read is guesswork.
func (g reading) elsewhere(stands stance) (ways []func() int) {
	if stands.doubtful || g.lies() {
		ways = append(ways, by(90), by(270))
	}
	if g.letters >= manyLetters && g.mean < hardlyRead {
		ways = append(ways, by((g.sheet.turned+180)%360))
	}
	return ways
}

// turn asks the compass once, when first called.
func (r *reader) turn(s *sheet) func() int {
	asked, degrees := false, 0
	return func() int {
		if !asked {
			asked = true
			if d, sure, err := r.compass.turn(s.img, s.dpi); err == nil && sure > 0 {
				degrees = d
			}
		}
		return degrees
	}
}

// reading is a sheet turned one way, with what was read on it.
type reading struct {
	sheet *sheet
	sight *sight
	quality
}

// good reports whether nobody would look for a better way to turn the page.
func (g reading) good() bool {
	return g.letters >= 12 && g.mean >= 0.78 && !g.lies()
}

// lies reports whether the engine, which follows lines up and down the page
// too, read most words there.
func (g reading) lies() bool { return g.sight != nil && sideways(g.sight.words) }

// manyLetters is how many letters a reading must have for their confidence to
// tell how the page stands, and credible the mean confidence from which words
// that stand upright count for more than words that do not, however surely
// those are read.
const manyLetters, credible = 40, 0.35

// drop frees the reading, and its sheet unless it is the original.
func (g reading) drop(original *sheet) {
	g.sight.close()
	if g.sheet != nil && g.sheet != original {
		g.sheet.close()
	}
}

// better keeps the reading whose words stand upright, then the one with the
// higher score, and frees the other. A page without any words stays as it is.
func better(a, b reading, original *sheet) reading {
	if a.sheet == nil {
		return b
	}
	wins := b.score() > a.score() || b.sheet.turned == 0 && b.score() == a.score()
	switch {
	case a.lies() && b.standing():
		wins = true
	case b.lies() && a.standing():
		wins = false
	}
	if wins {
		a, b = b, a
	}
	b.drop(original)
	return a
}

// standing reports whether a reading is believable and its words stand upright.
func (g reading) standing() bool {
	return g.letters >= manyLetters && g.mean >= credible && !g.lies()
}

func (r *reader) readTurned(s *sheet, degrees int) (reading, error) {
	t, err := s.turn(degrees)
	if err != nil {
		return reading{}, err
	}
	g := reading{sheet: t}
	if g.sight, err = r.see(t); err != nil {
		g.drop(s)
		return reading{}, err
	}
	g.quality = qualityOf(g.sight.words)
	return g, nil
}

// sight is the sheet as the engine saw it: its image, cleaned and at the size
// that the engine likes, f times the sheet's, with the words in its pixels.
type sight struct {
	img   *image
	dpi   int
	f     float64
	form  *form
	did   cleaning
	words []record.Word
}

func (v *sight) close() {
	if v != nil {
		v.img.close()
	}
}

// see reads the sheet once.
func (r *reader) see(s *sheet) (v *sight, err error) {
	v = &sight{}
	defer func(made *sight) {
		if err != nil {
			made.close()
		}
	}(v)
	if v.img, v.did, err = s.clean(); err != nil {
		return nil, err
	}
	v.f = v.did.scale
	v.dpi = int(float64(s.dpi)*v.f + 0.5)
	if v.form, err = unrule(v.img, v.dpi, v.f); err != nil {
		return nil, err
	}
	v.did.unruled = v.form != nil
	if v.words, err = r.engine.words(v.img, v.dpi); err != nil {
		return nil, err
	}
	pronouns(v.words)
	v.words = v.form.sort(v.words, v.dpi)
	return v, nil
}

// on gives the words with their boxes in pixels of the sheet.
func (v *sight) on(s *sheet) []record.Word {
	width, height := s.img.width(), s.img.height()
	words := slices.Clone(v.words)
	for i := range words {
		b := v.did.back(words[i].Box, v.img.width(), v.img.height(), int(float64(width)*v.f+0.5), int(float64(height)*v.f+0.5))
		words[i].Box = fit(b, 1/v.f, width, height)
	}
	return words
}

// words reads the sheet, at once and no more, and gives the boxes in its pixels.
func (r *reader) words(s *sheet) ([]record.Word, error) {
	v, err := r.see(s)
	if err != nil {
		return nil, err
	}
	defer v.close()
	return v.on(s), nil
}

// hardlyRead is the mean confidence below which a reading is guesswork.
const hardlyRead = 0.55

// judge names the state of a page: words make text, or doubtful text; without
// words, ink decides.
func judge(words []record.Word, share float64, marks int) (record.PageState, string, []record.Word) {
	q := qualityOf(words)
	bare := marks <= 2 && share < 0.0005
	switch {
	case bare && (q.letters == 0 || q.letters < 8 && q.mean < 0.5):
		return record.PageBlank, "", nil
	case q.letters == 0:
		return record.PageLowConfidence, "there is ink but no word could be read", words
	case q.mean < hardlyRead:
		return record.PageLowConfidence, "the writing could hardly be read", words
	}
	return record.PageText, "", words
}

// failed is the reply for a page that could not be read.
func failed(err error) reply {
	reason := "the image cannot be decoded"
	if errors.Is(err, errTooLarge) {
		reason = "the image is larger than a page may be"
	}
	return reply{State: record.PageFailed, Reason: reason}
}

// replace puts the outcome of a step in the image's place and frees the old.
func (m *image) replace(next *image, err error) error {
	if err != nil {
		m.close()
		return fmt.Errorf("prepare page: %w", err)
	}
	m.close()
	*m = *next
	return nil
}
