"""sentence-transformers: peer_sentence_transformers.py embed MODEL TEXTS OUT"""
import sys

from sentence_transformers import SentenceTransformer

from common import finish_embedding, read_texts, timed


def embed(folder, texts, out):
    model = SentenceTransformer(folder, device='cpu')
    model.max_seq_length = 128
    texts = read_texts(texts)
    model.encode(texts[:8])
    seconds, vectors = timed(lambda: model.encode(texts, batch_size=32, normalize_embeddings=True))
    finish_embedding(vectors, seconds, out)


globals()[sys.argv[1]](*sys.argv[2:])
