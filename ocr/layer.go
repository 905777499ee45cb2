package ocr

import "chartroom/record"

// layer decides whether a text layer tells what the page shows. It is not
// believed: hidden layers say anything.
func (r *reader) layer(s *sheet, words []record.Word) ([]record.Word, bool) {
	return nil, false
}
