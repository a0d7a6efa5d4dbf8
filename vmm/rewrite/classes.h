/* SPDX-License-Identifier: BSD-2-Clause */
/* Classes of rules/annot.h as rows of tables: 0, 1, ... in the order of AB_CLASSES. */
#ifndef AFTERBURN_VMM_REWRITE_CLASSES_H
#define AFTERBURN_VMM_REWRITE_CLASSES_H

#include "vmm/rewrite.h"

#define CLASS_ROW_(group, number, name, sensitive) CLASS_ROW_##name,
enum class_row { AB_CLASSES(CLASS_ROW_) CLASS_ROWS };

_Static_assert((unsigned)CLASS_ROWS <= REWRITE_ROWS, "a row per class");

#endif
