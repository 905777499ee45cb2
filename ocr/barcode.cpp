// The barcode reader, ZXing's C++ port, behind a C face. It throws; Go cannot
// catch. Its search on several scales compares codes in a way that ends the
// process on an assertion, so that scales are tried one by one from outside.
#define ZX_USE_UTF8 1
#include "barcode.h"

#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include <ReadBarcode.h>

using namespace ZXing;

namespace {

const BarcodeFormat formats[] = {BarcodeFormat::Code128, BarcodeFormat::Code39,     BarcodeFormat::ITF,    BarcodeFormat::Codabar,
                                 BarcodeFormat::QRCode,  BarcodeFormat::DataMatrix, BarcodeFormat::PDF417, BarcodeFormat::Aztec};
const int linear = 4, all = 8;

// plain is the image as rows of bytes: Leptonica keeps four in a word, in the
// order of the numbers, not of the machine.
std::vector<uint8_t> plain(PIX *grey) {
  int w = pixGetWidth(grey), h = pixGetHeight(grey), wpl = pixGetWpl(grey);
  std::vector<uint8_t> bytes(size_t(w) * h);
  const l_uint32 *line = pixGetData(grey);
  for (int y = 0; y < h; y++, line += wpl) {
    uint8_t *to = bytes.data() + size_t(y) * w;
    for (int x = 0; x < w; x++) to[x] = GET_DATA_BYTE(line, x);
  }
  return bytes;
}

bool is_utf8(const ByteArray &b) {
  size_t i = 0, n = b.size();
  while (i < n) {
    uint8_t c = b[i];
    int more = c < 0x80 ? 0 : c >= 0xc2 && c < 0xe0 ? 1 : c >= 0xe0 && c < 0xf0 ? 2 : c >= 0xf0 && c < 0xf5 ? 3 : -1;
    if (more < 0 || i + more >= n) return false;
    for (int k = 1; k <= more; k++)
      if ((b[i + k] & 0xc0) != 0x80) return false;
    i += 1 + more;
  }
  return true;
}

// content is what the code says: its bytes, unless they need a character set
// to be text, which the code names or the library guesses.
std::string content(const Result &r) {
  const ByteArray &b = r.bytes();
  if (r.hasECI() || (!is_utf8(b) && r.contentType() == ContentType::Text)) return r.text();
  return std::string(b.begin(), b.end());
}

bool fill(cr_code *to, const Result &r) {
  std::string text = content(r);
  *to = cr_code{};
  while (to->symbology < all && formats[to->symbology] != r.format()) to->symbology++;
  if (to->symbology == all || text.empty()) return false;
  to->gs1 = r.contentType() == ContentType::GS1;
  to->lines = r.lineCount();
  for (int i = 0; i < 4; i++) to->x[i] = r.position()[i].x, to->y[i] = r.position()[i].y;
  to->size = text.size();
  to->text = static_cast<char *>(std::malloc(text.size()));
  if (to->text) std::memcpy(to->text, text.data(), text.size());
  return to->text != nullptr;
}

} // namespace

extern "C" int cr_codes(PIX *grey, int how, cr_code *out, int most) {
  int n = 0;
  try {
    BarcodeFormats wanted;
    for (int i = 0; i < all; i++)
      if (how & (i < linear ? CR_LINEAR : CR_MATRIX)) wanted |= formats[i];
    DecodeHints hints;
    hints.setFormats(wanted).setTryHarder(true).setTryRotate(true).setTryDownscale(false).setReturnCodabarStartEnd(false);
    hints.setBinarizer(how & CR_GLOBAL ? Binarizer::GlobalHistogram : Binarizer::LocalAverage).setMaxNumberOfSymbols(most);
    std::vector<uint8_t> bytes = plain(grey);
    int w = pixGetWidth(grey), h = pixGetHeight(grey);
    for (const Result &r : ReadBarcodes({bytes.data(), w, h, ImageFormat::Lum}, hints)) {
      if (n == most) break;
      if (r.isValid() && fill(out + n, r)) n++;
    }
  } catch (...) {
  }
  return n;
}

extern "C" void cr_free_codes(cr_code *codes, int n) {
  for (int i = 0; i < n; i++) std::free(codes[i].text);
}
