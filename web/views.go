package web

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"strings"
	"time"
	"unicode"

	"chartroom/record"
)

//go:embed templates static
var content embed.FS

// views are the templates and the files beside them, which are part of the
// program: what cannot be parsed is a mistake of the build, found by any test.
type views struct {
	pages   map[string]*template.Template
	version string
	hash    string // of all static files: a new version has new addresses
	files   map[string][]byte
}

var pageNames = []string{"search", "list", "document", "status", "help", "error"}

func loadViews(version string) *views {
	v := &views{pages: map[string]*template.Template{}, version: version, files: map[string][]byte{}}
	sum := sha256.New()
	entries, err := fs.ReadDir(content, "static")
	for _, e := range entries {
		b, _ := content.ReadFile("static/" + e.Name())
		v.files[e.Name()] = b
		sum.Write(b)
	}
	v.hash = hex.EncodeToString(sum.Sum(nil))[:12]
	base := template.Must(template.New("").Funcs(v.funcs()).ParseFS(content, "templates/layout.html", "templates/parts.html"))
	for _, name := range pageNames {
		v.pages[name] = template.Must(template.Must(base.Clone()).ParseFS(content, "templates/"+name+".html"))
	}
	if err != nil {
		panic(err)
	}
	return v
}

func (v *views) funcs() template.FuncMap {
	return template.FuncMap{
		"asset":   func(name string) string { return "/static/" + v.hash + "/" + name },
		"version": func() string { return v.version },
		"when":    when,
		"plural":  plural,
		"count":   count,
		"status":  statusWord,
		"state":   stateWord,
		"sub":     func(a, b int) int { return a - b },
	}
}

// render sends a page. It is made whole before its first byte is sent, so that
// a mistake in it is an error and not half a page.
func (v *views) render(w http.ResponseWriter, status int, name string, data any) error {
	var b bytes.Buffer
	if err := v.pages[name].ExecuteTemplate(&b, "layout", data); err != nil {
		return fmt.Errorf("render page %s: %w", name, plainTemplateError(err))
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	w.Write(b.Bytes()) // a reader that went away needs no answer
	return nil
}

// plainTemplateError keeps the data of a page out of its error.
func plainTemplateError(err error) error {
	where, _, _ := strings.Cut(err.Error(), ": executing")
	return fmt.Errorf("template %s", where)
}

var kinds = map[string]string{".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}

// static sends a file of the pages. Its address changes with its content, so
// it may be kept for ever.
func (v *views) static(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("name")
	b, known := v.files[name]
	if !known || r.PathValue("hash") != v.hash {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", kinds[name[strings.LastIndex(name, "."):]])
	w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	w.Write(b)
}

func (v *views) favicon(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", kinds[".svg"])
	w.Header().Set("Cache-Control", "public, max-age=86400")
	w.Write(v.files["icon.svg"])
}

// page turns a handler that may fail into one that answers its errors.
func (s *site) page(h func(http.ResponseWriter, *http.Request) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if err := h(w, r); err != nil {
			s.fail(w, r, err)
		}
	}
}

// problemView is the page of an error.
type problemView struct{ Title, Words string }

// Nav names the part of the site a page belongs to.
func (problemView) Nav() string { return "" }

func statusWord(s record.Status) string {
	switch s {
	case record.StatusReview:
		return "needs review"
	case record.StatusHold:
		return "on hold"
	}
	return string(s)
}

func stateWord(s record.PageState) string {
	switch s {
	case record.PageText:
		return "read"
	case record.PageLowConfidence:
		return "read badly"
	case record.PageTimedOut:
		return "took too long"
	case record.PageFailed:
		return "could not be read"
	}
	return string(s)
}

// when is a moment as a clerk reads it, in the time of this machine.
func when(t time.Time) string {
	if t.IsZero() {
		return "–"
	}
	return t.Local().Format("2 Jan 2006, 15:04")
}

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return count(n) + " " + many
}

// count writes a number with narrow spaces between thousands.
func count(n int) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "\u202f" + s[i:]
	}
	return s
}

// visible makes text from paper or from a scanner safe to look at: what would
// be invisible or would turn the text around it is written out.
func visible(s string) string {
	if strings.IndexFunc(s, treacherous) < 0 {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		if treacherous(r) {
			fmt.Fprintf(&b, `\u%04x`, r)
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}

// treacherous are control characters, and the marks that embed, override or
// isolate the direction of text.
func treacherous(r rune) bool {
	return unicode.IsControl(r) || r == 0x061C || r == 0x200E || r == 0x200F || r >= 0x202A && r <= 0x202E || r >= 0x2066 && r <= 0x2069 || r == 0xFEFF
}

// shownFile is a file name as the pages show it.
func shownFile(name record.Private) string { return visible(fileName(name)) }
