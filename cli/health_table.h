/* cli/health_table.h - the health figures of a report as a table for people. */
#ifndef CLI_HEALTH_TABLE_H
#define CLI_HEALTH_TABLE_H

#include <jansson.h>
#include <stdio.h>

/* report: with "levels" and "codes", as train and inspect report them. */
void health_table_print(const json_t *report, FILE *out);

#endif
