/*
 * Switching stacks on x86-64, System V. A function call preserves rbx, rbp, r12 to r15 and the
 * control bits of mxcsr and of the x87. They are saved on the stack that is left, above the saved
 * rsp:
 *
 *     0 mxcsr, 4 x87 control word, 8 r15, 16 r14, 24 r13, 32 r12, 40 rbx, 48 rbp, 56 return address
 *
 * The code supports indirect branch tracking: each function begins with endbr64, and the jump at
 * the end, which goes to the instruction after a call, is exempt by its prefix notrack. It does
 * not support shadow stacks: functions return on another stack than they were called on, which
 * the thread's one shadow stack does not follow. So the note below claims IBT alone, and the
 * loader leaves shadow stacks off for the process.
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
    movq %rsi, %rsp /* from here on the frame is the other stack's, which has the same layout */
    /*
     * Loading the control words takes as long as the rest of the switch, and they are nearly
     * always the same.
     */
    xorl (%rsp), %eax
    testl $0xffc0, %eax /* the lower six bits are flags, which a call need not preserve */
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
    popq %rcx /* not ret, which the CPU would predict wrongly, and the next ret too */
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

/*
 * The first code on a new stack. rbx is the function and r12 its argument. It has no caller, so a
 * backtrace ends here.
 */
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

/*
 * void *ac_prepare(char *base, size_t size, void (*entry)(void *), void *arg); the stack gets the
 * caller's control words.
 */
    .globl ac_prepare
    .hidden ac_prepare
    .type ac_prepare, @function
    .p2align 4
ac_prepare:
    .cfi_startproc
    endbr64
    leaq (%rdi,%rsi), %rax
    andq $-16, %rax
    subq $64, %rax /* rsp is a multiple of 16 when begin starts, as its call needs */
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
    .long 4, 16, 5 /* size of the name, size of the content, NT_GNU_PROPERTY_TYPE_0 */
    .asciz "GNU"
    .long 0xc0000002, 4, 1, 0 /* GNU_PROPERTY_X86_FEATURE_1_AND, four bytes: IBT */

#endif

#ifdef __ELF__
    .section .note.GNU-stack, "", %progbits
#endif
