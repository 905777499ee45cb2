package s3

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"chartroom/objectstore"

	"github.com/minio/minio-go/v7"
)

// Put is objectstore.Store's.
func (s *Store) Put(ctx context.Context, key objectstore.Key, body objectstore.Body) error {
	if err := s.put(ctx, key, body); err != nil {
		return fmt.Errorf("put %q: %w", key, err)
	}
	return nil
}

func (s *Store) put(ctx context.Context, key objectstore.Key, body objectstore.Body) error {
	switch _, err := s.stat(ctx, key); {
	case err == nil:
		return s.compare(ctx, key, body)
	case !errors.Is(err, objectstore.ErrNotFound):
		return err
	}
	return s.putUnseen(ctx, key, body)
}

// putUnseen is put without a look at what is there: the server's condition
// alone keeps it from being replaced.
func (s *Store) putUnseen(ctx context.Context, key objectstore.Key, body objectstore.Body) error {
	sent := s.upload(ctx, key, body)
	if sent != nil && !errors.Is(sent, objectstore.ErrExists) {
		return sent
	}
	err := s.compare(ctx, key, body)
	switch {
	case errors.Is(err, objectstore.ErrNotFound):
		return fmt.Errorf("%w: the server says that it has the object but does not give it", objectstore.ErrUnavailable)
	case errors.Is(err, objectstore.ErrExists) && sent == nil: // the server's fault, not another writer's
		return fmt.Errorf("%w: the server gives back other bytes than it was sent", objectstore.ErrCorrupt)
	}
	return err
}

// compare reads the object and compares it with the body.
func (s *Store) compare(ctx context.Context, key objectstore.Key, body objectstore.Body) error {
	actx, cancel := s.attempt(ctx, body.Size())
	defer cancel()
	r, _, err := s.get(actx, key)
	if err != nil {
		return err
	}
	defer r.Close()
	return objectstore.Compare(r, body)
}

// upload sends the body, again where that may help at once. ErrExists means
// that the key is taken; it says nothing of by what.
func (s *Store) upload(ctx context.Context, key objectstore.Key, body objectstore.Body) error {
	if err := reachesEnd(body); err != nil {
		return err
	}
	var err error
	for try := 0; ; try++ {
		src := &source{r: objectstore.Reader(body)} // a new one: the last request may still be reading the last
		if err = s.send(ctx, key, body, src); err == nil || errors.Is(err, objectstore.ErrExists) {
			return err
		}
		if failed := src.failed(); failed != nil && ctx.Err() == nil {
			return fmt.Errorf("read body: %w", failed)
		}
		if !again(err, try) {
			break
		}
		if err := sleep(ctx, 100*time.Millisecond<<try); err != nil {
			return err
		}
	}
	if ctx.Err() == nil {
		err = cmp.Or(objectstore.Intact(body), err) // a body that changed is refused by the server, for its checksum
	}
	return err
}

// reachesEnd sees that a body is not shorter than it says: there are servers
// that take a request cut short for a whole one if its checksum fits.
func reachesEnd(body objectstore.Body) error {
	if body.Size() == 0 {
		return nil
	}
	var last [1]byte
	if n, err := body.ReadAt(last[:], body.Size()-1); n == 1 {
		return nil
	} else if err != io.EOF {
		return fmt.Errorf("read body: %w", err)
	}
	return objectstore.ErrChanged
}

func (s *Store) send(ctx context.Context, key objectstore.Key, body objectstore.Body, src *source) error {
	if body.Size() > s.singlePut {
		return s.multipart(ctx, key, body, src)
	}
	return s.single(ctx, key, body, src)
}

// again reports whether to send at once again after a failure: a broken
// connection once, a conflict with another writer a few times.
func again(err error, try int) bool {
	switch {
	case errors.Is(err, errConflict):
		return try < 4
	case errors.Is(err, errTooSlow):
		return false
	}
	return errors.Is(err, objectstore.ErrUnavailable) && try < 1
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// source reads a body for a request, and remembers its error apart from the
// network's.
type source struct {
	r     *io.SectionReader
	mutex sync.Mutex // the request may read on after it has failed
	err   error
}

func (s *source) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	if err != nil && err != io.EOF {
		s.mutex.Lock()
		s.err = err
		s.mutex.Unlock()
	}
	return n, err
}

func (s *source) failed() error {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.err
}

// single sends the object in one request.
func (s *Store) single(ctx context.Context, key objectstore.Key, body objectstore.Body, src *source) error {
	actx, cancel := s.attempt(ctx, body.Size())
	defer cancel()
	opts := options(body)
	opts.UserMetadata["x-amz-checksum-sha256"] = encode(body.Digest())
	opts.DisableContentSha256 = true // the hash of the whole is signed instead of that of each chunk
	opts.SetMatchETagExcept("*")
	_, err := s.core.PutObject(actx, s.bucket, s.name(key), src, body.Size(), "", body.Digest().String(), opts)
	return s.classify(ctx, err)
}

func options(body objectstore.Body) minio.PutObjectOptions {
	return minio.PutObjectOptions{ContentType: "application/octet-stream", UserMetadata: map[string]string{digestMeta: body.Digest().String()}}
}

func encode(d objectstore.Digest) string { return base64.StdEncoding.EncodeToString(d[:]) }

// multipart sends the object in parts and leaves none behind if it fails.
func (s *Store) multipart(ctx context.Context, key objectstore.Key, body objectstore.Body, src *source) error {
	id, err := s.begin(ctx, key, body)
	if err != nil {
		return err
	}
	parts, err := s.sendParts(ctx, key, id, body, src)
	if err == nil {
		err = s.finish(ctx, key, id, parts)
	}
	if err != nil {
		s.abort(ctx, key, id)
	}
	return err
}

func (s *Store) begin(ctx context.Context, key objectstore.Key, body objectstore.Body) (id string, err error) {
	actx, cancel := s.attempt(ctx, 0)
	defer cancel()
	opts := options(body)
	opts.UserMetadata["x-amz-checksum-algorithm"] = "SHA256"
	id, err = s.core.NewMultipartUpload(actx, s.bucket, s.name(key), opts)
	return id, s.classify(ctx, err)
}

// sendParts sends the parts one after the other. The digest of all that was
// read must be the body's before the upload may be completed.
func (s *Store) sendParts(ctx context.Context, key objectstore.Key, id string, body objectstore.Body, src *source) ([]minio.CompletePart, error) {
	whole := sha256.New()
	var parts []minio.CompletePart
	for at := int64(0); at < body.Size(); at += s.partSize {
		size := min(s.partSize, body.Size()-at)
		part := sha256.New()
		if _, err := io.CopyN(io.MultiWriter(part, whole), src, size); err != nil {
			return nil, err
		}
		piece := objectstore.NewBody(io.NewSectionReader(body, at, size), size, objectstore.Digest(part.Sum(nil)))
		done, err := s.sendPart(ctx, key, id, len(parts)+1, piece)
		if err != nil {
			return nil, err
		}
		parts = append(parts, done)
	}
	if objectstore.Digest(whole.Sum(nil)) != body.Digest() {
		return nil, objectstore.ErrChanged
	}
	return parts, nil
}

func (s *Store) sendPart(ctx context.Context, key objectstore.Key, id string, number int, part objectstore.Body) (minio.CompletePart, error) {
	actx, cancel := s.attempt(ctx, part.Size())
	defer cancel()
	sum := encode(part.Digest())
	p, err := s.core.PutObjectPart(actx, s.bucket, s.name(key), id, number, objectstore.Reader(part), part.Size(), minio.PutObjectPartOptions{
		Sha256Hex: part.Digest().String(), DisableContentSha256: true, CustomHeader: http.Header{"X-Amz-Checksum-Sha256": {sum}},
	})
	if err != nil {
		return minio.CompletePart{}, s.classify(ctx, err)
	}
	return minio.CompletePart{PartNumber: number, ETag: p.ETag, ChecksumSHA256: sum}, nil
}

func (s *Store) finish(ctx context.Context, key objectstore.Key, id string, parts []minio.CompletePart) error {
	actx, cancel := s.attempt(ctx, s.partSize*int64(len(parts)))
	defer cancel()
	var opts minio.PutObjectOptions
	opts.SetMatchETagExcept("*")
	_, err := s.core.CompleteMultipartUpload(actx, s.bucket, s.name(key), id, parts, opts)
	return s.classify(ctx, err)
}

// abort gives the parts back, even when the caller's context has ended. Where
// it fails the bucket's own rule for incomplete uploads must clear them.
func (s *Store) abort(ctx context.Context, key objectstore.Key, id string) {
	actx, cancel := s.attempt(context.WithoutCancel(ctx), 0)
	defer cancel()
	_ = s.core.AbortMultipartUpload(actx, s.bucket, s.name(key), id)
}

// AbortStale gives back the parts of uploads that were begun longer ago than
// age and never ended, as a process that was killed leaves them, and reports
// how many uploads those were. An age of a day is far above what an upload of
// another process still under way can have.
func (s *Store) AbortStale(ctx context.Context, age time.Duration) (aborted int, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // ends the listing, should an error leave it early
	for u := range s.core.ListIncompleteUploads(ctx, s.bucket, s.prefix, true) {
		if u.Err != nil {
			return aborted, fmt.Errorf("list unfinished uploads: %w", s.classify(ctx, u.Err))
		}
		if time.Since(u.Initiated) < age {
			continue
		}
		if err := s.core.AbortMultipartUpload(ctx, s.bucket, u.Key, u.UploadID); err != nil {
			return aborted, fmt.Errorf("abort unfinished upload: %w", s.classify(ctx, err))
		}
		aborted++
	}
	return aborted, nil
}
