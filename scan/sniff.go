package scan

import (
	"bytes"
	"fmt"
	"unicode/utf8"
)

// sniffed is how much of a file's start is looked at. A PDF may begin anywhere
// in it: print servers put commands before.
const sniffed = 1024

// sniff tells the format of a file by its content. The error is a *Reject
// that says what the file is instead, where that is known.
func sniff(src *source) (Format, error) {
	if src.size == 0 {
		return "", reject(CodeEmpty, "The file is empty. Scan or send it again.")
	}
	b, err := src.upTo(0, sniffed)
	if err != nil {
		return "", fmt.Errorf("open scan: %w", err)
	}
	if f := magic(b); f != "" {
		return f, nil
	}
	if len(bytes.Trim(b, "\x00")) == 0 {
		return "", reject(CodeDamaged, "The file starts with nothing but zeros: it was not written out. Scan or send it again.")
	}
	return "", reject(CodeNotAScan, "The file is %s, not a scanned document. Scan the paper, or save it as a PDF and send that.", foreign(b))
}

// magic is the format that a file's first bytes announce, "" for none known.
func magic(b []byte) Format {
	at := func(i int, s string) bool { return len(b) >= i+len(s) && string(b[i:i+len(s)]) == s }
	switch {
	case at(0, "II*\x00"), at(0, "MM\x00*"), at(0, "II+\x00\x08\x00\x00\x00"), at(0, "MM\x00+\x00\x08\x00\x00"):
		return TIFF
	case at(0, "\xFF\xD8\xFF"):
		return JPEG
	case at(0, "\x89PNG\r\n\x1A\n"):
		return PNG
	case at(0, "GIF87a"), at(0, "GIF89a"):
		return GIF
	case at(0, "RIFF") && at(8, "WEBP"):
		return WebP
	case at(4, "ftyp") && heifBrand(b):
		return HEIF
	case at(4, "jP  \r\n\x87\n"), at(0, codeStream):
		return JP2
	case at(0, "BM") && len(b) >= 18 && b[15] == 0 && b[16] == 0 && b[17] == 0 && (b[14] == 12 || b[14] >= 40):
		return BMP
	case bytes.Contains(b, []byte("%PDF-")):
		return PDF
	}
	return ""
}

// heifBrand reports whether the file's brands name a picture format that
// libheif knows.
func heifBrand(b []byte) bool {
	end := min(len(b), int(b[3])|int(b[2])<<8)
	for i := 8; i+4 <= end; i += 4 {
		switch string(b[i : i+4]) {
		case "heic", "heix", "heim", "heis", "mif1", "avif":
			return true
		}
	}
	return false
}

// others are files that get dropped by mistake, and what a clerk calls them.
var others = []struct {
	at    int
	magic string
	what  string
}{
	{0, "PK\x03\x04", "a ZIP archive or an Office document"},
	{0, "\xD0\xCF\x11\xE0", "an Office document"},
	{0, "{\\rtf", "an RTF text"},
	{128, "DICM", "a DICOM image"},
	{0, "%!PS", "a PostScript file"},
	{0, "\xC5\xD0\xD3\xC6", "a PostScript file"},
	{0, "8BPS", "a Photoshop file"},
	{0, "\x00\x00\x01\x00", "an icon"},
	{0, "MSH|", "an HL7 message"},
	{0, "<?xml", "an XML file"},
	{0, "<!DOCTYPE", "a web page"},
	{0, "<html", "a web page"},
	{0, "\x1F\x8B", "a compressed archive"},
	{0, "7z\xBC\xAF", "a compressed archive"},
	{0, "Rar!", "a compressed archive"},
	{4, "ftyp", "a video"},
	{0, "RIFF", "a sound or video"},
	{0, "ID3", "a sound recording"},
	{0, "MZ", "a program"},
	{0, "\x7FELF", "a program"},
}

// foreign names what is no scan.
func foreign(b []byte) string {
	plain := bytes.TrimLeft(bytes.TrimPrefix(b, []byte("\xEF\xBB\xBF")), " \t\r\n")
	for _, o := range others {
		if len(b) > o.at && bytes.HasPrefix(b[o.at:], []byte(o.magic)) || o.at == 0 && bytes.HasPrefix(plain, []byte(o.magic)) {
			return o.what
		}
	}
	if isText(b) {
		return "a text file"
	}
	return "of an unknown kind"
}

// isText reports whether b reads as text, whatever its last rune was cut to.
func isText(b []byte) bool {
	for len(b) > 0 {
		r, n := utf8.DecodeRune(b)
		if r == utf8.RuneError && n == 1 && len(b) >= utf8.UTFMax || r < ' ' && r != '\t' && r != '\n' && r != '\r' && r != '\f' {
			return false
		}
		b = b[n:]
	}
	return true
}
