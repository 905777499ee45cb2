package objectstore

import (
	"context"
	"fmt"
	"sync"
)

// Plain wraps a store that is used without encryption. Before the first Put it
// makes sure that the store was not sealed (see Seal), lest plain objects come
// to lie among sealed ones because a key was forgotten: ErrWrongKey if it was.
// It asks only then, so that a store that is away can be opened.
func Plain(inner Store) Store { return &plain{Store: inner} }

type plain struct {
	Store
	mutex sync.Mutex
	known bool // the store is not sealed
}

func (p *plain) Put(ctx context.Context, key Key, body Body) error {
	if err := p.agree(ctx); err != nil {
		return err
	}
	return p.Store.Put(ctx, key, body)
}

// Check is Store's; a sealed store gives ErrWrongKey.
func (p *plain) Check(ctx context.Context) error {
	if err := p.agree(ctx); err != nil {
		return err
	}
	return p.Store.Check(ctx)
}

func (p *plain) agree(ctx context.Context) error {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	if p.known {
		return nil
	}
	sealed, err := IsSealed(ctx, p.Store)
	if err != nil {
		return err
	}
	if sealed {
		return fmt.Errorf("%w: what the store holds is encrypted, and no key is set", ErrWrongKey)
	}
	p.known = true
	return nil
}
