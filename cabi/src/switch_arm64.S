/*
 * Switching stacks on 64-bit Arm, AAPCS64. A function call preserves x19 to x29, the low halves
 * of v8 to v15, and the control bits of fpcr. They are saved on the stack that is left, with the
 * return address:
 *
 *     0 x19 to x28, 80 x29, x30, 96 d8 to d15, 160 fpcr
 *
 * The code supports branch target identification: functions begin with "bti c" (a hint, which
 * older CPUs ignore), and returns need no mark. Return addresses are not signed.
 */
#if defined(__aarch64__) && defined(__LP64__) && !defined(AC_UCONTEXT)

#define BTI_C hint #34
#define FRAME 176

    .text
    .globl ac_switch
    .hidden ac_switch
    .type ac_switch, %function
    .p2align 4
ac_switch:
    .cfi_startproc
    BTI_C
    sub sp, sp, #FRAME
    .cfi_adjust_cfa_offset FRAME
    stp x19, x20, [sp]
    stp x21, x22, [sp, #16]
    stp x23, x24, [sp, #32]
    stp x25, x26, [sp, #48]
    stp x27, x28, [sp, #64]
    stp x29, x30, [sp, #80]
    .cfi_rel_offset x19, 0
    .cfi_rel_offset x20, 8
    .cfi_rel_offset x21, 16
    .cfi_rel_offset x22, 24
    .cfi_rel_offset x23, 32
    .cfi_rel_offset x24, 40
    .cfi_rel_offset x25, 48
    .cfi_rel_offset x26, 56
    .cfi_rel_offset x27, 64
    .cfi_rel_offset x28, 72
    .cfi_rel_offset x29, 80
    .cfi_rel_offset x30, 88
    stp d8, d9, [sp, #96]
    stp d10, d11, [sp, #112]
    stp d12, d13, [sp, #128]
    stp d14, d15, [sp, #144]
    mrs x2, fpcr
    str x2, [sp, #160]
    mov x3, sp
    str x3, [x0]
    mov sp, x1 /* from here on the frame is the other stack's, which has the same layout */
    ldp x19, x20, [sp]
    ldp x21, x22, [sp, #16]
    ldp x23, x24, [sp, #32]
    ldp x25, x26, [sp, #48]
    ldp x27, x28, [sp, #64]
    ldp x29, x30, [sp, #80]
    ldp d8, d9, [sp, #96]
    ldp d10, d11, [sp, #112]
    ldp d12, d13, [sp, #128]
    ldp d14, d15, [sp, #144]
    ldr x3, [sp, #160]
    cmp x2, x3 /* writing fpcr is slow, and it is nearly always the same */
    b.eq 1f
    msr fpcr, x3
1:  add sp, sp, #FRAME /* from here on a signal may overwrite the frame */
    .cfi_adjust_cfa_offset -FRAME
    .cfi_restore x19
    .cfi_restore x20
    .cfi_restore x21
    .cfi_restore x22
    .cfi_restore x23
    .cfi_restore x24
    .cfi_restore x25
    .cfi_restore x26
    .cfi_restore x27
    .cfi_restore x28
    .cfi_restore x29
    .cfi_restore x30
    ret
    .cfi_endproc
    .size ac_switch, .-ac_switch

/*
 * The first code on a new stack. x19 is the function and x20 its argument. It has no caller, so a
 * backtrace ends here.
 */
    .type begin, %function
    .p2align 4
begin:
    .cfi_startproc
    .cfi_undefined x30
    BTI_C
    mov x29, xzr
    mov x0, x20
    blr x19
    brk #1
    .cfi_endproc
    .size begin, .-begin

/*
 * void *ac_prepare(char *base, size_t size, void (*entry)(void *), void *arg); the stack gets the
 * caller's fpcr.
 */
    .globl ac_prepare
    .hidden ac_prepare
    .type ac_prepare, %function
    .p2align 4
ac_prepare:
    .cfi_startproc
    BTI_C
    add x0, x0, x1
    and x0, x0, #-16
    sub x0, x0, #FRAME
    mrs x4, fpcr
    stp x2, x3, [x0]
    stp xzr, xzr, [x0, #16]
    stp xzr, xzr, [x0, #32]
    stp xzr, xzr, [x0, #48]
    stp xzr, xzr, [x0, #64]
    adr x2, begin
    stp xzr, x2, [x0, #80]
    stp xzr, xzr, [x0, #96]
    stp xzr, xzr, [x0, #112]
    stp xzr, xzr, [x0, #128]
    stp xzr, xzr, [x0, #144]
    stp x4, xzr, [x0, #160]
    ret
    .cfi_endproc
    .size ac_prepare, .-ac_prepare

    .section .note.gnu.property, "a"
    .p2align 3
    .long 4, 16, 5 /* size of the name, size of the content, NT_GNU_PROPERTY_TYPE_0 */
    .asciz "GNU"
    .long 0xc0000000, 4, 1, 0 /* GNU_PROPERTY_AARCH64_FEATURE_1_AND, four bytes: BTI */

#endif

#ifdef __ELF__
    .section .note.GNU-stack, "", %progbits
#endif
