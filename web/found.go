package web

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"chartroom/record"
)

// found is a hit with what is shown of it: the head of its document, its page,
// the boxes to draw on the page and the words around them.
type found struct {
	Hit
	Document *record.Document
	Sheet    *record.Page // nil where Hit.Page is 0
	Draw     []record.Box
	Snippet  snippet
}

// find asks the index and puts to each hit what the catalog knows of it. A hit
// whose document or page is gone since it was indexed is left out: the index
// runs behind the catalog, never before it.
func (s *site) find(ctx context.Context, q Query) (Results, []found, error) {
	results, err := s.deps.Search.Search(ctx, q)
	if err != nil {
		return Results{}, nil, fmt.Errorf("search: %w", err)
	}
	heads := map[record.ID]*record.Document{}
	all := make([]found, 0, len(results.Hits))
	for _, hit := range results.Hits {
		f, err := s.look(ctx, hit, heads)
		if errors.Is(err, ErrNotFound) {
			continue
		}
		if err != nil {
			return Results{}, nil, err
		}
		all = append(all, f)
	}
	return results, all, nil
}

func (s *site) look(ctx context.Context, hit Hit, heads map[record.ID]*record.Document) (found, error) {
	head, known := heads[hit.ID]
	if !known {
		var err error
		if head, err = s.deps.Documents.Head(ctx, hit.ID); err != nil {
			return found{}, fmt.Errorf("look up document %s: %w", hit.ID, err)
		}
		heads[hit.ID] = head
	}
	if hit.Page == 0 {
		return found{Hit: hit, Document: head}, nil
	}
	page, err := s.deps.Documents.Page(ctx, hit.ID, hit.Page)
	if err != nil {
		return found{}, fmt.Errorf("look up page %d of document %s: %w", hit.Page, hit.ID, err)
	}
	words := matched(page, hit.Spans)
	return found{hit, head, page, drawn(head, page, hit, words), excerpt(page, words)}, nil
}

// matched marks the words of the page that the spans touch.
func matched(p *record.Page, spans [][2]int) []bool {
	_, places := p.TextSpans()
	marks := make([]bool, len(places))
	for i, place := range places {
		for _, s := range spans {
			if s[0] < place[1] && place[0] < s[1] {
				marks[i] = true
				break
			}
		}
	}
	return marks
}

// drawn gives the boxes of a hit on its page: the marked words, and where a
// name, a date or a number matched that no marked word is part of, as a number
// typed in another grouping may, those of the patient.
func drawn(head *record.Document, p *record.Page, hit Hit, words []bool) []record.Box {
	boxes := runs(p, words)
	more := map[string][]record.Box{}
	marked := map[string]bool{}
	for i := range head.Identifiers {
		id := &head.Identifiers[i]
		if id.Page != p.Number || id.Box.Empty() || !slices.Contains(hit.Kinds, id.Kind) {
			continue
		}
		sort := sortOf(id.Kind)
		marked[sort] = marked[sort] || slices.ContainsFunc(boxes, func(b record.Box) bool { return overlap(b, id.Box) })
		if id.Role == record.RolePatient && !slices.Contains(more[sort], id.Box) {
			more[sort] = append(more[sort], id.Box)
		}
	}
	for _, sort := range []string{"name", "date", "number"} {
		if !marked[sort] {
			boxes = append(boxes, more[sort]...)
		}
	}
	return boxes
}

// sortOf is what a kind of identifier is found as.
func sortOf(k record.Kind) string {
	switch k {
	case record.KindName:
		return "name"
	case record.KindDOB:
		return "date"
	}
	return "number"
}

func overlap(a, b record.Box) bool {
	return a.Left < b.Right() && b.Left < a.Right() && a.Top < b.Bottom() && b.Top < a.Bottom()
}

// runs gives a box around each run of marked words of one line, in reading
// order.
func runs(p *record.Page, marks []bool) []record.Box {
	var boxes []record.Box
	for i := range p.Words {
		w := &p.Words[i]
		if !marks[i] || w.Box.Empty() {
			continue
		}
		if i > 0 && marks[i-1] && len(boxes) > 0 && sameLine(&p.Words[i-1], w) {
			boxes[len(boxes)-1] = boxes[len(boxes)-1].Union(w.Box)
			continue
		}
		boxes = append(boxes, w.Box)
	}
	return boxes
}

func sameLine(a, b *record.Word) bool { return a.Block == b.Block && a.Line == b.Line }

// snippet is an excerpt of a page with the matching words marked.
type snippet []fragment

type fragment struct {
	Text string
	Mark bool
}

func (s snippet) String() string {
	var b strings.Builder
	for _, f := range s {
		b.WriteString(f.Text)
	}
	return b.String()
}

const (
	snippetWords  = 22  // words in one excerpt
	snippetBytes  = 240 // bytes a single word may take at most: hostile paper has long ones
	snippetPieces = 2   // excerpts shown of one page
)

// excerpt is the stretches of the page in which most marked words stand close
// together. Without marked words it is the beginning of the page.
func excerpt(p *record.Page, marks []bool) snippet {
	left := append([]bool(nil), marks...)
	shown := make([]bool, len(marks))
	for n := range snippetPieces {
		start, most := densest(left)
		if most == 0 && n > 0 {
			break
		}
		for i := start; i < min(start+snippetWords, len(marks)); i++ {
			shown[i], left[i] = true, false
		}
	}
	return collect(p, marks, shown)
}

// densest finds the window with most marks, moved back so that a few words
// stand before its first.
func densest(marks []bool) (start, most int) {
	count := 0
	for i := range marks {
		if marks[i] {
			count++
		}
		if i >= snippetWords-6 && marks[i-(snippetWords-6)] {
			count--
		}
		if count > most {
			most, start = count, max(0, i-(snippetWords-6)+1)
		}
	}
	for start < len(marks) && most > 0 && !marks[start] {
		start++
	}
	return max(0, start-5), most
}

func collect(p *record.Page, marks, shown []bool) snippet {
	var s snippet
	add := func(text string, mark bool) {
		if n := len(s); n > 0 && s[n-1].Mark == mark {
			s[n-1].Text += text
			return
		}
		s = append(s, fragment{text, mark})
	}
	last := -1
	for i := range p.Words {
		if !shown[i] {
			continue
		}
		switch {
		case i != last+1:
			add(" … ", false)
		case i > 0:
			add(" ", marks[i] && marks[i-1])
		}
		add(shorten(p.Words[i].Text.Reveal()), marks[i])
		last = i
	}
	if last >= 0 && last < len(p.Words)-1 {
		add(" …", false)
	}
	if len(s) > 0 {
		s[0].Text = strings.TrimLeft(s[0].Text, " ")
	}
	return s
}

func shorten(word string) string {
	if len(word) <= snippetBytes {
		return word
	}
	return strings.ToValidUTF8(word[:snippetBytes], "") + "…"
}
