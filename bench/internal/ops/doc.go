// Package ops measures the operations that the engine multibuffer can do, for the subjects sign and
// verify: in processes of their own ([Task], [Outcome]), in pairs of ours and the other side
// ([Session], [Row]), and beside Intel's crypto_mb ([CryptoMB]).
//
// Every result is verified when the clock has stopped.
package ops
