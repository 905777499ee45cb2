package objectstore

import (
	"bytes"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"strings"
)

// Keyring holds the master keys of a sealed store. The current one seals; all
// of them open. It prints as the ids of its keys.
//
// In a file or an environment variable a keyring is text: the keys that NewKey
// made, separated by line feeds, spaces or commas, the current one first. From
// a # to the end of its line is comment:
//
//	# 2026, in use
//	chartroom-key-1-u3Q…
//	# 2025, still needed to open what it sealed
//	chartroom-key-1-Zf0…
//
// To rotate, put a new key before the others. An old key may go only when
// nothing that it sealed is left; a key that is lost takes everything that it
// sealed with it, so keep a copy of the file where the bucket is not.
type Keyring struct {
	current *masterKey
	byID    map[keyID]*masterKey
}

type masterKey struct {
	id     keyID
	secret [32]byte
}

// keyID names a master key and is derived from it, so that a key can never go
// by another's name. It tells nothing about the key.
type keyID [8]byte

func (id keyID) String() string { return hex.EncodeToString(id[:]) }

// keyMark begins every key's text; the digit is the version of this form.
// After it come, in URL-safe base64, 32 random bytes and the first 4 of their
// SHA-256, so that a slip in copying is found out at once.
const keyMark = "chartroom-key-1-"

// NewKey makes a new master key in its text form.
func NewKey() Secret {
	var secret [32]byte
	rand.Read(secret[:]) // never fails
	return NewSecret(formatKey(secret))
}

func formatKey(secret [32]byte) string {
	sum := sha256.Sum256(secret[:])
	return keyMark + base64.RawURLEncoding.EncodeToString(append(secret[:], sum[:4]...))
}

// LoadKeyring reads a keyring from a file.
func LoadKeyring(path string) (*Keyring, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("load keyring: %w", err)
	}
	return ParseKeyring(NewSecret(string(b)))
}

// ParseKeyring reads a keyring from its text. Errors count the keys from 1 and
// repeat none of the text.
func ParseKeyring(text Secret) (*Keyring, error) {
	k := &Keyring{byID: map[keyID]*masterKey{}}
	for line := range strings.Lines(text.Reveal()) {
		line, _, _ = strings.Cut(line, "#")
		for _, word := range strings.FieldsFunc(line, func(r rune) bool { return strings.ContainsRune(" \t\r\n,", r) }) {
			if err := k.add(word); err != nil {
				return nil, fmt.Errorf("parse keyring: key %d: %w", len(k.byID)+1, err)
			}
		}
	}
	if k.current == nil {
		return nil, errors.New("parse keyring: there is no key in it")
	}
	return k, nil
}

func (k *Keyring) add(word string) error {
	text, ok := strings.CutPrefix(word, keyMark)
	if !ok {
		return fmt.Errorf("it does not begin with %s", keyMark)
	}
	b, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || len(b) != 36 {
		return errors.New("it is incomplete or has characters that do not belong")
	}
	if sum := sha256.Sum256(b[:32]); !bytes.Equal(sum[:4], b[32:]) {
		return errors.New("its checksum is wrong: a slip in copying")
	}
	m := &masterKey{secret: [32]byte(b)}
	copy(m.id[:], derive(m, nil, "chartroom seal 1 key id", len(m.id)))
	if k.byID[m.id] != nil {
		return errors.New("it is there twice")
	}
	k.byID[m.id] = m
	if k.current == nil {
		k.current = m
	}
	return nil
}

// derive makes key material for one purpose from a master key.
func derive(m *masterKey, salt []byte, purpose string, n int) []byte {
	b, err := hkdf.Key(sha256.New, m.secret[:], salt, purpose, n)
	if err != nil {
		panic(err) // only for lengths that this package does not use
	}
	return b
}

// Current is the id of the key that seals, 16 hexadecimal digits.
func (k *Keyring) Current() string { return k.current.id.String() }

// Has reports whether the key with an id is in the ring.
func (k *Keyring) Has(id string) bool {
	b, err := hex.DecodeString(id)
	return err == nil && len(b) == len(keyID{}) && k.byID[keyID(b)] != nil
}

// Format prints the id of the current key and how many others there are.
func (k Keyring) Format(f fmt.State, _ rune) {
	fmt.Fprintf(f, "key %s and %d older", k.Current(), len(k.byID)-1)
}
