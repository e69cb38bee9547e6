/* A PKCS #11 module in front of another one, whose calls it delays, holds and fails as a control
 * file says. Everything else is the other module's: what a proxied token signs is real.
 *
 * HSMTEST_PROXY_MODULE names the other module, HSMTEST_PROXY_CONTROL the control file, which all
 * processes with the proxy map. ../proxy.go has the other end. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

typedef unsigned long ulong;

enum { CKR_GENERAL_ERROR = 5, FUNCTIONS = 68, PLACES = 1024 };

/* Indices into CK_FUNCTION_LIST of PKCS #11 2.40, section 3.6. */
enum {
	INITIALIZE = 0, GET_FUNCTION_LIST = 3, GET_TOKEN_INFO = 6, OPEN_SESSION = 12, GET_SESSION_INFO = 15, LOGIN = 18,
	GET_ATTRIBUTE_VALUE = 24, FIND_OBJECTS_INIT = 26, DECRYPT_INIT = 33, DECRYPT = 34, SIGN_INIT = 42, SIGN = 43
};

struct function_list {
	unsigned char version[2];
	void *f[FUNCTIONS];
};

/* The control file: words of 32 bits. ../proxy.go has the same list. */
static struct control {
	uint32_t delay;      /* microseconds that a signature or a decryption takes */
	uint32_t capacity;   /* signatures and decryptions at once, the others wait; 0: PLACES */
	uint32_t hang;       /* not 0: signatures and decryptions wait until it is 0 */
	uint32_t crash;      /* not 0: a signature or a decryption ends the process */
	uint32_t dead;       /* not 0: what every call but C_Initialize returns */
	uint32_t fail_fn;    /* the function whose calls fail: its index */
	uint32_t fail_rv;    /* what they return */
	uint32_t fail_after; /* how many calls of it still succeed before that */
	uint32_t fail_count; /* how many calls fail after that */
	uint32_t inside;     /* signatures and decryptions under way */
	uint32_t max_inside; /* the most there have been */
	uint32_t freed;      /* futex: changes when a place becomes free */
	uint32_t reclaimed;  /* when places of killed processes were looked for last, in 10 ms */
	uint32_t calls[FUNCTIONS]; /* calls of each function that reached the proxy */
	uint32_t owners[PLACES];   /* of each place for a signature or decryption: the process in it, or 0 */
} *control;

static struct function_list *module, mine;

#define GET(word) __atomic_load_n(&control->word, __ATOMIC_SEQ_CST)
#define ADD(word, n) __atomic_add_fetch(&control->word, n, __ATOMIC_SEQ_CST)

/* swap replaces the word by value if it is *old, and otherwise sets *old to it. */
static int swap(uint32_t *word, uint32_t *old, uint32_t value)
{
	return __atomic_compare_exchange_n(word, old, value, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}

/* take takes one from the word, if it is not 0. */
static int take(uint32_t *word)
{
	uint32_t n = __atomic_load_n(word, __ATOMIC_SEQ_CST);
	while (n > 0)
		if (swap(word, &n, n - 1))
			return 1;
	return 0;
}

static void pause_for(uint32_t us)
{
	struct timespec t = { us / 1000000, us % 1000000 * 1000L };
	while (nanosleep(&t, &t) && errno == EINTR)
		;
}

/* failure counts a call, and returns what it is to fail with, or 0. */
static ulong failure(int fn)
{
	ulong dead = GET(dead);
	ADD(calls[fn], 1);
	if (dead && fn != INITIALIZE)
		return dead;
	if (GET(fail_count) > 0 && GET(fail_fn) == (uint32_t)fn && !take(&control->fail_after) && take(&control->fail_count))
		return GET(fail_rv);
	return 0;
}

static int take_place(uint32_t limit)
{
	uint32_t i, self = getpid();
	for (i = 0; i < limit; i++) {
		uint32_t nobody = 0;
		if (swap(&control->owners[i], &nobody, self))
			return i;
	}
	return -1;
}

/* wake wakes one that waits for a place. A thousand may: that all of them look would cost more than
 * all signatures. */
static void wake(void)
{
	ADD(freed, 1);
	syscall(SYS_futex, &control->freed, FUTEX_WAKE, 1, NULL, NULL, 0);
}

/* reclaim frees the places of processes that were killed in them. Of all who call it, one in 10 ms
 * looks for them. */
static void reclaim(void)
{
	struct timespec t;
	uint32_t i, now, last = GET(reclaimed);
	clock_gettime(CLOCK_MONOTONIC, &t);
	now = t.tv_sec * 100 + t.tv_nsec / (10 * 1000 * 1000);
	if (now == last || !swap(&control->reclaimed, &last, now))
		return;
	for (i = 0; i < PLACES; i++) {
		uint32_t owner = __atomic_load_n(&control->owners[i], __ATOMIC_SEQ_CST);
		if (owner && kill(owner, 0) && errno == ESRCH && swap(&control->owners[i], &owner, 0)) {
			ADD(inside, -1);
			wake();
		}
	}
}

/* enter waits for a place, and in it as long as the control file says. */
static int enter(void)
{
	uint32_t n, most, freed;
	int place;
	for (;;) {
		struct timespec t = { 1, 0 }; /* the capacity may have grown */
		uint32_t capacity = GET(capacity);
		freed = GET(freed);
		place = take_place(capacity > 0 && capacity < PLACES ? capacity : PLACES);
		if (place >= 0)
			break;
		reclaim();
		syscall(SYS_futex, &control->freed, FUTEX_WAIT, freed, &t, NULL, 0);
	}
	n = ADD(inside, 1);
	most = GET(max_inside);
	while (n > most && !swap(&control->max_inside, &most, n))
		;
	while (GET(hang))
		pause_for(2000);
	if (GET(crash))
		abort();
	pause_for(GET(delay));
	return place;
}

static void leave(int place)
{
	ADD(inside, -1);
	__atomic_store_n(&control->owners[place], 0, __ATOMIC_SEQ_CST);
	wake();
}

/* Every argument and result of these calls is of the size of a long, or is a pointer. */
typedef ulong call1(ulong), call2(ulong, ulong), call3(ulong, ulong, ulong), call4(ulong, ulong, ulong, ulong),
	call5(ulong, ulong, ulong, ulong, ulong);

static ulong get_token_info(ulong a, ulong b)
{
	ulong rv = failure(GET_TOKEN_INFO);
	return rv ? rv : ((call2 *)module->f[GET_TOKEN_INFO])(a, b);
}

static ulong open_session(ulong a, ulong b, ulong c, ulong d, ulong e)
{
	ulong rv = failure(OPEN_SESSION);
	return rv ? rv : ((call5 *)module->f[OPEN_SESSION])(a, b, c, d, e);
}

static ulong get_session_info(ulong a, ulong b)
{
	ulong rv = failure(GET_SESSION_INFO);
	return rv ? rv : ((call2 *)module->f[GET_SESSION_INFO])(a, b);
}

static ulong login(ulong a, ulong b, ulong c, ulong d)
{
	ulong rv = failure(LOGIN);
	return rv ? rv : ((call4 *)module->f[LOGIN])(a, b, c, d);
}

static ulong get_attribute_value(ulong a, ulong b, ulong c, ulong d)
{
	ulong rv = failure(GET_ATTRIBUTE_VALUE);
	return rv ? rv : ((call4 *)module->f[GET_ATTRIBUTE_VALUE])(a, b, c, d);
}

static ulong find_objects_init(ulong a, ulong b, ulong c)
{
	ulong rv = failure(FIND_OBJECTS_INIT);
	return rv ? rv : ((call3 *)module->f[FIND_OBJECTS_INIT])(a, b, c);
}

/* The session in which the last operation that was begun on this thread was refused. A client of
 * p11-kit sends C_Sign together with C_SignInit. If nothing has begun, the module of a device answers
 * C_Sign without the device. */
static __thread ulong refused;

static ulong begin(int fn, ulong a, ulong b, ulong c)
{
	ulong rv = failure(fn);
	if (!rv)
		rv = ((call3 *)module->f[fn])(a, b, c);
	refused = rv ? a : 0;
	return rv;
}

static ulong decrypt_init(ulong a, ulong b, ulong c) { return begin(DECRYPT_INIT, a, b, c); }
static ulong sign_init(ulong a, ulong b, ulong c) { return begin(SIGN_INIT, a, b, c); }

static ulong in_place(int fn, ulong a, ulong b, ulong c, ulong d, ulong e)
{
	ulong rv = failure(fn);
	int place;
	if (rv)
		return rv;
	if (a == refused)
		return ((call5 *)module->f[fn])(a, b, c, d, e);
	place = enter();
	rv = ((call5 *)module->f[fn])(a, b, c, d, e);
	leave(place);
	return rv;
}

static ulong decrypt(ulong a, ulong b, ulong c, ulong d, ulong e) { return in_place(DECRYPT, a, b, c, d, e); }
static ulong sign(ulong a, ulong b, ulong c, ulong d, ulong e) { return in_place(SIGN, a, b, c, d, e); }

static ulong initialize(ulong a)
{
	ulong rv = failure(INITIALIZE);
	return rv ? rv : ((call1 *)module->f[INITIALIZE])(a);
}

static int load(void)
{
	const char *path = getenv("HSMTEST_PROXY_MODULE"), *file = getenv("HSMTEST_PROXY_CONTROL");
	void *library = path ? dlopen(path, RTLD_NOW | RTLD_LOCAL) : NULL;
	ulong (*list)(struct function_list **) = library ? (ulong(*)(struct function_list **))dlsym(library, "C_GetFunctionList") : NULL;
	int fd = file ? open(file, O_RDWR | O_CLOEXEC) : -1;
	void *mapped;
	if (!list || fd < 0)
		return 0;
	mapped = mmap(NULL, sizeof *control, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (mapped == MAP_FAILED || list(&module))
		return 0;
	control = mapped;
	return 1;
}

ulong C_GetFunctionList(struct function_list **out)
{
	static int loaded;
	if (!loaded) {
		if (!load())
			return CKR_GENERAL_ERROR;
		loaded = 1;
		mine = *module;
		mine.f[GET_FUNCTION_LIST] = (void *)C_GetFunctionList;
		mine.f[INITIALIZE] = (void *)initialize;
		mine.f[GET_TOKEN_INFO] = (void *)get_token_info;
		mine.f[OPEN_SESSION] = (void *)open_session;
		mine.f[GET_SESSION_INFO] = (void *)get_session_info;
		mine.f[LOGIN] = (void *)login;
		mine.f[GET_ATTRIBUTE_VALUE] = (void *)get_attribute_value;
		mine.f[FIND_OBJECTS_INIT] = (void *)find_objects_init;
		mine.f[DECRYPT_INIT] = (void *)decrypt_init;
		mine.f[DECRYPT] = (void *)decrypt;
		mine.f[SIGN_INIT] = (void *)sign_init;
		mine.f[SIGN] = (void *)sign;
	}
	*out = &mine;
	return 0;
}
