#include "imagelib.h"

#include <libheif/heif.h>
#include <string.h>

// Leptonica writes what it thinks of a file to stderr; that may quote it.
void cr_silence(void) { setMsgSeverity(L_SEVERITY_NONE); }

// cr_header reads sizes without decoding. tiff_frame is -1 for other formats.
int cr_header(const uint8_t *data, size_t size, int tiff_frame, cr_size *out) {
  l_int32 w = 0, h = 0, bps = 0, spp = 0, format = 0, cmap = 0, res = 0, bad;
  if (tiff_frame >= 0)
    bad = readHeaderMemTiff(data, size, tiff_frame, &w, &h, &bps, &spp, &res, &cmap, &format);
  else
    bad = pixReadHeaderMem(data, size, &format, &w, &h, &bps, &spp, &cmap);
  if (bad || w <= 0 || h <= 0) return 1;
  out->width = w;
  out->height = h;
  out->depth = bps * spp <= 1 ? 1 : (spp > 1 || cmap ? 32 : bps > 8 ? 16 : 8);
  return 0;
}

PIX *cr_decode(const uint8_t *data, size_t size, int tiff_frame) {
  return tiff_frame >= 0 ? pixReadMemTiff(data, size, tiff_frame) : pixReadMem(data, size);
}

// copy_rgb copies rows of interleaved RGB into a new 32-bit PIX.
static PIX *copy_rgb(const uint8_t *rgb, int stride, int w, int h) {
  PIX *pix = pixCreate(w, h, 32);
  if (!pix) return NULL;
  l_uint32 *line = pixGetData(pix);
  int wpl = pixGetWpl(pix);
  for (int y = 0; y < h; y++, line += wpl) {
    const uint8_t *p = rgb + (size_t)y * stride;
    for (int x = 0; x < w; x++, p += 3) composeRGBPixel(p[0], p[1], p[2], line + x);
  }
  return pix;
}

PIX *cr_decode_heif(const uint8_t *data, size_t size, int64_t max_pixels) {
  struct heif_context *ctx = heif_context_alloc();
  struct heif_image_handle *handle = NULL;
  struct heif_image *image = NULL;
  PIX *pix = NULL;
  if (!ctx) return NULL;
  if (heif_context_read_from_memory_without_copy(ctx, data, size, NULL).code == heif_error_Ok &&
      heif_context_get_primary_image_handle(ctx, &handle).code == heif_error_Ok &&
      (int64_t)heif_image_handle_get_width(handle) * heif_image_handle_get_height(handle) <= max_pixels &&
      heif_decode_image(handle, &image, heif_colorspace_RGB, heif_chroma_interleaved_RGB, NULL).code == heif_error_Ok) {
    int stride = 0;
    const uint8_t *rgb = heif_image_get_plane_readonly(image, heif_channel_interleaved, &stride);
    int w = heif_image_get_width(image, heif_channel_interleaved), h = heif_image_get_height(image, heif_channel_interleaved);
    if (rgb && w > 0 && h > 0 && (int64_t)w * h <= max_pixels) pix = copy_rgb(rgb, stride, w, h);
  }
  if (image) heif_image_release(image);
  if (handle) heif_image_handle_release(handle);
  heif_context_free(ctx);
  return pix;
}

// is_grey tells whether a colour image shows no colour, looking at a sample of it.
static int is_grey(PIX *pix) {
  l_float32 fraction = 0, colourful = 0;
  if (pixColorFraction(pix, 20, 244, 20, 4, &fraction, &colourful)) return 0;
  return colourful * fraction < 0.0005;
}

// cr_normal gives the image as 1, 8 or 32 bits without palette and alpha; a
// colour image without colours becomes grey. It takes pix over.
PIX *cr_normal(PIX *pix) {
  PIX *out = NULL, *flat = NULL, *depth = NULL;
  if (pixGetColormap(pix)) flat = pixRemoveColormap(pix, REMOVE_CMAP_BASED_ON_SRC);
  else if (pixGetDepth(pix) == 32 && pixGetSpp(pix) == 4) flat = pixAlphaBlendUniform(pix, 0xffffff00);
  else flat = pixClone(pix);
  if (flat) {
    int d = pixGetDepth(flat);
    depth = d == 1 || d == 8 || d == 32 ? pixClone(flat) : pixConvertTo8(flat, 0);
  }
  if (depth) {
    out = pixGetDepth(depth) == 32 && is_grey(depth) ? pixConvertRGBToLuminance(depth) : pixClone(depth);
    pixCopyResolution(out ? out : depth, pix);
  }
  pixDestroy(&depth);
  pixDestroy(&flat);
  pixDestroy(&pix);
  return out;
}

// cr_turn mirrors left to right, then turns by quarters clockwise.
PIX *cr_turn(PIX *pix, int mirror, int quarters) {
  PIX *flipped = mirror ? pixFlipLR(NULL, pix) : pixClone(pix);
  if (!flipped) return NULL;
  PIX *out = pixRotateOrth(flipped, quarters & 3);
  pixDestroy(&flipped);
  return out;
}

// cr_scale scales; one-bit images that shrink become grey, which keeps what
// their strokes were.
PIX *cr_scale(PIX *pix, float x, float y) {
  if (pixGetDepth(pix) != 1 || x >= 1 || y >= 1 || x != y) return pixScale(pix, x, y);
  return pixScaleToGray(pix, x);
}

// background is the most frequent of the bright values.
static int background(NUMA *histogram, int median) {
  int best = 255;
  l_float32 most = -1, n;
  for (int i = median / 2; i < 256; i++) {
    numaGetFValue(histogram, i, &n);
    if (n >= most) most = n, best = i;
  }
  return best;
}

// cr_ink is what is clearly darker than the paper, as a one-bit image: not an
// image to read, but one to count. On paper that is evenly grey, noise is not
// ink, as it would be for a threshold that always finds two classes.
PIX *cr_ink(PIX *pix) {
  if (pixGetDepth(pix) == 1) return pixClone(pix);
  PIX *grey = pixGetDepth(pix) == 8 ? pixClone(pix) : pixConvertRGBToLuminance(pix);
  if (!grey) return NULL;
  PIX *out = NULL;
  NUMA *histogram = pixGetGrayHistogram(grey, 4);
  l_float32 median = 255, dark = 0;
  if (histogram) {
    numaHistogramGetValFromRank(histogram, 0.5, &median);
    numaHistogramGetValFromRank(histogram, 0.001, &dark);
    int paper = background(histogram, (int)median);
    int threshold = paper - L_MAX(48, (paper - (int)dark) * 2 / 5);
    out = pixThresholdToBinary(grey, L_MAX(threshold, 1));
  }
  numaDestroy(&histogram);
  pixDestroy(&grey);
  return out;
}

// roughness is the sum of squared steps between neighbouring counts: large
// across lines of writing, small along them.
static double roughness(NUMA *counts, double length) {
  double sum = 0;
  l_float32 a = 0, b = 0;
  int n = numaGetCount(counts);
  numaGetFValue(counts, 0, &a);
  for (int i = 1; i < n; i++, a = b) {
    numaGetFValue(counts, i, &b);
    sum += (double)(b - a) * (b - a);
  }
  return sum / length;
}

// cr_stripes measures how striped the ink is from row to row and from column
// to column, at a quarter of its resolution.
int cr_stripes(PIX *ink, double *rows, double *columns) {
  PIX *small = pixReduceRankBinaryCascade(ink, 1, 1, 0, 0);
  if (!small) return 1;
  NUMA *r = pixCountPixelsByRow(small, NULL), *c = pixCountPixelsByColumn(small);
  int bad = !r || !c;
  if (!bad) {
    *rows = roughness(r, pixGetWidth(small));
    *columns = roughness(c, pixGetHeight(small));
  }
  numaDestroy(&r);
  numaDestroy(&c);
  pixDestroy(&small);
  return bad;
}

// cr_marks measures the ink within the margins (a fortieth of each side, where
// edges of paper and of glass are seen): its share of the surface, and the
// number of connected marks at least at_least pixels wide or high.
int cr_marks(PIX *ink, int at_least, double *fraction, int *marks) {
  int w = pixGetWidth(ink), h = pixGetHeight(ink);
  BOX *box = boxCreate(w / 40, h / 40, w - w / 20, h - h / 20);
  PIX *inner = pixClipRectangle(ink, box, NULL);
  boxDestroy(&box);
  if (!inner) return 1;
  l_float32 share = 0;
  pixForegroundFraction(inner, &share);
  *fraction = share;
  PIX *small = pixReduceRankBinaryCascade(inner, 2, 0, 0, 0);
  BOXA *boxes = small ? pixConnCompBB(small, 8) : NULL;
  BOXA *large = boxes ? boxaSelectBySize(boxes, at_least / 2, at_least / 2, L_SELECT_IF_EITHER, L_SELECT_IF_GTE, NULL) : NULL;
  *marks = large ? boxaGetCount(large) : 0;
  int bad = !large;
  boxaDestroy(&large);
  boxaDestroy(&boxes);
  pixDestroy(&small);
  pixDestroy(&inner);
  return bad;
}

// cr_picture is the image for a screen: at most max_height rows, and no more
// columns than WebP can hold. One-bit pages become four shades of grey, which
// read better when small.
PIX *cr_picture(PIX *pix, int max_height) {
  float f = L_MIN((float)max_height / pixGetHeight(pix), 16000.0f / pixGetWidth(pix));
  if (pixGetDepth(pix) != 1) return f >= 1 ? pixClone(pix) : f > 0.5 ? pixScaleGeneral(pix, f, f, 0, 0) : pixScaleAreaMap(pix, f, f);
  if (f >= 1) return pixClone(pix);
  PIX *grey = pixScaleToGray(pix, f);
  if (!grey) return NULL;
  PIX *out = pixThresholdTo2bpp(grey, 4, 1);
  pixDestroy(&grey);
  return out;
}
