package dir_test

import (
	"sync/atomic"
	"testing"

	"chartroom/objectstore"
	"chartroom/objectstore/dir"
	"chartroom/objectstore/storetest"
)

// BenchmarkPut stores pages of 100 kB, durably and read back, from several
// goroutines.
func BenchmarkPut(b *testing.B) {
	keys, err := objectstore.ParseKeyring(objectstore.NewKey())
	if err != nil {
		b.Fatal(err)
	}
	for name, wrap := range map[string]func(objectstore.Store) objectstore.Store{
		"plain":  func(s objectstore.Store) objectstore.Store { return s },
		"sealed": func(s objectstore.Store) objectstore.Store { return objectstore.Seal(s, keys) },
	} {
		b.Run(name, func(b *testing.B) {
			inner, err := dir.Open(dir.Config{Path: b.TempDir()})
			if err != nil {
				b.Fatal(err)
			}
			defer inner.Close()
			s := wrap(inner)
			var seed atomic.Uint64
			b.SetBytes(100_000)
			b.SetParallelism(2)
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					content := storetest.Content(seed.Add(1), 100_000)
					if err := s.Put(b.Context(), storetest.Key(content), objectstore.BytesBody(content)); err != nil {
						b.Error(err)
					}
				}
			})
		})
	}
}
