// Package cputime tells how long the process has computed, so that who measures can see when other programs had a part of
// the cores.
package cputime
