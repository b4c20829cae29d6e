	.text
stencil_0:
	movq	hole_x1(%r14), %rax
	testb	$3, %al
	jne	hole_t0
	cmpq	$hole_x2, %rax
	jne	hole_t0
	jmp	hole_next
	.section	.text.stencil_1,"ax",@progbits
stencil_1:
	cmpq	$15, %rax
	jne	slow_one
	addq	$16, %r15
	jmp	hole_next
stencil_2:
	testq	%rax, %rax
	jne	hole_t0
	jmp	hole_next
stencil_3:
	cmpq	$15, %rax
	jne	.L10
	jmp	hole_next
	.section	.text.cold_3,"ax",@progbits
.L10:
	movq	%rax, %rdi
	call	exec_it
	jmp	hole_next
