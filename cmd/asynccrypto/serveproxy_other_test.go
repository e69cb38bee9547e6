//go:build !unix

package main

const hasProxy = false
