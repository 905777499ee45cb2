// What Go asks of Leptonica, in steps large enough that crossing over is cheap.
// Functions that return a PIX return NULL where they cannot; the caller owns it.
#ifndef CHARTROOM_IMAGELIB_H
#define CHARTROOM_IMAGELIB_H

#include <leptonica/allheaders.h>
#include <stddef.h>
#include <stdint.h>

typedef struct {
  int width, height, depth; // depth in bits as decoded: 1, 8 or 32
} cr_size;

typedef struct {
  int marks;
  double ink, large, height, scatter; // see cr_shapes
} cr_shape;

void cr_silence(void);
int cr_header(const uint8_t *data, size_t size, int tiff_frame, cr_size *out);
PIX *cr_decode(const uint8_t *data, size_t size, int tiff_frame);
PIX *cr_decode_tiff_rgba(const uint8_t *data, size_t size, int frame, int64_t max_bytes);
PIX *cr_decode_heif(const uint8_t *data, size_t size, int64_t max_pixels);
PIX *cr_normal(PIX *pix);
PIX *cr_turn(PIX *pix, int mirror, int quarters);
PIX *cr_scale(PIX *pix, float x, float y);
PIX *cr_ink(PIX *pix);
int cr_stripes(PIX *ink, double *rows, double *columns);
int cr_marks(PIX *ink, int at_least, double *fraction, int *marks);
PIX *cr_picture(PIX *pix, int max_height);
int cr_webp(PIX *pix, float quality, uint8_t **data, size_t *size);
void cr_free_webp(uint8_t *data);
int cr_lines_uncompressed(void);
PIX *cr_grey(PIX *pix);
double cr_between(PIX *grey);
int cr_ragged(PIX *ink, double *share);
PIX *cr_smooth(PIX *pix);
int cr_light(PIX *grey, PIX *mask, int block, double *low, double *high);
PIX *cr_even(PIX *grey, int tile, int darkest);
int cr_skew(PIX *ink, int dpi, double *degrees, double *sure);
PIX *cr_straighten(PIX *pix, double degrees);
PIX *cr_unfan(PIX *grey, double slope);
int cr_orient(PIX *ink, int dpi, double *up, double *right);
int cr_edges(PIX *ink, int dpi, PIX **mask);
int cr_inverted(PIX *ink, int dpi, PIX **mask);
PIX *cr_invert(PIX *pix, PIX *mask);
int cr_specks(PIX *ink, int dpi, int each, PIX **mask);
PIX *cr_dust(PIX *pix, PIX *mask, int paper);
PIX *cr_wipe(PIX *pix, PIX *mask);
PIX *cr_faithful(PIX *pix);
char cr_encode(PIX *pix, size_t most, uint8_t **data, size_t *size);
int cr_rules(PIX *ink, int dpi, PIX **across, PIX **down);
PIX *cr_rule_mask(PIX *ink, PIX *across, PIX *down, int dpi, int frayed);
PIX *cr_fill(PIX *pix, PIX *mask);
int cr_boxes(PIX *pix, int *out, int most);
int cr_shapes(PIX *ink, int dpi, cr_shape *out);
int cr_unread(PIX *rest, int dpi, int *out, int most);

#endif
