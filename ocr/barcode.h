// What Go asks of the barcode reader. No exception comes out of it.
#ifndef CHARTROOM_BARCODE_H
#define CHARTROOM_BARCODE_H

#include <leptonica/allheaders.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { CR_LINEAR = 1, CR_MATRIX = 2, CR_GLOBAL = 4 };

// A code as it was read: its corners, from the upper left of the code itself
// clockwise, and the number of lines that said the same where it is linear.
typedef struct {
  int symbology; // counts as the names in barcode.go do
  int gs1;
  int lines;
  int x[4], y[4];
  size_t size;
  char *text;
} cr_code;

// A part of a page that looks like one or several codes. degrees is by how
// much it must be turned clockwise for its bars to stand or lie.
typedef struct {
  int left, top, width, height;
  int bars; // 0 for squares
  double degrees;
} cr_region;

int cr_codes(PIX *grey, int how, cr_code *out, int most);
void cr_free_codes(cr_code *codes, int n);

PIX *cr_reduce(PIX *pix, int factor);
int cr_regions(PIX *grey, int dpi, cr_region *out, int most);
PIX *cr_cut(PIX *pix, int left, int top, int width, int height, double degrees, double scale);
PIX *cr_average(PIX *grey, int lying, int rows);
double cr_lean(PIX *grey);
PIX *cr_despeckle(PIX *grey);
void cr_tall(PIX *grey, double x0, double y0, double x1, double y1, int most, int *above, int *below);

#ifdef __cplusplus
}
#endif
#endif
