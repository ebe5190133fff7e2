/* table/parquet_formats.h - Parquet among the formats of embeddings and ids. */
#ifndef TABLE_PARQUET_FORMATS_H
#define TABLE_PARQUET_FORMATS_H

/* Makes embeddings_open and ids_load take .parquet. Cheap: DuckDB is loaded when such a file is
 * read.
 *
 * Embeddings: the only column of lists or arrays of numbers, or the one named emb, Z, embeddings,
 * features, embedding or vector; ids from item_id, parent_asin or id when there is one.
 * Ids: the column item_id, parent_asin or id, or the only one. */
void parquet_register_formats(void);

#endif
