package s3

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	"chartroom/objectstore"

	"github.com/minio/minio-go/v7"
)

// errConflict is the server's word for two writers at the same moment: ask
// again at once.
var errConflict = fmt.Errorf("%w: a conflicting request is in progress", objectstore.ErrUnavailable)

// classify puts an error of the client under the contract's name for it. The
// end of the caller's own context stays what it is; the end of an attempt's
// does not look like one.
func (s *Store) classify(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if ctx.Err() != nil && !errors.Is(context.Cause(ctx), errTooSlow) {
		return ctx.Err()
	}
	if timeout, ok := errors.AsType[net.Error](err); ctx.Err() != nil || ok && timeout.Timeout() {
		return fmt.Errorf("%w: %w", objectstore.ErrUnavailable, errTooSlow)
	}
	if answer, ok := errors.AsType[minio.ErrorResponse](err); ok {
		return s.classifyAnswer(answer)
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return fmt.Errorf("%w: the server's certificate is not trusted: %v", objectstore.ErrDenied, err)
	}
	if strings.Contains(err.Error(), "server gave HTTP response to HTTPS client") {
		return fmt.Errorf("%w: the server does not speak TLS", objectstore.ErrDenied)
	}
	return fmt.Errorf("%w: %v", objectstore.ErrUnavailable, err)
}

// byCode names the answers whose code says more than their status.
var byCode = map[string]error{
	minio.NoSuchKey:                objectstore.ErrNotFound,
	"NotFound":                     objectstore.ErrNotFound,
	minio.PreconditionFailed:       objectstore.ErrExists,
	"ConditionalRequestConflict":   errConflict,
	"OperationAborted":             errConflict,
	minio.NoSuchBucket:             objectstore.ErrDenied,
	"InvalidBucketName":            objectstore.ErrDenied,
	"PermanentRedirect":            objectstore.ErrDenied,
	"AuthorizationHeaderMalformed": objectstore.ErrDenied, // the region is wrong
	"InvalidRegion":                objectstore.ErrDenied,
	"NoSuchUpload":                 objectstore.ErrUnavailable, // somebody cleared the parts: begin again
	"XMinioStorageFull":            objectstore.ErrFull,
	"QuotaExceeded":                objectstore.ErrFull,
	"BadDigest":                    objectstore.ErrUnavailable, // damaged on its way
	"XAmzContentSHA256Mismatch":    objectstore.ErrUnavailable,
	"IncompleteBody":               objectstore.ErrUnavailable,
	"RequestTimeout":               objectstore.ErrUnavailable,
	"SlowDown":                     objectstore.ErrUnavailable,
}

var byStatus = map[int]error{
	http.StatusBadRequest:          objectstore.ErrDenied, // region, clock or signature, where the answer has no code
	http.StatusNotFound:            objectstore.ErrDenied, // not the object: its code is NoSuchKey. The user, perhaps
	http.StatusPreconditionFailed:  objectstore.ErrExists,
	http.StatusConflict:            errConflict,
	http.StatusUnauthorized:        objectstore.ErrDenied,
	http.StatusForbidden:           objectstore.ErrDenied,
	http.StatusMethodNotAllowed:    objectstore.ErrDenied,
	http.StatusMovedPermanently:    objectstore.ErrDenied,
	http.StatusTemporaryRedirect:   objectstore.ErrUnavailable,
	http.StatusNotImplemented:      objectstore.ErrDenied, // conditional writes, most likely
	http.StatusInsufficientStorage: objectstore.ErrFull,
	http.StatusRequestTimeout:      objectstore.ErrUnavailable,
	http.StatusTooManyRequests:     objectstore.ErrUnavailable,
}

func (s *Store) classifyAnswer(a minio.ErrorResponse) error {
	kind, ok := byCode[a.Code]
	if !ok {
		kind, ok = byStatus[a.StatusCode]
	}
	if !ok && a.StatusCode >= 500 {
		kind, ok = objectstore.ErrUnavailable, true
	}
	text := strings.TrimSuffix(a.Message, ".")
	if !strings.Contains(text, a.Code) {
		text += fmt.Sprintf(" (%d %s)", a.StatusCode, a.Code)
	}
	switch skew := s.Skew(); {
	case !ok:
		return errors.New(text)
	case a.Code == minio.NoSuchBucket:
		text = fmt.Sprintf("bucket %q does not exist", s.bucket)
	case errors.Is(kind, objectstore.ErrDenied) && skew.Abs() > 5*time.Minute:
		text += fmt.Sprintf("; this machine's clock is %s the server's", skewText(skew))
	}
	return fmt.Errorf("%w: %s", kind, text)
}
