/* The vDSO as the kernel carries it: whole pages. VDSO is its file. */
    .section .rodata.vdso, "a"
    .balign 4096
    .globl vdso_image, vdso_image_end
vdso_image:
    .incbin VDSO
    .balign 4096
vdso_image_end:
