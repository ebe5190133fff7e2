#include "sample/sample.h"

#include "base/context.h"
#include "base/file.h"
#include "base/json_report.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/rng.h"
#include "pipeline/output_check.h"
#include "sample/items.h"

#include <math.h>
#include <string.h>

/* A made-up catalogue whose histories can be predicted, so that training and evaluation on it show
 * more than chance. A user likes a few shelves and walks among their items: another size of the
 * same product line, the neighbouring line on the shelf, the matching line on the next shelf, or a
 * jump to a line that is drawn by popularity (Zipf). Lines that are neighbours have similar texts,
 * and so similar embeddings: what comes next is close to what came before.
 *
 * Each user has a random stream of their own (the seed, RNG_SAMPLE_USER, the user's number), so
 * that users are written one after the other without keeping any: O(1) memory, O(reviews) time. The
 * order of random draws is part of the format: tests pin the bytes. */

enum { MAX_HISTORY = 64, MAX_TASTES = 3 };

/* ---- users ---- */

typedef struct user {
    rng r;
    size_t tastes[MAX_TASTES], n_tastes; /* shelves */
    size_t shelf;                        /* where the walk is */
    uint64_t line, variant;
} user;

/* 0 .. n-1, the r-th with probability about 1/r (Zipf), by inversion of its integral. */
static uint64_t zipf(rng *r, uint64_t n) {
    uint64_t rank = (uint64_t)exp(rng_uniform(r) * log((double)n + 1)) - 1;
    return rank < n ? rank : n - 1;
}

static void jump_to_shelf(const sample_catalogue *c, user *u, size_t shelf) {
    const sample_shelf *s = &c->shelves[shelf];
    u->shelf = shelf;
    u->line = zipf(&u->r, s->n_lines) * s->popularity_stride % s->n_lines;
    u->variant = zipf(&u->r, SAMPLE_LINE_ITEMS);
}

/* From one purchase to the next. */
static void walk(const sample_catalogue *c, user *u) {
    double x = rng_uniform(&u->r);

    if (x < 0.30) {
        u->variant = (u->variant + 1) % SAMPLE_LINE_ITEMS;
    } else if (x < 0.62) {
        u->line = (u->line + 1) % c->shelves[u->shelf].n_lines;
    } else if (x < 0.76) {
        /* To the matching line on the next shelf of the department: what goes with the item. */
        size_t first = c->department_first[u->shelf], n = c->department_size[u->shelf];
        size_t next = first + (u->shelf - first + 1) % n;
        u->line = u->line * c->shelves[next].n_lines / c->shelves[u->shelf].n_lines;
        u->shelf = next;
    } else if (x < 0.97) {
        jump_to_shelf(c, u, u->tastes[rng_below(&u->r, u->n_tastes)]);
    } else {
        jump_to_shelf(c, u, rng_below(&u->r, c->n_shelves));
    }
}

/* ---- reviews ---- */

typedef struct review {
    uint64_t item;
    int64_t timestamp_ms;
} review;

/* One user in eight leaves too little for a 5-core; one purchase in a hundred comes twice. */
static size_t make_history(const sample_catalogue *c, user *u, review history[MAX_HISTORY]) {
    size_t n = sample_chance(&u->r, 0.125) ? 1 + rng_below(&u->r, 4) : 5;
    while (n >= 5 && n < MAX_HISTORY && sample_chance(&u->r, 0.84)) n++;
    int64_t now = 1451606400000 + (int64_t)rng_below(&u->r, 189345600000); /* 2016 to 2021 */

    for (size_t i = 0; i < n; i++) {
        bool again = i > 0 && sample_chance(&u->r, 0.01);
        if (i > 0 && !again) walk(c, u);

        const sample_shelf *s = &c->shelves[u->shelf];
        uint64_t in_shelf = u->line * SAMPLE_LINE_ITEMS + u->variant;
        history[i] = (review){.item = s->first + in_shelf % s->n_items, .timestamp_ms = now};
        if (!sample_chance(&u->r, 0.02)) /* else the next has the same time: bought together */
            now += 1 + (int64_t)(-log(1 - rng_uniform(&u->r)) * 20 * 86400e3);
    }
    return n;
}

static void user_id(uint64_t number, char out[32]) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    uint64_t x = (number + 1) * 0x9e3779b97f4a7c15u; /* odd: a permutation of 64-bit numbers */

    out[0] = 'A';
    for (int i = 13; i >= 1; i--) {
        out[i] = digits[x % 32];
        x /= 32;
    }
    out[14] = '\0';
}

static void write_review(user *u, const char *id, const review *v, FILE *out) {
    char asin[SAMPLE_ID_BYTES], text[128];
    sample_asin(v->item, asin);
    bool happy = sample_chance(&u->r, 0.85);
    int rating = happy ? 4 + sample_chance(&u->r, 0.75) : 1 + (int)rng_below(&u->r, 3);

    fprintf(out, "{\"rating\": %d.0, \"title\": ", rating);
    sample_write_string(out, happy ? "Recommended" : "Disappointed");
    fputs(", \"text\": ", out);
    sample_write_string(
        out, sample_pick(&u->r, happy ? sample_praise : sample_blame, text, sizeof text));
    fprintf(out,
            ", \"images\": [], \"asin\": \"%s\", \"parent_asin\": \"%s\", \"user_id\": \"%s\", "
            "\"timestamp\": %lld, \"helpful_vote\": %d, \"verified_purchase\": %s}\n",
            asin, asin, id, (long long)v->timestamp_ms, (int)zipf(&u->r, 20),
            sample_chance(&u->r, 0.9) ? "true" : "false");
}

/* Every fourth user's reviews come newest first, as some dumps have them. */
static size_t write_user(const sample_catalogue *c, uint64_t number, FILE *out) {
    user u = {0};
    review history[MAX_HISTORY];
    char id[32];

    /* The walk begins on the first of one to three shelves that the user likes. */
    rng_init_numbered(&u.r, c->seed, RNG_SAMPLE_USER, number);
    u.n_tastes = 1 + rng_below(&u.r, MAX_TASTES);
    for (size_t i = 0; i < u.n_tastes; i++)
        u.tastes[i] = sample_shelf_of(c, rng_below(&u.r, c->n_items));
    jump_to_shelf(c, &u, u.tastes[0]);

    user_id(number, id);
    size_t n = make_history(c, &u, history);
    for (size_t i = 0; i < n; i++)
        write_review(&u, id, &history[number % 4 == 3 ? n - 1 - i : i], out);
    return n;
}

/* ---- files ---- */

/* Whether a malformed line comes before item or user i of n: n_bad are spread evenly. */
static bool bad_line_due(uint64_t i, uint64_t n, int64_t n_bad) {
    double share = (double)n_bad / (double)n;
    return (uint64_t)((double)(i + 1) * share) != (uint64_t)((double)i * share);
}

static semid_status write_meta_file(const sample_catalogue *c, const sample_params *p,
                                    const char *path, size_t *n_lines, semid_error *err) {
    file_out f;
    progress bar;
    semid_status status = SEMID_OK;

    TRY(file_out_open(&f, path, err));
    progress_begin(&bar, "sample", "items", c->n_items);
    for (uint64_t i = 0; i < c->n_items; i++) {
        if (i % 1024 == 0) TRY_GOTO(check_interrupted(err));
        if (bad_line_due(i, c->n_items, p->bad_lines))
            fputs("{\"main_category\": \"Industrial & Scientific\", \"title\": \"cut o\n",
                  f.stream);
        *n_lines += (size_t)sample_write_meta(c, sample_item_at(c, i), f.stream);
        progress_add(&bar, 1);
    }
    status = file_out_commit(&f, err);
done:
    progress_end(&bar);
    file_out_release(&f);
    return status;
}

static semid_status write_reviews_file(const sample_catalogue *c, const sample_params *p,
                                       uint64_t n_users, const char *path, size_t *n_lines,
                                       semid_error *err) {
    file_out f;
    progress bar;
    semid_status status = SEMID_OK;

    TRY(file_out_open(&f, path, err));
    progress_begin(&bar, "sample", "users", n_users);
    for (uint64_t i = 0; i < n_users; i++) {
        if (i % 1024 == 0) TRY_GOTO(check_interrupted(err));
        if (bad_line_due(i, n_users, p->bad_lines))
            fputs("{\"rating\": 5.0, \"title\": \"\", \"parent_asin\":\n", f.stream);
        *n_lines += write_user(c, i, f.stream);
        progress_add(&bar, 1);
    }
    status = file_out_commit(&f, err);
done:
    progress_end(&bar);
    file_out_release(&f);
    return status;
}

semid_status step_sample(const sample_params *p, const step_context *ctx, json_t **report,
                         semid_error *err) {
    static const char *const outputs[] = {"reviews.jsonl", "meta.jsonl", NULL};
    step_timer timer = step_begin();
    uint64_t n_users = (uint64_t)(p->users ? p->users : 2 * p->items);
    sample_catalogue c;
    char *reviews = NULL, *meta = NULL;
    json_t *figures = NULL;
    size_t n_meta = 0, n_reviews = 0;
    semid_status status = SEMID_OK;
    TRY(output_check_folder(p->out, outputs, err));

    sample_catalogue_init(&c, (uint64_t)p->items, ctx->seed);
    TRY_GOTO(path_join(&reviews, p->out, outputs[0], err));
    TRY_GOTO(path_join(&meta, p->out, outputs[1], err));
    TRY_GOTO(write_meta_file(&c, p, meta, &n_meta, err));
    TRY_GOTO(write_reviews_file(&c, p, n_users, reviews, &n_reviews, err));

    TRY_GOTO(
        json_made(&figures,
                  json_pack("{s:s, s:s, s:I, s:I, s:I, s:I, s:I}", "reviews_file", reviews,
                            "meta_file", meta, "items", (json_int_t)p->items, "meta_lines",
                            (json_int_t)n_meta, "users", (json_int_t)n_users, "review_lines",
                            (json_int_t)n_reviews, "bad_lines", (json_int_t)(2 * p->bad_lines)),
                  err));
    TRY_GOTO(step_end(timer, figures, err));
    *report = figures;
    figures = NULL;
done:
    json_decref(figures);
    mem_free(reviews);
    mem_free(meta);
    return status;
}
