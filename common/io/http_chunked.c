#include "common/io/http_chunked.h"

#define FAULT(text) (*fault = (struct http_fault){ 400, (text) }, 1)

/* 16 digits are 2^64: a size of more than 15 is none that anybody sends. */
#define DIGITS_MAX 15

static int digit_of(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static void begin_chunk(struct http_chunked *c)
{
    c->state = CHUNK_SIZE;
    c->left = 0;
    c->digits = c->line = 0;
}

static int take_size(struct http_chunked *c, char byte, struct http_fault *fault)
{
    int digit = digit_of(byte);

    if (digit >= 0) {
        if (++c->digits > DIGITS_MAX)
            return FAULT("the size of a chunk is too large");
        c->left = c->left * 16 + digit;
        return 0;
    }
    if (c->digits == 0 || (byte != '\r' && byte != ';'))
        return FAULT("the size of a chunk is no hexadecimal number");
    c->state = byte == '\r' ? CHUNK_SIZE_LF : CHUNK_EXTENSION;
    return 0;
}

/* A text that is read over: an extension or a trailer. */
static int take_text(struct http_chunked *c, char byte, struct http_fault *fault)
{
    unsigned char u = (unsigned char)byte;

    if (++c->line > HTTP_CHUNK_LINE_MAX)
        return FAULT("a line between the chunks is too long");
    if (u == 0x7f || (u < ' ' && u != '\t'))
        return FAULT("a control character is between the chunks");
    return 0;
}

static int take_trailer(struct http_chunked *c, char byte, struct http_fault *fault)
{
    if (++c->trailer > HTTP_TRAILERS_MAX)
        return FAULT("the trailers are too long");
    if (byte == '\r') {
        c->state = CHUNK_TRAILER_LF;
        return 0;
    }
    return take_text(c, byte, fault);
}

/* One byte that is no data. */
static int take_byte(struct http_chunked *c, char byte, struct http_fault *fault)
{
    switch (c->state) {
    case CHUNK_SIZE:
        return take_size(c, byte, fault);
    case CHUNK_EXTENSION:
        if (byte != '\r')
            return take_text(c, byte, fault);
        c->state = CHUNK_SIZE_LF;
        return 0;
    case CHUNK_SIZE_LF:
        c->state = c->left > 0 ? CHUNK_DATA : CHUNK_TRAILER;
        c->line = 0;
        break;
    case CHUNK_DATA_CR:
        c->state = CHUNK_DATA_LF;
        return byte == '\r' ? 0 : FAULT("a chunk is longer than its size");
    case CHUNK_DATA_LF:
        begin_chunk(c);
        break;
    case CHUNK_TRAILER:
        return take_trailer(c, byte, fault);
    case CHUNK_TRAILER_LF:
        c->state = c->line == 0 ? CHUNK_END : CHUNK_TRAILER;
        c->line = 0;
        break;
    case CHUNK_DATA:
    case CHUNK_END:
        return 0;
    }
    return byte == '\n' ? 0 : FAULT("a line between the chunks does not end in CRLF");
}

int http_chunked_next(struct http_chunked *c, struct str *io, struct str *ret, struct http_fault *fault)
{
    *ret = STR_LIT("");
    while (io->n > 0 && c->state != CHUNK_END) {
        if (c->state == CHUNK_DATA) {
            size_t n = (int64_t)io->n < c->left ? io->n : (size_t)c->left;

            *ret = (struct str){ io->p, n };
            io->p += n;
            io->n -= n;
            c->left -= (int64_t)n;
            if (c->left == 0)
                c->state = CHUNK_DATA_CR;
            return 0;
        }
        if (take_byte(c, *io->p, fault) != 0)
            return 1;
        io->p++;
        io->n--;
    }
    return 0;
}

bool http_chunked_is_over(const struct http_chunked *c)
{
    return c->state == CHUNK_END;
}
