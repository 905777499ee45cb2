package scan

// The PDF worker answers with a plan, as JSON: what to do for each page. The
// daemon believes nothing of it that could hurt: positions are held against
// the files, sizes against the limits, and what is taken out is looked at again.

// task is what the daemon asks of the PDF worker.
type task struct {
	Size          int64 // of the PDF
	Pages, Pixels int64 // limits
	Memory        int64
	AllowUnjailed bool
}

// plan is the worker's answer. Failure, where pdfcpu could not read the PDF,
// is for a log.
type plan struct {
	Pages    []planned
	Count    int  // pages by the file's own count; may differ from Pages
	Attached bool // has files attached
	Failure  string
}

// planned is one page: its size in points as shown (turned by Rotate), its
// one picture if it is that, and whether it has text that does not show.
type planned struct {
	Width, Height float64
	Hidden        bool
	Stream        *stream
	Kept          *stream // where Stream is nil: the picture all the same, in a coding that no reader here takes
}

// stream is the coded picture of a page: bytes of the PDF itself, or of the
// spool where the worker had to unpack or decrypt them. Codec says what the
// bytes become: "jpeg" and "jp2" are so already, "png" and "tiff" take a
// header that the other fields fill.
type stream struct {
	Codec          string
	Spooled        bool
	Offset, Length int64
	Width, Height  int
	DPIX, DPIY     int
	Turn           int
	Mirror         bool
	Bits, Samples  int
	Compression    int    // TIFF
	Photometric    int    // TIFF
	Predictor      int    // TIFF
	FaxOptions     int    // TIFF, T4Options or T6Options
	Palette        []byte // red, green, blue for each value
	Inverted       bool   // JBIG2: 0 is white
	Globals        *stream
	Place          [4]float64 // JBIG2: left, bottom, right and top on the upright page, as parts of 1
}
