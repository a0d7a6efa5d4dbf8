/* SPDX-License-Identifier: BSD-2-Clause */
/* The table of rewritten sites: a call leaves the address behind the site, so that is
 * the key. Open addressing; sites themselves stay in place, in the order they came.
 */
#include "vmm/rewrite/sites.h"

#include "vmm/entry.h"
#include "vmm/rewrite/templates.h"

#define SITES	32768
#define BUCKETS 65536 /* at most half of them in use */

static struct site sites[SITES];
static uint16_t buckets[BUCKETS];    /* 0, or number of the site + 1 */
static unsigned site_count;	     /* sites ever in use are below */
static uint16_t free_sites;	     /* list through `link`: number + 1 */
static uint16_t thunk_owner[THUNKS]; /* number of the site + 1 */

static mword end_of(const struct site *site)
{
	return site->start + site->total;
}

static unsigned home(mword next)
{
	return (unsigned)(next * UINT64_C(0x9e3779b97f4a7c15) >> 48); /* 2^64 / golden ratio */
}

static unsigned after(unsigned bucket)
{
	return (bucket + 1) % BUCKETS;
}

/* The bucket of the site that ends at `next`, or the empty one where it would go. */
static unsigned bucket_of(mword next)
{
	unsigned bucket = home(next);

	while (buckets[bucket] && end_of(&sites[buckets[bucket] - 1]) != next)
		bucket = after(bucket);
	return bucket;
}

const struct site *rewrite_site_before(mword next)
{
	unsigned number = buckets[bucket_of(next)];

	return number ? &sites[number - 1] : NULL;
}

const struct site *rewrite_site_at(mword va)
{
	for (unsigned i = 1; i <= SITE_MAX; i++) {
		const struct site *site = rewrite_site_before(va + i);

		if (site && va - site->start < site->total)
			return site;
	}
	return NULL;
}

bool sites_overlap(mword start, unsigned total)
{
	for (unsigned i = 1; i < total + SITE_MAX; i++) {
		const struct site *site = rewrite_site_before(start + i);

		if (site && site->start < start + total)
			return true;
	}
	return false;
}

struct site *sites_add(mword start, uint8_t total)
{
	struct site *site;

	if (free_sites) {
		site = &sites[free_sites - 1];
		free_sites = site->link;
	} else if (site_count < SITES) {
		site = &sites[site_count++];
	} else {
		return NULL;
	}
	*site = (struct site){.start = start, .total = total, .in_use = 1, .thunk = SITE_NO_THUNK};
	buckets[bucket_of(start + total)] = (uint16_t)(site - sites + 1);
	return site;
}

/* Entries behind a gap that would no longer be found move into it. */
static void close_gap(unsigned gap)
{
	for (unsigned i = after(gap); buckets[i]; i = after(i)) {
		unsigned from = home(end_of(&sites[buckets[i] - 1]));

		if ((i - from) % BUCKETS >= (i - gap) % BUCKETS) {
			buckets[gap] = buckets[i];
			gap = i;
		}
	}
	buckets[gap] = 0;
}

void sites_remove(struct site *site)
{
	close_gap(bucket_of(end_of(site)));
	if (site->thunk != SITE_NO_THUNK)
		thunk_owner[site->thunk] = 0;
	site->in_use = 0;
	site->link = free_sites;
	free_sites = (uint16_t)(site - sites + 1);
}

void rewrite_forget(mword start, mword size)
{
	for (unsigned i = 0; i < site_count; i++)
		if (sites[i].in_use && sites[i].start - start < size)
			sites_remove(&sites[i]);
}

bool sites_take_thunk(struct site *site)
{
	for (unsigned i = 0; i < THUNKS; i++) {
		if (!thunk_owner[i]) {
			thunk_owner[i] = (uint16_t)(site - sites + 1);
			site->thunk = (uint16_t)i;
			return true;
		}
	}
	return false;
}

const struct site *sites_of_thunk(unsigned number)
{
	return number < THUNKS && thunk_owner[number] ? &sites[thunk_owner[number] - 1] : NULL;
}
