/* The table has one line per level and, below it, the figures of the whole codes. `semid inspect
 * --help` explains the columns. Figures that a report lacks are shown as "-": inspect
 * does not know the errors if metrics.json is missing.
 */
#include "cli/health_table.h"

static double number(const json_t *object, const char *key) {
    return json_number_value(json_object_get(object, key));
}

static void print_real(const json_t *object, const char *key, const char *format, int width,
                       FILE *out) {
    const json_t *value = json_object_get(object, key);
    char text[32] = "-";
    if (json_is_number(value)) snprintf(text, sizeof text, format, json_number_value(value));
    fprintf(out, "  %*s", width, text);
}

void health_table_print(const json_t *report, FILE *out) {
    const json_t *codes = json_object_get(report, "codes");
    double rows = number(codes, "rows");
    size_t i;
    json_t *level;

    fprintf(out, "level     used   share  perplexity  given above    gini  largest         mse  "
                 "explained\n");
    json_array_foreach(json_object_get(report, "levels"), i, level) {
        fprintf(out, "%5.0f  %7.0f  %6.1f%%", number(level, "level"), number(level, "used"),
                100 * number(level, "used_ratio"));
        print_real(level, "perplexity", "%.1f", 10, out);
        print_real(level, "conditional_perplexity", "%.1f", 11, out);
        print_real(level, "gini", "%.3f", 6, out);
        fprintf(out, "  %6.2f%%", 100 * number(level, "largest_ratio"));
        print_real(level, "mse", "%.4g", 10, out);
        print_real(level, "explained_ratio", "%.4f", 9, out);
        fputc('\n', out);
    }

    fprintf(out, "\n%.0f items, %.0f distinct codes: %.2f%% collisions", rows,
            number(codes, "unique"), 100 * number(codes, "collision_ratio"));
    fprintf(out, " (%.0f items share one, at most %.0f the same)\n", number(codes, "sharing"),
            number(codes, "largest_bucket"));
    fprintf(out, "%.2f bits of entropy of at most %.2f for %.0f items\n",
            number(codes, "entropy_bits"), number(codes, "entropy_bits_max"), rows);
}
