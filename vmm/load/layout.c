/* SPDX-License-Identifier: BSD-2-Clause */
/*@042 Layout constants: the addresses a compiler hides
 *
 * A kernel's code is full of numbers that are addresses only by agreement: where the
 * direct map begins, where user addresses end. No linker knows them, and gcc takes
 * them apart (`mov $0x7fffff,%ebx; shl $0x29,%rbx`), so they cannot be recognised. The
 * guest patch makes each use 8 bytes of its own with a record, struct ab_layout, and
 * here the back-end's delta of that kind is added.
 *
 * Once applied the records are dead, for the guest never reads them. Their place, in
 * guest memory, is then the loader's: first for the sorted addresses of the words, by
 * which relocations are kept off them, and at last for the literals of early code.
 */
#include "vmm/load/image.h"
#include "vmm/string.h"

static uint64_t word_at(const struct image *image, uint64_t i)
{
	return image_get64(image->words + i * 8);
}

static void swap_words(struct image *image, uint64_t i, uint64_t j)
{
	uint64_t word = word_at(image, i);

	image_put64(image->words + i * 8, word_at(image, j));
	image_put64(image->words + j * 8, word);
}

static void sift(struct image *image, uint64_t root, uint64_t count)
{
	for (uint64_t child; (child = 2 * root + 1) < count; root = child) {
		if (child + 1 < count && word_at(image, child) < word_at(image, child + 1))
			child++;
		if (word_at(image, root) >= word_at(image, child))
			return;
		swap_words(image, root, child);
	}
}

/* Heap sort: in place, and never slow, whatever the file says. */
static void sort_words(struct image *image)
{
	for (uint64_t i = image->word_count / 2; i-- > 0;)
		sift(image, i, image->word_count);
	for (uint64_t i = image->word_count; i-- > 1;) {
		swap_words(image, 0, i);
		sift(image, 0, i);
	}
}

/* Replaces the record at `at` by the address of its word. */
static bool read_record(struct image *image, unsigned section, uint64_t address, uint64_t index)
{
	struct ab_layout record;
	uint8_t *at = image->words + index * 8;
	uint8_t *word;
	uint64_t va;

	memcpy(&record, at, sizeof(record));
	va = address + index * 8 + (uint64_t)(int64_t)record.word;
	if (record.version != AB_LAYOUT_VERSION)
		return image_fail(image, LOAD_E_LAYOUT_VERSION, section, index, va, record.version);
	if (record.kind == 0 || record.kind >= AB_LAYOUT_KINDS)
		return image_fail(image, LOAD_E_LAYOUT_KIND, section, index, va, record.kind);
	word = image_at(image, va, 8);
	/* not in the records themselves either: they are no longer what the file says */
	if (!word || (word + 8 > image->words && word < image->words + image->word_count * 8))
		return image_fail(image, LOAD_E_LAYOUT_OUTSIDE, section, index, va, 0);
	image_put64(word, image_get64(word) + (uint64_t)image->request->delta[record.kind]);
	image_put64(at, va);
	image->result->counts[LOAD_LAYOUT]++;
	return true;
}

bool layout_apply(struct image *image)
{
	struct elf_section section;
	unsigned number = elf_find(&image->elf, AB_LAYOUT_SECTION, &section);

	if (!number || !section.size)
		return true;
	image->words = image_at(image, section.addr, section.size);
	if (!image->words || !(section.flags & ELF_SHF_ALLOC) ||
	    section.size % AB_LAYOUT_RECORD_SIZE)
		return image_fail(image, LOAD_E_LAYOUT_SIZE, number, 0, section.addr, section.size);
	image->word_count = section.size / AB_LAYOUT_RECORD_SIZE;
	for (uint64_t i = 0; i < image->word_count; i++)
		if (!read_record(image, number, section.addr, i))
			return false;
	sort_words(image);
	for (uint64_t i = 1; i < image->word_count; i++)
		if (word_at(image, i) - word_at(image, i - 1) < 8)
			return image_fail(image, LOAD_E_LAYOUT_OVERLAP, number, i,
					  word_at(image, i), word_at(image, i - 1));
	return true;
}

bool layout_touched(const struct image *image, uint64_t va, unsigned length)
{
	uint64_t low = 0, high = image->word_count;

	/* the first word that ends behind va */
	while (low < high) {
		uint64_t middle = low + (high - low) / 2;

		if (word_at(image, middle) + 8 <= va)
			low = middle + 1;
		else
			high = middle;
	}
	return low < image->word_count && word_at(image, low) < va + length;
}

void layout_finish(struct image *image)
{
	if (!image->words)
		return;
	memset(image->words, 0, image->word_count * 8);
	for (unsigned i = 0; i < image->literal_count; i++)
		image_put64(image->words + i * 8, image->literals[i]);
}
