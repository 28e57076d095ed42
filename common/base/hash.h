/*
 * FNV-1a, 64 bits: for tables in memory and for distinguishing texts, not against an attacker.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define HASH_START 0xcbf29ce484222325U

/* @h continued by these bytes: hash_add(hash_add(HASH_START, a, 1), b, 1). */
uint64_t hash_add(uint64_t h, const void *p, size_t n);
