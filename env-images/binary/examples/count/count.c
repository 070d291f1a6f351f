/* Counts the bytes of the body. Deploy this folder; the builder compiles it into `handler`. */
#include <stdio.h>

int main(void) {
    char piece[65536];
    unsigned long long total = 0;
    size_t n;
    while ((n = fread(piece, 1, sizeof piece, stdin)) > 0) total += n;
    if (ferror(stdin)) {
        perror("read the body");
        return 1;
    }
    printf("Content-Type: text/plain\n\n%llu bytes\n", total);
    return 0;
}
