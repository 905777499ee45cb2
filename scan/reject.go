package scan

import "fmt"

// Code is the kind of a Reject.
type Code string

// The kinds of rejects.
const (
	CodeEmpty         Code = "empty"
	CodeTruncated     Code = "truncated"
	CodeDamaged       Code = "damaged"
	CodePassword      Code = "password"
	CodeNoPages       Code = "no-pages"
	CodeNotAScan      Code = "not-a-scan"
	CodeTooLarge      Code = "too-large"
	CodeTooManyPages  Code = "too-many-pages"
	CodeTooManyPixels Code = "too-many-pixels"
)

// Reject is the error of a file that cannot become pages, now or later. Reason
// is a sentence or two for a clerk, without anything of the file's content.
type Reject struct {
	Code   Code
	Reason string
}

func (r *Reject) Error() string { return "reject scan: " + string(r.Code) }

func reject(code Code, format string, args ...any) *Reject {
	return &Reject{code, fmt.Sprintf(format, args...)}
}

func rejectTruncated(f Format) *Reject {
	return reject(CodeTruncated, "The %s file stops before its end. Scan or send it again.", name(f))
}

// PageError is the error of one page that cannot be read; the rest of the
// document goes on. Reason is for a clerk; Err, which may be nil, for a log.
type PageError struct {
	Number int
	Reason string
	Err    error
}

func (e *PageError) Error() string {
	if e.Err == nil {
		return fmt.Sprintf("open page %d: unreadable", e.Number)
	}
	return fmt.Sprintf("open page %d: %v", e.Number, e.Err)
}

func (e *PageError) Unwrap() error { return e.Err }

// name is how people call a format.
func name(f Format) string {
	switch f {
	case WebP:
		return "WebP"
	case HEIF:
		return "HEIC"
	case JP2:
		return "JPEG 2000"
	}
	upper := []byte(f)
	for i := range upper {
		upper[i] -= 'a' - 'A'
	}
	return string(upper)
}
