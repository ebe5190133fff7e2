"""Two files of vectors and what they give side by side, by NumPy; the outputs are committed."""
import os

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
WEIGHTS = np.array([2.0, 1.0])

rng = np.random.default_rng(7)
text = rng.normal(size=(60, 5)).astype(np.float16)
image = (rng.normal(size=(60, 3)) * 40 + 9).astype(np.float32)
image[17] = 0  # an item without one
parts = [text.astype(np.float64), image.astype(np.float64)]

unit = []
for x, w in zip(parts, WEIGHTS / np.sqrt((WEIGHTS ** 2).sum())):
    norm = np.linalg.norm(x, axis=1, keepdims=True)
    unit.append(w * x / np.where(norm > 0, norm, 1))

np.save(os.path.join(HERE, "text.npy"), text)
np.save(os.path.join(HERE, "image.npy"), image)
np.save(os.path.join(HERE, "image_short.npy"), image[:-1])
np.save(os.path.join(HERE, "unit_2_1.npy"), np.hstack(unit).astype(np.float32))
np.save(os.path.join(HERE, "raw_2_1.npy"), np.hstack([w * x for x, w in zip(parts, WEIGHTS)]).astype(np.float32))
