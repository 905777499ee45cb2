package s3_test

import (
	"os"
	"path/filepath"
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
	server := storetest.StartVersityGW(t)
	storetest.Test(t, func(t *testing.T) objectstore.Store { return fresh(t, config(server)) })
}

func TestContractInParts(t *testing.T) {
	server := storetest.StartVersityGW(t)
	c := config(server)
	c.SinglePut, c.PartSize = 1, 5<<20
	storetest.Test(t, func(t *testing.T) objectstore.Store { return fresh(t, c) })
	if left, _ := filepath.Glob(filepath.Join(server.Root, server.Bucket, ".sgwtmp", "multipart", "*", "*")); len(left) > 0 {
		t.Errorf("unfinished uploads are left: %q", left)
	}
}

func TestContractOnMinIO(t *testing.T) {
	server := storetest.StartMinIO(t)
	if server == nil {
		t.Skip("CHARTROOM_TEST_MINIO names no server")
	}
	storetest.Test(t, func(t *testing.T) objectstore.Store { return fresh(t, config(server)) })
}

func TestDamageIsNoticed(t *testing.T) {
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
