package main

import (
	"fmt"
	"log/slog"
)

// What no handler should do, done so that no optimiser takes it away.

// endless never ends, and calls nothing.
func endless() {
	for {
		spun++
	}
}

// deepest is no constant, so that the compiler cannot know where recursion ends.
var deepest = ^uint64(0)

// recurse calls itself until the stack is full.
func recurse() { spun = descend(0) }

// descend has one frame for each level: what follows the call keeps it from becoming a loop.
//
//go:noinline
func descend(level uint64) uint64 {
	if level >= deepest {
		return level
	}
	return descend(level+1)<<7 ^ level
}

// page is the smallest that an operating system hands out, in bytes.
const page = 4_096

// taken keeps the compiler from putting it on the stack.
var taken []byte

// alloc takes so many bytes, writes to every page, and frees them.
func alloc(bytes uint64) {
	taken = make([]byte, bytes)
	for at := 0; at < len(taken); at += page {
		taken[at] = 1
	}
	taken = nil
}

// logFlood writes so many lines, each with its number from 1.
func logFlood(lines uint64) {
	for line := uint64(1); line <= lines && line != 0; line++ {
		slog.Info(fmt.Sprintf("log-flood %d", line))
	}
}
