package scan

// header is what the headers of a picture file say.
type header struct {
	frames   []frame
	complete bool // the format's end is there
	remarks  []string
}

// frame is one picture of a file. orientation is EXIF's and TIFF's: 1 to 8,
// 0 for none given.
type frame struct {
	index         int
	at            int64 // of the TIFF directory
	width, height int
	dpiX, dpiY    int
	orientation   int
	bad           string // why it cannot be read, for a clerk
}

// parsers read the headers of each format. The error is errShort where the
// file ends too early, otherwise it says in a clerk's words what is wrong.
var parsers = map[Format]func(*source) (header, error){
	TIFF: parseTIFF, JPEG: parseJPEG, PNG: parsePNG, GIF: parseGIF, BMP: parseBMP, WebP: parseWebP, HEIF: parseHEIF, JP2: parseJP2,
}

func (f frame) page(number int) Page {
	turn, mirror := upright(f.orientation)
	return Page{Number: number, Frame: f.index, at: f.at, Width: f.width, Height: f.height, DPIX: f.dpiX, DPIY: f.dpiY, Turn: turn, Mirror: mirror, bad: f.bad}
}

// upright is how pixels stored in an orientation are set upright: mirrored
// left to right first if mirror, then turned clockwise.
func upright(orientation int) (turn int, mirror bool) {
	switch orientation {
	case 2:
		return 0, true
	case 3:
		return 180, false
	case 4:
		return 180, true
	case 5:
		return 270, true
	case 6:
		return 90, false
	case 7:
		return 90, true
	case 8:
		return 270, false
	}
	return 0, false
}

// oriented is the inverse of upright.
func oriented(turn int, mirror bool) int {
	for o := 1; o <= 8; o++ {
		if t, m := upright(o); t == turn && m == mirror {
			return o
		}
	}
	return 1
}

// perInch makes dots per inch of n dots in every 1/unitsPerInch of an inch,
// 0 where that is no resolution anybody scans at.
func perInch(dots, unitsPerInch float64) int {
	dpi := dots * unitsPerInch
	if !(dpi >= 1 && dpi <= 100_000) {
		return 0
	}
	return int(dpi + 0.5)
}
