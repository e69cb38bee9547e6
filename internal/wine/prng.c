/*
 * The bcryptprimitives.dll that Go programs need and wine 8 does not have yet. Go calls its one
 * function for random bytes. Wine's own generator gives them: SystemFunction036 of advapi32.dll,
 * which the headers call RtlGenRandom.
 */
#include <windows.h>
#include <ntsecapi.h>

__declspec(dllexport) BOOL WINAPI ProcessPrng(PBYTE bytes, SIZE_T size)
{
	while (size > 0) {
		ULONG n = size < 1 << 30 ? (ULONG)size : 1 << 30;
		if (!RtlGenRandom(bytes, n))
			return FALSE;
		bytes += n;
		size -= n;
	}
	return TRUE;
}
