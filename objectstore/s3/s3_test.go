package s3_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"chartroom/objectstore"
	"chartroom/objectstore/s3"
	"chartroom/objectstore/storetest"
)

func config(server *storetest.Server) s3.Config {
	return s3.Config{Endpoint: server.Endpoint, Bucket: server.Bucket, Region: server.Region, CAFile: server.CAFile,
		AccessKey: server.AccessKey, SecretKey: objectstore.NewSecret(server.SecretKey), Patience: 10 * time.Second}
}

func open(t *testing.T, c s3.Config) *s3.Store {
	t.Helper()
	s, err := s3.Open(c)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// fresh gives each test a prefix of its own in one bucket.
func fresh(t *testing.T, c s3.Config) *s3.Store {
	t.Helper()
	c.Prefix = "p" + objectstore.BytesBody([]byte(t.Name())).Digest().String()[:12]
	return open(t, c)
}

func TestContractOnVersityGW(t *testing.T) {
	t.Parallel()
	server := storetest.StartVersityGW(t)
	storetest.Test(t, func(t *testing.T) objectstore.Store { return fresh(t, config(server)) })
}

func TestContractInParts(t *testing.T) {
	t.Parallel()
	server := storetest.StartVersityGW(t)
	c := config(server)
	c.SinglePut, c.PartSize = 1, 5<<20
	storetest.Test(t, func(t *testing.T) objectstore.Store { return fresh(t, c) })
	if left, _ := filepath.Glob(filepath.Join(server.Root, server.Bucket, ".sgwtmp", "multipart", "*", "*")); len(left) > 0 {
		t.Errorf("unfinished uploads are left: %q", left)
	}
}

func TestContractOnMinIO(t *testing.T) {
	t.Parallel()
	server := storetest.StartMinIO(t)
	if server == nil {
		t.Skip("CHARTROOM_TEST_MINIO names no server")
	}
	parts := config(server)
	parts.SinglePut, parts.PartSize = 1, 5<<20
	keys, err := objectstore.ParseKeyring(objectstore.NewKey())
	if err != nil {
		t.Fatal(err)
	}
	for name, open := range map[string]func(t *testing.T) objectstore.Store{
		"whole":    func(t *testing.T) objectstore.Store { return fresh(t, config(server)) },
		"in parts": func(t *testing.T) objectstore.Store { return fresh(t, parts) },
		"sealed":   func(t *testing.T) objectstore.Store { return objectstore.Seal(fresh(t, config(server)), keys) },
	} {
		t.Run(name, func(t *testing.T) { storetest.Test(t, open) })
	}
}

func TestDamageIsNoticed(t *testing.T) {
	t.Parallel()
	server := storetest.StartVersityGW(t)
	var prefix string
	storetest.TestDamage(t, func(t *testing.T) objectstore.Store {
		c := config(server)
		prefix = "p" + objectstore.BytesBody([]byte(t.Name())).Digest().String()[:12]
		c.Prefix = prefix
		return open(t, c)
	}, func(t *testing.T, key objectstore.Key, f func([]byte) []byte) {
		rewrite(t, filepath.Join(server.Root, server.Bucket, prefix, string(key)), f)
	})
}

func rewrite(t *testing.T, name string, f func([]byte) []byte) {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, f(b), 0o600); err != nil { // keeps what the server knows of the file
		t.Fatal(err)
	}
}

func TestSealedContract(t *testing.T) {
	t.Parallel()
	server := storetest.StartVersityGW(t)
	keys, err := objectstore.ParseKeyring(objectstore.NewKey())
	if err != nil {
		t.Fatal(err)
	}
	storetest.Test(t, func(t *testing.T) objectstore.Store { return objectstore.Seal(fresh(t, config(server)), keys) })
}

func TestLongListingsAreComplete(t *testing.T) {
	t.Parallel()
	server := storetest.StartVersityGW(t)
	s := open(t, config(server))
	folder := filepath.Join(server.Root, server.Bucket, "many")
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	const many = 2500 // servers give 1000 at a time
	for i := range many {
		if err := os.WriteFile(filepath.Join(folder, fmt.Sprintf("%05d", i)), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	n := 0
	for info, err := range s.List(t.Context(), "many/") {
		if want := fmt.Sprintf("many/%05d", n); err != nil || string(info.Key) != want {
			t.Fatalf("%s, %v, want %s", info.Key, err, want)
		}
		n++
	}
	if n != many {
		t.Errorf("%d of %d listed", n, many)
	}
}

func TestAnObjectWithoutDigestSaysSo(t *testing.T) {
	t.Parallel()
	server := storetest.StartVersityGW(t)
	if err := os.WriteFile(filepath.Join(server.Root, server.Bucket, "stranger"), []byte("copied here"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := open(t, config(server))
	info, err := s.Stat(t.Context(), "stranger")
	if err != nil || !info.Digest.IsZero() || info.Size != 11 {
		t.Errorf("%+v, %v", info, err)
	}
	storetest.MustHold(t, s, "stranger", []byte("copied here"))
}

func TestStatAndOpenKnowTheDigest(t *testing.T) {
	t.Parallel()
	server := storetest.StartVersityGW(t)
	c := config(server)
	for name, single := range map[string]int64{"whole": 0, "in parts": 1} {
		c.SinglePut = single
		s := open(t, c)
		content := storetest.Content(uint64(single), 6<<20)
		key := storetest.Key(content)
		storetest.MustPut(t, s, key, content)
		info, err := s.Stat(t.Context(), key)
		if want := objectstore.BytesBody(content).Digest(); err != nil || info.Digest != want {
			t.Errorf("%s: %+v, %v", name, info, err)
		}
	}
}

func TestConfigIsChecked(t *testing.T) {
	t.Parallel()
	good := s3.Config{Endpoint: "store.example.org", Bucket: "chart", AccessKey: "a", SecretKey: objectstore.NewSecret("hush-hush")}
	open(t, good)
	for name, change := range map[string]func(*s3.Config){
		"no endpoint":       func(c *s3.Config) { c.Endpoint = "" },
		"plain HTTP":        func(c *s3.Config) { c.Endpoint = "http://store.example.org" },
		"a path":            func(c *s3.Config) { c.Endpoint = "https://store.example.org/chart" },
		"a password":        func(c *s3.Config) { c.Endpoint = "https://a:hush-hush@store.example.org" },
		"no bucket":         func(c *s3.Config) { c.Bucket = "" },
		"no credentials":    func(c *s3.Config) { c.SecretKey = objectstore.Secret{} },
		"unknown style":     func(c *s3.Config) { c.Style = "round" },
		"a prefix above":    func(c *s3.Config) { c.Prefix = "../x" },
		"no CA file":        func(c *s3.Config) { c.CAFile = "/nowhere" },
		"an empty CA file":  func(c *s3.Config) { c.CAFile = "/dev/null" },
		"parts too small":   func(c *s3.Config) { c.PartSize = 1 },
		"an unknown scheme": func(c *s3.Config) { c.Endpoint = "ftp://store.example.org" },
	} {
		c := good
		change(&c)
		if _, err := s3.Open(c); err == nil {
			t.Errorf("%s: taken", name)
		} else if strings.Contains(err.Error(), "hush") {
			t.Errorf("%s: the error tells a secret: %v", name, err)
		}
	}
	for _, endpoint := range []string{"https://store.example.org:9000", "http://127.0.0.1:9000", "http://localhost:9000", "http://[::1]:9000"} {
		c := good
		c.Endpoint = endpoint
		open(t, c)
	}
}
