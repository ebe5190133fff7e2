/* tokenizer.json, the format of Hugging Face's library `tokenizers`: its added tokens and its
 * post_processor; tokenizer_json_model.c reads what splits a text and its words.
 *
 * A type that is not known is refused by name, with those that are: what it would do to a text is
 * unknown, and a wrong id would go unnoticed. */
#include "encoder/json_member.h"
#include "encoder/tokenizer_spec.h"

#include <string.h>

static semid_status read_template(tokenizer_spec *spec, const json_t *template, semid_error *err) {
    const json_t *single = json_object_get(template, "single"), *piece;
    int n_texts = 0;
    size_t i;

    json_array_foreach(single, i, piece) {
        const json_t *special = json_object_get(piece, "SpecialToken");
        const json_t *sequence = json_object_get(piece, "Sequence");
        const char *name;
        int64_t type_id;
        TRY(json_member_integer(special ? special : sequence, "post_processor piece", "type_id",
                                &type_id, err));
        if (type_id != 0)
            FAIL(SEMID_ERR_UNSUPPORTED, "post_processor: type_id %lld; supported: 0",
                 (long long)type_id);

        if (!special) {
            TRY(json_member_string(sequence, "post_processor Sequence", "id", &name, err));
            n_texts += strcmp(name, "A") == 0 ? 1 : 2;
            continue;
        }

        /* Special tokens go before the text until it was seen, then after it. Their ids are in the
         * template's table. */
        TRY(json_member_string(special, "post_processor SpecialToken", "id", &name, err));
        const json_t *entry = json_object_get(json_object_get(template, "special_tokens"), name);
        const json_t *ids = json_object_get(entry, "ids"), *id;
        size_t j;
        if (!json_is_array(ids))
            FAIL(SEMID_ERR_FORMAT, "post_processor.special_tokens: expected the ids of \"%s\"",
                 name);
        json_array_foreach(ids, j, id) {
            if (!json_is_integer(id))
                FAIL(SEMID_ERR_FORMAT,
                     "post_processor.special_tokens: expected integer ids of \"%s\"", name);
            TRY(id_list_add(n_texts ? &spec->after : &spec->before, json_integer_value(id), err));
        }
    }

    if (n_texts != 1)
        FAIL(SEMID_ERR_FORMAT, "post_processor.single: expected the sequence A exactly once");
    return SEMID_OK;
}

/* ["[CLS]", 101] */
static semid_status read_bert_token(id_list *out, const json_t *object, const char *key,
                                    semid_error *err) {
    const json_t *id = json_array_get(json_object_get(object, key), 1);
    if (!json_is_integer(id))
        FAIL(SEMID_ERR_FORMAT, "post_processor.%s: expected [token, id]", key);
    return id_list_add(out, json_integer_value(id), err);
}

semid_status tokenizer_spec_read_json(tokenizer_spec *spec, const char *text, size_t n_bytes,
                                      semid_error *err) {
    static const char *const supported[] = {"TemplateProcessing", "BertProcessing",
                                            "RobertaProcessing", NULL};
    const json_t *entry;
    json_error_t where;
    const char *type;
    size_t i;

    spec->json = json_loadb(text, n_bytes, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &where);
    if (!spec->json)
        FAIL(SEMID_ERR_FORMAT, "expected JSON, found at line %d column %d: %s", where.line,
             where.column, where.text);
    if (!json_is_object(spec->json)) FAIL(SEMID_ERR_FORMAT, "expected an object, found an array");
    TRY(tokenizer_spec_read_model(spec, spec->json, err));

    const json_t *added = json_object_get(spec->json, "added_tokens");
    if (added && !json_is_null(added) && !json_is_array(added))
        FAIL(SEMID_ERR_FORMAT, "added_tokens: expected an array");
    json_array_foreach(added, i, entry) {
        int64_t id;
        TRY(json_member_integer(entry, "added token", "id", &id, err));
        TRY(tokenizer_spec_add_added_json(spec, entry, id, err));
    }

    /* null: nothing is put around a text */
    const json_t *around = json_object_get(spec->json, "post_processor");
    if (json_is_null(around)) return SEMID_OK;
    TRY(json_check_type(around, "post_processor", supported,
                        "TemplateProcessing, BertProcessing, RobertaProcessing, null", &type, err));
    if (strcmp(type, "TemplateProcessing") == 0) return read_template(spec, around, err);
    TRY(read_bert_token(&spec->before, around, "cls", err));
    return read_bert_token(&spec->after, around, "sep", err);
}
