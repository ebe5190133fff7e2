#include "encoder/text_model_config.h"

#include "base/file.h"
#include "base/json_file.h"
#include "base/memory.h"

#include <string.h>

/* What changes the vectors is either understood or refused: an unknown architecture, activation,
 * kind of positions, pooling or module is an error that lists what is supported. What only concerns
 * training (dropout, initialisation) is not read. Sizes are bounded here, so that products of them
 * cannot overflow later, and int32 sums of gemm_i8 neither.
 *
 * A folder without the files of sentence-transformers means the mean of the tokens, not normalised,
 * no prompt: what that library does with such a folder. */

/* Far above every existing model, far below what overflows. */
enum { MAX_HIDDEN = 16384, MAX_LAYERS = 256, MAX_INTERMEDIATE = 65536, MAX_ROWS = 1 << 24 };

const char *pooling_name(pooling p) {
    static const char *const names[] = {"auto", "mean", "cls", "pooler"};
    return names[p];
}

/* The JSON object in dir/name; *out stays NULL when an optional file is missing. */
static semid_status load_object(json_t **out, char **path, const char *dir, const char *name,
                                bool optional, semid_error *err) {
    TRY(path_join(path, dir, name, err));
    if (optional && !path_exists(*path)) return SEMID_OK;
    TRY(json_file_load(out, *path, err));
    if (!json_is_object(*out)) FAIL(SEMID_ERR_FORMAT, "%s: expected a JSON object", *path);
    return SEMID_OK;
}

/* ---- config.json ---- */

static semid_status read_size(const json_t *config, const char *path, const char *key, size_t max,
                              size_t *out, semid_error *err) {
    const json_t *value = json_object_get(config, key);
    if (!value) FAIL(SEMID_ERR_FORMAT, "%s: \"%s\" is missing", path, key);
    json_int_t v = json_integer_value(value);
    if (!json_is_integer(value) || v < 1 || v > (json_int_t)max)
        FAIL(SEMID_ERR_FORMAT, "%s: \"%s\": expected a whole number from 1 to %zu, found %lld",
             path, key, max, (long long)v);
    *out = (size_t)v;
    return SEMID_OK;
}

static const char *string_or(const json_t *config, const char *key, const char *otherwise) {
    const char *s = json_string_value(json_object_get(config, key));
    return s ? s : otherwise;
}

static semid_status read_architecture(const json_t *config, const char *path, architecture *out,
                                      semid_error *err) {
    static const struct {
        const char *model_type;
        architecture arch;
    } known[] = {{"bert", ARCHITECTURE_BERT},
                 {"roberta", ARCHITECTURE_ROBERTA},
                 {"xlm-roberta", ARCHITECTURE_ROBERTA},
                 {"mpnet", ARCHITECTURE_MPNET}};
    const char *type = string_or(config, "model_type", "unknown");

    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(type, known[i].model_type) == 0) {
            *out = known[i].arch;
            return SEMID_OK;
        }
    FAIL(SEMID_ERR_UNSUPPORTED,
         "%s: model_type \"%s\" is not supported; supported: bert (BERT, MiniLM, BGE, E5, GTE), "
         "roberta, xlm-roberta, mpnet",
         path, type);
}

/* Where positions start counting. */
static semid_status read_pad_id(const json_t *config, const char *path, text_model_config *c,
                                semid_error *err) {
    const json_t *value = json_object_get(config, "pad_token_id");
    json_int_t id = 1;

    if (c->arch == ARCHITECTURE_BERT) id = -1;
    if (c->arch == ARCHITECTURE_ROBERTA && value && !json_is_null(value)) {
        id = json_integer_value(value);
        if (!json_is_integer(value) || id < 0)
            FAIL(SEMID_ERR_FORMAT, "%s: \"pad_token_id\": expected a whole number from 0", path);
    }

    if (id + 1 >= (json_int_t)c->n_positions)
        FAIL(
            SEMID_ERR_FORMAT,
            "%s: \"max_position_embeddings\": expected more than %lld, as positions count from the "
            "padding token's, found %zu",
            path, (long long)id + 1, c->n_positions);
    c->pad_id = (int32_t)id;
    return SEMID_OK;
}

static semid_status read_activation(const json_t *config, const char *path, activation *out,
                                    semid_error *err) {
    static const struct {
        const char *name;
        activation act;
    } known[] = {{"gelu", ACTIVATION_GELU},
                 {"gelu_new", ACTIVATION_GELU_TANH},
                 {"gelu_fast", ACTIVATION_GELU_TANH},
                 {"gelu_pytorch_tanh", ACTIVATION_GELU_TANH},
                 {"relu", ACTIVATION_RELU}};
    const char *name = string_or(config, "hidden_act", "gelu");

    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(name, known[i].name) == 0) {
            *out = known[i].act;
            return SEMID_OK;
        }
    FAIL(SEMID_ERR_UNSUPPORTED,
         "%s: hidden_act \"%s\" is not supported; supported: gelu, gelu_new, gelu_fast, "
         "gelu_pytorch_tanh, relu",
         path, name);
}

static semid_status load_model(text_model_config *c, const char *dir, semid_error *err) {
    json_t *config = NULL;
    char *path = NULL;
    semid_status status = SEMID_OK;

    TRY_GOTO(load_object(&config, &path, dir, "config.json", false, err));
    TRY_GOTO(read_architecture(config, path, &c->arch, err));
    const char *positions = string_or(config, "position_embedding_type", "absolute");
    if (strcmp(positions, "absolute") != 0)
        FAIL_GOTO(SEMID_ERR_UNSUPPORTED,
                  "%s: position_embedding_type \"%s\" is not supported; supported: absolute", path,
                  positions);
    if (json_is_true(json_object_get(config, "is_decoder")))
        FAIL_GOTO(SEMID_ERR_UNSUPPORTED,
                  "%s: a decoder (is_decoder true) is not supported; supported: encoders", path);
    TRY_GOTO(read_activation(config, path, &c->act, err));

    TRY_GOTO(read_size(config, path, "hidden_size", MAX_HIDDEN, &c->hidden, err));
    TRY_GOTO(read_size(config, path, "num_hidden_layers", MAX_LAYERS, &c->n_layers, err));
    TRY_GOTO(read_size(config, path, "num_attention_heads", MAX_HIDDEN, &c->n_heads, err));
    TRY_GOTO(read_size(config, path, "intermediate_size", MAX_INTERMEDIATE, &c->intermediate, err));
    TRY_GOTO(read_size(config, path, "vocab_size", MAX_ROWS, &c->n_words, err));
    TRY_GOTO(read_size(config, path, "max_position_embeddings", MAX_ROWS, &c->n_positions, err));
    if (c->arch != ARCHITECTURE_MPNET)
        TRY_GOTO(read_size(config, path, "type_vocab_size", MAX_ROWS, &c->n_types, err));
    TRY_GOTO(read_pad_id(config, path, c, err));
    if (c->hidden % c->n_heads != 0)
        FAIL_GOTO(SEMID_ERR_FORMAT,
                  "%s: \"hidden_size\" %zu: expected a multiple of \"num_attention_heads\" %zu",
                  path, c->hidden, c->n_heads);

    const json_t *value = json_object_get(config, "layer_norm_eps");
    double eps = value ? json_number_value(value) : 1e-12;
    if ((value && !json_is_number(value)) || !(eps >= 0 && eps <= 1))
        FAIL_GOTO(SEMID_ERR_FORMAT, "%s: \"layer_norm_eps\": expected 0 to 1", path);
    c->layer_norm_eps = (float)eps;

done:
    json_decref(config);
    mem_free(path);
    return status;
}

/* ---- the files of sentence-transformers ---- */

/* The default prompt and the longest text, each in a file that may be missing. */
static semid_status load_sentence_settings(text_model_config *c, const char *dir,
                                           semid_error *err) {
    json_t *prompts = NULL, *length = NULL;
    char *prompts_path = NULL, *length_path = NULL;
    semid_status status = SEMID_OK;

    TRY_GOTO(
        load_object(&prompts, &prompts_path, dir, "config_sentence_transformers.json", true, err));
    const char *name = string_or(prompts, "default_prompt_name", "");
    TRY_GOTO(mem_strdup(&c->prompt, string_or(json_object_get(prompts, "prompts"), name, ""), err));

    TRY_GOTO(load_object(&length, &length_path, dir, "sentence_bert_config.json", true, err));
    if (json_is_integer(json_object_get(length, "max_seq_length")))
        TRY_GOTO(
            read_size(length, length_path, "max_seq_length", MAX_ROWS, &c->max_seq_length, err));

done:
    json_decref(prompts);
    json_decref(length);
    mem_free(prompts_path);
    mem_free(length_path);
    return status;
}

static const char pooling_prefix[] = "pooling_mode_";

/* Of the flags pooling_mode_* in a module's config.json, exactly one is set, and it is one of ours.
 */
static semid_status load_pooling(text_model_config *c, const char *dir, const char *module,
                                 semid_error *err) {
    size_t n_prefix = strlen(pooling_prefix);
    json_t *config = NULL, *value;
    char *folder = NULL, *path = NULL;
    const char *key, *found;
    semid_status status = SEMID_OK;

    TRY_GOTO(path_join(&folder, dir, module, err));
    TRY_GOTO(load_object(&config, &path, folder, "config.json", false, err));

    /* newer files name the mode instead */
    found = string_or(config, "pooling_mode", NULL);
    json_object_foreach((json_t *)(uintptr_t)config, key, value) {
        if (strncmp(key, pooling_prefix, n_prefix) != 0 || !json_is_true(value)) continue;
        if (found)
            FAIL_GOTO(
                SEMID_ERR_UNSUPPORTED,
                "%s: several pooling modes (%s, %s) are not supported; supported: one of mean, cls",
                path, found, key + n_prefix);
        found = key + n_prefix;
    }

    if (found && strncmp(found, "cls", 3) == 0)
        c->pool = POOLING_CLS;
    else if (found && (strcmp(found, "mean_tokens") == 0 || strcmp(found, "mean") == 0))
        c->pool = POOLING_MEAN;
    else
        FAIL_GOTO(SEMID_ERR_UNSUPPORTED,
                  "%s: pooling mode \"%s\" is not supported; supported: mean, cls", path,
                  found ? found : "none");

    if (json_is_false(json_object_get(config, "include_prompt")) && c->prompt[0])
        FAIL_GOTO(SEMID_ERR_UNSUPPORTED,
                  "%s: include_prompt false with a default prompt is not supported", path);

done:
    json_decref(config);
    mem_free(folder);
    mem_free(path);
    return status;
}

/* modules.json lists the stages: a transformer, pooling, and perhaps normalisation. */
static semid_status load_modules(text_model_config *c, const char *dir, semid_error *err) {
    json_t *modules = NULL, *module;
    char *path = NULL;
    size_t i;
    semid_status status = SEMID_OK;

    c->pool = POOLING_MEAN;
    TRY_GOTO(path_join(&path, dir, "modules.json", err));
    if (!path_exists(path)) goto done;
    TRY_GOTO(json_file_load(&modules, path, err));
    if (!json_is_array(modules)) FAIL_GOTO(SEMID_ERR_FORMAT, "%s: expected a JSON array", path);

    json_array_foreach(modules, i, module) {
        const char *type = string_or(module, "type", "unknown");
        const char *dot = strrchr(type, '.'), *name = dot ? dot + 1 : type;
        const char *folder = string_or(module, "path", "");
        if (strcmp(name, "Pooling") == 0) {
            TRY_GOTO(load_pooling(c, dir, folder, err));
        } else if (strcmp(name, "Normalize") == 0) {
            c->normalize = true;
        } else if (strcmp(name, "Transformer") != 0) {
            FAIL_GOTO(SEMID_ERR_UNSUPPORTED,
                      "%s: module \"%s\" is not supported; supported: Transformer, Pooling, "
                      "Normalize",
                      path, type);
        } else if (folder[0] && strcmp(folder, ".") != 0) {
            FAIL_GOTO(SEMID_ERR_UNSUPPORTED,
                      "%s: a transformer in the folder \"%s\" is not supported; give that folder",
                      path, folder);
        }
    }

done:
    json_decref(modules);
    mem_free(path);
    return status;
}

semid_status text_model_config_load(text_model_config *out, const char *model_dir,
                                    semid_error *err) {
    text_model_config c = {0};
    semid_status status = SEMID_OK;

    if (!path_is_dir(model_dir))
        FAIL(SEMID_ERR_IO, "%s: expected a model folder, found %s", model_dir,
             path_exists(model_dir) ? "a file" : "nothing");
    TRY_GOTO(load_model(&c, model_dir, err));
    TRY_GOTO(load_sentence_settings(&c, model_dir, err));
    TRY_GOTO(load_modules(&c, model_dir, err));
    *out = c;

done:
    if (status != SEMID_OK) text_model_config_release(&c);
    return status;
}

void text_model_config_release(text_model_config *c) {
    mem_free(c->prompt);
    *c = (text_model_config){0};
}

size_t text_model_config_max_tokens(const text_model_config *c) {
    return c->n_positions - (size_t)(c->pad_id + 1);
}
