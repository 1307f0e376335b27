//go:build !race

package store

// stride is 1: every bit and every byte is damaged.
const stride = 1
