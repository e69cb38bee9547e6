/*
 * Switching stacks on x86-64, System V. A function call preserves rbx, rbp, r12 to r15 and the control bits of mxcsr and of
 * the x87; they lie on the stack that is left, above the saved rsp:
 *
 *     0 mxcsr, 4 x87 control word, 8 r15, 16 r14, 24 r13, 32 r12, 40 rbx, 48 rbp, 56 return address
 *
 * Indirect branch tracking is served: each function begins with endbr64, and the jump at the end, which goes behind a
 * call, is marked as one not to track. A shadow stack is not: functions return on another stack than they were called
 * on, which the thread's one shadow stack does not follow. So the note below claims IBT alone, and the loader leaves
 * shadow stacks off for the process.
 */
#if defined(__x86_64__) && defined(__LP64__) && !defined(AC_UCONTEXT)

    .text
    .globl ac_switch
    .hidden ac_switch
    .type ac_switch, @function
    .p2align 4
ac_switch:
    .cfi_startproc
    endbr64
    pushq %rbp
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset %rbp, 0
    pushq %rbx
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset %rbx, 0
    pushq %r12
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset %r12, 0
    pushq %r13
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset %r13, 0
    pushq %r14
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset %r14, 0
    pushq %r15
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset %r15, 0
    subq $8, %rsp
    .cfi_adjust_cfa_offset 8
    stmxcsr (%rsp)
    fnstcw 4(%rsp)
    movl (%rsp), %eax
    movzwl 4(%rsp), %ecx
    movq %rsp, (%rdi)
    movq %rsi, %rsp /* from here on the frame is the other stack's, and of the same shape */
    /* Loading the control words costs as much as all the rest, and they are nearly always the same. */
    xorl (%rsp), %eax
    testl $0xffc0, %eax /* the six bits below are flags, which a call need not preserve */
    jne 1f
    cmpw 4(%rsp), %cx
    jne 2f
3:  addq $8, %rsp
    .cfi_adjust_cfa_offset -8
    popq %r15
    .cfi_adjust_cfa_offset -8
    .cfi_restore %r15
    popq %r14
    .cfi_adjust_cfa_offset -8
    .cfi_restore %r14
    popq %r13
    .cfi_adjust_cfa_offset -8
    .cfi_restore %r13
    popq %r12
    .cfi_adjust_cfa_offset -8
    .cfi_restore %r12
    popq %rbx
    .cfi_adjust_cfa_offset -8
    .cfi_restore %rbx
    popq %rbp
    .cfi_adjust_cfa_offset -8
    .cfi_restore %rbp
    popq %rcx /* not ret: the CPU would predict the wrong stack's caller, now and at the next return as well */
    .cfi_adjust_cfa_offset -8
    .cfi_register %rip, %rcx
    notrack jmp *%rcx
    .cfi_adjust_cfa_offset 64
    .cfi_offset %rip, -8
    .cfi_rel_offset %rbp, 48
    .cfi_rel_offset %rbx, 40
    .cfi_rel_offset %r12, 32
    .cfi_rel_offset %r13, 24
    .cfi_rel_offset %r14, 16
    .cfi_rel_offset %r15, 8
1:  ldmxcsr (%rsp)
2:  fldcw 4(%rsp)
    jmp 3b
    .cfi_endproc
    .size ac_switch, .-ac_switch

/* The first thing on a new stack; rbx is the function and r12 its argument. Nothing called it, so a backtrace ends here. */
    .type begin, @function
    .p2align 4
begin:
    .cfi_startproc
    .cfi_undefined %rip
    endbr64
    xorl %ebp, %ebp
    movq %r12, %rdi
    call *%rbx
    ud2
    .cfi_endproc
    .size begin, .-begin

/* void *ac_prepare(char *base, size_t size, void (*entry)(void *), void *arg), with the control words of its caller. */
    .globl ac_prepare
    .hidden ac_prepare
    .type ac_prepare, @function
    .p2align 4
ac_prepare:
    .cfi_startproc
    endbr64
    leaq (%rdi,%rsi), %rax
    andq $-16, %rax
    subq $64, %rax /* begin starts with rsp a multiple of 16, and calls */
    stmxcsr (%rax)
    fnstcw 4(%rax)
    movw $0, 6(%rax)
    movq $0, 8(%rax)
    movq $0, 16(%rax)
    movq $0, 24(%rax)
    movq %rcx, 32(%rax)
    movq %rdx, 40(%rax)
    movq $0, 48(%rax)
    leaq begin(%rip), %rcx
    movq %rcx, 56(%rax)
    ret
    .cfi_endproc
    .size ac_prepare, .-ac_prepare

    .section .note.gnu.property, "a"
    .p2align 3
    .long 4, 16, 5 /* the sizes of name and content, NT_GNU_PROPERTY_TYPE_0 */
    .asciz "GNU"
    .long 0xc0000002, 4, 1, 0 /* GNU_PROPERTY_X86_FEATURE_1_AND, four bytes: IBT */

#endif

#ifdef __ELF__
    .section .note.GNU-stack, "", %progbits
#endif
