#include "sample/items.h"

#include <math.h>
#include <string.h>

/* Nothing is stored per item: what an item says is drawn again, from the random stream of its
 * number, whenever it is written, and what all sizes of a product line share from the stream of the
 * line. So items can be made in any order and in constant memory.
 *
 * Orders and ids that look random are permutations that need no table. Stepping by a stride coprime
 * to n visits all of 0 .. n-1 before it repeats; near the golden ratio of n, neighbouring steps lie
 * far apart (the three-distance theorem). Multiplying by a number coprime to 36^8 permutes the ids
 * of eight characters.
 *
 * The order of random draws is part of the format: tests pin the bytes. */

enum { TEXT_BYTES = 1024, WORD_BYTES = 96 };

/* ---- items and shelves ---- */

/* Euclid. */
static uint64_t gcd(uint64_t a, uint64_t b) {
    while (b) {
        uint64_t t = a % b;
        a = b;
        b = t;
    }
    return a;
}

static uint64_t coprime_stride(uint64_t n) {
    uint64_t stride = (uint64_t)((double)n * 0.6180339887) | 1;
    while (gcd(stride, n) != 1) stride += 2;
    return stride;
}

void sample_catalogue_init(sample_catalogue *c, uint64_t n_items, uint64_t seed) {
    *c = (sample_catalogue){
        .seed = seed, .n_items = n_items, .order_stride = coprime_stride(n_items)};
    for (size_t d = 0; d < n_sample_departments; d++)
        for (size_t i = 0; i < sample_departments[d].n_types; i++) {
            size_t s = c->n_shelves++;
            c->shelves[s].type = &sample_departments[d].types[i];
            c->shelves[s].department = sample_departments[d].name;
            c->department_first[s] = s - i;
            c->department_size[s] = sample_departments[d].n_types;
        }

    /* Each shelf gets one item, and the rest is shared by weights between 1 and 3. */
    double weights[SAMPLE_MAX_TYPES], total = 0, before = 0;
    rng r;
    rng_init(&r, c->seed, RNG_SAMPLE_SHELVES);
    for (size_t s = 0; s < c->n_shelves; s++) total += weights[s] = 1 + 2 * rng_uniform(&r);
    uint64_t spare = c->n_items - c->n_shelves;
    for (size_t s = 0; s < c->n_shelves; s++) {
        sample_shelf *shelf = &c->shelves[s];
        shelf->first = (uint64_t)((double)spare * before / total) + s;
        before += weights[s];
        uint64_t end =
            s + 1 == c->n_shelves ? c->n_items : (uint64_t)((double)spare * before / total) + s + 1;
        shelf->n_items = end - shelf->first;
        shelf->n_lines = (shelf->n_items + SAMPLE_LINE_ITEMS - 1) / SAMPLE_LINE_ITEMS;
        shelf->popularity_stride = coprime_stride(shelf->n_lines);
    }
}

uint64_t sample_item_at(const sample_catalogue *c, uint64_t position) {
    return (position * c->order_stride + c->seed % c->n_items) % c->n_items;
}

size_t sample_shelf_of(const sample_catalogue *c, uint64_t item) {
    size_t s = 0;
    while (s + 1 < c->n_shelves && c->shelves[s + 1].first <= item) s++;
    return s;
}

void sample_asin(uint64_t item, char out[SAMPLE_ID_BYTES]) {
    static const char digits[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
    const uint64_t n_ids = 2821109907456u; /* 36^8 */
    uint64_t x = (item * 1145141919833u + 777777777777u) % n_ids;

    out[0] = 'B';
    out[1] = '0';
    for (int i = 9; i >= 2; i--) {
        out[i] = digits[x % 36];
        x /= 36;
    }
    out[10] = '\0';
}

/* ---- random choices ---- */

bool sample_chance(rng *r, double p) {
    return rng_uniform(r) < p;
}

static size_t count_elements(const char *list) {
    size_t n = 1;
    for (; *list; list++) n += *list == '|';
    return n;
}

static const char *element(const char *list, size_t i, char *buf, size_t n_buf) {
    for (i %= count_elements(list); i > 0; i--) list = strchr(list, '|') + 1;
    snprintf(buf, n_buf, "%.*s", (int)strcspn(list, "|"), list);
    return buf;
}

const char *sample_pick(rng *r, const char *list, char *buf, size_t n_buf) {
    return element(list, (size_t)rng_below(r, count_elements(list)), buf, n_buf);
}

/* ---- texts ---- */

typedef struct item_text {
    char brand[WORD_BYTES], series[WORD_BYTES], material[WORD_BYTES], use[WORD_BYTES];
    char size[WORD_BYTES], color[WORD_BYTES];
    char title[TEXT_BYTES];
    char description[2][TEXT_BYTES];
    char features[4][TEXT_BYTES];
    double price;
} item_text;

/* What all items of a product line have in common. */
static void describe_line(const sample_catalogue *c, const sample_type *type, uint64_t line, rng *r,
                          item_text *t) {
    char a[WORD_BYTES], b[WORD_BYTES], other_use[WORD_BYTES], closing[TEXT_BYTES];

    rng_init_numbered(r, c->seed, RNG_SAMPLE_LINE, line);
    snprintf(t->brand, sizeof t->brand, "%.30s%.30s", sample_pick(r, sample_brands, a, sizeof a),
             sample_pick(r, sample_endings, b, sizeof b));
    snprintf(t->series, sizeof t->series, "%c%c-%d", (char)('A' + rng_below(r, 26)),
             (char)('A' + rng_below(r, 26)), (int)(10 * (1 + rng_below(r, 99))));
    sample_pick(r, type->materials, t->material, sizeof t->material);
    size_t use = (size_t)rng_below(r, count_elements(type->uses));
    element(type->uses, use, t->use, sizeof t->use);
    t->price = 3 + 120 * pow(rng_uniform(r), 3);

    size_t first = (size_t)rng_below(r, 6);
    for (size_t i = 0; i < 4; i++) element(type->features, first + i, t->features[i], TEXT_BYTES);
    element(type->uses, use + 1, other_use, sizeof other_use);
    sample_pick(r, sample_closings, closing, sizeof closing);

    snprintf(t->description[0], TEXT_BYTES,
             "The %.60s %.20s %.40s in %.60s is made for %.60s. %.120s. %.120s.", t->brand,
             t->series, type->noun, t->material, t->use, t->features[0], t->features[2]);
    snprintf(t->description[1], TEXT_BYTES, "%.120s. Just as good for %.60s. %.120s.",
             t->features[1], other_use, closing);
}

static void describe_item(const sample_catalogue *c, const sample_shelf *shelf, uint64_t item,
                          rng *r, item_text *t) {
    uint64_t in_shelf = item - shelf->first, variant = in_shelf % SAMPLE_LINE_ITEMS;
    describe_line(c, shelf->type, item - variant, r, t);
    element(shelf->type->sizes, (size_t)variant, t->size, sizeof t->size);
    rng_init_numbered(r, c->seed, RNG_SAMPLE_ITEM, item);
    sample_pick(r, sample_colors, t->color, sizeof t->color);
    /* More items than sizes: the color tells them apart. */
    bool colored = variant >= count_elements(shelf->type->sizes) || sample_chance(r, 0.1);
    snprintf(t->title, sizeof t->title, "%s %s %s %s, %s%s%s", t->brand, t->series, t->material,
             shelf->type->noun, t->size, colored ? ", " : "", colored ? t->color : "");
    t->price = floor(t->price * (1 + 0.15 * (double)variant)) + 0.99;
}

/* ---- JSON ---- */

void sample_write_string(FILE *out, const char *s) {
    fputc('"', out);
    for (; *s; s++) {
        if (*s == '"' || *s == '\\') fputc('\\', out);
        fputc(*s, out);
    }
    fputc('"', out);
}

/* html: with entities and a line break, as some shops send their texts. */
static void write_text(FILE *out, const char *s, bool html) {
    char escaped[2 * TEXT_BYTES];
    size_t n = 0;

    for (; *s && n + 8 < sizeof escaped; s++) {
        const char *entity = *s == '&' ? "&amp;" : *s == '"' ? "&quot;" : *s == '\'' ? "&#39;" : "";
        if (html && *entity)
            n += (size_t)snprintf(escaped + n, sizeof escaped - n, "%s", entity);
        else
            escaped[n++] = *s;
    }

    if (html) n += (size_t)snprintf(escaped + n, sizeof escaped - n, "<br>");
    escaped[n] = '\0';
    sample_write_string(out, escaped);
}

static void write_list(FILE *out, const char *key, const char *const *items, size_t n, bool html) {
    fprintf(out, ", \"%s\": [", key);
    for (size_t i = 0; i < n; i++) {
        if (i) fputs(", ", out);
        write_text(out, items[i], html);
    }
    fputc(']', out);
}

static void write_member(FILE *out, const char *key, const char *value) {
    fprintf(out, "\"%s\": ", key);
    sample_write_string(out, value);
}

static void write_record(const sample_shelf *shelf, const item_text *t, const char *asin, rng *r,
                         FILE *out) {
    const char *features[] = {t->features[0], t->features[1], t->features[2], t->features[3]};
    const char *description[] = {t->description[0], t->description[1]};
    const char *categories[] = {"Industrial & Scientific", shelf->department,
                                shelf->type->category};

    fputs("{\"main_category\": \"Industrial & Scientific\"", out);
    if (!sample_chance(r, 0.005)) {
        fputs(", \"title\": ", out);
        write_text(out, sample_chance(r, 0.003) ? "" : t->title, false);
    }
    fprintf(out, ", \"average_rating\": %.1f, \"rating_number\": %d", 3 + 2 * rng_uniform(r),
            (int)(5000 * pow(rng_uniform(r), 4)) + 1);

    bool html = sample_chance(r, 0.03);
    write_list(out, "features", features, sample_chance(r, 0.1) ? 0 : 2 + rng_below(r, 3), html);
    if (!sample_chance(r, 0.02))
        write_list(out, "description", description, sample_chance(r, 0.1) ? 0 : 2, html);

    /* Prices are missing in some records, and text in a few. */
    if (sample_chance(r, 0.15))
        fputs(", \"price\": null", out);
    else if (sample_chance(r, 0.01))
        fprintf(out, ", \"price\": \"from %.2f\"", t->price);
    else
        fprintf(out, ", \"price\": %.2f", t->price);

    fputs(", \"images\": [], \"videos\": [], \"store\": ", out);
    if (sample_chance(r, 0.03))
        fputs("null", out);
    else
        sample_write_string(out, t->brand);
    write_list(out, "categories", categories, sample_chance(r, 0.04) ? 0 : 3, false);

    fputs(", \"details\": {", out);
    write_member(out, "Brand", t->brand);
    fputs(", ", out);
    write_member(out, "Material", t->material);
    fputs(", ", out);
    write_member(out, "Size", t->size);
    fputs(", ", out);
    write_member(out, "Color", t->color);
    fprintf(out, "}, \"parent_asin\": \"%s\", \"bought_together\": null}\n", asin);
}

int sample_write_meta(const sample_catalogue *c, uint64_t item, FILE *out) {
    rng r;
    item_text text;
    char asin[SAMPLE_ID_BYTES];
    const sample_shelf *shelf = &c->shelves[sample_shelf_of(c, item)];

    describe_item(c, shelf, item, &r, &text);
    sample_asin(item, asin);

    if (sample_chance(&r, 0.004)) return 0;
    bool twice = sample_chance(&r, 0.005);
    write_record(shelf, &text, asin, &r, out);
    if (twice) write_record(shelf, &text, asin, &r, out);
    return 1 + twice;
}
