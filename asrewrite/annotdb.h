/* SPDX-License-Identifier: BSD-2-Clause */
/* The annotation records of an ELF file, each tied to the place it speaks of. */
#ifndef AFTERBURN_ANNOTDB_H
#define AFTERBURN_ANNOTDB_H

#include "asrewrite/elfview.h"
#include "rules/annot.h"

/* What is wrong with a record by itself; the code it points at is the checker's matter. */
enum ab_fault {
	AB_FAULT_NONE,
	AB_FAULT_TORN,	     /* the section does not hold a whole number of records */
	AB_FAULT_VERSION,    /* layout we do not know: no field but this one was looked at */
	AB_FAULT_MODE,	     /* no x86 mode */
	AB_FAULT_CLASS,	     /* class we do not know */
	AB_FAULT_LENGTH,     /* lengths that contradict each other */
	AB_FAULT_RELOCATION, /* relocatable file, and `start` has no PC-relative relocation */
	AB_FAULT_OUTSIDE,    /* site is in no section, or reaches past its end */
	AB_FAULTS
};

struct ab_annotation {
	struct ab_annot record; /* as in the file */
	uint32_t section;	/* where the site is; 0: unknown */
	uint64_t offset;	/* of the site's first byte in that section */
	uint32_t from;		/* the section that holds the record ... */
	uint64_t from_offset;	/* ... and where in it, in bytes */
	enum ab_fault fault;
};

struct ab_annotdb {
	struct ab_annotation *list; /* by section, offset, markers first, order in the file */
	size_t count;
	uint64_t bytes; /* of all annotation sections */
};

/*
 * Read all records of all AB_SECTION sections of `elf`. Bad records are kept,
 * with their fault: input errors never stop a reader. Free with ab_annotdb_free().
 */
void ab_annotdb_read(struct ab_annotdb *db, const struct ab_elf *elf);
void ab_annotdb_free(struct ab_annotdb *db);

const char *ab_fault_text(enum ab_fault fault);

static inline bool ab_is_marker(const struct ab_annotation *annotation)
{
	return annotation->record.class == AB_CLASS_MODE;
}

static inline uint8_t ab_mode_of(const struct ab_annotation *annotation)
{
	return annotation->record.mode_version & AB_MODE_MASK;
}

/* Offset of the instruction in its section, and of the byte behind it, and behind the site. */
static inline uint64_t ab_insn_start(const struct ab_annotation *annotation)
{
	return annotation->offset + annotation->record.insn_off;
}

static inline uint64_t ab_insn_end(const struct ab_annotation *annotation)
{
	return ab_insn_start(annotation) + annotation->record.insn_len;
}

static inline uint64_t ab_site_end(const struct ab_annotation *annotation)
{
	return annotation->offset + annotation->record.total_len;
}

#endif
