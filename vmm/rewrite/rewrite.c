/* SPDX-License-Identifier: BSD-2-Clause */
/* The rewriter proper: two passes over a section of annotation records. The first
 * judges every record, decodes, builds every replacement and enters the sites into the
 * table; the second writes. Whatever the first finds wrong, or the second cannot
 * write, is undone completely: a kernel half of whose instructions act on the
 * virtual CPU and half on the real one could only crash later.
 */
#include "vmm/rewrite.h"

#include "vmm/backend.h"
#include "vmm/rewrite/order.h"
#include "vmm/rewrite/sites.h"
#include "vmm/rewrite/templates.h"

/* A call of rewrite(). `sites` are this call's own. */
struct job {
	const struct code_view *view;
	mword lowest, end;
	struct rewrite_report *report;
	struct rewrite_failure *failure;
	struct site *sites[ORDER_MAX];
	size_t count;
};

/* One record, found good. */
struct record {
	struct ab_annot annot;
	mword at;    /* of the record */
	mword start; /* of the site */
	int row;
};

static enum rewrite_error fail(struct job *job, enum rewrite_error error, mword address,
			       uint16_t class)
{
	*job->failure =
		(struct rewrite_failure){.error = error, .address = address, .class = class};
	return error;
}

static enum rewrite_error fail_record(struct job *job, const struct record *record)
{
	return fail(job, REWRITE_BAD_RECORD, record->at, record->annot.class);
}

static void count(struct job *job, const struct record *record, enum rewrite_outcome outcome)
{
	job->report->counts[record->row][outcome]++;
	job->report->total++;
}

/* --- what a record says --------------------------------------------------------------- */

static bool version_fits(const struct ab_annot *annot)
{
	return annot->mode_version >> AB_VERSION_SHIFT == AB_VERSION &&
	       (annot->mode_version & AB_MODE_MASK) <= AB_MODE_OTHER;
}

static bool lengths_fit(const struct ab_annot *annot)
{
	return annot->insn_len > 0 && annot->total_len <= SITE_MAX &&
	       (unsigned)annot->insn_off + annot->insn_len <= annot->total_len;
}

static bool is_marker(const struct ab_annot *annot)
{
	return annot->class == AB_CLASS_MODE;
}

static bool place_fits(const struct job *job, const struct record *record)
{
	return record->start >= job->lowest && record->start < job->end &&
	       record->annot.total_len <= job->end - record->start;
}

static enum rewrite_error judge(struct job *job, struct record *record)
{
	const struct ab_annot *annot = &record->annot;

	if (!version_fits(annot))
		return fail_record(job, record);
	record->start = record->at + (mword)(int64_t)annot->start;
	record->row = rewrite_row(annot->class);
	if (record->row < 0)
		return fail_record(job, record);
	if (is_marker(annot))
		return annot->total_len ? fail_record(job, record) : REWRITE_OK;
	if (!lengths_fit(annot) || !place_fits(job, record))
		return fail_record(job, record);
	if (!order_add(record->start - job->lowest, annot->total_len))
		return fail(job, REWRITE_FULL, record->at, annot->class);
	return REWRITE_OK;
}

/* Is the site left as it is? *outcome: why. */
static bool is_left(const struct ab_annot *annot, enum rewrite_outcome *outcome)
{
	enum binding binding = template_binding(annot->class);

	if (annot->flags & AB_F_COPIED)
		*outcome = REWRITE_COPIED;
	else if (annot->flags & AB_F_USER || (annot->mode_version & AB_MODE_MASK) != AB_MODE_64)
		*outcome = REWRITE_FOREIGN;
	else if (binding == BIND_NATIVE || (binding == BIND_WANTED && !backend_wants(annot->class)))
		*outcome = REWRITE_NATIVE;
	else
		return false;
	return true;
}

/* --- what the code says ----------------------------------------------------------------- */

/* `sti; hlt` and the like: the operands are the second instruction's. */
static bool decode_fused(struct insn *insn, const uint8_t *bytes, unsigned length)
{
	struct insn first;

	if (!insn_decode(&first, bytes, length, 64) || first.class != AB_CLASS_STI)
		return false;
	if (!insn_decode(insn, bytes + first.length, length - first.length, 64))
		return false;
	insn->second = first.length;
	insn->length = (uint8_t)(first.length + insn->length);
	return true;
}

static uint16_t fused_class(uint16_t second)
{
	switch (second) {
	case AB_CLASS_HLT:
		return AB_CLASS_STI_HLT;
	case AB_CLASS_MWAIT:
		return AB_CLASS_STI_MWAIT;
	case AB_CLASS_SYSEXIT:
		return AB_CLASS_STI_SYSEXIT;
	default:
		return 0;
	}
}

/* Memory operations and hooks are what their record says, not what they look like; a
 * hook is no instruction at all. */
static bool decode(struct insn *insn, const struct ab_annot *annot, const uint8_t *site)
{
	const uint8_t *bytes = site + annot->insn_off;
	unsigned length = annot->insn_len;
	unsigned group = annot->class >> 8;

	if (group == AB_GROUP_HOOK) {
		*insn = (struct insn){.class = annot->class, .length = annot->insn_len};
		return true;
	}
	if (annot->flags & AB_F_FUSED) {
		if (!decode_fused(insn, bytes, length))
			return false;
		insn->class = fused_class(insn->class);
	} else if (!insn_decode(insn, bytes, length, 64)) {
		return false;
	}
	if (group == AB_GROUP_MEMORY)
		insn->class = annot->class;
	return insn->class == annot->class && (insn->length == length || annot->flags & AB_F_RAW);
}

/* --- pass 1 --------------------------------------------------------------------------- */

static enum rewrite_error fail_build(struct job *job, const struct site *site,
				     const struct code *code, unsigned room)
{
	enum rewrite_error error = code->out_of_reach ? REWRITE_OUT_OF_REACH : REWRITE_NO_ROOM;

	fail(job, error, site->start, site->insn.class);
	job->failure->needed = (uint8_t)code->length;
	job->failure->there = (uint8_t)room;
	return error;
}

static bool take_thunk(struct site *site)
{
	if (template_binding(site->insn.class) == BIND_THUNK)
		return sites_take_thunk(site);
	if (template_likes_thunk(site))
		sites_take_thunk(site);
	return true;
}

/* Build what is to be written, to see whether it can be. */
static enum rewrite_error try_build(struct job *job, struct site *site,
				    enum rewrite_outcome *outcome)
{
	struct code code;

	if (!take_thunk(site))
		return fail(job, REWRITE_FULL, site->start, site->insn.class);
	if (site->thunk != SITE_NO_THUNK) {
		template_build_thunk(&code, site);
		if (code.out_of_reach || code.length > THUNK_BYTES)
			return fail_build(job, site, &code, THUNK_BYTES);
	}
	*outcome = template_build(&code, site);
	if (code.out_of_reach || code.length > site->total)
		return fail_build(job, site, &code, site->total);
	return REWRITE_OK;
}

static enum rewrite_error enter(struct job *job, const struct record *record,
				enum rewrite_outcome *outcome)
{
	const struct ab_annot *annot = &record->annot;
	struct site *site;

	if (sites_overlap(record->start, annot->total_len))
		return fail(job, REWRITE_BAD_RECORD, record->start, annot->class);
	site = sites_add(record->start, annot->total_len);
	if (!site)
		return fail(job, REWRITE_FULL, record->start, annot->class);
	job->sites[job->count++] = site;
	site->flags = annot->flags;
	if (!job->view->read(job->view, site->start, site->original, site->total))
		return fail(job, REWRITE_UNREADABLE, site->start, annot->class);
	if (!decode(&site->insn, annot, site->original))
		return fail(job, REWRITE_UNDECODABLE, site->start, annot->class);
	/* emulation counts from the site's start, the instruction may begin behind it */
	if (site->insn.rm_kind == INSN_RM_RIP)
		site->insn.disp += annot->insn_off;
	return try_build(job, site, outcome);
}

static enum rewrite_error check_record(struct job *job, mword at)
{
	struct record record = {.at = at};
	enum rewrite_outcome outcome = REWRITE_NATIVE;
	enum rewrite_error error;

	if (!job->view->read(job->view, at, &record.annot, sizeof(record.annot)))
		return fail(job, REWRITE_UNREADABLE, at, 0);
	error = judge(job, &record);
	if (error || is_marker(&record.annot))
		return error;
	if (!is_left(&record.annot, &outcome))
		error = enter(job, &record, &outcome);
	count(job, &record, outcome);
	return error;
}

static enum rewrite_error check_all(struct job *job, mword records, size_t size)
{
	mword offset;

	if (size % AB_RECORD_SIZE)
		return fail(job, REWRITE_BAD_RECORD, records, 0);
	order_begin();
	for (size_t i = 0; i < size; i += AB_RECORD_SIZE) {
		enum rewrite_error error = check_record(job, records + i);

		if (error)
			return error;
	}
	if (!order_disjoint(&offset))
		return fail(job, REWRITE_BAD_RECORD, job->lowest + offset, 0);
	return REWRITE_OK;
}

/* --- pass 2 --------------------------------------------------------------------------- */

static bool write_site(struct job *job, const struct site *site)
{
	struct code code;

	if (site->thunk != SITE_NO_THUNK) {
		template_build_thunk(&code, site);
		backend_write_code(vmm_thunks + site->thunk * THUNK_BYTES, code.bytes, code.length);
	}
	template_build(&code, site);
	template_fill(code.bytes + code.length, site->total - code.length);
	return job->view->write(job->view, site->start, code.bytes, site->total);
}

static enum rewrite_error write_all(struct job *job)
{
	for (size_t i = 0; i < job->count; i++) {
		const struct site *site = job->sites[i];

		if (write_site(job, site))
			continue;
		while (i-- > 0)
			job->view->write(job->view, job->sites[i]->start, job->sites[i]->original,
					 job->sites[i]->total);
		return fail(job, REWRITE_UNREADABLE, site->start, site->insn.class);
	}
	return REWRITE_OK;
}

enum rewrite_error rewrite(const struct code_view *view, mword records, size_t size, mword lowest,
			   mword end, struct rewrite_report *report,
			   struct rewrite_failure *failure)
{
	static struct job job; /* 256 KiB: too large for a stack */
	enum rewrite_error error;

	job.view = view;
	job.lowest = lowest;
	job.end = end;
	job.report = report;
	job.failure = failure;
	job.count = 0;
	*report = (struct rewrite_report){0};
	*failure = (struct rewrite_failure){0};
	error = check_all(&job, records, size);
	if (!error)
		error = write_all(&job);
	if (!error)
		return REWRITE_OK;
	while (job.count)
		sites_remove(job.sites[--job.count]);
	*report = (struct rewrite_report){0};
	return error;
}
