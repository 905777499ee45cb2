package storetest

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Server is a real S3 server, speaking TLS on the loopback, that a test has
// started. It ends with the test. The exported fields say how to reach it.
type Server struct {
	Endpoint  string // https://127.0.0.1:port
	CAFile    string // the certificate to trust, in PEM
	Bucket    string
	Region    string
	AccessKey string
	SecretKey string
	// Root is the folder in which the server keeps its buckets. At a
	// versitygw the object k is the file Root/Bucket/k.
	Root string

	cert    Certificate
	command func() *exec.Cmd
	running *exec.Cmd
	log     string
}

// Domain is a name that the server goes by too, with its buckets as subdomains.
// Nothing resolves it: a test that uses it dials the server's address itself.
const Domain = "store.test"

// StartVersityGW starts versitygw, built by `make tools` and found by the
// environment's CHARTROOM_VERSITYGW or in bin/tools, with one empty bucket.
// Without it the test fails: a test that is silently left out proves nothing.
func StartVersityGW(t testing.TB) *Server {
	t.Helper()
	bin, err := versitygw()
	if err != nil {
		t.Fatalf("the S3 server for tests is missing; build it with `make tools` or name it in CHARTROOM_VERSITYGW: %v", err)
	}
	s := newServer(t)
	s.command = func() *exec.Cmd {
		c := exec.Command(bin, "--port", strings.TrimPrefix(s.Endpoint, "https://"), "--cert", s.cert.File, "--key", s.cert.KeyFile,
			"--region", s.Region, "--virtual-domain", Domain, "--quiet", "posix", s.Root)
		c.Env = append(os.Environ(), "ROOT_ACCESS_KEY="+s.AccessKey, "ROOT_SECRET_KEY="+s.SecretKey)
		return c
	}
	s.Start(t)
	return s
}

// StartMinIO starts the MinIO server that CHARTROOM_TEST_MINIO names, with one
// empty bucket. It returns nil if none is named.
func StartMinIO(t testing.TB) *Server {
	t.Helper()
	bin := os.Getenv("CHARTROOM_TEST_MINIO")
	if bin == "" {
		return nil
	}
	s := newServer(t)
	certs := filepath.Join(s.Root, "..", "certs")
	s.cert.copyTo(t, filepath.Join(certs, "public.crt"), filepath.Join(certs, "private.key"))
	s.command = func() *exec.Cmd {
		c := exec.Command(bin, "server", "--quiet", "--address", strings.TrimPrefix(s.Endpoint, "https://"), "--certs-dir", certs, s.Root)
		c.Env = append(os.Environ(), "MINIO_ROOT_USER="+s.AccessKey, "MINIO_ROOT_PASSWORD="+s.SecretKey, "MINIO_BROWSER=off", "MINIO_UPDATE=off")
		return c
	}
	s.Start(t)
	return s
}

func newServer(t testing.TB) *Server {
	t.Helper()
	folder := t.TempDir()
	s := &Server{Endpoint: "https://" + freeAddress(t), Bucket: "chart", Region: "us-east-1", AccessKey: "test-access", SecretKey: "test-secret-" + rand.Text(),
		Root: filepath.Join(folder, "data"), cert: NewCertificate(t, folder), log: filepath.Join(folder, "server.log")}
	s.CAFile = s.cert.CAFile
	if err := os.MkdirAll(filepath.Join(s.Root, s.Bucket), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	return s
}

// Start starts a server that is stopped, at the same address and with what it
// held, and waits until it answers.
func (s *Server) Start(t testing.TB) {
	t.Helper()
	log, err := os.OpenFile(s.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	c := s.command()
	c.Stdout, c.Stderr = log, log
	if err := c.Start(); err != nil {
		t.Fatalf("start S3 server: %v", err)
	}
	s.running = c
	if err := s.wait(t.Context()); err != nil {
		said, _ := os.ReadFile(s.log)
		t.Fatalf("S3 server does not answer: %v\n%s", err, said)
	}
}

// wait returns when the server answers, if only that it knows nobody.
func (s *Server) wait(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	client := s.cert.Client()
	for {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.Endpoint, nil)
		if err != nil {
			return err
		}
		resp, err := client.Do(r)
		if err == nil {
			resp.Body.Close()
			if resp.StatusCode < http.StatusInternalServerError {
				return nil
			}
			err = errors.New(resp.Status)
		}
		if ctx.Err() != nil {
			return err
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// Stop kills the server, as an outage would. It may be called again.
func (s *Server) Stop() {
	if s.running != nil {
		_ = s.running.Process.Kill()
		_ = s.running.Wait()
		s.running = nil
	}
}

// Transport trusts the server's certificate.
func (s *Server) Transport() *http.Transport {
	return &http.Transport{TLSClientConfig: &tls.Config{RootCAs: s.cert.pool}, DisableCompression: true}
}

// versitygw finds the server's program.
func versitygw() (string, error) {
	if name := os.Getenv("CHARTROOM_VERSITYGW"); name != "" {
		_, err := os.Stat(name)
		return name, err
	}
	folder, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if b, err := os.ReadFile(filepath.Join(folder, "go.mod")); err == nil && strings.HasPrefix(string(b), "module chartroom\n") {
			name := filepath.Join(folder, "bin", "tools", "versitygw")
			_, err := os.Stat(name)
			return name, err
		}
		if folder == filepath.Dir(folder) {
			return "", errors.New("the test does not run inside the module chartroom")
		}
		folder = filepath.Dir(folder)
	}
}

func freeAddress(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// Certificate is a server's certificate for the loopback, with the authority
// that signed it, made for one test.
type Certificate struct {
	CAFile        string // the authority, in PEM
	File, KeyFile string // the server's own, in PEM
	pool          *x509.CertPool
}

// NewCertificate makes a certificate for 127.0.0.1, localhost and Domain in a folder.
func NewCertificate(t testing.TB, folder string) Certificate {
	t.Helper()
	c := Certificate{filepath.Join(folder, "ca.pem"), filepath.Join(folder, "cert.pem"), filepath.Join(folder, "key.pem"), x509.NewCertPool()}
	authority := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test authority"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour), KeyUsage: x509.KeyUsageCertSign}
	server := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "127.0.0.1"}, DNSNames: []string{"localhost", Domain, "*." + Domain},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, NotBefore: authority.NotBefore, NotAfter: authority.NotAfter,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	authorityKey, key := newKey(t), newKey(t)
	signed := sign(t, authority, authority, authorityKey, authorityKey)
	c.pool.AddCert(signed)
	writePEM(t, c.CAFile, "CERTIFICATE", signed.Raw)
	writePEM(t, c.File, "CERTIFICATE", sign(t, server, signed, key, authorityKey).Raw)
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	writePEM(t, c.KeyFile, "PRIVATE KEY", der)
	return c
}

// Client is an HTTP client that trusts the certificate.
func (c Certificate) Client() *http.Client {
	return &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: c.pool}, DisableKeepAlives: true}}
}

func (c Certificate) copyTo(t testing.TB, cert, key string) {
	t.Helper()
	for from, to := range map[string]string{c.File: cert, c.KeyFile: key} {
		b, err := os.ReadFile(from)
		if err == nil {
			err = os.MkdirAll(filepath.Dir(to), 0o700)
		}
		if err == nil {
			err = os.WriteFile(to, b, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func sign(t testing.TB, template, parent *x509.Certificate, key, signer *ecdsa.PrivateKey) *x509.Certificate {
	t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	if err != nil {
		t.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func writePEM(t testing.TB, name, kind string, der []byte) {
	t.Helper()
	if err := os.WriteFile(name, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
}
