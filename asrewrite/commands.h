/* SPDX-License-Identifier: BSD-2-Clause */
/* Sub-commands of `afterburn`; each returns an exit code (diag.h). argv[0] is "afterburn NAME". */
#ifndef AFTERBURN_COMMANDS_H
#define AFTERBURN_COMMANDS_H

int ab_cmd_inspect(int argc, char **argv);
int ab_cmd_check(int argc, char **argv);
int ab_cmd_doctor(int argc, char **argv);
int ab_cmd_rules(int argc, char **argv);
int ab_cmd_rewrite(int argc, char **argv);
int ab_cmd_image(int argc, char **argv); /* backends/xen/image */
int ab_cmd_run(int argc, char **argv);	 /* backends/linux/launcher */

#endif
