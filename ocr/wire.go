package ocr

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"unicode/utf8"

	"golang.org/x/sys/unix"

	"chartroom/jail"
	"chartroom/record"
)

// A worker and the pool speak over a pair of connected sockets. The pool sends
// the setup; the worker answers that it is ready, or why not. Then, for each
// page, the pool sends a request with the file's descriptor attached, and the
// worker answers with what it read and the picture. Every message is a frame:
// four bytes of length, then so many bytes, within a bound, for a worker may
// have been taken over by what it read.

// The bounds of frames, in bytes.
const (
	maxMessage = 32 << 20
	maxPicture = 16 << 20
)

type setup struct {
	Languages     string
	Tessdata      string
	MaxPixels     int64
	Memory        int64
	AllowUnjailed bool
	SecondLooks   float64
}

type ready struct {
	Problem string // empty when ready
	Jail    jail.Report
	Library string // the path of the Tesseract that the loader found
}

type request struct {
	Codec        string
	Frame        int
	Turn         int
	Mirror       bool
	DPIX, DPIY   int
	Languages    string
	Words        []wireWord
	Encode       string // what is asked is the page coded again: encodeExact or encodeDrawn
	WithoutCodes bool
}

type reply struct {
	State         record.PageState
	Reason        string
	Width, Height int
	DPI, Rotation int
	FromLayer     bool
	Ink           float64
	Cleaned       string
	Content       record.Content
	Words         []wireWord
	Barcodes      []wireBarcode
	PictureType   string
	PictureWidth  int
	CPUMicros     int64
	Encoded       string // the codec of what follows in place of a picture
}

// wireWord is a record.Word between two processes of ours, revealed.
type wireWord struct {
	T     string
	B     [4]int
	C     float64
	Block int               `json:"K"`
	Line  int               `json:"L"`
	A     []wireAlternative `json:",omitempty"`
}

type wireAlternative struct {
	T string
	C float64
}

// wireBarcode is a record.Barcode, revealed.
type wireBarcode struct {
	Symbology string
	Text      string
	GS1       bool
	Box       [4]int
}

func toWireBarcodes(codes []record.Barcode) []wireBarcode {
	out := make([]wireBarcode, len(codes))
	for i, c := range codes {
		out[i] = wireBarcode{c.Symbology, c.Text.Reveal(), c.GS1, [4]int{c.Box.Left, c.Box.Top, c.Box.Width, c.Box.Height}}
	}
	return out
}

// fromWireBarcodes drops what no worker of ours sends: unknown symbologies,
// boxes off the page, contents that no code holds, and more than a page has.
func fromWireBarcodes(codes []wireBarcode, width, height int) []record.Barcode {
	var out []record.Barcode
	for _, c := range codes {
		box := fit(record.Box{Left: c.Box[0], Top: c.Box[1], Width: c.Box[2], Height: c.Box[3]}, 1, width, height)
		known := c.Symbology == record.SymbologyPatch || slices.Contains(symbologies[:], c.Symbology)
		if len(out) < maxBarcodes && known && !box.Empty() && c.Text != "" && len(c.Text) <= maxPayload*4 && utf8.ValidString(c.Text) {
			out = append(out, record.Barcode{Symbology: c.Symbology, Text: record.Hide(c.Text), GS1: c.GS1, Box: box})
		}
	}
	return out
}

func toWire(words []record.Word) []wireWord {
	out := make([]wireWord, len(words))
	for i, w := range words {
		out[i] = wireWord{w.Text.Reveal(), [4]int{w.Box.Left, w.Box.Top, w.Box.Width, w.Box.Height}, w.Confidence, w.Block, w.Line, nil}
		for _, a := range w.Alternatives {
			out[i].A = append(out[i].A, wireAlternative{a.Text.Reveal(), a.Confidence})
		}
	}
	return out
}

func fromWire(words []wireWord) []record.Word {
	if len(words) == 0 {
		return nil
	}
	out := make([]record.Word, len(words))
	for i, w := range words {
		out[i] = record.Word{Text: record.Hide(w.T), Box: record.Box{Left: w.B[0], Top: w.B[1], Width: w.B[2], Height: w.B[3]}, Confidence: w.C, Block: w.Block, Line: w.Line}
		for _, a := range w.A {
			out[i].Alternatives = append(out[i].Alternatives, record.Alternative{Text: record.Hide(a.T), Confidence: a.C})
		}
	}
	return out
}

// errMessage says that a message is not what it must be. The content stays out.
var errMessage = errors.New("malformed message")

func send(w io.Writer, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("send message: %w", err)
	}
	return sendBytes(w, b)
}

func sendBytes(w io.Writer, b []byte) error {
	frame := binary.BigEndian.AppendUint32(make([]byte, 0, 4+len(b)), uint32(len(b)))
	if _, err := w.Write(append(frame, b...)); err != nil {
		return fmt.Errorf("send message: %w", err)
	}
	return nil
}

// sendFile sends v with the file's descriptor.
func sendFile(conn *net.UnixConn, v any, f *os.File) error {
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("send page: %w", err)
	}
	raw, err := f.SyscallConn()
	if err != nil {
		return fmt.Errorf("send page: %w", err)
	}
	length := binary.BigEndian.AppendUint32(nil, uint32(len(b)))
	var sendErr error
	if err := raw.Control(func(fd uintptr) { _, _, sendErr = conn.WriteMsgUnix(length, unix.UnixRights(int(fd)), nil) }); err != nil {
		return fmt.Errorf("send page: %w", err)
	}
	if sendErr == nil {
		_, sendErr = conn.Write(b)
	}
	if sendErr != nil {
		return fmt.Errorf("send page: %w", sendErr)
	}
	return nil
}

func receive(r io.Reader, v any) error {
	b, err := receiveBytes(r, maxMessage)
	if err != nil {
		return err
	}
	return decodeMessage(b, v)
}

func receiveBytes(r io.Reader, most uint32) ([]byte, error) {
	var length [4]byte
	if _, err := io.ReadFull(r, length[:]); err != nil {
		return nil, fmt.Errorf("receive message: %w", err)
	}
	return receiveRest(r, length, most)
}

func receiveRest(r io.Reader, length [4]byte, most uint32) ([]byte, error) {
	n := binary.BigEndian.Uint32(length[:])
	if n > most {
		return nil, fmt.Errorf("receive message of %d bytes: %w", n, errMessage)
	}
	b := make([]byte, n)
	if _, err := io.ReadFull(r, b); err != nil {
		return nil, fmt.Errorf("receive message: %w", err)
	}
	return b, nil
}

// receiveFile is the other end of sendFile. The caller closes the file.
func receiveFile(conn *net.UnixConn, v any) (*os.File, error) {
	var length [4]byte
	control := make([]byte, unix.CmsgSpace(4))
	n, controlled, _, _, err := conn.ReadMsgUnix(length[:], control)
	if err != nil {
		return nil, fmt.Errorf("receive page: %w", err)
	}
	if n == 0 {
		return nil, io.EOF
	}
	f, err := attached(control[:controlled])
	if err != nil {
		return nil, err
	}
	if _, err := io.ReadFull(conn, length[n:]); err != nil {
		f.Close()
		return nil, fmt.Errorf("receive page: %w", err)
	}
	b, err := receiveRest(conn, length, maxMessage)
	if err == nil {
		err = decodeMessage(b, v)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// attached is the file whose descriptor came with a message.
func attached(control []byte) (*os.File, error) {
	messages, err := unix.ParseSocketControlMessage(control)
	if err != nil || len(messages) != 1 {
		return nil, fmt.Errorf("receive page: no file: %w", errMessage)
	}
	fds, err := unix.ParseUnixRights(&messages[0])
	if err != nil || len(fds) != 1 {
		return nil, fmt.Errorf("receive page: no file: %w", errMessage)
	}
	return os.NewFile(uintptr(fds[0]), "page"), nil
}

// decodeMessage keeps the content of a bad message, which is a page's text,
// out of the error.
func decodeMessage(b []byte, v any) error {
	if json.Unmarshal(b, v) != nil {
		return fmt.Errorf("read message: %w", errMessage)
	}
	return nil
}
