/* What training comes to, pinned in tests/quality.csv: distortion, error on unseen rows,
 * collisions, perplexity and used codewords, of every method on a made-up set and on the shared
 * vectors. Means over seeds: one alone says little, by 5 % of the error on the made-up set.
 *
 * `test_golden_pinned_quality --update` writes the figures of this machine into the file, for its
 * diff to be reviewed. Tiers differ by rounding, which k-means amplifies: hence the tolerances. */
#include "cli/commands.h"

#include "base/json_file.h"
#include "base/memory.h"
#include "base/rng.h"
#include "formats/npy.h"
#include "support/support.h"
#include "train/train.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { ROWS = 3000, DIM = 24, CENTRES = 150 };

typedef struct figures {
    double error, unseen_error, collisions, unseen_collisions, perplexity, used;
} figures;

typedef struct pinned_case {
    bool shared;
    const char *method, *L, *K, *option;
} pinned_case;

static const pinned_case cases[] = {
    {false, "rqkmeans", "3", "32", ""},        {false, "rqkmeans", "3", "32", "no-shrink"},
    {false, "rqkmeans", "3", "32", "balance"}, {false, "rqkmeans", "3", "32", "unique"},
    {false, "rqkmeans", "3", "32", "beam"},    {false, "rqvae", "3", "32", ""},
    {false, "vqvae", "1", "256", ""},          {true, "rqkmeans", "3", "64", ""},
    {true, "rqkmeans", "4", "256", ""},        {true, "rqkmeans", "3", "256", "balance"},
    {true, "rqkmeans", "3", "256", "unique"},  {true, "rqvae", "3", "64", ""},
    {true, "vqvae", "1", "256", ""},
};
enum { N_CASES = sizeof cases / sizeof *cases };

static const char HEADER[] = "data,method,L,K,option,error,unseen_error,collisions,"
                             "unseen_collisions,lowest_perplexity,fewest_used\n";

static semid_error err;

static const char *pins_path(void) {
    return golden_path("../quality.csv");
}

/* What names a path lasts for a few calls only. */
static const char *kept(char out[512], const char *path) {
    snprintf(out, 512, "%s", path);
    return out;
}

static const char *shared_vectors(void) {
    static char path[512];
    return kept(path, shared_path("data/oracle/amazon23-industrial/emb.npy"));
}

/* A mixture whose parts grow rarer, with noise of its own for each. */
static const char *made_up_vectors(void) {
    static float x[ROWS * DIM], centres[CENTRES * DIM];
    static char kept_path[512];
    const char *path = kept(kept_path, test_path("made_up.npy"));
    rng r;
    rng_init(&r, 2024, 0);
    for (size_t i = 0; i < CENTRES * DIM; i++) centres[i] = (float)rng_normal(&r);
    for (size_t i = 0; i < ROWS; i++) {
        size_t c = (size_t)(CENTRES * pow(rng_uniform(&r), 2));
        double noise = 0.2 + 0.4 * (double)c / CENTRES;
        for (size_t j = 0; j < DIM; j++)
            x[i * DIM + j] = centres[c * DIM + j] + (float)(noise * rng_normal(&r));
    }
    assert_ok(npy_save(path, DTYPE_F32, 2, (size_t[]){ROWS, DIM}, x, &err));
    return path;
}

/* ---- measuring ---- */

static double number(const json_t *object, const char *key) {
    return json_number_value(json_object_get(object, key));
}

static figures read_figures(const json_t *report) {
    const json_t *held = json_object_get(report, "holdout"), *level = NULL;
    figures f = {.perplexity = INFINITY, .used = INFINITY};
    size_t i, last = json_array_size(json_object_get(report, "levels")) - 1;
    json_array_foreach(json_object_get(report, "levels"), i, level) {
        f.perplexity = fmin(f.perplexity, number(level, "perplexity"));
        f.used = fmin(f.used, number(level, "used"));
    }
    double dim = number(report, "dim");
    f.error = dim * number(json_array_get(json_object_get(report, "levels"), last), "mse");
    f.unseen_error = dim * number(json_array_get(json_object_get(held, "levels"), last), "mse");
    f.collisions = number(json_object_get(report, "codes"), "collision_ratio");
    f.unseen_collisions = number(json_object_get(held, "codes"), "collision_ratio");
    return f;
}

static void set(train_params *params, const char *name, const char *value) {
    assert_ok(options_set(&cmd_train, params, name, value, &err));
}

static figures train(const pinned_case *c, const char *in, uint64_t seed) {
    train_params params = {0};
    step_context ctx = {.seed = seed, .device = "cpu"};
    json_t *report = NULL;
    assert_ok(options_set_defaults(cmd_train.options, &params, &err));
    set(&params, "in", in);
    set(&params, "out", test_path("out"));
    set(&params, "method", c->method);
    set(&params, "L", c->L);
    set(&params, "K", c->K);
    set(&params, "holdout", "0.2");
    if (strcmp(c->option, "no-shrink") == 0) set(&params, "shrink", "false");
    if (strcmp(c->option, "beam") == 0) set(&params, "beam", "8");
    if (strcmp(c->option, "balance") == 0 || strcmp(c->option, "unique") == 0)
        set(&params, c->option, "true");
    assert_ok(cmd_train.run(&params, &ctx, &report, &err));
    figures f = read_figures(report);
    json_decref(report);
    options_release(cmd_train.options, &params);
    return f;
}

/* Means over seeds, which draw the held rows too. */
static figures measure(const pinned_case *c, const char *in) {
    figures sum = {0};
    const int n = c->shared ? 3 : 20;
    for (int seed = 1; seed <= n; seed++) {
        figures f = train(c, in, (uint64_t)seed);
        sum.error += f.error / n;
        sum.unseen_error += f.unseen_error / n;
        sum.collisions += f.collisions / n;
        sum.unseen_collisions += f.unseen_collisions / n;
        sum.perplexity += f.perplexity / n;
        sum.used += f.used / n;
    }
    return sum;
}

/* ---- the file ---- */

static void format_key(char key[96], const pinned_case *c) {
    snprintf(key, 96, "%s,%s,%s,%s,%s,", c->shared ? "industrial" : "made-up", c->method, c->L,
             c->K, c->option);
}

static figures read_pin(const char *key) {
    char line[256];
    figures f = {0};
    FILE *file = fopen(pins_path(), "r");
    assert_non_null(file);
    while (fgets(line, sizeof line, file)) {
        if (strncmp(line, key, strlen(key)) != 0) continue;
        assert_int_equal(sscanf(line + strlen(key), "%lf,%lf,%lf,%lf,%lf,%lf", &f.error,
                                &f.unseen_error, &f.collisions, &f.unseen_collisions, &f.perplexity,
                                &f.used),
                         6);
        fclose(file);
        return f;
    }
    fclose(file);
    fail_msg("%s: no line for %s", pins_path(), key);
    return f;
}

static bool near(const char *key, const char *name, double found, double pinned, double slack) {
    if (fabs(found - pinned) <= slack) return true;
    printf("%s %s: pinned %g, found %g\n", key, name, pinned, found);
    return false;
}

static void check(const pinned_case *c, const char *in) {
    char key[96];
    format_key(key, c);
    figures f = measure(c, in), p = read_pin(key);
    bool ok = near(key, "error", f.error, p.error, 0.01 * p.error);
    ok &= near(key, "unseen_error", f.unseen_error, p.unseen_error, 0.01 * p.unseen_error);
    ok &= near(key, "collisions", f.collisions, p.collisions, 0.015);
    ok &= near(key, "unseen_collisions", f.unseen_collisions, p.unseen_collisions, 0.02);
    ok &= near(key, "lowest_perplexity", f.perplexity, p.perplexity, 0.03 * p.perplexity);
    ok &= near(key, "fewest_used", f.used, p.used, 0.02 * p.used);
    if (!ok) fail_msg("figures moved; if for the better, pin them with --update");
}

static void check_all(bool shared, const char *in) {
    for (size_t i = 0; i < N_CASES; i++)
        if (cases[i].shared == shared) check(&cases[i], in);
}

static void on_a_made_up_set(void **state) {
    (void)state;
    check_all(false, made_up_vectors());
}

static void on_the_shared_vectors(void **state) {
    (void)state;
    skip_without(shared_vectors());
    check_all(true, shared_vectors());
}

static void update(void **state) {
    (void)state;
    file_out out;
    const char *made_up = made_up_vectors();
    skip_without(shared_vectors());
    assert_ok(file_out_open(&out, pins_path(), &err));
    fputs(HEADER, out.stream);
    for (size_t i = 0; i < N_CASES; i++) {
        char key[96];
        figures f = measure(&cases[i], cases[i].shared ? shared_vectors() : made_up);
        format_key(key, &cases[i]);
        fprintf(out.stream, "%s%.4f,%.4f,%.4f,%.4f,%.1f,%.0f\n", key, f.error, f.unseen_error,
                f.collisions, f.unseen_collisions, f.perplexity, f.used);
    }
    assert_ok(file_out_commit(&out, &err));
    file_out_release(&out);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(on_a_made_up_set),
        cmocka_unit_test(on_the_shared_vectors),
    };
    const struct CMUnitTest updating[] = {cmocka_unit_test(update)};
    if (argc > 1 && strcmp(argv[1], "--update") == 0)
        return cmocka_run_group_tests_name("update", updating, NULL, NULL);
    return cmocka_run_group_tests_name("pinned quality", tests, NULL, NULL);
}
