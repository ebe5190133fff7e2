/* table/parquet_formats.h - Parquet among the formats of embeddings and ids. */
#ifndef TABLE_PARQUET_FORMATS_H
#define TABLE_PARQUET_FORMATS_H

/* Makes embeddings_open and ids_load accept .parquet. DuckDB is only loaded when such a file is
 * read.
 *
 * Embeddings: the only column of lists or arrays of numbers, or the one named emb, Z, embeddings,
 * features, embedding or vector. Their ids are in the column item_id, parent_asin or id; without
 * one they have none. Ids alone: the same column, or the only one. */
void parquet_register_formats(void);

#endif
