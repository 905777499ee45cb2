package s3_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"chartroom/objectstore"
	"chartroom/objectstore/s3"
	"chartroom/objectstore/storetest"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

// broken is a store whose way to a real server can be broken.
func broken(t *testing.T) (*s3.Store, *storetest.Proxy, *storetest.Server) {
	t.Helper()
	server := storetest.StartVersityGW(t)
	proxy := storetest.StartProxy(t, server)
	c := config(server)
	c.Endpoint, c.Patience = proxy.URL, time.Second
	return open(t, c), proxy, server
}

func put(t *testing.T, s objectstore.Store, key objectstore.Key, content []byte) error {
	t.Helper()
	return s.Put(t.Context(), key, objectstore.BytesBody(content))
}

func TestNoFaultOfAPutIsTakenForSuccess(t *testing.T) {
	t.Parallel()
	s, proxy, _ := broken(t)
	content := storetest.Content(1, 1<<20)
	for i, c := range []struct {
		name  string
		fault storetest.Fault
		want  error
	}{
		{"503 for everything", storetest.Status(503), objectstore.ErrUnavailable},
		{"503 for PUT", storetest.Only("PUT", storetest.Status(503)), objectstore.ErrUnavailable},
		{"500 for PUT", storetest.Only("PUT", storetest.Status(500)), objectstore.ErrUnavailable},
		{"429 for PUT", storetest.Only("PUT", storetest.Status(429)), objectstore.ErrUnavailable},
		{"409 for PUT", storetest.Only("PUT", storetest.Status(409)), objectstore.ErrUnavailable},
		{"403 for everything", storetest.Status(403), objectstore.ErrDenied},
		{"403 for PUT", storetest.Only("PUT", storetest.Status(403)), objectstore.ErrDenied},
		{"501 for PUT", storetest.Only("PUT", storetest.Status(501)), objectstore.ErrDenied},
		{"507 for PUT", storetest.Only("PUT", storetest.Status(507)), objectstore.ErrFull},
		{"a stall", storetest.Stall, objectstore.ErrUnavailable},
		{"a stall after PUT", storetest.Only("PUT", storetest.Stall), objectstore.ErrUnavailable},
		{"a stall while reading back", storetest.Only("GET", storetest.Stall), objectstore.ErrUnavailable},
		{"the request cut at once", storetest.Only("PUT", storetest.CutRequest(0)), objectstore.ErrUnavailable},
		{"the request cut in the middle", storetest.Only("PUT", storetest.CutRequest(500_000)), objectstore.ErrUnavailable},
		{"the answer cut while reading back", storetest.Only("GET", storetest.CutAnswer(500_000)), objectstore.ErrUnavailable},
		{"wrong bytes when read back", storetest.Only("GET", storetest.Garble), objectstore.ErrCorrupt},
		{"a yes without storing", storetest.Only("PUT", storetest.Status(200)), objectstore.ErrUnavailable},
		{"taken, but by nothing", storetest.Only("PUT", storetest.Status(412)), objectstore.ErrUnavailable},
		{"403 while reading back", storetest.Only("GET", storetest.Status(403)), objectstore.ErrDenied},
	} {
		t.Run(c.name, func(t *testing.T) {
			key := objectstore.Key(fmt.Sprintf("fault/%02d", i))
			proxy.Break(c.fault)
			start := time.Now()
			if err := put(t, s, key, content); !errors.Is(err, c.want) {
				t.Errorf("put: %v, want %v", err, c.want)
			}
			if took := time.Since(start); took > 6*time.Second {
				t.Errorf("that took %s", took)
			}
			proxy.Break(nil)
			storetest.MustPut(t, s, key, content)
			storetest.MustHold(t, s, key, content)
		})
	}
}

func TestNoFaultOfAReadIsTakenForTheEnd(t *testing.T) {
	t.Parallel()
	s, proxy, _ := broken(t)
	content := storetest.Content(1, 1<<20)
	storetest.MustPut(t, s, "a/x", content)
	for name, c := range map[string]struct {
		fault storetest.Fault
		want  error
	}{
		"503":      {storetest.Status(503), objectstore.ErrUnavailable},
		"403":      {storetest.Status(403), objectstore.ErrDenied},
		"404":      {storetest.Status(404), objectstore.ErrNotFound},
		"stall":    {storetest.Stall, objectstore.ErrUnavailable},
		"cut":      {storetest.CutAnswer(1000), objectstore.ErrUnavailable},
		"cut late": {storetest.CutAnswer(len(content) - 1), objectstore.ErrUnavailable},
		"garbled":  {storetest.Garble, objectstore.ErrCorrupt},
		"half, and then a stall": {func(w http.ResponseWriter, r *http.Request, pass http.Handler) {
			pass.ServeHTTP(staller{w, r.Context()}, r)
		}, objectstore.ErrUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			proxy.Break(c.fault)
			if err := readAll(t, s, "a/x"); !errors.Is(err, c.want) {
				t.Errorf("read: %v, want %v", err, c.want)
			}
			proxy.Break(nil)
			storetest.MustHold(t, s, "a/x", content)
		})
	}
}

// staller lets the first bytes of an answer through and then nothing.
type staller struct {
	http.ResponseWriter
	ctx context.Context
}

func (s staller) Write(b []byte) (int, error) {
	_, _ = s.ResponseWriter.Write(b[:len(b)/2])
	_ = http.NewResponseController(s.ResponseWriter).Flush()
	<-s.ctx.Done()
	return 0, s.ctx.Err()
}

func readAll(t *testing.T, s objectstore.Store, key objectstore.Key) error {
	t.Helper()
	r, _, err := s.Open(t.Context(), key)
	if err != nil {
		return err
	}
	defer r.Close()
	_, err = io.Copy(io.Discard, r)
	return err
}

func TestASlowReaderIsNotAStall(t *testing.T) {
	t.Parallel()
	s, _, _ := broken(t)
	storetest.MustPut(t, s, "a/x", storetest.Content(1, 4<<20))
	r, _, err := s.Open(t.Context(), "a/x")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if _, err := io.CopyN(io.Discard, r, 1000); err != nil {
		t.Fatal(err)
	}
	time.Sleep(1500 * time.Millisecond) // longer than the store's patience
	if n, err := io.Copy(io.Discard, r); err != nil {
		t.Errorf("after %d more bytes: %v", n, err)
	}
}

func TestASlowReaderOfAListIsNotAStall(t *testing.T) {
	t.Parallel()
	s, _, _ := broken(t)
	storetest.MustPut(t, s, "a/1", []byte("x"))
	storetest.MustPut(t, s, "a/2", []byte("x"))
	n := 0
	for _, err := range s.List(t.Context(), "a/") {
		if err != nil {
			t.Fatal(err)
		}
		if n++; n == 1 {
			time.Sleep(1500 * time.Millisecond)
		}
	}
	if n != 2 {
		t.Errorf("%d of 2 listed", n)
	}
}

func TestAnAnswerLostAfterStoringIsStillSuccess(t *testing.T) {
	t.Parallel()
	s, proxy, _ := broken(t)
	content := storetest.Content(1, 100_000)
	var first atomic.Bool
	proxy.Break(storetest.Only("PUT", func(w http.ResponseWriter, r *http.Request, pass http.Handler) {
		pass.ServeHTTP(w, r)
		if first.CompareAndSwap(false, true) {
			panic(http.ErrAbortHandler)
		}
	}))
	if err := put(t, s, "a/x", content); err != nil {
		t.Errorf("put: %v", err)
	}
	storetest.MustHold(t, s, "a/x", content)
}

func TestAConflictIsAskedAgain(t *testing.T) {
	t.Parallel()
	s, proxy, _ := broken(t)
	var n atomic.Int32
	proxy.Break(storetest.Only("PUT", func(w http.ResponseWriter, r *http.Request, pass http.Handler) {
		if n.Add(1) <= 2 {
			w.WriteHeader(http.StatusConflict)
			return
		}
		pass.ServeHTTP(w, r)
	}))
	storetest.MustPut(t, s, "a/x", []byte("x"))
	if n.Load() != 3 {
		t.Errorf("%d requests", n.Load())
	}
}

func TestAFailedUploadInPartsLeavesNone(t *testing.T) {
	t.Parallel()
	server := storetest.StartVersityGW(t)
	proxy := storetest.StartProxy(t, server)
	c := config(server)
	c.Endpoint, c.Patience, c.SinglePut, c.PartSize = proxy.URL, 2*time.Second, 1<<20, 5<<20
	s := open(t, c)
	content := storetest.Content(1, 12<<20)
	for name, fault := range map[string]storetest.Fault{
		"a part is refused": func(w http.ResponseWriter, r *http.Request, pass http.Handler) {
			if r.URL.Query().Get("partNumber") == "2" {
				w.WriteHeader(http.StatusServiceUnavailable)
				return
			}
			pass.ServeHTTP(w, r)
		},
		"the end is refused": func(w http.ResponseWriter, r *http.Request, pass http.Handler) {
			if r.Method == http.MethodPost && r.URL.Query().Has("uploadId") {
				w.WriteHeader(http.StatusServiceUnavailable)
				return
			}
			pass.ServeHTTP(w, r)
		},
	} {
		proxy.Break(fault)
		if err := put(t, s, "a/x", content); !errors.Is(err, objectstore.ErrUnavailable) {
			t.Errorf("%s: %v", name, err)
		}
		noParts(t, server, name)
	}
	proxy.Break(nil)
	endWhileSending(t, s, proxy, content)
	noParts(t, server, "the context ended")
	proxy.Break(nil)
	storetest.MustPut(t, s, "a/x", content)
	storetest.MustHold(t, s, "a/x", content)
}

func TestStaleUploadsAreGivenBack(t *testing.T) {
	t.Parallel()
	server := storetest.StartVersityGW(t)
	proxy := storetest.StartProxy(t, server)
	c := config(server)
	c.Endpoint, c.SinglePut, c.PartSize = proxy.URL, 1<<20, 5<<20
	s := open(t, c)
	proxy.Break(func(w http.ResponseWriter, r *http.Request, pass http.Handler) {
		if r.Method == http.MethodDelete || r.URL.Query().Get("partNumber") == "2" {
			w.WriteHeader(http.StatusForbidden) // as if the process had died here
			return
		}
		pass.ServeHTTP(w, r)
	})
	if err := put(t, s, "a/x", storetest.Content(1, 12<<20)); !errors.Is(err, objectstore.ErrDenied) {
		t.Fatalf("put: %v", err)
	}
	proxy.Break(nil)
	for _, step := range []struct {
		age  time.Duration
		want int
	}{{time.Hour, 0}, {0, 1}, {0, 0}} {
		if n, err := s.AbortStale(t.Context(), step.age); n != step.want || err != nil {
			t.Errorf("older than %s: %d, %v, want %d", step.age, n, err, step.want)
		}
	}
	noParts(t, server, "given back")
}

// endWhileSending ends the caller's context with the second part.
func endWhileSending(t *testing.T, s objectstore.Store, proxy *storetest.Proxy, content []byte) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	proxy.Break(func(w http.ResponseWriter, r *http.Request, pass http.Handler) {
		if r.URL.Query().Get("partNumber") == "2" {
			cancel()
		}
		pass.ServeHTTP(w, r)
	})
	if err := s.Put(ctx, "a/x", objectstore.BytesBody(content)); !errors.Is(err, context.Canceled) {
		t.Errorf("context ended: %v", err)
	}
}

func noParts(t *testing.T, server *storetest.Server, after string) {
	t.Helper()
	left, err := filepath.Glob(filepath.Join(server.Root, server.Bucket, ".sgwtmp", "multipart", "*", "*"))
	if err != nil || len(left) > 0 {
		t.Errorf("%s: left %q, %v", after, left, err)
	}
}

func TestAStoppedServerIsUnavailableAndComesBack(t *testing.T) {
	t.Parallel()
	server := storetest.StartVersityGW(t)
	s := open(t, config(server))
	storetest.MustPut(t, s, "a/before", []byte("before"))
	server.Stop()
	if err := put(t, s, "a/during", []byte("during")); !errors.Is(err, objectstore.ErrUnavailable) {
		t.Errorf("put: %v", err)
	}
	if err := readAll(t, s, "a/before"); !errors.Is(err, objectstore.ErrUnavailable) {
		t.Errorf("read: %v", err)
	}
	for _, err := range s.List(t.Context(), "") {
		if !errors.Is(err, objectstore.ErrUnavailable) {
			t.Errorf("list: %v", err)
		}
	}
	server.Start(t)
	storetest.MustPut(t, s, "a/during", []byte("during"))
	storetest.MustHold(t, s, "a/before", []byte("before"))
}

func TestWrongSettingsAreDenied(t *testing.T) {
	t.Parallel()
	server := storetest.StartVersityGW(t)
	other := storetest.NewCertificate(t, t.TempDir())
	for name, change := range map[string]func(*s3.Config){
		"wrong secret":       func(c *s3.Config) { c.SecretKey = objectstore.NewSecret("wrong-secret") },
		"unknown access key": func(c *s3.Config) { c.AccessKey = "nobody" },
		"missing bucket":     func(c *s3.Config) { c.Bucket = "elsewhere" },
		"unknown authority":  func(c *s3.Config) { c.CAFile = "" },
		"other authority":    func(c *s3.Config) { c.CAFile = other.CAFile },
		"wrong region":       func(c *s3.Config) { c.Region = "mars-1" },
	} {
		t.Run(name, func(t *testing.T) {
			c := config(server)
			change(&c)
			s := open(t, c)
			_, statErr := s.Stat(t.Context(), "a/x")
			for what, err := range map[string]error{"put": put(t, s, "a/x", []byte("x")), "read": readAll(t, s, "a/x"), "check": s.Check(t.Context()), "stat": statErr} {
				if !errors.Is(err, objectstore.ErrDenied) {
					t.Errorf("%s: %v", what, err)
				} else if strings.Contains(err.Error(), c.SecretKey.Reveal()) {
					t.Errorf("%s tells the secret: %v", what, err)
				}
			}
		})
	}
}

func TestAWrongClockIsNamed(t *testing.T) {
	t.Parallel()
	s, proxy, _ := broken(t)
	proxy.Break(func(w http.ResponseWriter, r *http.Request, _ http.Handler) {
		w.Header().Set("Date", time.Now().Add(17*time.Minute).UTC().Format(http.TimeFormat))
		w.WriteHeader(http.StatusForbidden)
		_, _ = io.WriteString(w, `<Error><Code>RequestTimeTooSkewed</Code><Message>too skewed</Message></Error>`)
	})
	err := s.Check(t.Context())
	if !errors.Is(err, objectstore.ErrDenied) || !strings.Contains(err.Error(), "clock is 17m0s behind the server's") {
		t.Errorf("check: %v", err)
	}
}

func TestCheckFindsOutThatTheServerOverwrites(t *testing.T) {
	t.Parallel()
	s, proxy, server := broken(t)
	plain, err := minio.New(strings.TrimPrefix(server.Endpoint, "https://"), &minio.Options{
		Creds: credentials.NewStaticV4(server.AccessKey, server.SecretKey, ""), Secure: true, Region: server.Region, Transport: server.Transport()})
	if err != nil {
		t.Fatal(err)
	}
	proxy.Break(storetest.Only("PUT", func(w http.ResponseWriter, r *http.Request, _ http.Handler) {
		name := strings.TrimPrefix(r.URL.Path, "/"+server.Bucket+"/")
		sum := map[string]string{"Chartroom-Sha256": r.Header.Get("X-Amz-Meta-Chartroom-Sha256")}
		if _, err := plain.PutObject(r.Context(), server.Bucket, name, r.Body, r.ContentLength, minio.PutObjectOptions{UserMetadata: sum}); err != nil {
			t.Errorf("put without condition: %v", err)
		}
	}))
	if err := s.Check(t.Context()); !errors.Is(err, objectstore.ErrDenied) || !strings.Contains(err.Error(), "replace an object") {
		t.Errorf("a server that ignores If-None-Match: %v", err)
	}
}

func TestCheckFindsOutThatTheServerKeepsNothing(t *testing.T) {
	t.Parallel()
	s, proxy, _ := broken(t)
	proxy.Break(storetest.Only("PUT", storetest.Status(200)))
	if err := s.Check(t.Context()); !errors.Is(err, objectstore.ErrUnavailable) {
		t.Errorf("check: %v", err)
	}
}

func TestTheServerGetsChecksumAndCondition(t *testing.T) {
	t.Parallel()
	s, proxy, _ := broken(t)
	content := []byte("what is sent")
	digest := objectstore.BytesBody(content).Digest()
	var seen atomic.Bool
	proxy.Break(storetest.Only("PUT", func(w http.ResponseWriter, r *http.Request, pass http.Handler) {
		h := r.Header
		if h.Get("If-None-Match") == "*" && len(h.Get("X-Amz-Checksum-Sha256")) == 44 && h.Get("X-Amz-Content-Sha256") == digest.String() {
			seen.Store(true)
		}
		pass.ServeHTTP(w, r)
	}))
	storetest.MustPut(t, s, "a/x", content)
	if !seen.Load() {
		t.Error("the request had no checksum or no condition")
	}
}

func TestABodyDamagedOnItsWayIsNotStored(t *testing.T) {
	t.Parallel()
	s, proxy, server := broken(t)
	proxy.Break(storetest.Only("PUT", func(w http.ResponseWriter, r *http.Request, pass http.Handler) {
		r.Body = io.NopCloser(flipper{r.Body})
		pass.ServeHTTP(w, r)
	}))
	if err := put(t, s, "a/x", storetest.Content(1, 10_000)); !errors.Is(err, objectstore.ErrUnavailable) {
		t.Errorf("put: %v", err)
	}
	if _, err := os.Stat(filepath.Join(server.Root, server.Bucket, "a/x")); err == nil {
		t.Error("the server stored it")
	}
}

type flipper struct{ r io.Reader }

func (f flipper) Read(p []byte) (int, error) {
	n, err := f.r.Read(p)
	if n > 0 {
		p[0] ^= 1
	}
	return n, err
}
