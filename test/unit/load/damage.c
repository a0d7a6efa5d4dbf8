/* SPDX-License-Identifier: BSD-2-Clause */
#include "damage.h"

static uint8_t ram[RAM_SIZE];

int damage_setup(void **state)
{
	struct state *s = calloc(1, sizeof(*s));

	assert_non_null(s);
	s->kernel = kernel_read(GUEST_HIGH);
	s->request = kernel_request(&s->kernel, ram, &s->area);
	*state = s;
	return 0;
}

int damage_teardown(void **state)
{
	struct state *s = *state;

	kernel_free(&s->kernel);
	free(s);
	return 0;
}

struct elf_rela *rela_of(struct state *s, const char *symbol, uint32_t type)
{
	uint64_t start = kernel_symbol(&s->kernel, symbol);
	struct elf_section *section = kernel_shdr(&s->kernel, ".rela.text");

	for (unsigned i = 0; i < section->size / sizeof(struct elf_rela); i++) {
		struct elf_rela *rela = kernel_rela(&s->kernel, ".rela.text", i);

		if (rela->offset >= start && rela->type == type)
			return rela;
	}
	fail_msg("no relocation behind %s", symbol);
	return NULL;
}

void expect(struct state *s, enum load_error error)
{
	bool loaded = load_kernel(&s->request, &s->result, &s->failure);

	if (loaded || s->failure.error != error)
		fail_msg("got: %s; want: %s", load_error_text(s->failure.error),
			 load_error_text(error));
}

void run_damage(const struct damage_case *cases, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		bool loaded;
		struct state *s;

		damage_setup((void **)&s);
		cases[i].damage(s);
		loaded = load_kernel(&s->request, &s->result, &s->failure);
		if (loaded || s->failure.error != cases[i].error)
			fail_msg("case %zu: got: %s; want: %s", i,
				 load_error_text(s->failure.error),
				 load_error_text(cases[i].error));
		damage_teardown((void **)&s);
	}
}
