/* The strict reading of a request's header, and of a body in chunks. */
#include "tests/unit/cmocka_all.h"

#include <stdio.h>

#include "common/base/mem.h"
#include "common/io/http_chunked.h"
#include "common/io/http_head.h"

#define L "POST /p HTTP/1.1\r\n"
#define H "Host: x\r\n"
#define E "\r\n"

static const struct {
    const char *what, *bytes;
    size_t n; /* 0: strlen */
    int status;
} rows[] = {
    { "a usual one", L H "Content-Length: 5\r\n" E, 0, 0 },
    { "no body", "GET / HTTP/1.1\r\n" H E, 0, 0 },
    { "HTTP/1.0 without Host", "GET / HTTP/1.0\r\n" E, 0, 0 },
    { "an empty value", L H "X:\r\n" E, 0, 0 },
    { "blanks around a value", L H "X: \t a b\t \r\n" E, 0, 0 },
    { "chunks", L H "Transfer-Encoding: Chunked\r\n" E, 0, 0 },
    { "an absolute target", "GET http://a:1/p?q HTTP/1.1\r\n" H E, 0, 0 },
    { "two lengths", L H "Content-Length: 5\r\nContent-Length: 6\r\n" E, 0, 400 },
    { "the same length twice", L H "Content-Length: 5\r\ncontent-length: 5\r\n" E, 0, 400 },
    { "a list of lengths", L H "Content-Length: 5, 5\r\n" E, 0, 400 },
    { "length and chunks", L H "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n" E, 0, 400 },
    { "chunks and length", L H "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n" E, 0, 400 },
    { "a blank before the colon", L H "Content-Length : 5\r\n" E, 0, 400 },
    { "a tab before the colon", L H "Transfer-Encoding\t: chunked\r\n" E, 0, 400 },
    { "a folded length", L H "Content-Length:\r\n 5\r\n" E, 0, 400 },
    { "a folded field", L H "X: a\r\n\tb\r\n" E, 0, 400 },
    { "a first line that is folded", L " X: a\r\n" H E, 0, 400 },
    { "a bare LF", L "Host: x\nX: y\r\n" E, 0, 400 },
    { "bare LFs only", "POST /p HTTP/1.1\nHost: x\n\n", 0, 400 },
    { "a bare CR", L "Host: x\rX: y\r\n" E, 0, 400 },
    { "a NUL in a value", L "Host: x\r\nX: a\0b\r\n" E, sizeof L "Host: x\r\nX: a\0b\r\n" E - 1, 400 },
    { "a NUL in the target", "GET /a\0b HTTP/1.1\r\n" H E, sizeof "GET /a\0b HTTP/1.1\r\n" H E - 1, 400 },
    { "two Hosts", L H "host: y\r\n" E, 0, 400 },
    { "no Host", L E, 0, 400 },
    { "a Host with a path", L "Host: x/y\r\n" E, 0, 400 },
    { "a Host with a blank", L "Host: x y\r\n" E, 0, 400 },
    { "gzip", L H "Transfer-Encoding: gzip\r\n" E, 0, 501 },
    { "identity", L H "Transfer-Encoding: identity\r\n" E, 0, 501 },
    { "xchunked", L H "Transfer-Encoding: xchunked\r\n" E, 0, 501 },
    { "chunked, identity", L H "Transfer-Encoding: chunked, identity\r\n" E, 0, 501 },
    { "gzip, chunked", L H "Transfer-Encoding: gzip, chunked\r\n" E, 0, 501 },
    { "a blank behind chunked", L H "Transfer-Encoding: chunked \r\n" E, 0, 400 },
    { "two codings", L H "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n" E, 0, 400 },
    { "chunks in HTTP/1.0", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n" E, 0, 400 },
    { "a length of 2^64 - 1", L H "Content-Length: 18446744073709551615\r\n" E, 0, 413 },
    { "a length of 2^64", L H "Content-Length: 18446744073709551616\r\n" E, 0, 413 },
    { "a negative length", L H "Content-Length: -1\r\n" E, 0, 400 },
    { "a signed length", L H "Content-Length: +5\r\n" E, 0, 400 },
    { "a length in hexadecimal", L H "Content-Length: 0x5\r\n" E, 0, 400 },
    { "an empty length", L H "Content-Length:\r\n" E, 0, 400 },
    { "HTTP/1.9", "GET / HTTP/1.9\r\n" H E, 0, 505 },
    { "HTTP/2", "GET / HTTP/2.0\r\n" H E, 0, 505 },
    { "http/1.1", "GET / http/1.1\r\n" H E, 0, 400 },
    { "no version", "GET /\r\n" H E, 0, 400 },
    { "three blanks", "GET /a b HTTP/1.1\r\n" H E, 0, 400 },
    { "two blanks", "GET  / HTTP/1.1\r\n" H E, 0, 400 },
    { "a tab", "GET\t/ HTTP/1.1\r\n" H E, 0, 400 },
    { "a method that is none", "G(T / HTTP/1.1\r\n" H E, 0, 400 },
    { "a fragment", "GET /#x HTTP/1.1\r\n" H E, 0, 400 },
    { "bytes above 127 in the target", "GET /\xc3\xa4 HTTP/1.1\r\n" H E, 0, 400 },
    { "another scheme", "GET ftp://a/ HTTP/1.1\r\n" H E, 0, 400 },
    { "a target with a user", "GET http://u@a/ HTTP/1.1\r\n" H E, 0, 400 },
    { "a field without a colon", L H "X\r\n" E, 0, 400 },
    { "a field without a name", L H ": y\r\n" E, 0, 400 },
    { "two Authorizations", L H "Authorization: a\r\nAuthorization: b\r\n" E, 0, 400 },
    { "two Content-Encodings", L H "Content-Encoding: identity\r\nContent-Encoding: gzip\r\n" E, 0, 400 },
    { "another expectation", L H "Expect: 200-ok\r\n" E, 0, 417 },
    { "TLS", "\x16\x03\x01\x02\x00\x01\x00", 7, 400 },
};

static int read_all(const char *bytes, size_t n, char *copy, struct http_head *h, struct http_fault *f)
{
    size_t scanned = 0, end = 0;

    for (size_t i = 1; i <= n && end == 0; i++) { /* as if byte by byte */
        if (http_head_scan(bytes, i, &scanned, &end, f) != 0)
            return 1;
    }
    assert_int_equal(end, n);
    memcpy(copy, bytes, n);
    return http_head_read(copy, n, h, f);
}

static void each_header_has_one_reading(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        size_t n = rows[i].n ? rows[i].n : strlen(rows[i].bytes);
        struct http_fault f = { 0 };
        struct http_head h;
        char copy[512];

        print_message("%s\n", rows[i].what);
        assert_int_equal(read_all(rows[i].bytes, n, copy, &h, &f), rows[i].status != 0);
        assert_int_equal(f.status, rows[i].status);
        assert_true(rows[i].status == 0 || strlen(f.detail) > 10);
    }
}

static void its_parts(void **state)
{
    static const char text[] = "PUT http://a:1/p%20q?x=1&y HTTP/1.1\r\nHost: b\r\nX-A:  one \r\nx-a: two\r\n"
                               "Content-Length: 0012\r\nConnection: x, Close\r\nExpect: 100-Continue\r\n\r\n";
    struct http_fault f;
    struct http_head h = { 0 };
    char copy[512];

    assert_int_equal(read_all(text, sizeof text - 1, copy, &h, &f), 0);
    assert_string_equal(h.method.p, "PUT");
    assert_string_equal(h.path.p, "/p%20q");
    assert_string_equal(h.query.p, "x=1&y");
    assert_true(str_eq(h.host, "a:1")); /* the target's, not the field's */
    assert_string_equal(http_head_field(&h, "X-a").p, "one");
    assert_null(http_head_field(&h, "X-B").p);
    assert_int_equal(h.length, 12);
    assert_int_equal(h.n_fields, 6);
    assert_false(h.keep_alive);
    assert_true(h.expects_continue);
    assert_int_equal(read_all("GET http://a HTTP/1.1\r\nHost: b\r\n\r\n", 34, copy, &h, &f), 0);
    assert_string_equal(h.path.p, "/");
    assert_true(h.keep_alive);
}

static void there_are_no_more_fields_than_are_kept(void **state)
{
    char text[2048], copy[2048];
    struct http_fault f;
    struct http_head h;
    size_t n = (size_t)snprintf(text, sizeof text, "GET / HTTP/1.1\r\nHost: x\r\n");

    for (int i = 1; i < HTTP_FIELDS_MAX; i++)
        n += (size_t)snprintf(text + n, sizeof text - n, "A: b\r\n");
    memcpy(text + n, "\r\nA: b\r\n\r\n", 11);
    assert_int_equal(read_all(text, n + 2, copy, &h, &f), 0);
    memmove(text + n, text + n + 2, 9);
    assert_int_equal(read_all(text, n + 8, copy, &h, &f), 1);
    assert_int_equal(f.status, 431);
}

/* ---- chunks ---------------------------------------------------------------------------------- */

static const struct {
    const char *what, *bytes, *body; /* NULL: refused */
    size_t rest;                     /* bytes behind it */
} chunked[] = {
    { "one", "5\r\nhello\r\n0\r\n\r\n", "hello", 0 },
    { "two and the next request", "2\r\nab\r\n1\r\nc\r\n0\r\n\r\nGET", "abc", 3 },
    { "leading zeros", "0003\r\nabc\r\n00\r\n\r\n", "abc", 0 },
    { "an extension", "1;a=\"b\"\r\nx\r\n0;c\r\n\r\n", "x", 0 },
    { "trailers", "1\r\nx\r\n0\r\nA: b\r\nC: d\r\n\r\n", "x", 0 },
    { "none", "0\r\n\r\n", "", 0 },
    { "a bare LF", "1\nx\r\n0\r\n\r\n", NULL, 0 },
    { "a bare LF behind a chunk", "1\r\nx\n0\r\n\r\n", NULL, 0 },
    { "a longer chunk", "1\r\nxy\r\n0\r\n\r\n", NULL, 0 },
    { "no digits", "\r\nx\r\n0\r\n\r\n", NULL, 0 },
    { "a blank before the size", " 1\r\nx\r\n0\r\n\r\n", NULL, 0 },
    { "a blank behind the size", "1 \r\nx\r\n0\r\n\r\n", NULL, 0 },
    { "a sign", "+1\r\nx\r\n0\r\n\r\n", NULL, 0 },
    { "0x", "0x1\r\nx\r\n0\r\n\r\n", NULL, 0 },
    { "too many digits", "0000000000000001\r\nx\r\n0\r\n\r\n", NULL, 0 },
    { "an overflow", "ffffffffffffffff\r\nx\r\n0\r\n\r\n", NULL, 0 },
    { "a control character", "1;\x01\r\nx\r\n0\r\n\r\n", NULL, 0 },
    { "a trailer in LF", "1\r\nx\r\n0\r\nA: b\n\r\n", NULL, 0 },
};

/* @step bytes at a time. Returns false when it is refused. */
static bool read_chunks(const char *bytes, size_t step, char *body, size_t *ret_rest)
{
    struct http_chunked c = HTTP_CHUNKED_NULL;
    size_t n = strlen(bytes), at = 0, len = 0;
    struct http_fault f;

    while (at < n && !http_chunked_is_over(&c)) {
        struct str io = { bytes + at, n - at < step ? n - at : step }, piece = STR_LIT("-");

        while (io.n > 0 && !http_chunked_is_over(&c)) {
            if (http_chunked_next(&c, &io, &piece, &f) != 0)
                return false;
            memcpy(body + len, piece.p, piece.n);
            len += piece.n;
        }
        at = (size_t)(io.p - bytes);
    }
    body[len] = '\0';
    *ret_rest = n - at;
    return http_chunked_is_over(&c);
}

static void chunks_have_one_reading(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(chunked); i++) {
        for (size_t step = 1; step < 40; step++) {
            char body[64];
            size_t rest = 0;
            bool taken = read_chunks(chunked[i].bytes, step, body, &rest);

            if (step == 1)
                print_message("%s\n", chunked[i].what);
            assert_int_equal(taken, chunked[i].body != NULL);
            if (taken) {
                assert_string_equal(body, chunked[i].body);
                assert_int_equal(rest, chunked[i].rest);
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_header_has_one_reading),
        cmocka_unit_test(its_parts),
        cmocka_unit_test(there_are_no_more_fields_than_are_kept),
        cmocka_unit_test(chunks_have_one_reading),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
