	.text
stencil_0:
	movq	hole_x1(%r14), %rax
	testb	$3, %al
	je	.L4
.L3:
	jmp	hole_t0
.L4:
	cmpq	$hole_x2, %rax
	jne	.L3
	jmp	hole_next
	.size	stencil_0, .-stencil_0
	.section	.text.stencil_1,"ax",@progbits
stencil_1:
	cmpq	$15, %rax
	jne	.L7
	addq	$16, %r15
	jmp	hole_next
.L7:
	jmp	.L8
.L8:
	jmp	slow_one
	.size	stencil_1, .-stencil_1
stencil_2:
	testq	%rax, %rax
	je	.L9
	jmp	hole_t0
.L9:
	jmp	hole_next
	.size	stencil_2, .-stencil_2
stencil_3:
	cmpq	$15, %rax
	jne	.L10
	jmp	hole_next
.L10:
	movq	%rax, %rdi
	call	exec_it
	jmp	hole_next
	.size	stencil_3, .-stencil_3
