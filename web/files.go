package web

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"

	"chartroom/record"
)

// original sends the bytes as they were received, to be saved, never shown:
// neither its kind nor its name is told, for both may be lies.
func (s *site) original(w http.ResponseWriter, r *http.Request) error {
	id, err := documentID(r)
	if err != nil {
		return err
	}
	head, err := s.deps.Documents.Head(r.Context(), id)
	if err != nil {
		return fmt.Errorf("open document %s: %w", id, err)
	}
	body, size, err := s.deps.Files.Original(r.Context(), head.Scan)
	if err != nil {
		return fmt.Errorf("open original of %s: %w", id, err)
	}
	defer body.Close()
	attach(w.Header(), id, "original")
	if size >= 0 {
		w.Header().Set("Content-Length", strconv.FormatInt(size, 10))
	}
	out := newStream(w, "application/octet-stream")
	if err := copyVerified(out, body); err != nil {
		return s.broken(out, r, fmt.Errorf("read original of %s: %w", id, err))
	}
	return s.broken(out, r, out.close())
}

// maxPicture bounds a page's picture: it is read whole, for it is shown only
// when all of it is what was stored.
const maxPicture = 32 << 20

// pictureAge is how long a browser may keep a picture, for itself: long enough
// to leaf back and forth.
const pictureAge = "private, max-age=300"

func (s *site) picture(w http.ResponseWriter, r *http.Request) error {
	b, kind, err := s.readPicture(r)
	if err != nil {
		return err
	}
	sendPicture(w, b, kind)
	return nil
}

// thumb is the picture made small.
func (s *site) thumb(w http.ResponseWriter, r *http.Request) error {
	key := thumbKey{record.ID(r.PathValue("id")), r.PathValue("n")}
	if b := s.thumbs.get(key); b != nil {
		sendPicture(w, b, "image/png")
		return nil
	}
	picture, _, err := s.readPicture(r)
	if err != nil {
		return err
	}
	b, err := s.thumbs.make(r.Context(), key, picture)
	if err != nil {
		return fmt.Errorf("make small picture of %s: %w", key.id, err)
	}
	sendPicture(w, b, "image/png")
	return nil
}

func sendPicture(w http.ResponseWriter, b []byte, kind string) {
	h := w.Header()
	h.Set("Content-Security-Policy", policySandbox)
	h.Set("Cache-Control", pictureAge)
	h.Set("Content-Type", kind)
	h.Set("Content-Length", strconv.Itoa(len(b)))
	w.Write(b)
}

// readPicture gives the page's picture and its kind, which is PNG or WebP by
// its first bytes or else an error.
func (s *site) readPicture(r *http.Request) ([]byte, string, error) {
	key, err := s.pictureKey(r)
	if err != nil {
		return nil, "", err
	}
	body, _, err := s.deps.Files.Picture(r.Context(), key)
	if err != nil {
		return nil, "", fmt.Errorf("open picture: %w", err)
	}
	defer body.Close()
	b, err := io.ReadAll(io.LimitReader(body, maxPicture+1))
	if err != nil {
		return nil, "", fmt.Errorf("read picture: %w", err)
	}
	kind := pictureKind(b)
	if kind == "" || len(b) > maxPicture {
		return nil, "", errors.New("read picture: neither PNG nor WebP, or too large")
	}
	return b, kind, nil
}

func (s *site) pictureKey(r *http.Request) (string, error) {
	id, err := documentID(r)
	if err != nil {
		return "", err
	}
	n, err := strconv.Atoi(r.PathValue("n"))
	if err != nil || n < 1 {
		return "", ErrNotFound
	}
	head, err := s.deps.Documents.Head(r.Context(), id)
	if err != nil {
		return "", fmt.Errorf("open document %s: %w", id, err)
	}
	if p := pageOf(head, n); p != nil && p.Picture != "" {
		return p.Picture, nil
	}
	return "", ErrNotFound
}

// pageOf is the page with a number, nil if there is none.
func pageOf(d *record.Document, n int) *record.Page {
	if n >= 1 && n <= len(d.Pages) && d.Pages[n-1].Number == n {
		return &d.Pages[n-1]
	}
	for i := range d.Pages {
		if d.Pages[i].Number == n {
			return &d.Pages[i]
		}
	}
	return nil
}

func pictureKind(b []byte) string {
	switch {
	case bytes.HasPrefix(b, []byte("\x89PNG\r\n\x1a\n")):
		return "image/png"
	case len(b) > 12 && string(b[:4]) == "RIFF" && string(b[8:12]) == "WEBP":
		return "image/webp"
	}
	return ""
}
