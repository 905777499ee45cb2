// Coding a page again without loss, for files that leave the program.
#include "imagelib.h"

#include <stdlib.h>

// grey_exactly tells whether red, green and blue are the same everywhere.
static int grey_exactly(PIX *pix) {
  int w = pixGetWidth(pix), h = pixGetHeight(pix), wpl = pixGetWpl(pix);
  const l_uint32 *line = pixGetData(pix);
  for (int y = 0; y < h; y++, line += wpl)
    for (int x = 0; x < w; x++) {
      l_uint32 v = line[x] >> 8;
      if ((v ^ v >> 8) & 0xffff) return 0;
    }
  return 1;
}

// bilevel_exactly tells whether a grey image is black and white only.
static int bilevel_exactly(PIX *pix) {
  int w = pixGetWidth(pix), h = pixGetHeight(pix), wpl = pixGetWpl(pix);
  l_uint32 *line = pixGetData(pix);
  for (int y = 0; y < h; y++, line += wpl)
    for (int x = 0; x < w; x++) {
      int v = GET_DATA_BYTE(line, x);
      if (v && v != 255) return 0;
    }
  return 1;
}

// step puts the outcome of a step in the place of what it was made from.
static PIX *step(PIX *from, PIX *to) {
  pixDestroy(&from);
  return to;
}

// cr_faithful gives the image as 1, 8 or 32 bits without palette and alpha, and
// in the fewest that show the same. Sixteen bits a sample become eight. It
// takes pix over.
PIX *cr_faithful(PIX *pix) {
  if (pix && pixGetColormap(pix)) pix = step(pix, pixRemoveColormap(pix, REMOVE_CMAP_BASED_ON_SRC));
  if (pix && pixGetDepth(pix) == 32 && pixGetSpp(pix) == 4) pix = step(pix, pixAlphaBlendUniform(pix, 0xffffff00));
  if (pix && pixGetDepth(pix) != 1 && pixGetDepth(pix) != 8 && pixGetDepth(pix) != 32) pix = step(pix, pixConvertTo8(pix, 0));
  if (pix && pixGetDepth(pix) == 32 && grey_exactly(pix)) pix = step(pix, pixGetRGBComponent(pix, COLOR_GREEN));
  if (pix && pixGetDepth(pix) == 8 && bilevel_exactly(pix)) pix = step(pix, pixThresholdToBinary(pix, 128));
  return pix;
}

enum { drawn_quality = 90 };

// cr_encode codes a faithful image: one bit as a G4 TIFF, others as a PNG. One
// that takes more than most bytes so (0 for no bound) becomes a JPEG. It gives
// 't', 'p' or 'j', and 0 where it cannot.
char cr_encode(PIX *pix, size_t most, uint8_t **data, size_t *size) {
  *data = NULL;
  if (pixGetDepth(pix) == 1) return pixWriteMemTiff(data, size, pix, IFF_TIFF_G4) || !*data ? 0 : 't';
  pixSetZlibCompression(pix, 6);
  if (pixWriteMemPng(data, size, pix, 0) || !*data) return 0;
  if (!most || *size <= most) return 'p';
  lept_free(*data);
  return pixWriteMemJpeg(data, size, pix, drawn_quality, 0) || !*data ? 0 : 'j';
}
