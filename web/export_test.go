package web

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"chartroom/record"
)

// printer is an Exports that writes something like a PDF.
type printer struct {
	size int
	err  error
}

func (p printer) PDF(_ context.Context, w io.Writer, head *record.Document) error {
	fmt.Fprintf(w, "%%PDF-1.7 %s %d pages", head.ID, len(head.Pages))
	w.Write(make([]byte, p.size))
	return p.err
}

func TestDocumentsComeAsPDFTextAndHOCR(t *testing.T) {
	w := sampleWorld(t)
	deps := w.deps()
	deps.Exports = printer{}
	d, h := w.documents[0], New(deps)
	for _, below := range []string{"/documents/", "/api/v1/documents/"} {
		for form, kind := range map[string]string{"pdf": "application/pdf", "text": "text/plain; charset=utf-8", "hocr": "text/html; charset=utf-8"} {
			got := ask(t, h, "GET", below+string(d.ID)+"/"+form)
			name := got.Header().Get("Content-Disposition")
			if got.Code != 200 || got.Header().Get("Content-Type") != kind || !strings.HasPrefix(name, `attachment; filename="`+string(d.ID)+".") || got.Body.Len() == 0 {
				t.Errorf("%s%s: %d %v", below, form, got.Code, got.Header())
			}
		}
	}
	page := ask(t, h, "GET", "/documents/"+string(d.ID)).Body.String()
	for _, form := range []string{"pdf", "original", "text", "hocr"} {
		if !strings.Contains(page, `href="/documents/`+string(d.ID)+"/"+form+`" download`) {
			t.Errorf("the page has no link to save as %s", form)
		}
	}
}

func TestWhatHasNoPagesIsNotExported(t *testing.T) {
	for status, words := range map[record.Status]string{record.StatusWaiting: "waiting to be read", record.StatusRejected: "rejected",
		record.StatusSuperseded: "split into several", record.StatusFiled: "no pages"} {
		w := sampleWorld(t)
		deps := w.deps()
		deps.Exports = printer{}
		d := w.documents[0]
		d.Status, d.Pages = status, nil
		h := New(deps)
		for _, form := range []string{"pdf", "text", "hocr"} {
			got := ask(t, h, "GET", "/api/v1/documents/"+string(d.ID)+"/"+form)
			if got.Code != 409 || !strings.Contains(got.Body.String(), words) || got.Header().Get("Content-Disposition") != "" {
				t.Errorf("%s as %s: %d %s", status, form, got.Code, got.Body)
			}
		}
		if got := ask(t, h, "GET", "/documents/"+string(d.ID)); strings.Contains(got.Body.String(), "/pdf\"") {
			t.Errorf("the page of a document that is %s offers a PDF", status)
		}
	}
}

// An export that breaks off is an answer with an error as long as nothing of
// it has gone out, and a broken connection afterwards.
func TestAnExportThatBreaksOffIsNeverTakenForWhole(t *testing.T) {
	w := sampleWorld(t)
	for _, size := range []int{0, 1 << 20} {
		deps := w.deps()
		deps.Exports = printer{size, errors.New("the store went away")}
		server := httptest.NewServer(New(deps))
		resp, err := server.Client().Get(server.URL + "/api/v1/documents/" + string(w.documents[0].ID) + "/pdf")
		if err == nil {
			_, err = io.Copy(io.Discard, resp.Body)
			resp.Body.Close()
		}
		if broken := err != nil; broken != (size > 0) || !broken && resp.StatusCode != 500 {
			t.Errorf("after %d bytes: %v", size, err)
		}
		server.Close()
	}
}

// changing is a catalog in which the document is decided anew meanwhile.
type changing struct {
	*world
	asked int
}

func (c *changing) Head(ctx context.Context, id record.ID) (*record.Document, error) {
	d, err := c.world.Head(ctx, id)
	if err == nil {
		c.asked++
		d.Revision = c.asked
	}
	return d, err
}

func TestAnExportIsOfOneRevision(t *testing.T) {
	w := sampleWorld(t)
	deps := w.deps()
	deps.Documents = &changing{world: w}
	if got := ask(t, New(deps), "GET", "/api/v1/documents/"+string(w.documents[0].ID)+"/text"); got.Code != 409 || !strings.Contains(got.Body.String(), "changed meanwhile") {
		t.Errorf("%d %s", got.Code, got.Body)
	}
}

func TestHOCRNamesPicturesAndKeepsItsNamesApart(t *testing.T) {
	w := sampleWorld(t)
	d := w.documents[0]
	body := ask(t, New(w.deps()), "GET", "/api/v1/documents/"+string(d.ID)+"/hocr").Body.String()
	if want := `title='image &quot;/api/v1/documents/` + string(d.ID) + `/pages/1/picture&quot;; bbox 0 0 `; !strings.Contains(body, want) {
		t.Errorf("page 1 does not name its picture")
	}
	var doc struct {
		Pages []struct {
			Class string `xml:"class,attr"`
			Title string `xml:"title,attr"`
		} `xml:"body>div"`
	}
	if err := xml.Unmarshal([]byte(body), &doc); err != nil {
		t.Fatal(err)
	}
	if len(doc.Pages) != len(d.Pages) {
		t.Errorf("%d pages of %d", len(doc.Pages), len(d.Pages))
	}
	seen := map[string]bool{}
	for _, id := range regexp.MustCompile(` id='([^']*)'`).FindAllStringSubmatch(body, -1) {
		if seen[id[1]] {
			t.Errorf("id %s stands twice", id[1])
		}
		seen[id[1]] = true
	}
	words := 0
	for i := range d.Pages {
		words += len(d.Pages[i].Words)
	}
	if n := len(regexp.MustCompile(`class='ocrx_word' id='[^']*' title='bbox \d+ \d+ \d+ \d+; x_wconf \d+'`).FindAllString(body, -1)); n != words {
		t.Errorf("%d words of %d", n, words)
	}
}
