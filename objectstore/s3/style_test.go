package s3

import (
	"context"
	"net"
	"strings"
	"testing"

	"chartroom/objectstore"
	"chartroom/objectstore/storetest"
)

func TestTheBucketMayStandInTheHostsName(t *testing.T) {
	t.Parallel()
	server := storetest.StartVersityGW(t)
	s, err := Open(Config{Endpoint: "https://" + storetest.Domain, Bucket: server.Bucket, Region: server.Region, CAFile: server.CAFile, Style: "host",
		AccessKey: server.AccessKey, SecretKey: objectstore.NewSecret(server.SecretKey), Prefix: "in/here"})
	if err != nil {
		t.Fatal(err)
	}
	s.transport.Proxy = nil
	var dialled string
	s.transport.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		dialled = address
		return new(net.Dialer).DialContext(ctx, network, strings.TrimPrefix(server.Endpoint, "https://"))
	}
	storetest.MustPut(t, s, "a/x", []byte("x"))
	storetest.MustHold(t, s, "a/x", []byte("x"))
	if want := server.Bucket + "." + storetest.Domain + ":443"; dialled != want {
		t.Errorf("dialled %s, want %s", dialled, want)
	}
	if err := s.Check(t.Context()); err != nil {
		t.Error(err)
	}
}
