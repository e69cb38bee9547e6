#include "textflag.h"

// func get() uintptr
TEXT ·get(SB), NOSPLIT, $0-8
	MOVD g, ret+0(FP)
	RET
