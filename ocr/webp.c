#include "imagelib.h"

#include <string.h>
#include <webp/encode.h>

// The effort put into compression, from 0 to 6: at 2 a page takes a third of
// the time that the library's default (4) takes, and a twentieth more bytes.
enum { effort = 2 };

// import_grey fills in brightness, and no colour. WebP's runs from 16 to 235.
static int import_grey(WebPPicture *to, PIX *pix) {
  if (!WebPPictureAlloc(to)) return 0;
  l_uint8 bright[256];
  for (int i = 0; i < 256; i++) bright[i] = 16 + (i * 219 + 127) / 255;
  for (int y = 0; y < to->height; y++) {
    l_uint32 *line = pixGetData(pix) + (size_t)y * pixGetWpl(pix);
    uint8_t *row = to->y + (size_t)y * to->y_stride;
    for (int x = 0; x < to->width; x++) row[x] = bright[GET_DATA_BYTE(line, x)];
  }
  size_t half = (size_t)to->uv_stride * ((to->height + 1) / 2);
  memset(to->u, 128, half);
  memset(to->v, 128, half);
  return 1;
}

static int import_colour(WebPPicture *to, PIX *pix) {
  PIX *bytes = pixEndianByteSwapNew(pix); // red, green and blue in this order
  if (!bytes) return 0;
  int ok = WebPPictureImportRGBX(to, (const uint8_t *)pixGetData(bytes), 4 * pixGetWpl(bytes));
  pixDestroy(&bytes);
  return ok;
}

// cr_webp encodes an image of 8 or 32 bits. The caller frees *data by cr_free_webp.
int cr_webp(PIX *pix, float quality, uint8_t **data, size_t *size) {
  WebPConfig config;
  WebPPicture picture;
  WebPMemoryWriter out;
  if (!WebPConfigPreset(&config, WEBP_PRESET_DEFAULT, quality) || !WebPPictureInit(&picture)) return 1;
  config.method = effort;
  picture.width = pixGetWidth(pix);
  picture.height = pixGetHeight(pix);
  WebPMemoryWriterInit(&out);
  picture.writer = WebPMemoryWrite;
  picture.custom_ptr = &out;
  int ok = (pixGetDepth(pix) == 8 ? import_grey : import_colour)(&picture, pix) && WebPEncode(&config, &picture);
  WebPPictureFree(&picture);
  if (!ok) WebPMemoryWriterClear(&out);
  *data = out.mem;
  *size = out.size;
  return !ok;
}

void cr_free_webp(uint8_t *data) { WebPFree(data); }
