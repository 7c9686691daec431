/* ELF files for tests, made with the C library's idea of the format, not the kernel's. */
#pragma once

#include <elf.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* The header of a fixed program without segments; program headers come right behind it. */
static inline Elf64_Ehdr *elf_begin(void *image, uint64_t entry)
{
    Elf64_Ehdr *h = image;

    *h = (Elf64_Ehdr){
        .e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB,
                    EV_CURRENT},
        .e_type = ET_EXEC,
        .e_machine = EM_RISCV,
        .e_version = EV_CURRENT,
        .e_entry = entry,
        .e_phoff = sizeof(*h),
        .e_ehsize = sizeof(*h),
        .e_phentsize = sizeof(Elf64_Phdr),
    };
    return h;
}

static inline Elf64_Phdr *elf_header_at(void *image, unsigned i)
{
    return (Elf64_Phdr *)((char *)image + sizeof(Elf64_Ehdr)) + i;
}

/* One more program header; its memory size is its file size, until changed. */
static inline Elf64_Phdr *elf_add(void *image, uint32_t type, uint32_t flags,
                                  uint64_t offset, uint64_t vaddr, uint64_t filesz)
{
    Elf64_Ehdr *h = image;
    Elf64_Phdr *p = elf_header_at(image, h->e_phnum++);

    *p = (Elf64_Phdr){.p_type = type,
                      .p_flags = flags,
                      .p_offset = offset,
                      .p_vaddr = vaddr,
                      .p_paddr = vaddr,
                      .p_filesz = filesz,
                      .p_memsz = filesz,
                      .p_align = 0x1000};
    return p;
}
