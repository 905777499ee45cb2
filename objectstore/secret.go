package objectstore

import "fmt"

// Secret is a string that must not be seen: a secret key, a master key. Every
// way of printing, encoding or dumping it shows "[secret]". It is read from
// configuration as text. Reveal is the one way out.
type Secret struct{ s *string }

const redacted = "[secret]"

// NewSecret hides s. The empty string gives the zero Secret.
func NewSecret(s string) Secret {
	if s == "" {
		return Secret{}
	}
	return Secret{&s}
}

// Reveal returns the string.
func (s Secret) Reveal() string {
	if s.s == nil {
		return ""
	}
	return *s.s
}

// IsZero reports whether there is no secret.
func (s Secret) IsZero() bool { return s.s == nil }

// Format prints "[secret]", or nothing where there is none, for every verb.
func (s Secret) Format(f fmt.State, _ rune) { fmt.Fprint(f, s.String()) }

// String is "[secret]", or empty where there is none.
func (s Secret) String() string {
	if s.s == nil {
		return ""
	}
	return redacted
}

// MarshalText writes what String gives.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText takes the secret from a configuration.
func (s *Secret) UnmarshalText(b []byte) error {
	*s = NewSecret(string(b))
	return nil
}
