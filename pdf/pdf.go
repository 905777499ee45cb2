// Package pdf writes PDFs: documents as searchable PDF/A-2b, and plain printed
// sheets.
//
// A searchable PDF is two layers a page. Below lies the picture of the page as
// it lies in the scan: its bytes are copied, not decoded and coded again,
// wherever PDF knows their coding ([scan.Coded]); what it does not know comes
// back from the reader's jailed worker without loss. Above it lies the text,
// which does not show: each word stands on its print, stretched to the width
// of its box, so that a viewer's search marks the print and copying gives the
// words in reading order (layer.go). The letters are those of a font that has
// no shapes (font.go), so that every script works and nothing of a real font
// has to be carried along.
//
// Nothing is held but the page at hand: objects go out as they are made
// (write.go), and what all pages share comes last. The same revision of a
// document gives the same bytes.
//
// Text that does show, on notices and separator sheets, is drawn as outlines
// of the Go font (sheet.go), and so needs no font in the file either.
package pdf

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/xml"
	"fmt"
	"io"
	"strings"
	"time"
)

// Info is what a PDF says of itself.
type Info struct {
	Title    string
	Subject  string
	Producer string
	Created  time.Time
	Identity string // what names the file: the same gives the same file ID
}

// Writer writes a PDF, page after page. Its first error sticks and is what
// Close returns.
type Writer struct {
	objects
	info  Info
	text  *glyphless
	pages []int // objects
	root  int   // of the page tree
}

// NewWriter starts a PDF.
func NewWriter(w io.Writer, info Info) *Writer {
	p := &Writer{objects: objects{w: w}, info: info}
	p.puts("%PDF-1.7\n%\xE2\xE3\xCF\xD3\n")
	p.root = p.reserve()
	p.text = &glyphless{object: p.reserve()}
	return p
}

// Close writes what the pages share and ends the file. It does not close what
// it writes to.
func (p *Writer) Close() error {
	p.text.write(&p.objects)
	kids := make([]string, len(p.pages))
	for i, n := range p.pages {
		kids[i] = fmt.Sprintf("%d 0 R", n)
	}
	p.object(p.root, fmt.Sprintf("<</Type/Pages/Count %d/Kids[%s]>>", len(kids), strings.Join(kids, " ")))
	profile := p.reserve()
	p.packed(profile, "/N 3", sRGB())
	intent := p.reserve()
	p.object(intent, fmt.Sprintf("<</Type/OutputIntent/S/GTS_PDFA1/OutputConditionIdentifier(sRGB IEC61966-2.1)/Info(sRGB IEC61966-2.1)/DestOutputProfile %d 0 R>>", profile))
	metadata := p.reserve()
	xmp := p.info.xmp()
	p.stream(metadata, "/Type/Metadata/Subtype/XML", int64(len(xmp)), strings.NewReader(xmp))
	catalog := p.reserve()
	p.object(catalog, fmt.Sprintf("<</Type/Catalog/Pages %d 0 R/Metadata %d 0 R/OutputIntents[%d 0 R]/ViewerPreferences<</DisplayDocTitle true>>>>", p.root, metadata, intent))
	about := p.reserve()
	p.object(about, p.info.dictionary())
	p.finish(catalog, about, p.info.id())
	return p.err
}

// dictionary is the document information, which says what the XMP says.
func (i Info) dictionary() string {
	s := "<</Title" + textString(i.Title)
	if i.Subject != "" {
		s += "/Subject" + textString(i.Subject)
	}
	when := "(D:" + i.Created.UTC().Format("20060102150405") + "Z)"
	return s + "/Creator" + textString(i.Producer) + "/Producer" + textString(i.Producer) + "/CreationDate" + when + "/ModDate" + when + ">>"
}

// textString is a string of text: in UTF-16 where it is not plain.
func textString(s string) string {
	for _, r := range s {
		if r < ' ' || r > '~' {
			return "<FEFF" + strings.ToUpper(hex.EncodeToString(utf16be(s))) + ">"
		}
	}
	return "(" + strings.NewReplacer(`\`, `\\`, "(", `\(`, ")", `\)`).Replace(s) + ")"
}

// xmp is the metadata packet: title, dates, and the claim to be PDF/A-2b.
func (i Info) xmp() string {
	esc := func(s string) string {
		var b strings.Builder
		xml.EscapeText(&b, []byte(s))
		return b.String()
	}
	when := i.Created.UTC().Format("2006-01-02T15:04:05Z")
	subject := ""
	if i.Subject != "" {
		subject = fmt.Sprintf("   <dc:description><rdf:Alt><rdf:li xml:lang=\"x-default\">%s</rdf:li></rdf:Alt></dc:description>\n", esc(i.Subject))
	}
	return fmt.Sprintf(`<?xpacket begin="`+"\uFEFF"+`" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/">
 <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
  <rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmlns:pdf="http://ns.adobe.com/pdf/1.3/" xmlns:pdfaid="http://www.aiim.org/pdfa/ns/id/">
   <pdfaid:part>2</pdfaid:part>
   <pdfaid:conformance>B</pdfaid:conformance>
   <dc:format>application/pdf</dc:format>
   <dc:title><rdf:Alt><rdf:li xml:lang="x-default">%s</rdf:li></rdf:Alt></dc:title>
%s   <xmp:CreatorTool>%s</xmp:CreatorTool>
   <xmp:CreateDate>%s</xmp:CreateDate>
   <xmp:ModifyDate>%s</xmp:ModifyDate>
   <xmp:MetadataDate>%s</xmp:MetadataDate>
   <pdf:Producer>%s</pdf:Producer>
  </rdf:Description>
 </rdf:RDF>
</x:xmpmeta>
<?xpacket end="r"?>`, esc(i.Title), subject, esc(i.Producer), when, when, when, esc(i.Producer))
}

// id is the file's identifier: 16 bytes that follow from what the file is.
func (i Info) id() string {
	sum := sha256.Sum256([]byte(i.Identity + "\x00" + i.Producer))
	return strings.ToUpper(hex.EncodeToString(sum[:16]))
}
