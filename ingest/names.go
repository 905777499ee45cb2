package ingest

import (
	"crypto/rand"
	"encoding/base32"
	"encoding/binary"
	"path"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// claimedDir is where claimed files wait, in the drop folder itself, so that a
// claim is one rename in one file system.
const claimedDir = ".claimed"

// temporary says why a name is one that programs give to files they are still
// writing: such a file waits for its final name. The empty string means that
// the name is an ordinary one.
func temporary(base string) string {
	lower := strings.ToLower(base)
	switch {
	case strings.HasPrefix(base, "."):
		return "hidden name (starts with a dot)"
	case strings.HasPrefix(base, "~$"), strings.HasSuffix(base, "~"):
		return "temporary name (~)"
	}
	switch ext := path.Ext(lower); ext {
	case ".part", ".partial", ".filepart", ".tmp", ".temp", ".crdownload", ".download", ".opdownload", ".upload", ".uploading", ".writing",
		".inprogress", ".incomplete", ".lock", ".swp", ".swx":
		return "temporary name (" + ext + ")"
	}
	return ""
}

var idAlphabet = base32.NewEncoding("0123456789abcdefghjkmnpqrstvwxyz").WithPadding(base32.NoPadding)

// newID names a claim and the receipt that comes of it: 48 bits of time, so
// that names sort by age, and 80 random bits; 26 digits and letters.
func newID(now time.Time) string {
	var b [16]byte
	binary.BigEndian.PutUint64(b[:8], uint64(now.UnixMilli())<<16)
	rand.Read(b[6:])
	return idAlphabet.EncodeToString(b[:])
}

// shown is a name as UTF-8 that a page or a JSON line can hold: bytes that are
// not UTF-8, and control characters, stand as \xNN.
func shown(name string) string {
	var b strings.Builder
	for i := 0; i < len(name); {
		r, n := utf8.DecodeRuneInString(name[i:])
		if r == utf8.RuneError && n <= 1 || r < ' ' || r == 0x7f {
			const digits = "0123456789abcdef"
			b.WriteString(`\x` + string(digits[name[i]>>4]) + string(digits[name[i]&15]))
			i++
			continue
		}
		b.WriteString(name[i : i+n])
		i += n
	}
	return b.String()
}

// maxName is how many bytes a name may have on any file system we know.
const maxName = 255

// withSuffix appends suffix to a name and shortens the name where the whole
// would not fit a folder entry, between two characters.
func withSuffix(name, suffix string) string {
	if len(name)+len(suffix) <= maxName {
		return name + suffix
	}
	name = name[:maxName-len(suffix)]
	for i := 1; i <= 3 && i < len(name); i++ {
		if c := name[len(name)-i]; c >= utf8.RuneSelf && utf8.RuneStart(c) {
			if !utf8.FullRuneInString(name[len(name)-i:]) {
				name = name[:len(name)-i]
			}
			break
		}
	}
	return name + suffix
}

// numbered is the n-th name to try where earlier ones are taken, with a suffix
// for a file beside it: "a.tif", "a-2.tif", "a-3.tif", …; "a-2.tif.reason.txt".
func numbered(name string, n int, suffix string) string {
	ext := path.Ext(name)
	if len(ext) > 16 || ext == name {
		ext = ""
	}
	stem := strings.TrimSuffix(name, ext)
	if n > 1 {
		ext = "-" + strconv.Itoa(n) + ext
	}
	return withSuffix(stem, ext+suffix)
}
