package scan

import (
	"os"
	"testing"

	"chartroom/jail"
)

// The test binary is its own jailed child, as the program is in life.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 {
		switch os.Args[1] {
		case "scan-worker":
			jail.Exit(Worker())
		case "jailed":
			jail.Exit(jail.Main(os.Args[2:]))
		}
	}
	os.Exit(m.Run())
}

func testTools(t testing.TB) Tools {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return Tools{Self: []string{self}, Temp: t.TempDir()}
}
