// The second way into a TIFF: libtiff's own conversion to RGBA, slower than
// Leptonica's reader and at home in what that refuses: JPEG in the old style,
// tiles, planes, odd depths. Leptonica depends on the library but the package
// of its headers does not, so that the few functions are declared here; the
// library's interface of version 6 is what Debian 12 and 13 have.
#include "imagelib.h"

#include <string.h>

typedef struct tiff TIFF;
typedef int64_t (*tiff_rw)(void *, void *, int64_t);
typedef uint64_t (*tiff_seek)(void *, uint64_t, int);
typedef int (*tiff_close)(void *);
typedef uint64_t (*tiff_size)(void *);
typedef int (*tiff_map)(void *, void **, uint64_t *);
typedef void (*tiff_unmap)(void *, void *, uint64_t);
extern TIFF *TIFFClientOpen(const char *, const char *, void *, tiff_rw, tiff_rw, tiff_seek, tiff_close, tiff_size, tiff_map, tiff_unmap);
extern void TIFFClose(TIFF *);
extern int TIFFSetDirectory(TIFF *, uint32_t);
extern int TIFFGetField(TIFF *, uint32_t, ...);
extern int TIFFReadRGBAImageOriented(TIFF *, uint32_t, uint32_t, uint32_t *, int, int);
extern void *TIFFSetWarningHandler(void *);
extern void *TIFFSetErrorHandler(void *);

enum { tag_width = 256, tag_height = 257, tag_orientation = 274, top_left = 1, left_top = 5 };

// span is a file in memory, and a place in it.
typedef struct {
  const uint8_t *data;
  uint64_t size, at;
} span;

static int64_t span_read(void *p, void *to, int64_t n) {
  span *s = p;
  if (n < 0 || s->at > s->size) return -1;
  if ((uint64_t)n > s->size - s->at) n = (int64_t)(s->size - s->at);
  memcpy(to, s->data + s->at, n);
  s->at += n;
  return n;
}

static int64_t span_write(void *p, void *from, int64_t n) { return -1; }

static uint64_t span_seek(void *p, uint64_t offset, int whence) {
  span *s = p;
  uint64_t base = whence == 0 ? 0 : whence == 1 ? s->at : s->size;
  if (base + offset > s->size) return (uint64_t)-1;
  return s->at = base + offset;
}

static int span_close(void *p) { return 0; }

static uint64_t span_size(void *p) { return ((span *)p)->size; }

// from_rgba copies libtiff's pixels, red in the lowest byte, into a PIX.
static PIX *from_rgba(const uint32_t *rgba, int w, int h) {
  PIX *pix = pixCreate(w, h, 32);
  if (!pix) return NULL;
  l_uint32 *line = pixGetData(pix);
  for (int y = 0; y < h; y++, line += pixGetWpl(pix))
    for (int x = 0; x < w; x++, rgba++) composeRGBPixel(*rgba & 255, *rgba >> 8 & 255, *rgba >> 16 & 255, line + x);
  return pix;
}

PIX *cr_decode_tiff_rgba(const uint8_t *data, size_t size, int frame, int64_t max_bytes) {
  span s = {data, size, 0};
  TIFFSetWarningHandler(NULL);
  TIFFSetErrorHandler(NULL);
  TIFF *tiff = TIFFClientOpen("page", "rm", &s, span_read, span_write, span_seek, span_close, span_size, NULL, NULL);
  if (!tiff) return NULL;
  PIX *pix = NULL;
  uint32_t *rgba = NULL, w = 0, h = 0;
  uint16_t orientation = top_left;
  if (TIFFSetDirectory(tiff, frame) && TIFFGetField(tiff, tag_width, &w) && TIFFGetField(tiff, tag_height, &h) && w > 0 && h > 0 &&
      w < 1 << 20 && h < 1 << 20 && (int64_t)w * h * 4 <= max_bytes && (rgba = calloc((size_t)w * h, 4)) &&
      TIFFReadRGBAImageOriented(tiff, w, h, rgba, top_left, 1))
    pix = from_rgba(rgba, w, h);
  TIFFGetField(tiff, tag_orientation, &orientation);
  free(rgba);
  TIFFClose(tiff);
  if (!pix || orientation < left_top) return pix;
  PIX *transposed = cr_turn(pix, 1, 3); // the library mirrors as the tag says, but never swaps rows and columns
  pixDestroy(&pix);
  return transposed;
}
