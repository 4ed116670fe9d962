/* needs.c: the product that has uses of its builder's. */
#define NEEDS
#include "product.c"
