package ocr

import (
	"cmp"
	"slices"

	"chartroom/record"
)

// inOrder puts words that came in no order into lines from top to bottom, and
// lines that follow closely into blocks.
func inOrder(words []record.Word) []record.Word {
	words = slices.Clone(words)
	slices.SortStableFunc(words, func(a, b record.Word) int { return cmp.Compare(halfway(a.Box), halfway(b.Box)) })
	var lines [][]record.Word
	for _, w := range words {
		if n := len(lines); n > 0 && abreast(lines[n-1], w.Box) {
			lines[n-1] = append(lines[n-1], w)
			continue
		}
		lines = append(lines, []record.Word{w})
	}
	var out []record.Word
	block, line, bottom := 0, 0, 0
	for _, l := range lines {
		slices.SortStableFunc(l, func(a, b record.Word) int { return cmp.Compare(a.Box.Left, b.Box.Left) })
		whole := bounding(l)
		if block == 0 || whole.Top-bottom > whole.Height*3/2 {
			block, line = block+1, 0
		}
		line, bottom = line+1, whole.Bottom()
		for _, w := range l {
			w.Block, w.Line = block, line
			out = append(out, w)
		}
	}
	return out
}

func halfway(b record.Box) int { return b.Top + b.Height/2 }

// abreast reports whether a box stands in a line of words: at least half of the
// lower of the two beside the other.
func abreast(line []record.Word, b record.Box) bool {
	l := bounding(line)
	return 2*(min(l.Bottom(), b.Bottom())-max(l.Top, b.Top)) > min(l.Height, b.Height)
}

func bounding(words []record.Word) record.Box {
	var b record.Box
	for i := range words {
		b = b.Union(words[i].Box)
	}
	return b
}

// insert puts more words, of one line, where they are to be read: into the line
// beside which they stand, or as a block of their own before the first block
// that begins below them.
func insert(words, more []record.Word) []record.Word {
	if len(more) == 0 {
		return words
	}
	place := bounding(more)
	for i := 0; i < len(words); {
		end := i + 1
		for end < len(words) && words[end].Block == words[i].Block && words[end].Line == words[i].Line {
			end++
		}
		if line := words[i:end]; abreast(line, place) && nearby(line, place) {
			for j := range more {
				more[j].Block, more[j].Line = words[i].Block, words[i].Line
			}
			out := slices.Concat(line, more)
			slices.SortStableFunc(out, func(a, b record.Word) int { return cmp.Compare(a.Box.Left, b.Box.Left) })
			return slices.Concat(words[:i], out, words[end:])
		}
		i = end
	}
	return insertBlock(words, more, place)
}

// nearby reports whether a box stands close to a line: within four times its
// height, or between its words.
func nearby(line []record.Word, b record.Box) bool {
	l := bounding(line)
	return b.Left < l.Right()+4*l.Height && b.Right() > l.Left-4*l.Height
}

func insertBlock(words, more []record.Word, place record.Box) []record.Word {
	at := len(words)
	for i := 0; i < len(words); i++ {
		if i > 0 && words[i].Block == words[i-1].Block {
			continue
		}
		end := i
		for end < len(words) && words[end].Block == words[i].Block {
			end++
		}
		if b := bounding(words[i:end]); halfway(b) > halfway(place) && b.Top >= place.Top && min(b.Right(), place.Right()) > max(b.Left, place.Left) {
			at = i
			break
		}
	}
	own := 1
	for i := range words {
		own = max(own, words[i].Block+1)
	}
	for i := range more {
		more[i].Block, more[i].Line = own, 1
	}
	return numbered(slices.Concat(words[:at], more, words[at:]))
}

// numbered counts the blocks anew, in the order in which they stand.
func numbered(words []record.Word) []record.Word {
	block, last := 0, 0
	for i := range words {
		if words[i].Block != last {
			block++
		}
		last, words[i].Block = words[i].Block, block
	}
	return words
}
