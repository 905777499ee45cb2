// Package s3 keeps objects in a bucket of a server that speaks Amazon's S3
// protocol.
//
// It trusts the server with as little as possible. The SHA-256 of what is put
// is known before the first byte leaves, is signed with the request, sent as
// the checksum the server must verify (x-amz-checksum-sha256), and kept with
// the object as metadata. A put is conditional (If-None-Match: *), so that
// nothing is ever overwritten. When the server has said yes the object is read
// back and compared, for there are servers that say yes to what they do not
// keep.
//
// Every attempt has a deadline: 30 seconds and a second for each megabyte. A
// broken upload is tried once more and then reported as
// objectstore.ErrUnavailable: whoever calls keeps the source and comes back
// later, for hours or days.
//
// The server must honour If-None-Match on PUT and on the completion of
// multipart uploads (Amazon since 2024, MinIO, versitygw from 1.8; not every
// other); Check finds out. A yes from a server does not mean that it has synced
// its disks; whether it survives a power cut is its operator's to know.
package s3

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"iter"
	"net"
	"net/url"
	"strings"
	"time"

	"chartroom/objectstore"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

// Config says where the bucket is. Endpoint, Bucket, AccessKey and SecretKey
// have no defaults.
type Config struct {
	// Endpoint is the server's address, as https://host[:port] or host[:port].
	// http:// is taken for this machine's own addresses only, unless PlainHTTP.
	Endpoint string
	// Bucket must exist.
	Bucket string
	// Prefix goes before every key, such as "chartroom/". A slash is added to
	// its end if missing.
	Prefix string
	// Region signs the requests. Empty asks the server for it.
	Region string
	// AccessKey and SecretKey are the credentials.
	AccessKey string
	SecretKey objectstore.Secret
	// CAFile holds certificates, in PEM, to trust beside the system's.
	CAFile string
	// Style says where the bucket's name stands in URLs: "path", "host", or
	// "auto" (the default): host at Amazon and its like, path elsewhere.
	Style string
	// PlainHTTP allows sending objects unencrypted over a network.
	PlainHTTP bool

	// SinglePut is the size in bytes up to which an object goes in one
	// request; 64 MiB if 0. PartSize is the size of parts above; 16 MiB if 0.
	SinglePut, PartSize int64
	// Patience is what an attempt may take beside a second for each megabyte,
	// and how long a transfer may stand still; 30 s if 0.
	Patience time.Duration
}

// Store is an objectstore.Store in a bucket.
type Store struct {
	core      minio.Core
	bucket    string
	prefix    string
	singlePut int64
	partSize  int64
	patience  time.Duration
	transport *transport
}

var _ objectstore.Store = (*Store)(nil)

// digestMeta is the object's metadata in which its SHA-256 stands, in hex:
// unlike the checksum header it is kept by every server, and for multipart
// uploads too.
const digestMeta = "Chartroom-Sha256"

// Open prepares a store. It reads the CA file but sends nothing: whether the
// bucket can be used is for Check to say.
func Open(c Config) (*Store, error) {
	s, err := open(c)
	if err != nil {
		return nil, fmt.Errorf("open S3 store: %w", err)
	}
	return s, nil
}

func open(c Config) (*Store, error) {
	host, secure, err := address(c)
	if err != nil {
		return nil, err
	}
	if err := complete(c); err != nil {
		return nil, err
	}
	lookup, ok := map[string]minio.BucketLookupType{"": minio.BucketLookupAuto, "auto": minio.BucketLookupAuto, "path": minio.BucketLookupPath, "host": minio.BucketLookupDNS}[c.Style]
	if !ok {
		return nil, fmt.Errorf("style %q is not auto, path or host", c.Style)
	}
	s := &Store{bucket: c.Bucket, prefix: c.Prefix, singlePut: orElse(c.SinglePut, 64<<20), partSize: orElse(c.PartSize, 16<<20), patience: orElse(c.Patience, 30*time.Second)}
	if s.prefix != "" && !strings.HasSuffix(s.prefix, "/") {
		s.prefix += "/"
	}
	if s.transport, err = newTransport(c.CAFile, s.patience); err != nil {
		return nil, err
	}
	core, err := minio.NewCore(host, &minio.Options{
		Creds: credentials.NewStaticV4(c.AccessKey, c.SecretKey.Reveal(), ""), Secure: secure, Transport: s.transport,
		Region: c.Region, BucketLookup: lookup, MaxRetries: 1, // it would read a body again that the last request may still be reading
	})
	if err != nil {
		return nil, err
	}
	s.core = *core
	return s, nil
}

func orElse[T comparable](v, otherwise T) T {
	var zero T
	if v == zero {
		return otherwise
	}
	return v
}

// complete reports what a configuration lacks.
func complete(c Config) error {
	switch {
	case c.Bucket == "":
		return errors.New("no bucket given")
	case c.AccessKey == "" || c.SecretKey.IsZero():
		return errors.New("no credentials given")
	case c.PartSize != 0 && c.PartSize < 5<<20:
		return errors.New("parts are smaller than the 5 MiB that S3 asks for")
	}
	if err := objectstore.ValidatePrefix(c.Prefix); err != nil {
		return fmt.Errorf("prefix: %w", err)
	}
	return nil
}

// address splits the endpoint into its host and whether it is spoken to by TLS.
func address(c Config) (host string, secure bool, err error) {
	if c.Endpoint == "" {
		return "", false, errors.New("no endpoint given")
	}
	if !strings.Contains(c.Endpoint, "://") {
		return c.Endpoint, true, nil
	}
	u, err := url.Parse(c.Endpoint)
	if err != nil {
		return "", false, errors.New("the endpoint is not an address")
	}
	if u.Host == "" || u.User != nil || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" {
		return "", false, errors.New("the endpoint has more than scheme, host and port")
	}
	switch {
	case u.Scheme == "https":
		return u.Host, true, nil
	case u.Scheme == "http" && (c.PlainHTTP || loopback(u.Hostname())):
		return u.Host, false, nil
	case u.Scheme == "http":
		return "", false, errors.New("the endpoint is not encrypted (http://): use https://, or allow plain HTTP")
	}
	return "", false, fmt.Errorf("the endpoint's scheme is %q", u.Scheme)
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

func (s *Store) name(key objectstore.Key) string { return s.prefix + string(key) }

// attempt bounds one transfer of size bytes.
func (s *Store) attempt(ctx context.Context, size int64) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, s.patience+time.Duration(size/1_000_000)*time.Second, errTooSlow)
}

var errTooSlow = errors.New("the transfer took too long")

// Stat is objectstore.Store's.
func (s *Store) Stat(ctx context.Context, key objectstore.Key) (objectstore.Info, error) {
	info, err := s.stat(ctx, key)
	if errors.Is(err, objectstore.ErrNotFound) {
		err = errors.Join(s.bucketMissing(ctx), err)
	}
	if err != nil {
		return objectstore.Info{}, fmt.Errorf("stat %q: %w", key, err)
	}
	return info, nil
}

// bucketMissing tells whether an object is missing because its bucket is: the
// answer to a HEAD does not say.
func (s *Store) bucketMissing(ctx context.Context) error {
	actx, cancel := s.attempt(ctx, 0)
	defer cancel()
	exists, err := s.core.BucketExists(actx, s.bucket)
	if err == nil && !exists {
		return fmt.Errorf("%w: bucket %q does not exist", objectstore.ErrDenied, s.bucket)
	}
	return s.classify(ctx, err)
}

func (s *Store) stat(ctx context.Context, key objectstore.Key) (objectstore.Info, error) {
	if err := key.Validate(); err != nil {
		return objectstore.Info{}, err
	}
	actx, cancel := s.attempt(ctx, 0)
	defer cancel()
	var opts minio.StatObjectOptions
	opts.Set("x-amz-checksum-mode", "ENABLED")
	o, err := s.core.StatObject(actx, s.bucket, s.name(key), opts)
	if err != nil {
		return objectstore.Info{}, s.classify(ctx, err)
	}
	return info(key, o), nil
}

// info makes the Info of an object from its headers.
func info(key objectstore.Key, o minio.ObjectInfo) objectstore.Info {
	i := objectstore.Info{Key: key, Size: o.Size, Modified: o.LastModified}
	d, err := hex.DecodeString(o.UserMetadata[digestMeta])
	if err != nil || len(d) == 0 {
		d, err = base64.StdEncoding.DecodeString(o.ChecksumSHA256)
	}
	if err == nil && len(d) == len(i.Digest) {
		i.Digest = objectstore.Digest(d)
	}
	return i
}

// Open is objectstore.Store's. A transfer that stands still for Config.Patience
// ends in ErrUnavailable.
func (s *Store) Open(ctx context.Context, key objectstore.Key) (io.ReadCloser, objectstore.Info, error) {
	r, info, err := s.get(ctx, key)
	if err != nil {
		return nil, objectstore.Info{}, fmt.Errorf("open %q: %w", key, err)
	}
	return r, info, nil
}

func (s *Store) get(ctx context.Context, key objectstore.Key) (io.ReadCloser, objectstore.Info, error) {
	if err := key.Validate(); err != nil {
		return nil, objectstore.Info{}, err
	}
	w := watch(ctx, s.patience)
	var opts minio.GetObjectOptions
	opts.Set("x-amz-checksum-mode", "ENABLED")
	var o minio.ObjectInfo
	var body io.ReadCloser
	err := w.during(func() (err error) {
		body, o, _, err = s.core.GetObject(w.ctx, s.bucket, s.name(key), opts)
		return err
	})
	if err != nil {
		w.cancel(nil)
		return nil, objectstore.Info{}, s.classify(ctx, err)
	}
	i := info(key, o)
	var digests []objectstore.Digest
	if !i.Digest.IsZero() {
		digests = append(digests, i.Digest)
	}
	return objectstore.Verified(&download{s, ctx, w, body}, i.Size, digests...), i, nil
}

// download is the body of an answer, with errors by their kind.
type download struct {
	s    *Store
	ctx  context.Context // the caller's
	w    *watched
	body io.ReadCloser
}

func (d *download) Read(p []byte) (n int, err error) {
	err = d.w.during(func() (err error) {
		n, err = d.body.Read(p)
		return err
	})
	if err != nil && err != io.EOF {
		err = d.s.classify(d.ctx, err)
	}
	return n, err
}

func (d *download) Close() error {
	d.w.cancel(nil) // first, so that closing does not read on to keep the connection
	d.body.Close()
	return nil
}

// List is objectstore.Store's. What lies in the bucket under names that are no
// keys is passed over.
func (s *Store) List(ctx context.Context, prefix string) iter.Seq2[objectstore.Info, error] {
	return func(yield func(objectstore.Info, error) bool) {
		if err := s.list(ctx, prefix, yield); err != nil {
			yield(objectstore.Info{}, fmt.Errorf("list %q: %w", prefix, err))
		}
	}
}

func (s *Store) list(ctx context.Context, prefix string, yield func(objectstore.Info, error) bool) error {
	if err := objectstore.ValidatePrefix(prefix); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	w := watch(ctx, s.patience)
	defer w.cancel(nil)
	w.start()
	for o := range s.core.ListObjectsIter(w.ctx, s.bucket, minio.ListObjectsOptions{Prefix: s.prefix + prefix, Recursive: true}) {
		w.stop()
		if o.Err != nil {
			return s.classify(ctx, w.reason(o.Err))
		}
		key := objectstore.Key(strings.TrimPrefix(o.Key, s.prefix))
		if key.Validate() == nil && !yield(objectstore.Info{Key: key, Size: o.Size, Modified: o.LastModified}, nil) {
			return nil
		}
		w.start()
	}
	w.stop()
	return s.classify(ctx, w.reason(w.ctx.Err()))
}

// Check is objectstore.Store's.
func (s *Store) Check(ctx context.Context) error {
	err := s.bucketMissing(ctx)
	if err == nil {
		err = objectstore.Probe(ctx, unseeing{s}, s.remove)
	}
	if skew := s.Skew(); err != nil && skew.Abs() > time.Minute {
		return fmt.Errorf("%w (this machine's clock is %s the server's)", err, skewText(skew))
	}
	return err
}

// unseeing is the store as Check probes it: it does not look before it puts, so
// that the probe meets the server's own refusal to overwrite.
type unseeing struct{ *Store }

func (u unseeing) Put(ctx context.Context, key objectstore.Key, body objectstore.Body) error {
	return u.putUnseen(ctx, key, body)
}

// remove takes a probe away. Where that is not allowed, as it should not be for
// what must never be lost, the probe stays.
func (s *Store) remove(ctx context.Context, key objectstore.Key) error {
	actx, cancel := s.attempt(ctx, 0)
	defer cancel()
	err := s.classify(ctx, s.core.RemoveObject(actx, s.bucket, s.name(key), minio.RemoveObjectOptions{}))
	if err == nil || errors.Is(err, objectstore.ErrDenied) {
		return nil
	}
	return fmt.Errorf("remove probe: %w", err)
}

// Skew is how far this machine's clock is ahead of the server's, as the last
// answer told, to about a second. Servers refuse requests from 15 minutes on.
func (s *Store) Skew() time.Duration { return time.Duration(s.transport.skew.Load()) }

func skewText(d time.Duration) string {
	unit := time.Second
	if d.Abs() > 2*time.Minute {
		unit = time.Minute // the Date header itself is a second coarse
	}
	if d < 0 {
		return (-d).Round(unit).String() + " behind"
	}
	return d.Round(unit).String() + " ahead of"
}
